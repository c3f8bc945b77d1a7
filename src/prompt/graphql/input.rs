//! What edits of system prompts take and answer.

use async_graphql::{ID, InputObject, MaybeUndefined, OneofObject, SimpleObject};

use super::types::{PromptCategory, SystemPrompt};
use crate::graphql::{error::UserError, scalars::Json};

/// Which prompts. Omitted fields do not filter.
#[derive(Debug, Default, InputObject)]
pub struct SystemPromptFilter {
    /// Only of this category.
    pub category: Option<PromptCategory>,
    /// A part of the key, the name or the text, in any case, at most 100 characters.
    pub search: Option<String>,
    /// Only enabled, or only disabled ones.
    pub is_enabled: Option<bool>,
}

/// A category and a key.
#[derive(Debug, InputObject)]
pub struct SystemPromptKeyInput {
    /// The category.
    pub category: PromptCategory,
    /// The key in any case; null is the empty key.
    pub key: Option<String>,
}

/// Which prompt: exactly one.
#[derive(Debug, OneofObject)]
pub enum SystemPromptByInput {
    /// The one with this global id.
    Id(ID),
    /// The one with this category and key.
    Key(SystemPromptKeyInput),
}

/// A new prompt.
#[derive(Debug, InputObject)]
pub struct CreateSystemPromptInput {
    /// The category; it holds at most 1,000 prompts.
    pub category: PromptCategory,
    /// The key, at most 100 characters, some of them visible, unique in its category in any case; only `SYSTEM_DEFAULT`
    /// takes none.
    pub key: Option<String>,
    /// A label, 1–200 characters.
    pub name: String,
    /// What it is for, at most 2,000 characters.
    pub description: Option<String>,
    /// The text, 1–20,000 characters, of which commas, blanks and one full stop are not all.
    pub content: String,
    /// Open data of a client: an object of at most 16 KiB, nested at most 16 deep.
    pub metadata: Option<Json>,
    /// Why, at most 500 characters.
    pub note: Option<String>,
}

/// An edit. Omitted fields stay as they are.
#[derive(Debug, InputObject)]
pub struct UpdateSystemPromptInput {
    /// Which prompt.
    pub prompt_id: ID,
    /// The number of the active version that the edit was made from.
    pub expected_version: i32,
    /// A label, 1–200 characters; it cannot be cleared.
    pub name: MaybeUndefined<String>,
    /// What it is for, at most 2,000 characters; null clears it.
    pub description: MaybeUndefined<String>,
    /// The text, 1–20,000 characters; it cannot be cleared.
    pub content: MaybeUndefined<String>,
    /// Open data of a client: an object of at most 16 KiB, nested at most 16 deep; null clears it.
    pub metadata: MaybeUndefined<Json>,
    /// Why, at most 500 characters.
    pub note: Option<String>,
}

/// Which version becomes the active one.
#[derive(Debug, InputObject)]
pub struct ActivateSystemPromptVersionInput {
    /// The version.
    pub version_id: ID,
    /// The number of the version that is active now.
    pub expected_version: i32,
}

macro_rules! prompt_input {
    ($name:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Debug, InputObject)]
        pub struct $name {
            /// Which prompt.
            pub prompt_id: ID,
            /// The number of the version that is active now.
            pub expected_version: i32,
        }
    };
}

prompt_input!(DisableSystemPromptInput, "Which prompt look-ups no longer find. A running split of it ends.");
prompt_input!(EnableSystemPromptInput, "Which prompt look-ups find again.");
prompt_input!(ResetSystemPromptInput, "Which prompt goes back to the text that ships.");

macro_rules! prompt_payload {
    ($name:ident, $what:literal, $codes:literal) => {
        #[doc = $what]
        #[derive(SimpleObject)]
        pub struct $name {
            /// The prompt as it is now; null when refused.
            pub prompt: Option<SystemPrompt>,
            /// Whether nothing was written, because it was so already; null when refused.
            pub unchanged: Option<bool>,
            #[doc = $codes]
            pub user_errors: Vec<UserError>,
        }

        impl From<super::edit::Outcome> for $name {
            fn from((prompt, unchanged, user_errors): super::edit::Outcome) -> Self {
                Self { prompt, unchanged, user_errors }
            }
        }
    };
}

prompt_payload!(
    CreateSystemPromptPayload,
    "What `createSystemPrompt` did.",
    "Why it was refused: `KEY_EXISTS`, `KEY_REQUIRED`, `KEY_TOO_LONG`, `KEY_INVALID`, `CATEGORY_FULL`, `NAME_INVALID`, `DESCRIPTION_INVALID`, `CONTENT_INVALID`, `METADATA_INVALID`, `NOTE_INVALID`. Empty when it was done."
);
prompt_payload!(
    UpdateSystemPromptPayload,
    "What `updateSystemPrompt` did.",
    "Why it was refused: `NOT_FOUND`, `VERSION_CONFLICT`, `VERSIONS_EXHAUSTED`, `NAME_INVALID`, `DESCRIPTION_INVALID`, `CONTENT_INVALID`, `METADATA_INVALID`, `NOTE_INVALID`. Empty when it was done."
);
prompt_payload!(
    ActivateSystemPromptVersionPayload,
    "What `activateSystemPromptVersion` did.",
    "Why it was refused: `NOT_FOUND`, `VERSION_CONFLICT`. Empty when it was done."
);
prompt_payload!(
    DisableSystemPromptPayload,
    "What `disableSystemPrompt` did.",
    "Why it was refused: `NOT_FOUND`, `VERSION_CONFLICT`. Empty when it was done."
);
prompt_payload!(
    EnableSystemPromptPayload,
    "What `enableSystemPrompt` did.",
    "Why it was refused: `NOT_FOUND`, `VERSION_CONFLICT`. Empty when it was done."
);
prompt_payload!(
    ResetSystemPromptPayload,
    "What `resetSystemPrompt` did.",
    "Why it was refused: `NOT_FOUND`, `VERSION_CONFLICT`, `VERSIONS_EXHAUSTED`, `NOT_SHIPPED`. Empty when it was done."
);
