//! The fields of one prompt of a file: read as they stand there, then checked together.

use std::borrow::Cow;

use super::{
    ItemFault, TransferLimits, TransferPrompt, VERSION_MAX,
    json::{JsonError, JsonKind, Reader},
    read::cut,
};
use crate::prompt::model::{
    Category, PromptKey,
    clause::length,
    clean::clean,
    metadata::{Metadata, MetadataError},
};

pub(super) fn version(reader: &mut Reader<'_>, kind: JsonKind) -> Result<Field<i32>, JsonError> {
    if kind != JsonKind::Number {
        return Field::other(reader, kind);
    }
    let number = reader.number()?.parse().ok().filter(|number| (1..=VERSION_MAX).contains(number));
    Ok(number.map_or(Field::Wrong, Field::Given))
}

pub(super) fn metadata(
    reader: &mut Reader<'_>,
    kind: JsonKind,
) -> Result<Field<Result<Metadata, MetadataError>>, JsonError> {
    if kind != JsonKind::Object {
        return Field::other(reader, kind);
    }
    let start = reader.place();
    reader.skip()?;
    // Judged by itself, however deep in the file it stands: what is stored must be readable by itself.
    Ok(Field::Given(Metadata::parse(reader.read_since(start))))
}

/// A field of a prompt as it stands there.
#[derive(Default)]
pub(super) enum Field<T> {
    /// Missing or null.
    #[default]
    Absent,
    /// Of the right kind.
    Given(T),
    /// Of another kind.
    Wrong,
}

impl<T> Field<T> {
    pub(super) fn given(&self) -> Option<&T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Wrong => None,
        }
    }

    pub(super) fn other(reader: &mut Reader<'_>, kind: JsonKind) -> Result<Self, JsonError> {
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
    pub(super) fn text(reader: &mut Reader<'_>, kind: JsonKind) -> Result<Self, JsonError> {
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
        let text = self.optional(field, max)?.ok_or(ItemFault::FieldRequired { field })?;
        if text.trim().is_empty() { Err(ItemFault::FieldBlank { field, max }) } else { Ok(text) }
    }
}

#[derive(Default)]
pub(super) struct Fields {
    pub(super) category: Field<String>,
    pub(super) key: Field<String>,
    pub(super) name: Field<String>,
    pub(super) description: Field<String>,
    pub(super) content: Field<String>,
    pub(super) version: Field<i32>,
    pub(super) is_active: Field<bool>,
    pub(super) metadata: Field<Result<Metadata, MetadataError>>,
}

impl Fields {
    pub(super) fn check(self, limits: &TransferLimits) -> Result<TransferPrompt, ItemFault> {
        let category = self.category.required("category", usize::MAX)?;
        let category =
            Category::parse(&category).ok_or_else(|| ItemFault::UnknownCategory { category: cut(&category) })?;
        let key = self.key.or(String::new(), "subcategory", "a text or null")?;
        let prompt = TransferPrompt {
            category,
            key: PromptKey::new(category, Some(&key))?,
            name: self.name.required("name", limits.name_length_max)?,
            description: self.description.optional("description", limits.description_length_max)?,
            content: self.content.required("content", limits.content_length_max)?,
            version: self.version.or(1, "version", "a whole number 1\u{2013}2147483647; leave it out for 1")?,
            is_active: self.is_active.or(true, "isActive", "true or false")?,
            metadata: self.metadata.or(Ok(Metadata::default()), "metadata", "an object")??,
        };
        if clean(&prompt.content).is_empty() {
            let expected = "a text of which more than commas, blanks and a full stop is left";
            return Err(ItemFault::FieldInvalid { field: "content", expected });
        }
        Ok(prompt)
    }
}
