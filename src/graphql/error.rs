//! How errors leave: request faults as coded top-level errors, refusals as `UserError`, faults of ours masked (G48).

use async_graphql::{Enum, Error as GraphqlError, ErrorExtensionValues, SimpleObject};

use crate::{
    error::{Error, Never},
    graphql::scalars::Credits,
};

impl From<Error> for GraphqlError {
    fn from(error: Error) -> Self {
        if let Error::Internal(internal) = &error {
            tracing::error!(cause = %internal.chain(), "internal error");
        }
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", error.code());
        match &error {
            Error::Unauthenticated(reason) => extensions.set("reason", reason.as_str()),
            Error::Forbidden { feature, level } => {
                extensions.set("feature", feature.name());
                extensions.set("level", level.as_str());
            }
            Error::BadUserInput { path, .. } => extensions.set("argument", path.clone()),
            Error::RateLimited { retry_after_ms } => extensions.set("retryAfterMs", *retry_after_ms),
            Error::DependencyUnavailable { which } => extensions.set("which", *which),
            _ => {}
        }
        Self { message: error.to_string(), source: None, extensions: Some(extensions) }
    }
}

/// Why a business request was refused. Values may be added, never removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum UserErrorCode {
    /// The amount is 0.
    AmountZero,
    /// The amount is below 0.
    AmountNegative,
    /// The amount is not a whole number.
    AmountNotWhole,
    /// The amount is above the limit.
    AmountTooLarge,
    /// The reason is longer than 500 characters.
    ReasonTooLong,
    /// The account would hold more credits than can be counted exactly.
    TotalTooLarge,
    /// The account's available credits do not cover the request.
    InsufficientCredits,
    /// The account takes no new credits or work: it is frozen.
    AccountFrozen,
    /// The account takes no new credits or work: it is closed.
    AccountClosed,
    /// The ledger is too busy; nothing was done. Try again with the same key.
    LedgerBusy,
    /// The account, user or other object is not there, or not yours.
    NotFound,
    /// The username has other than 3–20 characters of A–Z, a–z, 0–9, `_` and `-`.
    UsernameInvalid,
    /// The username is taken.
    UsernameTaken,
    /// The e-mail address is not one.
    EmailInvalid,
    /// The e-mail address is taken.
    EmailTaken,
    /// The password lacks length, an upper-case letter, a lower-case letter or a digit.
    PasswordTooWeak,
    /// The credentials are wrong, whatever the cause.
    SignInFailed,
    /// The refresh token is unknown, over, or was used before.
    RefreshTokenInvalid,
    /// The claim link is unknown, over, used, or there is a HERO already.
    ClaimInvalid,
    /// The last HERO cannot be demoted or deleted.
    LastHero,
    /// Nobody does this to oneself.
    OwnUser,
    /// The prompt is empty.
    PromptEmpty,
    /// The prompt is longer than the model takes.
    PromptTooLong,
    /// The number of items is out of range.
    CountOutOfRange,
    /// The seed is out of range.
    SeedOutOfRange,
    /// The AI model takes no seed.
    UnsupportedSeed,
    /// There is no such AI model.
    ModelNotFound,
    /// The AI model is switched off, or none is set.
    ModelInactive,
    /// The AI model makes another kind of thing.
    ModelKindMismatch,
    /// The AI task has ended already.
    TaskEnded,
    /// The account has too much work waiting.
    BacklogFull,
}

/// What was asked for and what is there.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct InsufficientCredits {
    /// Credits the request needs.
    pub required: Credits,
    /// Credits that are available.
    pub available: Credits,
    /// Credits that are missing: required less available.
    pub short: Credits,
}

/// A refusal of a business request: nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct UserError {
    /// The stable code.
    pub code: UserErrorCode,
    /// What is wrong, which limit holds and what to do, in English.
    pub message: String,
    /// The field of the input that is at fault, from the outside in; null when it is none.
    pub path: Option<Vec<String>>,
    /// The figures, with `INSUFFICIENT_CREDITS` only.
    pub insufficient_credits: Option<InsufficientCredits>,
}

impl UserError {
    /// A refusal that concerns `path` of the input; empty means the request as a whole.
    pub fn new(code: UserErrorCode, message: impl Into<String>, path: &[&str]) -> Self {
        let path = (!path.is_empty()).then(|| path.iter().map(|part| (*part).to_owned()).collect());
        Self { code, message: message.into(), path, insufficient_credits: None }
    }

    /// The account's available credits do not cover the request.
    pub fn insufficient(required: i64, available: i64) -> Self {
        Self {
            insufficient_credits: Some(InsufficientCredits {
                required: Credits(required),
                available: Credits(available),
                short: Credits(required.saturating_sub(available)),
            }),
            ..Self::new(
                UserErrorCode::InsufficientCredits,
                format!("Insufficient credits. Required: {required}, Available: {available}"),
                &[],
            )
        }
    }
}

impl From<Never> for UserError {
    fn from(never: Never) -> Self {
        match never {}
    }
}
