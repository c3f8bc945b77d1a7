//! Refusals as `UserError`.

use crate::{
    graphql::error::{KeyExists, SourcePosition, UserError, UserErrorCode, VersionConflict},
    prompt::{
        DiffError, FileError, OptimiseError, UndoError,
        model::{
            KeyError,
            prompt::{BodyError, EditError},
            split::SplitError,
            transfer::TransferError,
        },
    },
};

fn conflict(message: String, expected: i32, current: i32) -> UserError {
    UserError {
        version_conflict: Some(VersionConflict { expected, current }),
        ..UserError::new(UserErrorCode::VersionConflict, message, &["input", "expectedVersion"])
    }
}

/// A refusal of an edit. `subject` is the input field that names what is edited.
pub(super) fn edit_error(refusal: EditError, subject: &str) -> UserError {
    let message = refusal.to_string();
    let (code, field) = match refusal {
        EditError::NotFound => (UserErrorCode::NotFound, subject),
        EditError::KeyExists { is_enabled } => {
            let error = UserError::new(UserErrorCode::KeyExists, message, &["input", "key"]);
            return UserError { key_exists: Some(KeyExists { is_enabled }), ..error };
        }
        EditError::Key(KeyError::Required { .. }) => (UserErrorCode::KeyRequired, "key"),
        EditError::Key(KeyError::TooLong { .. }) => (UserErrorCode::KeyTooLong, "key"),
        EditError::Key(KeyError::ControlCharacter | KeyError::Invisible { .. }) => (UserErrorCode::KeyInvalid, "key"),
        EditError::Body(error) => (
            match (error, error.field()) {
                (BodyError::Metadata(_), _) => UserErrorCode::MetadataInvalid,
                (_, "name") => UserErrorCode::NameInvalid,
                (_, "description") => UserErrorCode::DescriptionInvalid,
                (_, "note") => UserErrorCode::NoteInvalid,
                _ => UserErrorCode::ContentInvalid,
            },
            error.field(),
        ),
        EditError::VersionConflict { expected, current } => return conflict(message, expected, current),
        EditError::CategoryFull { .. } => (UserErrorCode::CategoryFull, "category"),
        EditError::VersionsExhausted => (UserErrorCode::VersionsExhausted, subject),
        EditError::NotShipped => (UserErrorCode::NotShipped, subject),
    };
    UserError::new(code, message, &["input", field])
}

/// A refusal of a split's start or end.
pub(super) fn split_error(refusal: SplitError) -> UserError {
    let message = refusal.to_string();
    match refusal {
        SplitError::NotFound => UserError::new(UserErrorCode::NotFound, message, &["input"]),
        SplitError::VersionConflict { expected, current } => conflict(message, expected, current),
        SplitError::Disabled => UserError::new(UserErrorCode::SplitPromptDisabled, message, &["input"]),
        SplitError::SameVersion => UserError::new(UserErrorCode::SplitSameVersion, message, &["input", "newVersionId"]),
        SplitError::Running => UserError::new(UserErrorCode::SplitRunning, message, &["input", "promptId"]),
        SplitError::Ended => UserError::new(UserErrorCode::SplitEnded, message, &["input", "splitId"]),
        SplitError::OutOfRange(field) => UserError::new(UserErrorCode::SplitOutOfRange, message, &["input", field]),
    }
}

/// A refusal of a file of prompts.
pub(super) fn file_error(refusal: FileError) -> UserError {
    const FILE: &[&str] = &["input", "file"];
    let message = refusal.to_string();
    let error = match refusal {
        FileError::UploadNotFound => {
            return UserError::new(UserErrorCode::UploadNotFound, message, &["input", "file", "uploadId"]);
        }
        FileError::PlanStale => return UserError::new(UserErrorCode::PlanStale, message, &["input", "planHash"]),
        FileError::File(error) => error,
    };
    let code = match &error {
        TransferError::FileTooLarge { .. } | TransferError::PartTooLarge { .. } => UserErrorCode::FileTooLarge,
        TransferError::TooManyPrompts { .. } => UserErrorCode::TooManyPrompts,
        TransferError::Syntax { .. } => UserErrorCode::SyntaxError,
        TransferError::DuplicateJsonKey { .. } => UserErrorCode::DuplicateJsonKey,
        TransferError::TooDeep { .. } => UserErrorCode::TooDeep,
        TransferError::NotAnExport => UserErrorCode::NotAnExport,
        TransferError::UnsupportedVersion { .. } => UserErrorCode::UnsupportedVersion,
    };
    let whole = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let position = error.place().map(|(line, column)| SourcePosition { line: whole(line), column: whole(column) });
    UserError { source_position: position, ..UserError::new(code, message, FILE) }
}

/// A refusal of a comparison.
pub(super) fn diff_error(refusal: DiffError) -> UserError {
    match refusal {
        DiffError::File(error) => file_error(error),
        DiffError::Prompt { .. } | DiffError::Doubled { .. } => {
            UserError::new(UserErrorCode::FileInvalid, refusal.to_string(), &["input", "file"])
        }
    }
}

/// A refusal of an optimisation.
pub(super) fn optimise_error(refusal: &OptimiseError) -> UserError {
    let (code, path): (_, &[&str]) = match refusal {
        OptimiseError::HashRequired => (UserErrorCode::ReportHashRequired, &["input", "reportHash"]),
        OptimiseError::PlanStale => (UserErrorCode::PlanStale, &["input", "reportHash"]),
        OptimiseError::TooManyPrompts { .. } => (UserErrorCode::TooManyPrompts, &["input", "categories"]),
        OptimiseError::Phrases(_) => (UserErrorCode::PhraseInvalid, &["input"]),
    };
    UserError::new(code, refusal.to_string(), path)
}

/// A refusal of undoing one.
pub(super) fn undo_error(refusal: UndoError) -> UserError {
    let code = match refusal {
        UndoError::NotFound => UserErrorCode::NotFound,
        UndoError::AlreadyUndone => UserErrorCode::AlreadyUndone,
    };
    UserError::new(code, refusal.to_string(), &["input", "optimisationId"])
}
