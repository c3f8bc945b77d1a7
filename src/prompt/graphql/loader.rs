//! Loads rows for many fields at once. The caller has authorised by holding the parent.

use crate::{
    graphql::loaders::loads,
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

loads! {
    PromptLoader:
    /// A prompt.
    pub(super) PromptOf => SystemPrompt, load_prompts;
    /// A version.
    pub(super) VersionOf => PromptVersion, load_versions;
    /// A version whose usage is asked for.
    pub(super) UsageOf => Usage, load_usage;
    /// A prompt whose running split is asked for.
    pub(super) RunningSplitOf => Split, load_running_splits;
}
