//! Reads a file of prompts: strictly as JSON, patiently as to what is in it. Faults of the file refuse it whole,
//! faults of a prompt are kept with it. Memory stays within a small multiple of the file.

use std::collections::BTreeMap;

use super::{
    EnvironmentPart, FileWarning, ItemFault, Section, TransferError, TransferPrompt,
    field::{Field, Fields, metadata, version},
    json::{Json, JsonError, JsonFault, JsonKind, Reader},
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
            // Beyond what any field may nest, so that a field too deep is the fault of its prompt alone.
            depth_max: 32,
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

/// At most 100 characters of what was sent.
pub(super) fn cut(text: &str) -> String {
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
pub(super) const PART_SIZE_MAX: usize = 256 * 1024;

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
