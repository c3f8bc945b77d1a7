//! Members of an account, and what may be done to accounts and their members.

use uuid::Uuid;

use super::{MemberRole, account::one_line};
use crate::clock::Micros;

/// The most accounts that a person may own beside the personal one when another is made.
pub const OWNED_ACCOUNTS_MAX: u32 = 10;
/// The most characters of the reason why an account is suspended or reactivated.
const REASON_CHARS_MAX: usize = 500;

/// A person's place in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which account.
    pub account_id: Uuid,
    /// Who.
    pub user_id: Uuid,
    /// The name they sign in with.
    pub username: String,
    /// Their e-mail address.
    pub email: String,
    /// What they may do there.
    pub role: MemberRole,
    /// Since when, microseconds.
    pub joined_at: Micros,
}

/// A new account's name, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateAccount {
    name: String,
}

impl CreateAccount {
    /// Refuses: `NameInvalid`.
    pub fn new(name: &str) -> Result<Self, CreateAccountError> {
        one_line(name, super::account::NAME_CHARS_MAX).map(|name| Self { name }).ok_or(CreateAccountError::NameInvalid)
    }

    /// The name, 1–100 characters.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Why no account was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CreateAccountError {
    /// The name is blank or too long.
    #[error("A name has 1–{} characters.", super::account::NAME_CHARS_MAX)]
    NameInvalid,
    /// The person owns as many as they may.
    #[error("You own {OWNED_ACCOUNTS_MAX} accounts beside your personal one, which is the most.")]
    TooMany,
}

/// Why an account is suspended or reactivated, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateReason(String);

impl StateReason {
    /// Refuses: `ReasonMissing`, `ReasonTooLong`.
    pub fn new(text: &str) -> Result<Self, AccountStateError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AccountStateError::ReasonMissing);
        }
        if text.chars().count() > REASON_CHARS_MAX {
            return Err(AccountStateError::ReasonTooLong);
        }
        Ok(Self(text.to_owned()))
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why an account was neither suspended nor reactivated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountStateError {
    /// There is no such account.
    #[error("There is no such account.")]
    NotFound,
    /// The reason is blank.
    #[error("Say why, in 1–{REASON_CHARS_MAX} characters.")]
    ReasonMissing,
    /// The reason is too long.
    #[error("A reason has at most {REASON_CHARS_MAX} characters.")]
    ReasonTooLong,
    /// It went with its people.
    #[error("The account is closed for good: its people were deleted.")]
    Closed,
}

/// Why a member's role stays, or a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// The person is no member of the account.
    #[error("There is no such member.")]
    NotFound,
    /// Nobody would be left to run the account.
    #[error("This is the account's last OWNER. Make another member OWNER first.")]
    LastOwner,
    /// It is the person whose personal account it is.
    #[error("A personal account's own person stays its OWNER.")]
    PersonalOwner,
}

/// What may be done to a member: the new role, or that they go. `owners` is how many OWNERs the account has.
pub fn check_change(
    personal_user: Option<Uuid>,
    member: (Uuid, MemberRole),
    becomes: Option<MemberRole>,
    owners: u64,
) -> Result<(), MemberError> {
    let (user, role) = member;
    if role < MemberRole::Owner || becomes == Some(MemberRole::Owner) {
        return Ok(());
    }
    if personal_user == Some(user) {
        return Err(MemberError::PersonalOwner);
    }
    if owners <= 1 { Err(MemberError::LastOwner) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_owner_and_a_personal_accounts_person_stay() {
        let (ada, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let owner = MemberRole::Owner;
        assert_eq!(check_change(None, (ada, owner), None, 1), Err(MemberError::LastOwner));
        assert_eq!(check_change(None, (ada, owner), Some(MemberRole::Editor), 1), Err(MemberError::LastOwner));
        assert_eq!(check_change(None, (ada, owner), Some(owner), 1), Ok(()));
        assert_eq!(check_change(None, (ada, owner), None, 2), Ok(()));
        assert_eq!(check_change(Some(ada), (ada, owner), None, 2), Err(MemberError::PersonalOwner));
        assert_eq!(check_change(Some(ada), (bob, owner), None, 2), Ok(()));
        assert_eq!(check_change(Some(ada), (bob, MemberRole::Viewer), None, 1), Ok(()));
    }

    #[test]
    fn a_reason_is_given_and_short() {
        assert_eq!(StateReason::new("  "), Err(AccountStateError::ReasonMissing));
        assert_eq!(StateReason::new(&"é".repeat(501)), Err(AccountStateError::ReasonTooLong));
        assert_eq!(StateReason::new(" unpaid ").map(|reason| reason.as_str().to_owned()), Ok("unpaid".to_owned()));
    }
}
