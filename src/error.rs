//! What can go wrong, by whose fault. Nothing here knows GraphQL or HTTP.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::viewer::{Feature, Level, Scope};

/// Why a request is anonymous although the field asks for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthReason {
    /// No token came with the request.
    Missing,
    /// The token's time is over.
    TokenExpired,
    /// The token is not one of ours.
    TokenInvalid,
    /// The session was ended, or its user is gone.
    SessionEnded,
}

impl AuthReason {
    /// The word for it in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "MISSING",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::TokenInvalid => "TOKEN_INVALID",
            Self::SessionEnded => "SESSION_ENDED",
        }
    }
}

/// A request fault or a fault of ours; expected refusals have their own type per use case.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The field asks for a session and there is none.
    #[error("Sign in to use this field.")]
    Unauthenticated(AuthReason),
    /// Signed in, but the right is lacking.
    #[error("You need {} for {} to use this field.", level.as_str(), feature.name())]
    Forbidden {
        /// The feature that guards the field.
        feature: Feature,
        /// The level asked for.
        level: Level,
    },
    /// The key of a server does not reach.
    #[error("{}", key_lacks(*scope))]
    KeyLacks {
        /// The scope asked for; `None` where no key reaches.
        scope: Option<Scope>,
    },
    /// The row is missing or another tenant's; the two are never told apart.
    #[error("There is no such object, or it is not yours.")]
    NotFound,
    /// A value of the request cannot be used.
    #[error("{message}")]
    BadUserInput {
        /// What is wrong, which limit holds and what to do.
        message: String,
        /// Where in the arguments.
        path: Vec<String>,
    },
    /// The idempotency key was used for another request.
    #[error("This idempotency key was used for a different request. Use a new key.")]
    IdempotencyKeyReused,
    /// The answer would be larger than answers may be.
    #[error(
        "The answer would be larger than {maximum} bytes. Ask for less at a time: fewer fields, aliases or rows. A \
         mutation was carried out all the same."
    )]
    AnswerTooLarge {
        /// The most bytes of an answer.
        maximum: u64,
    },
    /// Too many tries.
    #[error("Too many requests. Try again later.")]
    RateLimited {
        /// Milliseconds to wait.
        retry_after_ms: u64,
    },
    /// What the field does is switched off.
    #[error("This is switched off: {which}. Whoever runs the installation can switch it on.")]
    FeatureDisabled {
        /// Which flag.
        which: &'static str,
    },
    /// An outside service is down.
    #[error("A service this field depends on is not available: {which}. Try again later.")]
    DependencyUnavailable {
        /// Which service.
        which: &'static str,
    },
    /// The work took too long.
    #[error("The request took too long.")]
    Timeout,
    /// The process is ending.
    #[error("The server is shutting down. Send the request again.")]
    ShuttingDown,
    /// Our fault; the cause is for the log only.
    #[error(transparent)]
    Internal(#[from] Internal),
}

impl Error {
    /// A value that cannot be used, at `path` of the arguments.
    pub fn bad_input(message: impl Into<String>, path: &[&str]) -> Self {
        Self::BadUserInput { message: message.into(), path: path.iter().map(|part| (*part).to_owned()).collect() }
    }

    /// The stable code of the API.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated(_) => "UNAUTHENTICATED",
            Self::Forbidden { .. } | Self::KeyLacks { .. } => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::BadUserInput { .. } => "BAD_USER_INPUT",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::AnswerTooLarge { .. } => "DOCUMENT_LIMIT_EXCEEDED",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::FeatureDisabled { .. } => "FEATURE_DISABLED",
            Self::DependencyUnavailable { .. } => "DEPENDENCY_UNAVAILABLE",
            Self::Timeout => "TIMEOUT",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::Internal(_) => "INTERNAL",
        }
    }
}

fn key_lacks(scope: Option<Scope>) -> String {
    match scope {
        Some(scope) => format!("This key lacks the scope {}. Make one that has it, by createApiKey.", scope.as_str()),
        None => "No key may use this field. Sign in as a person.".to_owned(),
    }
}

/// All that anyone outside is told of a fault of ours.
pub const INTERNAL_MESSAGE: &str = "Something went wrong on our side. Send the request id to support.";

/// A fault of ours: what we were doing, and the cause for the log. Cloneable, so that a batch can share it.
#[derive(Clone)]
pub struct Internal {
    /// What was being done.
    pub context: &'static str,
    /// The cause.
    pub source: Arc<dyn StdError + Send + Sync>,
}

impl Internal {
    /// Wraps `source` with what was being done.
    pub fn new(context: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { context, source: Arc::from(source.into()) }
    }

    /// The whole chain on one line, for the log.
    pub fn chain(&self) -> String {
        let mut text = format!("{}: {}", self.context, self.source);
        let mut cause = self.source.source();
        while let Some(next) = cause {
            text.push_str(": ");
            text.push_str(&next.to_string());
            cause = next.source();
        }
        text
    }
}

impl fmt::Debug for Internal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain())
    }
}

impl fmt::Display for Internal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(INTERNAL_MESSAGE)
    }
}

impl StdError for Internal {}

/// Why a use case did not happen.
#[derive(Debug, Clone)]
pub enum Failure<R> {
    /// An expected refusal; nothing was done.
    Refused(R),
    /// A request fault, or a fault of ours.
    Fault(Error),
}

impl<R> Failure<R> {
    /// Turns the refusal into another type and leaves faults as they are.
    pub fn map_refusal<S>(self, map: impl FnOnce(R) -> S) -> Failure<S> {
        match self {
            Self::Refused(refusal) => Failure::Refused(map(refusal)),
            Self::Fault(error) => Failure::Fault(error),
        }
    }
}

/// The refusal of a use case that refuses nothing.
#[derive(Debug, Clone, Copy)]
pub enum Never {}

impl From<Failure<Never>> for Error {
    fn from(failure: Failure<Never>) -> Self {
        match failure {
            Failure::Refused(never) => match never {},
            Failure::Fault(error) => error,
        }
    }
}

impl<R> From<Error> for Failure<R> {
    fn from(error: Error) -> Self {
        Self::Fault(error)
    }
}

impl<R> From<Internal> for Failure<R> {
    fn from(internal: Internal) -> Self {
        Self::Fault(Error::Internal(internal))
    }
}
