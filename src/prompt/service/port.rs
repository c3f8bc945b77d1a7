//! What bulk work on prompts needs from parts further right or beside: they fill this trait, so prompts never hear of
//! models, providers, flags or uploads.

use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::{
    error::Error,
    prompt::model::{fit::ModelLimit, transfer::EnvironmentPart},
};

/// How long prompts may be for the models that are in use.
#[derive(Debug, Clone, Default)]
pub struct PromptLimits {
    /// Of the models that draw.
    pub image: Vec<ModelLimit>,
    /// Of the models that write.
    pub text: Vec<ModelLimit>,
}

/// The surroundings of prompts, as they are at the moment of the call.
pub trait Surroundings: Send + Sync {
    /// The limits of the models in use.
    fn limits(&self) -> BoxFuture<'_, Result<PromptLimits, Error>>;

    /// Flags and provider settings of this environment. Never a secret.
    fn environment(&self) -> BoxFuture<'_, Result<Vec<EnvironmentPart>, Error>>;

    /// The bytes of a file that `user` uploaded. `None` when it is not there, over, or somebody else's. Reading leaves it
    /// there: a dry run comes before the apply.
    fn uploaded<'a>(&'a self, upload: &'a str, user: Uuid) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>>;
}
