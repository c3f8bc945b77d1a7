//! What letters say: a subject, a text and the same as a page, from templates that are compiled in.

use chrono::DateTime;
use lettre::message::{Mailbox, Message, MultiPart};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use uuid::Uuid;

use super::MailError;
use crate::{clock::Micros, error::Internal};

/// Steps a template may take; the longest one takes a few dozen.
const FUEL: u64 = 10_000;
/// The most bytes of a letter's text or page.
const BYTES_MAX: usize = 32 * 1024;

/// Why somebody gets a letter, with what it says about that. Links hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum Occasion {
    /// They asked for a link to sign in with.
    SignIn {
        /// Where it leads.
        link: String,
        /// How long it is good, minutes.
        minutes: i64,
    },
    /// They forgot their password.
    ResetPassword {
        /// Where it leads.
        link: String,
        /// How long it is good, minutes.
        minutes: i64,
    },
    /// They signed up and have to prove their address.
    VerifyEmail {
        /// Where it leads.
        link: String,
        /// How long it is good, minutes.
        minutes: i64,
    },
    /// Somebody signed up with an address that has a user.
    AddressTaken,
    /// Their password was changed.
    PasswordChanged,
    /// They are asked to join an account.
    Invitation {
        /// Where it leads.
        link: String,
        /// How long it is good, days.
        days: i64,
        /// The account's name.
        account: String,
        /// Who asks.
        inviter: String,
        /// What they would be, in a word.
        role: String,
    },
}

impl std::fmt::Debug for Occasion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.template())
    }
}

impl Occasion {
    /// The name of its templates.
    fn template(&self) -> &'static str {
        match self {
            Self::SignIn { .. } => "sign_in",
            Self::ResetPassword { .. } => "reset_password",
            Self::VerifyEmail { .. } => "verify_email",
            Self::AddressTaken => "address_taken",
            Self::PasswordChanged => "password_changed",
            Self::Invitation { .. } => "invitation",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::SignIn { .. } => "Your link to sign in".to_owned(),
            Self::ResetPassword { .. } => "Set a new password".to_owned(),
            Self::VerifyEmail { .. } => "Finish signing up".to_owned(),
            Self::AddressTaken => "You already have a user".to_owned(),
            Self::PasswordChanged => "Your password was changed".to_owned(),
            Self::Invitation { account, .. } => format!("Join {account}"),
        }
    }
}

/// A letter before it is written.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Stays the same when it is sent again, so that a mail system can drop the second one.
    pub id: Uuid,
    /// The address it goes to.
    pub to: String,
    /// How it greets: a username, or nothing.
    pub name: Option<String>,
    /// What it is about.
    pub occasion: Occasion,
    /// When it was written, microseconds.
    pub at: Micros,
    /// What the product is called.
    pub product: String,
}

/// A letter as it goes out.
pub struct Written {
    /// As [`Letter::id`].
    pub id: Uuid,
    /// When it was written, microseconds.
    pub at: Micros,
    /// What it is about, in a word, for the log.
    pub about: &'static str,
    /// The subject.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The whole of it, as RFC 5322 has it.
    pub message: Message,
}

macro_rules! templates {
    ($($name:literal),*) => {
        &[
            ("frame.html", include_str!("letters/frame.html")),
            $(
                (concat!($name, ".txt"), include_str!(concat!("letters/", $name, ".txt"))),
                (concat!($name, ".html"), include_str!(concat!("letters/", $name, ".html"))),
            )*
        ]
    };
}

const TEMPLATES: &[(&str, &str)] =
    templates!("sign_in", "reset_password", "verify_email", "address_taken", "password_changed", "invitation");

fn unwritable(error: impl std::error::Error + Send + Sync + 'static) -> MailError {
    MailError::Unwritable(Internal::new("writing a letter", error))
}

fn too_long() -> MailError {
    MailError::Unwritable(Internal::new("writing a letter", "it is longer than letters are"))
}

impl Letter {
    /// Writes it, from `from`. Refuses: `Refused` when the address is none that mail can go to.
    pub fn write(&self, from: &Mailbox) -> Result<Written, MailError> {
        let (text, page) = self.render()?;
        let subject = self.occasion.subject();
        let to: Mailbox = self.to.parse().map_err(MailError::refused)?;
        let id = format!("<{}@{}>", self.id.simple(), from.email.domain());
        let date = DateTime::from_timestamp_micros(self.at).unwrap_or_default();
        let message = Message::builder()
            .message_id(Some(id))
            .date(date.into())
            .from(from.clone())
            .to(to)
            .subject(&subject)
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(text.clone(), page))
            .map_err(unwritable)?;
        let about = self.occasion.template();
        Ok(Written { id: self.id, at: self.at, about, subject, text, message })
    }

    /// The text and the page.
    fn render(&self) -> Result<(String, String), MailError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment
            .set_auto_escape_callback(|name| if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None });
        for (name, source) in TEMPLATES {
            environment.add_template(name, source).map_err(unwritable)?;
        }
        let (name, product) = (self.name.clone().unwrap_or_default(), &self.product);
        let subject = self.occasion.subject();
        let values = match &self.occasion {
            Occasion::SignIn { link, minutes }
            | Occasion::ResetPassword { link, minutes }
            | Occasion::VerifyEmail { link, minutes } => context! { name, product, subject, link, minutes },
            Occasion::AddressTaken | Occasion::PasswordChanged => context! { name, product, subject },
            Occasion::Invitation { link, days, account, inviter, role } => {
                context! { name, product, subject, link, days, account, inviter, role }
            }
        };
        let rendered = |kind: &str| {
            let template = environment.get_template(&format!("{}.{kind}", self.occasion.template()));
            let text = template.and_then(|template| template.render(&values)).map_err(unwritable)?;
            if text.len() > BYTES_MAX { Err(too_long()) } else { Ok(text) }
        };
        Ok((rendered("txt")?, rendered("html")?))
    }
}

/// Tells other machines not to answer (RFC 3834).
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_occasion() -> Vec<Occasion> {
        let link = "https://ink.example.com/link/sign-in#a_-b".to_owned();
        vec![
            Occasion::SignIn { link: link.clone(), minutes: 15 },
            Occasion::ResetPassword { link: link.clone(), minutes: 30 },
            Occasion::VerifyEmail { link: link.clone(), minutes: 60 },
            Occasion::AddressTaken,
            Occasion::PasswordChanged,
            Occasion::Invitation {
                link,
                days: 7,
                account: "<b>Studio</b>\r\nBcc: all@example.com".to_owned(),
                inviter: "Ada".to_owned(),
                role: "EDITOR".to_owned(),
            },
        ]
    }

    fn letter(occasion: Occasion) -> Letter {
        let (to, name) = ("Ada@example.com".to_owned(), Some("Ada".to_owned()));
        Letter { id: Uuid::nil(), to, name, occasion, at: 1_767_225_600_000_000, product: "Inkledger".to_owned() }
    }

    fn from() -> Mailbox {
        "Inkledger <no-reply@ink.example.com>".parse().unwrap()
    }

    #[test]
    fn every_letter_is_a_text_and_a_page_with_the_same_link() {
        for occasion in every_occasion() {
            let letter = letter(occasion.clone());
            let (text, page) = letter.render().unwrap();
            let has_link = !matches!(occasion, Occasion::AddressTaken | Occasion::PasswordChanged);
            for body in [&text, &page] {
                assert!(body.contains("Ada"), "{body}");
                assert_eq!(body.contains("sign-in#a_-b"), has_link, "{body}");
            }
            let written = letter.write(&from()).unwrap();
            let whole = String::from_utf8(written.message.formatted()).unwrap();
            assert!(
                whole.contains("multipart/alternative") && whole.contains("Auto-Submitted: auto-generated"),
                "{whole}"
            );
            assert!(whole.contains("Date: Thu, 01 Jan 2026 00:00:00"), "{whole}");
            assert!(whole.lines().all(|line| line.len() <= 998), "{whole}");
        }
    }

    #[test]
    fn what_people_typed_is_neither_markup_nor_a_header() {
        let letter = letter(every_occasion().pop().unwrap());
        let (_, page) = letter.render().unwrap();
        assert!(!page.contains("<b>Studio") && page.contains("&lt;b&gt;Studio"), "{page}");
        let whole = String::from_utf8(letter.write(&from()).unwrap().message.formatted()).unwrap();
        let head = whole.split("\r\n\r\n").next().unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    }

    #[test]
    fn nothing_prints_a_link() {
        for occasion in every_occasion() {
            let shown = format!("{:?}", letter(occasion));
            assert!(!shown.contains("sign-in#"), "{shown}");
        }
    }
}
