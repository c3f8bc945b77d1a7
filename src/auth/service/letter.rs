//! What the jobs of identity do: they look who is to get a letter, draw the secret of its link, and hand it over. The secret
//! exists in the letter alone; tables keep its hash, and no job carries it.

use uuid::Uuid;

use super::{
    Auth,
    link::{LETTERS_MAX, letters_since},
    verify::SIGN_UP_LIFETIME,
};
use crate::{
    auth::{
        mail::{Letter, MailError, Occasion},
        model::{LinkPurpose, SIGN_UP_MINUTES, User},
        store::{self, link::NewLink},
        token::OpaqueToken,
    },
    error::{Error, Failure, Internal, Never},
};

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It was handed over.
    Sent,
    /// Nobody is to get it.
    Nobody,
    /// They got enough of them lately.
    TooMany,
    /// It can go out later.
    Later,
    /// It never will.
    Refused,
}

impl Auth {
    pub(super) fn letter(&self, id: Uuid, to: &str, name: Option<&str>, occasion: Occasion) -> Letter {
        let (to, name) = (to.to_owned(), name.map(str::to_owned));
        Letter { id, to, name, occasion, at: self.0.clock.now(), product: self.0.post.product().to_owned() }
    }

    pub(super) async fn deliver(&self, letter: Letter) -> Delivery {
        match self.0.post.deliver(&letter).await {
            Ok(()) => Delivery::Sent,
            Err(error) => {
                tracing::warn!(letter.id = %letter.id, error = error.chain(), "a letter was not sent");
                if matches!(error, MailError::Later(_)) { Delivery::Later } else { Delivery::Refused }
            }
        }
    }

    /// Writes a link to a person. `letter` is the letter's id.
    pub async fn send_link(&self, purpose: LinkPurpose, user: Uuid, letter: Uuid) -> Result<Delivery, Error> {
        let Some(user) = store::user::find_user(self.0.db.reader(), user).await? else { return Ok(Delivery::Nobody) };
        let now = self.0.clock.now();
        let since = letters_since(self.0.settings.tries, now);
        if store::link::count_links(self.0.db.reader(), user.id, purpose, since).await? >= LETTERS_MAX {
            return Ok(Delivery::TooMany);
        }
        let token = OpaqueToken::draw(self.0.ids.as_ref());
        let (id, email_key) = (self.0.ids.uuid(), user.email.to_lowercase());
        let link = NewLink { id, purpose, user_id: user.id, email_key, token: token.clone() };
        // The row first: a letter must never arrive before its link is good.
        self.0
            .db
            .write(store::link::link_effect(&link, now), move |tx, row| {
                Box::pin(async move {
                    let written = store::write_effects(tx, std::slice::from_ref(row), now).await;
                    Ok::<_, Failure<Never>>(written.map_err(Internal::from)?)
                })
            })
            .await?;
        let (address, minutes) = (self.0.post.link(purpose.page(), &token), purpose.minutes());
        let occasion = match purpose {
            LinkPurpose::SignIn => Occasion::SignIn { link: address, minutes },
            LinkPurpose::ResetPassword => Occasion::ResetPassword { link: address, minutes },
        };
        let delivery = self.deliver(self.letter(letter, &user.email, Some(&user.username), occasion)).await;
        if delivery != Delivery::Sent {
            let back = self.0.db.write(id, |tx, id| {
                Box::pin(async move { Ok::<_, Failure<Never>>(store::link::delete_link(tx, *id).await?) })
            });
            back.await?;
        }
        Ok(delivery)
    }

    /// Writes to somebody who signed up: the link, or that the address has a user already.
    pub async fn send_sign_up_letter(&self, pending: Uuid, letter: Uuid) -> Result<Delivery, Error> {
        let now = self.0.clock.now();
        let found = store::pending::find_pending(self.0.db.reader(), pending, now).await?;
        let Some(pending) = found else { return Ok(Delivery::Nobody) };
        if store::pending::count_until(self.0.db.reader(), pending.id).await? > LETTERS_MAX {
            return Ok(Delivery::TooMany);
        }
        let known = store::user::find_credentials(self.0.db.reader(), &pending.email).await?;
        if let Some(known) = known {
            let User { email, username, .. } = known.user;
            return Ok(self.deliver(self.letter(letter, &email, Some(&username), Occasion::AddressTaken)).await);
        }
        let token = OpaqueToken::draw(self.0.ids.as_ref());
        let expires_at = now.saturating_add(SIGN_UP_LIFETIME);
        self.0
            .db
            .write((pending.id, token.clone()), move |tx, (id, token)| {
                Box::pin(async move {
                    Ok::<_, Failure<Never>>(store::pending::update_token(tx, *id, token, expires_at).await?)
                })
            })
            .await?;
        let link = self.0.post.link("verify-email", &token);
        let occasion = Occasion::VerifyEmail { link, minutes: SIGN_UP_MINUTES };
        Ok(self.deliver(self.letter(letter, &pending.email, Some(&pending.username), occasion)).await)
    }

    /// Tells a person that their password was changed.
    pub async fn send_password_changed(&self, user: Uuid, letter: Uuid) -> Result<Delivery, Error> {
        let Some(user) = store::user::find_user(self.0.db.reader(), user).await? else { return Ok(Delivery::Nobody) };
        Ok(self.deliver(self.letter(letter, &user.email, Some(&user.username), Occasion::PasswordChanged)).await)
    }
}
