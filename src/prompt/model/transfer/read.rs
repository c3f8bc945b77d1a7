//! Reads a file of prompts: strictly as JSON, patiently as to what is in it. Faults of the file refuse it whole,
//! faults of a prompt are kept with it. Memory stays within a small multiple of the file.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    EnvironmentPart, Section, TransferPrompt, VERSION_MAX,
    json::{Json, JsonError, JsonFault, JsonKind, Reader},
};
use crate::prompt::model::{
    Category, KeyError, PromptKey,
    clause::length,
    metadata::{METADATA_DEPTH_MAX, METADATA_SIZE_MAX, Metadata, MetadataError},
};

/// How large a file and what is in it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferLimits {
    /// Bytes of the file.
    pub file_size_max: usize,
    /// Prompts in the file.
    pub prompts_max: usize,
    /// Characters of a prompt's content.
    pub content_length_max: usize,
    /// Characters of a name.
    pub name_length_max: usize,
    /// Characters of a description.
    pub description_length_max: usize,
    /// How deep the file may nest.
    pub depth_max: usize,
}

impl Default for TransferLimits {
    fn default() -> Self {
        Self {
            file_size_max: 5 * 1024 * 1024,
            prompts_max: 1_000,
            content_length_max: 20_000,
            name_length_max: 200,
            description_length_max: 2_000,
            depth_max: METADATA_DEPTH_MAX + 3,
        }
    }
}

/// Why a file is refused whole. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The file is too large.
    #[error("The file has {size} bytes; {max} is the most. Split it.")]
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
    #[error("The file has more than {max} prompts. Split it.")]
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
    /// A required field is missing or blank.
    #[error("{field} is missing. Give it.")]
    FieldRequired {
        /// The field.
        field: &'static str,
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
    #[error("There is no category {category:?}.")]
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

impl ItemFault {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAnObject => "NOT_AN_OBJECT",
            Self::FieldRequired { .. } => "FIELD_REQUIRED",
            Self::FieldInvalid { .. } => "FIELD_INVALID",
            Self::FieldTooLong { .. } => "FIELD_TOO_LONG",
            Self::UnknownCategory { .. } => "UNKNOWN_CATEGORY",
            Self::Key(error) => error.code(),
            Self::Metadata(error) => error.code(),
        }
    }
}

/// One prompt of a file, or what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedItem {
    /// The category as it stands there, cut at 100 characters.
    pub category: Option<String>,
    /// The key as it stands there, cut at 100 characters.
    pub key: Option<String>,
    /// The prompt.
    pub prompt: Result<TransferPrompt, ItemFault>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ParsedFile {
    /// What stands in it, in its order.
    pub items: Vec<ParsedItem>,
    /// What is odd about it.
    pub warnings: Vec<FileWarning>,
    /// Flags and provider settings, where the file has them.
    pub parts: Vec<EnvironmentPart>,
}

/// Reads an export or a bare array of prompts. Refuses: every [`TransferError`].
pub fn parse_file(bytes: &[u8], limits: &TransferLimits) -> Result<ParsedFile, TransferError> {
    if bytes.len() > limits.file_size_max {
        return Err(TransferError::FileTooLarge { size: bytes.len(), max: limits.file_size_max });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (line, column) = place(bytes, error.valid_up_to());
        TransferError::Syntax { line, column, expected: "UTF-8" }
    })?;
    let mut file = FileReader::new(limits);
    file.read(text).map_err(|stop| match stop {
        Stop::Refused(error) => error,
        Stop::Json(JsonError { fault, at }) => {
            let (line, column) = place(bytes, at);
            match fault {
                JsonFault::Syntax(expected) => TransferError::Syntax { line, column, expected },
                JsonFault::DuplicateKey(key) => TransferError::DuplicateJsonKey { line, column, key: cut(&key) },
                JsonFault::TooDeep => TransferError::TooDeep { line, column, max: limits.depth_max },
            }
        }
    })?;
    Ok(ParsedFile { warnings: file.warnings(), items: file.items, parts: file.parts })
}

/// Line and column of a place in bytes, both from 1.
fn place(bytes: &[u8], at: usize) -> (usize, usize) {
    let before = bytes.get(..at).unwrap_or(bytes);
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    let column = String::from_utf8_lossy(before.get(line_start..).unwrap_or_default()).chars().count();
    (lines + 1, column + 1)
}

fn cut(text: &str) -> String {
    text.chars().take(100).collect()
}

enum Stop {
    Json(JsonError),
    Refused(TransferError),
}

impl From<JsonError> for Stop {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

/// The most bytes of flags, and of provider settings, in compact form.
const PART_SIZE_MAX: usize = 256 * 1024;

/// How many unknown fields are listed by name.
const UNKNOWN_LISTED_MAX: usize = 20;

struct FileReader<'l> {
    limits: &'l TransferLimits,
    items: Vec<ParsedItem>,
    unknown: BTreeMap<String, usize>,
    more_unknown: bool,
    version: Option<String>,
    stated_total: Option<String>,
    parts: Vec<EnvironmentPart>,
}

impl<'l> FileReader<'l> {
    fn new(limits: &'l TransferLimits) -> Self {
        Self {
            limits,
            items: Vec::new(),
            unknown: BTreeMap::new(),
            more_unknown: false,
            version: None,
            stated_total: None,
            parts: Vec::new(),
        }
    }

    fn read(&mut self, text: &str) -> Result<(), Stop> {
        let mut reader = Reader::new(text, self.limits.depth_max);
        let mut has_prompts = true;
        match reader.kind()? {
            JsonKind::List => self.prompts(&mut reader)?,
            JsonKind::Object => has_prompts = self.envelope(&mut reader)?,
            _ => {
                reader.skip()?;
                has_prompts = false;
            }
        }
        reader.end()?;
        if let Some(version) = self.version.take().filter(|version| version.split('.').next() != Some("1")) {
            return Err(Stop::Refused(TransferError::UnsupportedVersion { version: cut(&version) }));
        }
        if has_prompts { Ok(()) } else { Err(Stop::Refused(TransferError::NotAnExport)) }
    }

    /// Answers whether there is a list of prompts in it.
    fn envelope(&mut self, reader: &mut Reader<'_>) -> Result<bool, Stop> {
        let mut has_prompts = false;
        reader.object(|reader, key| {
            match (key.as_ref(), reader.kind()?) {
                ("prompts", JsonKind::List) => {
                    has_prompts = true;
                    self.prompts(reader)?;
                }
                ("version", kind) => self.version = scalar(reader, kind)?,
                ("totalPrompts", kind) => self.stated_total = scalar(reader, kind)?,
                ("prompts" | "exportedAt", _) => drop(reader.skip()?),
                ("flags", JsonKind::Object) => self.part(reader, Section::Flag)?,
                ("providerSettings", JsonKind::Object) => self.part(reader, Section::ProviderSetting)?,
                _ => self.ignore(reader, &key)?,
            }
            Ok::<_, Stop>(())
        })?;
        Ok(has_prompts)
    }

    fn part(&mut self, reader: &mut Reader<'_>, section: Section) -> Result<(), Stop> {
        let start = reader.place();
        let size = reader.skip()?;
        // A tree is built only of what is known to be small.
        if size > PART_SIZE_MAX {
            return Err(Stop::Refused(TransferError::PartTooLarge { field: section.file_field(), size }));
        }
        reader.back_to(start);
        if let Json::Object(values) = reader.tree()? {
            self.parts.push(EnvironmentPart { section, values });
        }
        Ok(())
    }

    fn prompts(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        reader.list(|reader| {
            if self.items.len() == self.limits.prompts_max {
                return Err(Stop::Refused(TransferError::TooManyPrompts { max: self.limits.prompts_max }));
            }
            let item = self.item(reader)?;
            self.items.push(item);
            Ok(())
        })
    }

    fn item(&mut self, reader: &mut Reader<'_>) -> Result<ParsedItem, Stop> {
        if reader.kind()? != JsonKind::Object {
            reader.skip()?;
            return Ok(ParsedItem { category: None, key: None, prompt: Err(ItemFault::NotAnObject) });
        }
        let mut fields = Fields::default();
        reader.object(|reader, key| {
            let kind = reader.kind()?;
            match key.as_ref() {
                "category" => fields.category = Field::text(reader, kind)?,
                "subcategory" => fields.key = Field::text(reader, kind)?,
                "name" => fields.name = Field::text(reader, kind)?,
                "description" => fields.description = Field::text(reader, kind)?,
                "content" => fields.content = Field::text(reader, kind)?,
                "version" => fields.version = version(reader, kind)?,
                "isActive" if kind == JsonKind::Bool => fields.is_active = Field::Given(reader.bool()?),
                "isActive" => fields.is_active = Field::other(reader, kind)?,
                "metadata" => fields.metadata = metadata(reader, kind)?,
                _ => self.ignore(reader, &key)?,
            }
            Ok::<_, Stop>(())
        })?;
        Ok(ParsedItem {
            category: fields.category.given().map(|category| cut(category)),
            key: fields.key.given().map(|key| cut(key)),
            prompt: fields.check(self.limits),
        })
    }

    fn ignore(&mut self, reader: &mut Reader<'_>, key: &str) -> Result<(), Stop> {
        let key = cut(key);
        if self.unknown.len() < UNKNOWN_LISTED_MAX || self.unknown.contains_key(&key) {
            *self.unknown.entry(key).or_default() += 1;
        } else {
            self.more_unknown = true;
        }
        reader.skip()?;
        Ok(())
    }

    fn warnings(&self) -> Vec<FileWarning> {
        let found = self.items.len();
        let wrong = self.stated_total.iter().filter(|stated| **stated != found.to_string());
        let mut warnings: Vec<_> = wrong.map(|stated| FileWarning::WrongTotal { stated: cut(stated), found }).collect();
        let unknown = self.unknown.iter();
        warnings
            .extend(unknown.map(|(field, count)| FileWarning::UnknownField { field: field.clone(), count: *count }));
        warnings.extend(self.more_unknown.then_some(FileWarning::MoreUnknownFields));
        warnings
    }
}

/// A text or number as text. `None` for null; anything else is `?`, which equals nothing.
fn scalar(reader: &mut Reader<'_>, kind: JsonKind) -> Result<Option<String>, JsonError> {
    Ok(match kind {
        JsonKind::Null => reader.null().map(|()| None)?,
        JsonKind::Text => Some(reader.text()?.into_owned()),
        JsonKind::Number => Some(reader.number()?.to_owned()),
        _ => reader.skip().map(|_| Some("?".to_owned()))?,
    })
}

fn version(reader: &mut Reader<'_>, kind: JsonKind) -> Result<Field<i32>, JsonError> {
    if kind != JsonKind::Number {
        return Field::other(reader, kind);
    }
    let number = reader.number()?.parse().ok().filter(|number| (1..=VERSION_MAX).contains(number));
    Ok(number.map_or(Field::Wrong, Field::Given))
}

fn metadata(reader: &mut Reader<'_>, kind: JsonKind) -> Result<Field<Result<Metadata, MetadataError>>, JsonError> {
    if kind != JsonKind::Object {
        return Field::other(reader, kind);
    }
    let start = reader.place();
    let size = reader.skip()?;
    // A tree is built only of what is known to be small.
    Ok(Field::Given(if size > METADATA_SIZE_MAX {
        Err(MetadataError::TooLarge { size })
    } else {
        reader.back_to(start);
        Metadata::of_tree(&reader.tree()?)
    }))
}

/// A field of a prompt as it stands there.
#[derive(Default)]
enum Field<T> {
    /// Missing or null.
    #[default]
    Absent,
    /// Of the right kind.
    Given(T),
    /// Of another kind.
    Wrong,
}

impl<T> Field<T> {
    fn given(&self) -> Option<&T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Wrong => None,
        }
    }

    fn other(reader: &mut Reader<'_>, kind: JsonKind) -> Result<Self, JsonError> {
        reader.skip()?;
        Ok(if kind == JsonKind::Null { Self::Absent } else { Self::Wrong })
    }

    fn or(self, default: T, field: &'static str, expected: &'static str) -> Result<T, ItemFault> {
        match self {
            Self::Absent => Ok(default),
            Self::Given(value) => Ok(value),
            Self::Wrong => Err(ItemFault::FieldInvalid { field, expected }),
        }
    }
}

impl Field<String> {
    fn text(reader: &mut Reader<'_>, kind: JsonKind) -> Result<Self, JsonError> {
        if kind == JsonKind::Text {
            reader.text().map(Cow::into_owned).map(Self::Given)
        } else {
            Self::other(reader, kind)
        }
    }

    fn optional(self, field: &'static str, max: usize) -> Result<Option<String>, ItemFault> {
        let Self::Given(text) = self else { return self.or(String::new(), field, "a text").map(|_| None) };
        let length = length(&text);
        if length > max {
            Err(ItemFault::FieldTooLong { field, length, max })
        } else if text.contains('\0') {
            Err(ItemFault::FieldInvalid { field, expected: "a text without the character U+0000" })
        } else {
            Ok(Some(text))
        }
    }

    fn required(self, field: &'static str, max: usize) -> Result<String, ItemFault> {
        let text = self.optional(field, max)?.filter(|text| !text.trim().is_empty());
        text.ok_or(ItemFault::FieldRequired { field })
    }
}

#[derive(Default)]
struct Fields {
    category: Field<String>,
    key: Field<String>,
    name: Field<String>,
    description: Field<String>,
    content: Field<String>,
    version: Field<i32>,
    is_active: Field<bool>,
    metadata: Field<Result<Metadata, MetadataError>>,
}

impl Fields {
    fn check(self, limits: &TransferLimits) -> Result<TransferPrompt, ItemFault> {
        let category = self.category.required("category", usize::MAX)?;
        let category =
            Category::parse(&category).ok_or_else(|| ItemFault::UnknownCategory { category: cut(&category) })?;
        let key = self.key.or(String::new(), "subcategory", "a text or null")?;
        Ok(TransferPrompt {
            category,
            key: PromptKey::new(category, Some(&key))?,
            name: self.name.required("name", limits.name_length_max)?,
            description: self.description.optional("description", limits.description_length_max)?,
            content: self.content.required("content", limits.content_length_max)?,
            version: self.version.or(1, "version", "a whole number from 1")?,
            is_active: self.is_active.or(true, "isActive", "true or false")?,
            metadata: self.metadata.or(Ok(Metadata::default()), "metadata", "an object")??,
        })
    }
}
