//! How errors leave: request faults as coded top-level errors, refusals as `UserError`, faults of ours masked (G48).

mod code;
mod detail;
mod user;

use async_graphql::{Error as GraphqlError, ErrorExtensionValues};

use crate::{
    db::full::outage_of,
    error::{Error, Failure},
    viewer::Scope,
};

pub use code::UserErrorCode;
pub use detail::{
    IllegalState, IllegalTransition, InsufficientCredits, KeyExists, ModelMismatch, PartLength, SourcePosition,
    VersionConflict,
};
pub use user::UserError;

/// The name of the limit that [`Error::AnswerTooLarge`] is about.
pub(in crate::graphql) const ANSWER_LIMIT: &str = "answerBytes";

/// What a mutation did, or why it was refused; a fault is the field's error.
pub fn answer<T, R>(
    done: Result<T, Failure<R>>,
    error: impl Fn(&R) -> UserError,
) -> async_graphql::Result<(Option<T>, Vec<UserError>)> {
    match done {
        Ok(made) => Ok((Some(made), Vec::new())),
        Err(Failure::Refused(refusal)) => Ok((None, vec![error(&refusal)])),
        Err(Failure::Fault(fault)) => Err(fault.into()),
    }
}

impl From<Error> for GraphqlError {
    fn from(error: Error) -> Self {
        let error = outage_of(error);
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
            Error::KeyLacks { scope } => extensions.set("scope", scope.map(Scope::as_str)),
            Error::BadUserInput { path, .. } => extensions.set("argument", path.clone()),
            Error::AnswerTooLarge { maximum } => {
                extensions.set("limit", ANSWER_LIMIT);
                extensions.set("maximum", *maximum);
            }
            Error::RateLimited { retry_after_ms } => extensions.set("retryAfterMs", *retry_after_ms),
            Error::FeatureDisabled { which } | Error::DependencyUnavailable { which } => {
                extensions.set("which", *which)
            }
            _ => {}
        }
        Self { message: error.to_string(), source: None, extensions: Some(extensions) }
    }
}
