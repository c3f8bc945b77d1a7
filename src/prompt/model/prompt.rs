//! A system prompt, its immutable versions, and what may be done to it.

use uuid::Uuid;

use super::{
    Category, KeyError, PromptKey,
    clause::length,
    clean::clean,
    metadata::{Metadata, MetadataError},
    transfer::{CATEGORY_MAX, VERSION_MAX},
};
use crate::clock::Micros;

/// Characters of a name at most.
pub const NAME_MAX: usize = 200;
/// Characters of a content at most.
pub const CONTENT_MAX: usize = 20_000;
/// Characters of a description at most.
pub const DESCRIPTION_MAX: usize = 2_000;
/// Characters of a note at most.
pub const NOTE_MAX: usize = 500;

/// What an edit changes: everything a version says but for its number and who wrote it when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// A label, 1–200 characters.
    pub name: String,
    /// What it is for, at most 2,000 characters.
    pub description: Option<String>,
    /// The text, 1–20,000 characters.
    pub content: String,
    /// Open data of a client, at most 16 KiB, checked by its own constructor.
    pub metadata: Metadata,
}

/// Why a body cannot be stored. Each message names the field, its limit, what it was, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A text that is needed has blanks alone, or nothing.
    #[error("{field} is blank. Give 1\u{2013}{max} characters.")]
    Blank {
        /// Which.
        field: &'static str,
        /// The most characters it may have.
        max: usize,
    },
    /// A text is too long.
    #[error("{field} has {length} characters; {max} is the most. Shorten it.")]
    TooLong {
        /// Which.
        field: &'static str,
        /// Its length in Unicode scalar values.
        length: usize,
        /// The most characters it may have.
        max: usize,
    },
    /// A text holds U+0000.
    #[error("{field} holds the character U+0000, which cannot be stored. Remove it.")]
    NulCharacter {
        /// Which.
        field: &'static str,
    },
    /// The content would leave nothing in a prompt.
    #[error("content has commas, blanks and a full stop alone, of which a prompt keeps nothing. Write words.")]
    SaysNothing,
    /// The metadata will not do.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}

impl BodyError {
    /// The field of the input that is at fault.
    pub fn field(self) -> &'static str {
        match self {
            Self::Blank { field, .. } | Self::TooLong { field, .. } | Self::NulCharacter { field } => field,
            Self::SaysNothing => "content",
            Self::Metadata(_) => "metadata",
        }
    }
}

/// A text within `max` characters that databases hold: U+0000 has no place in PostgreSQL's.
fn check_text(field: &'static str, text: &str, max: usize) -> Result<(), BodyError> {
    let length = length(text);
    if length > max {
        Err(BodyError::TooLong { field, length, max })
    } else if text.contains('\0') {
        Err(BodyError::NulCharacter { field })
    } else {
        Ok(())
    }
}

fn check_required(field: &'static str, text: &str, max: usize) -> Result<(), BodyError> {
    if text.trim().is_empty() { Err(BodyError::Blank { field, max }) } else { check_text(field, text, max) }
}

impl Body {
    /// The first rule that the body breaks.
    pub fn check(&self) -> Result<(), BodyError> {
        check_required("name", &self.name, NAME_MAX)?;
        check_text("description", self.description.as_deref().unwrap_or_default(), DESCRIPTION_MAX)?;
        check_required("content", &self.content, CONTENT_MAX)?;
        if clean(&self.content).is_empty() { Err(BodyError::SaysNothing) } else { Ok(()) }
    }
}

/// The first rule that a note breaks.
pub fn check_note(note: Option<&str>) -> Result<(), BodyError> {
    check_text("note", note.unwrap_or_default(), NOTE_MAX)
}

/// One immutable version of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptVersion {
    /// Its id.
    pub id: Uuid,
    /// Of which prompt.
    pub prompt_id: Uuid,
    /// 1 or more, rising; an import may leave gaps.
    pub number: i32,
    /// What it says.
    pub body: Body,
    /// Who wrote it; `None` is the server or its operator.
    pub author_id: Option<Uuid>,
    /// Why, in the author's words.
    pub note: Option<String>,
    /// When, microseconds.
    pub created_at: Micros,
}

/// A prompt with its active version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemPrompt {
    /// Its id.
    pub id: Uuid,
    /// Its category.
    pub category: Category,
    /// Its key; with the category it is unique.
    pub key: PromptKey,
    /// Whether look-ups find it.
    pub is_enabled: bool,
    /// The version that counts.
    pub active: PromptVersion,
    /// The highest number of its versions.
    pub number_max: i32,
    /// When it was made.
    pub created_at: Micros,
    /// When it was last changed.
    pub updated_at: Micros,
}

/// Why a version became active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationCause {
    /// The catalogue was installed.
    Install,
    /// The prompt was made.
    Create,
    /// The prompt was edited.
    Update,
    /// Somebody went back, or forward, to it.
    Activate,
    /// The shipped text was restored.
    Reset,
    /// A file was imported.
    Import,
    /// The optimiser was applied.
    Optimise,
    /// An optimisation was undone.
    Undo,
    /// A split ended in its favour.
    Split,
}

impl ActivationCause {
    const ALL: [Self; 9] = [
        Self::Install,
        Self::Create,
        Self::Update,
        Self::Activate,
        Self::Reset,
        Self::Import,
        Self::Optimise,
        Self::Undo,
        Self::Split,
    ];

    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Install => "INSTALL",
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Activate => "ACTIVATE",
            Self::Reset => "RESET",
            Self::Import => "IMPORT",
            Self::Optimise => "OPTIMISE",
            Self::Undo => "UNDO",
            Self::Split => "SPLIT",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text)
    }

    /// The act in the audit trail.
    pub fn action(self) -> &'static str {
        match self {
            Self::Install => "system_prompt.install",
            Self::Create => "system_prompt.create",
            Self::Update => "system_prompt.update",
            Self::Activate => "system_prompt.activate",
            Self::Reset => "system_prompt.reset",
            Self::Import => "system_prompt.import",
            Self::Optimise => "system_prompt.optimise",
            Self::Undo => "system_prompt.undo_optimisation",
            Self::Split => "system_prompt.keep_split",
        }
    }
}

/// One entry of a prompt's history: a version became active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// Its id.
    pub id: Uuid,
    /// Of which prompt.
    pub prompt_id: Uuid,
    /// 1, 2, 3 … per prompt.
    pub number: i32,
    /// The version that became active.
    pub version_id: Uuid,
    /// The one before; `None` when the prompt was made.
    pub previous_version_id: Option<Uuid>,
    /// Why.
    pub cause: ActivationCause,
    /// Who; `None` is the server or its operator.
    pub actor_id: Option<Uuid>,
    /// When, microseconds.
    pub created_at: Micros,
}

/// Which prompts a list shows. `None` does not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PromptFilter {
    /// Only of this category.
    pub category: Option<Category>,
    /// Only those whose key, name or content holds this, in any case.
    pub search: Option<String>,
    /// Only enabled, or only disabled ones.
    pub is_enabled: Option<bool>,
}

/// How a list is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptOrder {
    /// Newest first.
    Newest,
    /// By category, then key.
    Key,
}

/// A new prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateSystemPrompt {
    /// Its category.
    pub category: Category,
    /// Its key, as it was typed; `None` is the empty key.
    pub key: Option<String>,
    /// What its first version says.
    pub body: Body,
    /// Why.
    pub note: Option<String>,
}

/// An edit. `None` leaves as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateSystemPrompt {
    /// Which prompt.
    pub id: Uuid,
    /// The number of the active version that the edit was made from.
    pub expected_version: i32,
    /// The new name.
    pub name: Option<String>,
    /// The new description; `Some(None)` clears it.
    pub description: Option<Option<String>>,
    /// The new text.
    pub content: Option<String>,
    /// The new metadata; an empty object clears it.
    pub metadata: Option<Metadata>,
    /// Why.
    pub note: Option<String>,
}

impl UpdateSystemPrompt {
    /// What the new version says, coming from `old`.
    pub fn apply(&self, old: &Body) -> Body {
        Body {
            name: self.name.clone().unwrap_or_else(|| old.name.clone()),
            description: self.description.clone().unwrap_or_else(|| old.description.clone()),
            content: self.content.clone().unwrap_or_else(|| old.content.clone()),
            metadata: self.metadata.clone().unwrap_or_else(|| old.metadata.clone()),
        }
    }
}

/// Why an edit of a prompt was refused; nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is no such prompt or version.
    #[error("There is no such prompt, or this version is not one of its own.")]
    NotFound,
    /// The key is there already.
    #[error("{}", key_exists(*.is_enabled))]
    KeyExists {
        /// Whether that prompt is enabled.
        is_enabled: bool,
    },
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The body breaks a rule.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// Somebody was faster.
    #[error("The prompt is at version {current} by now, not {expected}. Read it again and repeat the edit.")]
    VersionConflict {
        /// The version the edit was made from.
        expected: i32,
        /// The active one.
        current: i32,
    },
    /// The category has no room for another prompt.
    #[error("category {category} holds {CATEGORY_MAX} prompts, which is the most. Update one of them instead.")]
    CategoryFull {
        /// Which.
        category: Category,
    },
    /// The prompt has the last version number there is.
    #[error(
        "Versions are numbered 1\u{2013}{VERSION_MAX} and this prompt has the last. Activate one of its versions, or make a \
         prompt under another key."
    )]
    VersionsExhausted,
    /// Nothing is shipped under this key.
    #[error("No text is shipped for this key, so there is none to go back to.")]
    NotShipped,
}

fn key_exists(is_enabled: bool) -> &'static str {
    if is_enabled {
        "A prompt with this category and key exists already. Update it instead."
    } else {
        "A prompt with this category and key exists already, but it is disabled. Enable it instead."
    }
}

/// What an edit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The prompt as it is now.
    pub prompt: SystemPrompt,
    /// Whether nothing was written, because it was so already.
    pub is_unchanged: bool,
}

/// One applied optimisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptimisationRun {
    /// Its id.
    pub id: Uuid,
    /// The hash of the report that was applied, 32 bytes.
    pub report_hash: Vec<u8>,
    /// Who applied it; `None` is the operator on the host.
    pub actor_id: Option<Uuid>,
    /// When, microseconds.
    pub created_at: Micros,
    /// Who undid it.
    pub undone_by: Option<Uuid>,
    /// When it was undone; `None` while it holds.
    pub undone_at: Option<Micros>,
}

/// What an optimisation did to one prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptimisationChange {
    /// Which prompt.
    pub prompt_id: Uuid,
    /// The version before.
    pub before_version_id: Uuid,
    /// The version it wrote.
    pub after_version_id: Uuid,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Body {
        Body { name: "n".into(), description: None, content: "c".into(), metadata: Metadata::default() }
    }

    #[test]
    fn names_the_first_field_at_fault() {
        assert_eq!(body().check(), Ok(()));
        let check = |body: Body| body.check().unwrap_err().to_string();
        assert_eq!(check(Body { name: " ".into(), ..body() }), "name is blank. Give 1\u{2013}200 characters.");
        let long = check(Body { name: "\u{fc}".repeat(201), ..body() });
        assert_eq!(long, "name has 201 characters; 200 is the most. Shorten it.");
        assert_eq!(Body { name: "\u{fc}".repeat(200), ..body() }.check(), Ok(()));
        let nul = BodyError::NulCharacter { field: "content" };
        assert_eq!(Body { content: "a\0".into(), ..body() }.check(), Err(nul));
        assert_eq!(Body { content: "x".repeat(20_001), ..body() }.check().unwrap_err().field(), "content");
        assert_eq!(Body { content: " , .".into(), ..body() }.check(), Err(BodyError::SaysNothing));
        let description = Some("x".repeat(2_001));
        assert_eq!(Body { description, ..body() }.check().unwrap_err().field(), "description");
        assert_eq!(check_note(Some(&"x".repeat(501))).unwrap_err().field(), "note");
    }
}
