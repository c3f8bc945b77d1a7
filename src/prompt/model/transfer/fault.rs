//! What can be wrong with a file of prompts: with the whole of it, with one prompt, or only odd.

use super::read::PART_SIZE_MAX;
use crate::prompt::model::{Category, KeyError, metadata::MetadataError};

/// Why a file is refused whole. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The file is too large.
    #[error("The file has {size} bytes; {max} is the most. Split it, or export again category by category.")]
    FileTooLarge {
        /// Its size.
        size: usize,
        /// The most.
        max: usize,
    },
    /// Flags or provider settings are too large to compare.
    #[error("{field} has {size} bytes; {PART_SIZE_MAX} is the most. Remove what is not needed.")]
    PartTooLarge {
        /// Which.
        field: &'static str,
        /// Its size in compact form.
        size: usize,
    },
    /// The file has too many prompts.
    #[error(
        "The file has more than {max} prompts. Split it, or export again category by category: exportSystemPrompts with \
         categories, or prompts export --category."
    )]
    TooManyPrompts {
        /// The most.
        max: usize,
    },
    /// The file is no UTF-8 or no JSON.
    #[error("Line {line}, column {column}: expected {expected}. Correct the file.")]
    Syntax {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// An object has a key twice, so that it is not clear what is meant.
    #[error("Line {line}, column {column}: the key {key:?} stands twice in one object. Remove one.")]
    DuplicateJsonKey {
        /// The line of the second.
        line: usize,
        /// Its column.
        column: usize,
        /// The key.
        key: String,
    },
    /// The file nests too deep.
    #[error("Line {line}, column {column}: nested deeper than {max} levels. Flatten it.")]
    TooDeep {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// The most.
        max: usize,
    },
    /// The file is JSON, but no list of prompts.
    #[error("The file holds no prompts. Give an export, or an array of prompts.")]
    NotAnExport,
    /// The file is of another major version.
    #[error("The file is of version {version:?}; this server reads 1.x. Export it again.")]
    UnsupportedVersion {
        /// What it states.
        version: String,
    },
}

impl TransferError {
    /// Where the fault is: line and column, both from 1. `None` when it is not at one place.
    pub fn place(&self) -> Option<(usize, usize)> {
        match self {
            Self::Syntax { line, column, .. }
            | Self::DuplicateJsonKey { line, column, .. }
            | Self::TooDeep { line, column, .. } => Some((*line, *column)),
            _ => None,
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::FileTooLarge { .. } | Self::PartTooLarge { .. } => "FILE_TOO_LARGE",
            Self::TooManyPrompts { .. } => "TOO_MANY_PROMPTS",
            Self::Syntax { .. } => "SYNTAX_ERROR",
            Self::DuplicateJsonKey { .. } => "DUPLICATE_JSON_KEY",
            Self::TooDeep { .. } => "TOO_DEEP",
            Self::NotAnExport => "NOT_AN_EXPORT",
            Self::UnsupportedVersion { .. } => "UNSUPPORTED_VERSION",
        }
    }
}

/// What is odd about a file that is read all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileWarning {
    /// `totalPrompts` is not the number of prompts.
    #[error("totalPrompts is {stated}, but there are {found} prompts.")]
    WrongTotal {
        /// What the file states.
        stated: String,
        /// How many there are.
        found: usize,
    },
    /// A field is not known and was ignored.
    #[error("The field {field:?} is not known and was ignored, {count} times.")]
    UnknownField {
        /// Its name, cut at 100 characters.
        field: String,
        /// How often it stands there.
        count: usize,
    },
    /// There are more unknown fields than are listed.
    #[error("More fields are not known and were ignored.")]
    MoreUnknownFields,
}

impl FileWarning {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongTotal { .. } => "WRONG_TOTAL",
            Self::UnknownField { .. } | Self::MoreUnknownFields => "UNKNOWN_FIELD",
        }
    }
}

/// What is wrong with one prompt of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ItemFault {
    /// It is no object.
    #[error("This is no object. Give a prompt.")]
    NotAnObject,
    /// A required field is missing.
    #[error("{field} is missing. Give it.")]
    FieldRequired {
        /// The field.
        field: &'static str,
    },
    /// A required text has blanks alone.
    #[error("{field} is blank. Give {}.", texts_of(*max))]
    FieldBlank {
        /// The field.
        field: &'static str,
        /// The most characters it may have.
        max: usize,
    },
    /// A field is of the wrong kind.
    #[error("{field} must be {expected}.")]
    FieldInvalid {
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A field is too long.
    #[error("{field} has {length} characters; {max} is the most. Shorten it.")]
    FieldTooLong {
        /// The field.
        field: &'static str,
        /// Its length in Unicode scalar values.
        length: usize,
        /// The most.
        max: usize,
    },
    /// There is no such category.
    #[error("There is no category {category:?}. Give one of: {}.", categories())]
    UnknownCategory {
        /// What was given.
        category: String,
    },
    /// The key will not do.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The metadata will not do.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
}

/// What a required text may be, in words.
fn texts_of(max: usize) -> String {
    if max == usize::MAX { "a word".to_owned() } else { format!("1\u{2013}{max} characters") }
}

fn categories() -> String {
    Category::ALL.map(Category::as_str).join(", ")
}

impl ItemFault {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAnObject => "NOT_AN_OBJECT",
            Self::FieldRequired { .. } | Self::FieldBlank { .. } => "FIELD_REQUIRED",
            Self::FieldInvalid { .. } => "FIELD_INVALID",
            Self::FieldTooLong { .. } => "FIELD_TOO_LONG",
            Self::UnknownCategory { .. } => "UNKNOWN_CATEGORY",
            Self::Key(error) => error.code(),
            Self::Metadata(error) => error.code(),
        }
    }
}
