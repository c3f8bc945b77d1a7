//! Invitations into accounts.

use uuid::Uuid;

use super::{Email, MemberRole};
use crate::clock::{Micros, SECOND};

/// How long an invitation is good, days.
pub const INVITATION_DAYS: i64 = 7;
/// How long an invitation is good, microseconds.
pub(in crate::auth) const INVITATION_LIFETIME: Micros = INVITATION_DAYS * 86_400 * SECOND;
/// The most open invitations of an account.
pub const INVITATIONS_MAX: u32 = 100;

/// An open invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: Uuid,
    /// Into which account.
    pub account_id: Uuid,
    /// Whom, by e-mail address.
    pub email: String,
    /// What they would be.
    pub role: MemberRole,
    /// Who invited them.
    pub invited_by: Uuid,
    /// When, microseconds.
    pub created_at: Micros,
    /// When it ends, microseconds.
    pub expires_at: Micros,
}

/// Whom to invite as what.
#[derive(Debug, Clone)]
pub struct InviteMember {
    /// Whom.
    pub email: Email,
    /// What they would be; never more than whoever invites them is.
    pub role: MemberRole,
}

/// Why nobody was invited. Whether an address has a user is no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InviteError {
    /// It is no address.
    #[error("This is not an e-mail address of at most 254 characters, such as name@example.com.")]
    EmailInvalid,
    /// Whoever has the address is a member.
    #[error("A member of the account has this address.")]
    AlreadyMember,
    /// There are too many open ones.
    #[error("The account has {INVITATIONS_MAX} open invitations. Withdraw some first.")]
    TooMany,
}
