//! Tenants and what their members may do.

use uuid::Uuid;

use crate::{
    clock::Micros,
    lettering::Lettering,
    viewer::{Feature, Level},
};

/// What a member may do in an account. Each may do what the ones before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemberRole {
    /// Looks.
    Viewer,
    /// Makes and changes.
    Editor,
    /// Runs the account.
    Owner,
}

impl MemberRole {
    /// All roles, lowest first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Owner];

    /// The word in tables and API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "VIEWER",
            Self::Editor => "EDITOR",
            Self::Owner => "OWNER",
        }
    }

    /// Reads the word. `None` when there is no such role.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// The feature and level named to a member whose role does not reach this one.
    pub fn right(self) -> (Feature, Level) {
        match self {
            Self::Viewer => (Feature::CreditsView, Level::Read),
            Self::Editor => (Feature::ImagesGenerate, Level::Write),
            Self::Owner => (Feature::BillingManage, Level::Admin),
        }
    }
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// In use.
    Active,
    /// Closed to new work until an administrator opens it.
    Suspended,
}

impl AccountState {
    /// The word in tables and API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
        }
    }

    /// Reads the word. `None` when there is no such state.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Suspended].into_iter().find(|state| state.as_str() == text)
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: Uuid,
    /// Its name, 1–100 characters.
    pub name: String,
    /// Whose personal account it is; `None` for a shared one.
    pub personal_user_id: Option<Uuid>,
    /// The time zone its days are counted in, an IANA name.
    pub time_zone: String,
    /// Whether it may be used.
    pub state: AccountState,
    /// The text its images are marked with, 1–80 characters.
    pub watermark_text: Option<String>,
    /// Whether new images are marked.
    pub is_watermarked: bool,
    /// Raised by every edit.
    pub version: i64,
    /// When it was made, microseconds.
    pub created_at: Micros,
    /// When it was last changed, microseconds.
    pub updated_at: Micros,
}

/// The most characters of an account's name.
pub(super) const NAME_CHARS_MAX: usize = 100;
/// The most characters of a watermark.
const WATERMARK_CHARS_MAX: usize = 80;

/// What changes about an account; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateAccount {
    /// The version that was read.
    pub expected_version: i64,
    /// Its name.
    pub name: Option<String>,
    /// The text its images are marked with; `Some(None)` takes it away.
    pub watermark_text: Option<Option<String>>,
    /// Whether new images are marked.
    pub is_watermarked: Option<bool>,
}

/// Why an account was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpdateAccountError {
    /// It was changed meanwhile.
    #[error("The account is at version {current} by now. Read it again and repeat the edit from there.")]
    VersionConflict {
        /// The version the edit was made from.
        expected: i64,
        /// The version that is there.
        current: i64,
    },
    /// The name is blank or too long.
    #[error("A name has 1–{NAME_CHARS_MAX} characters.")]
    NameInvalid,
    /// The watermark is blank or too long.
    #[error(
        "A watermark has 1–{WATERMARK_CHARS_MAX} characters on one line. Shorten it, or send null to take it away."
    )]
    WatermarkInvalid,
    /// The watermark has a letter that cannot be drawn.
    #[error(
        "The watermark's {letter:?} cannot be drawn: it takes Latin, Greek and Cyrillic letters, digits and marks."
    )]
    WatermarkUndrawable {
        /// Which.
        letter: char,
    },
    /// Images are to be marked, and there is nothing to mark them with.
    #[error("There is no text to mark images with. Give `watermarkText` too.")]
    WatermarkMissing,
}

impl UpdateAccount {
    /// The account as it will be. Refuses: see [`UpdateAccountError`].
    pub fn apply(&self, account: &Account) -> Result<Account, UpdateAccountError> {
        if account.version != self.expected_version {
            let (expected, current) = (self.expected_version, account.version);
            return Err(UpdateAccountError::VersionConflict { expected, current });
        }
        let mut changed = account.clone();
        if let Some(name) = &self.name {
            changed.name = one_line(name, NAME_CHARS_MAX).ok_or(UpdateAccountError::NameInvalid)?;
        }
        if let Some(text) = &self.watermark_text {
            changed.watermark_text = text.as_deref().map(watermark).transpose()?;
            // Without a text nothing can be marked, and an edit of the text alone means no more than that.
            changed.is_watermarked &= changed.watermark_text.is_some();
        }
        if let Some(is_watermarked) = self.is_watermarked {
            if is_watermarked && changed.watermark_text.is_none() {
                return Err(UpdateAccountError::WatermarkMissing);
            }
            changed.is_watermarked = is_watermarked;
        }
        Ok(changed)
    }
}

pub(super) fn one_line(text: &str, most: usize) -> Option<String> {
    let text = text.trim();
    let fits = (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

fn watermark(text: &str) -> Result<String, UpdateAccountError> {
    let text = one_line(text, WATERMARK_CHARS_MAX).ok_or(UpdateAccountError::WatermarkInvalid)?;
    let lacks = Lettering::new().ok().and_then(|lettering| lettering.lacks(&text));
    lacks.map_or(Ok(text), |letter| Err(UpdateAccountError::WatermarkUndrawable { letter }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        Account {
            id: Uuid::nil(),
            name: "Studio".to_owned(),
            personal_user_id: None,
            time_zone: "UTC".to_owned(),
            state: AccountState::Active,
            watermark_text: None,
            is_watermarked: false,
            version: 3,
            created_at: 0,
            updated_at: 0,
        }
    }

    fn edit(change: impl FnOnce(&mut UpdateAccount)) -> Result<Account, UpdateAccountError> {
        let mut edit = UpdateAccount { expected_version: 3, ..UpdateAccount::default() };
        change(&mut edit);
        edit.apply(&account())
    }

    #[test]
    fn takes_what_can_be_drawn_and_nothing_else() {
        let text = |text: &str| edit(|edit| edit.watermark_text = Some(Some(text.to_owned())));
        assert_eq!(text(" © Café ").unwrap().watermark_text.as_deref(), Some("© Café"));
        assert_eq!(text(&"é".repeat(80)).unwrap().watermark_text.map(|text| text.chars().count()), Some(80));
        assert_eq!(text(&"é".repeat(81)), Err(UpdateAccountError::WatermarkInvalid));
        assert_eq!(text("  "), Err(UpdateAccountError::WatermarkInvalid));
        assert_eq!(text("a\nb"), Err(UpdateAccountError::WatermarkInvalid));
        assert_eq!(text("漢"), Err(UpdateAccountError::WatermarkUndrawable { letter: '漢' }));
    }

    #[test]
    fn marks_only_with_a_text() {
        assert_eq!(edit(|edit| edit.is_watermarked = Some(true)), Err(UpdateAccountError::WatermarkMissing));
        let on = edit(|edit| {
            edit.watermark_text = Some(Some("me".to_owned()));
            edit.is_watermarked = Some(true);
        });
        let on = on.unwrap();
        assert!(on.is_watermarked);
        let off = UpdateAccount { expected_version: 3, watermark_text: Some(None), ..UpdateAccount::default() };
        let off = off.apply(&on).unwrap();
        assert_eq!((off.watermark_text, off.is_watermarked), (None, false));
    }

    #[test]
    fn an_old_version_conflicts_and_a_blank_name_is_refused() {
        let old = UpdateAccount { expected_version: 2, ..UpdateAccount::default() };
        assert_eq!(old.apply(&account()), Err(UpdateAccountError::VersionConflict { expected: 2, current: 3 }));
        assert_eq!(edit(|edit| edit.name = Some(" ".to_owned())), Err(UpdateAccountError::NameInvalid));
        assert_eq!(edit(|_| {}), Ok(account()));
    }
}
