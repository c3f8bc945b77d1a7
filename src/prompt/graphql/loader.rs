//! Loads rows for many fields at once. The caller has authorised by holding the parent.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use crate::{
    error::Error,
    prompt::{
        Prompts,
        model::{
            prompt::{PromptVersion, SystemPrompt},
            split::{Split, Usage},
        },
    },
};

/// Loads by id.
pub struct PromptLoader(pub Prompts);

/// A prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PromptOf(pub(super) Uuid);

/// A version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct VersionOf(pub(super) Uuid);

/// A version whose usage is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct UsageOf(pub(super) Uuid);

/// A prompt whose running split is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RunningSplitOf(pub(super) Uuid);

impl Loader<PromptOf> for PromptLoader {
    type Value = SystemPrompt;
    type Error = Error;

    async fn load(&self, keys: &[PromptOf]) -> Result<HashMap<PromptOf, SystemPrompt>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_prompts(&ids).await?.into_iter().map(|(id, prompt)| (PromptOf(id), prompt)).collect())
    }
}

impl Loader<VersionOf> for PromptLoader {
    type Value = PromptVersion;
    type Error = Error;

    async fn load(&self, keys: &[VersionOf]) -> Result<HashMap<VersionOf, PromptVersion>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_versions(&ids).await?.into_iter().map(|(id, version)| (VersionOf(id), version)).collect())
    }
}

impl Loader<UsageOf> for PromptLoader {
    type Value = Usage;
    type Error = Error;

    async fn load(&self, keys: &[UsageOf]) -> Result<HashMap<UsageOf, Usage>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_usage(&ids).await?.into_iter().map(|(id, usage)| (UsageOf(id), usage)).collect())
    }
}

impl Loader<RunningSplitOf> for PromptLoader {
    type Value = Split;
    type Error = Error;

    async fn load(&self, keys: &[RunningSplitOf]) -> Result<HashMap<RunningSplitOf, Split>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.0.load_running_splits(&ids).await?;
        Ok(found.into_iter().map(|(id, split)| (RunningSplitOf(id), split)).collect())
    }
}
