//! What else is kept with a prompt: a JSON object in canonical form.

use super::transfer::json::{Json, JsonFault, Reader};

/// The most bytes of metadata in canonical form.
pub const METADATA_SIZE_MAX: usize = 16 * 1024;
/// How deep objects and lists of metadata may nest.
pub const METADATA_DEPTH_MAX: usize = 16;

/// Why a value is no metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// It is no JSON object, or has a key twice.
    #[error("metadata must be a JSON object without doubled keys. Give one, such as {{}}.")]
    NotAnObject,
    /// It is too large.
    #[error("metadata has {size} bytes; {METADATA_SIZE_MAX} is the most. Shorten it.")]
    TooLarge {
        /// Its size in canonical form.
        size: usize,
    },
    /// It nests too deep.
    #[error("metadata nests {depth} levels deep; {METADATA_DEPTH_MAX} is the most. Flatten it.")]
    TooDeep {
        /// How deep.
        depth: usize,
    },
    /// It holds U+0000.
    #[error("metadata holds the character U+0000, which cannot be stored. Remove it.")]
    NulCharacter,
}

impl MetadataError {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "METADATA_TOO_LARGE",
            Self::NotAnObject | Self::TooDeep { .. } | Self::NulCharacter => "METADATA_INVALID",
        }
    }
}

/// A JSON object, sorted by key, without blanks, numbers as they were written: equal metadata is equal text.
/// Store it as text: a JSON column would respell its numbers.
#[derive(Debug, Clone)]
pub struct Metadata {
    text: String,
    is_lost: bool,
}

impl Default for Metadata {
    fn default() -> Self {
        Self { text: "{}".to_owned(), is_lost: false }
    }
}

/// Equal values are equal, however their numbers are spelled. What could not be read equals nothing that can.
impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.is_lost == other.is_lost && (self.text == other.text || self.compared() == other.compared())
    }
}

impl Eq for Metadata {}

impl Metadata {
    /// Reads a JSON text. Refuses: every [`MetadataError`].
    pub fn parse(text: &str) -> Result<Self, MetadataError> {
        let fault = |fault| match fault {
            JsonFault::TooDeep => MetadataError::TooDeep { depth: depth_of(text) },
            JsonFault::Syntax(_) | JsonFault::DuplicateKey(_) => MetadataError::NotAnObject,
        };
        let mut reader = Reader::new(text, METADATA_DEPTH_MAX);
        let size = reader.skip().and_then(|size| reader.end().map(|()| size)).map_err(|error| fault(error.fault))?;
        if size > METADATA_SIZE_MAX {
            return Err(MetadataError::TooLarge { size });
        }
        let tree = Reader::new(text, METADATA_DEPTH_MAX).tree().map_err(|error| fault(error.fault))?;
        Self::of_tree(&tree)
    }

    /// Takes an object from the API. Refuses: `TooLarge`, `TooDeep`, `NulCharacter`.
    pub fn from_map(map: &serde_json::Map<String, serde_json::Value>) -> Result<Self, MetadataError> {
        Self::parse(&serde_json::to_string(map).unwrap_or_default())
    }

    /// What is stored. A text that [`Metadata::parse`] refuses, which no use case writes, reads as lost: empty.
    pub fn stored(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|_| Self { is_lost: true, ..Self::default() })
    }

    /// Whether what is stored could not be read.
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// `tree` must be within size and depth.
    fn of_tree(tree: &Json) -> Result<Self, MetadataError> {
        if !matches!(tree, Json::Object(_)) {
            return Err(MetadataError::NotAnObject);
        } else if tree.has_nul() {
            return Err(MetadataError::NulCharacter);
        }
        let mut text = String::new();
        tree.write_compact(&mut text);
        Ok(Self { text, is_lost: false })
    }

    /// The canonical text, as stored.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text to compare by: every number in one spelling.
    pub fn compared(&self) -> String {
        let mut text = String::new();
        match Reader::new(&self.text, METADATA_DEPTH_MAX).tree() {
            Ok(tree) => tree.normal().write_compact(&mut text),
            // Canonical text is always legal.
            Err(_) => text.push_str(&self.text),
        }
        text
    }

    /// As the API shows it.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub(super) fn write_pretty(&self, out: &mut String, level: usize) {
        match Reader::new(&self.text, METADATA_DEPTH_MAX).tree() {
            Ok(tree) => tree.write_pretty(out, level),
            // Canonical text is always legal.
            Err(_) => out.push_str("{}"),
        }
    }

    /// False when the optimiser is to leave the prompt alone: `"optimise": false`.
    pub fn optimise(&self) -> bool {
        self.to_value().get("optimise").and_then(serde_json::Value::as_bool).unwrap_or(true)
    }

    /// The clauses that the optimiser keeps in any case: `"protectedClauses": ["…"]`.
    pub fn protected_clauses(&self) -> Vec<String> {
        let value = self.to_value();
        let list = value.get("protectedClauses").and_then(serde_json::Value::as_array);
        list.into_iter().flatten().filter_map(|clause| clause.as_str().map(str::to_owned)).collect()
    }
}

/// How deep the brackets of a JSON text nest.
fn depth_of(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_one_form_of_equal_objects() {
        let read = |text| Metadata::parse(text).unwrap();
        assert_eq!(read(" {\"b\": 1.50, \"a\": [ ] }").as_str(), r#"{"a":[],"b":1.50}"#);
        assert_eq!(read("{}"), Metadata::default());
        let map = serde_json::json!({ "z": 1, "a": "\u{e9}" });
        assert_eq!(Metadata::from_map(map.as_object().unwrap()).unwrap().as_str(), "{\"a\":\"\u{e9}\",\"z\":1}");
        assert_eq!(read(r#"{"a":{"b":2}}"#).to_value(), serde_json::json!({ "a": { "b": 2 } }));
    }

    #[test]
    fn refuses_at_the_edges() {
        for text in ["[]", "null", "{", "{} {}", r#"{"a":1,"a":1}"#] {
            assert_eq!(Metadata::parse(text), Err(MetadataError::NotAnObject), "{text}");
        }
        assert_eq!(Metadata::parse(r#"{"a":"\u0000"}"#), Err(MetadataError::NulCharacter));
        let sized = |size: usize| Metadata::parse(&format!("{{\"a\":  \"{}\"}}", "x".repeat(size - 8)));
        assert!(sized(METADATA_SIZE_MAX).is_ok_and(|metadata| metadata.as_str().len() == METADATA_SIZE_MAX));
        assert_eq!(sized(METADATA_SIZE_MAX + 1), Err(MetadataError::TooLarge { size: METADATA_SIZE_MAX + 1 }));
        let deep = |levels: usize| Metadata::parse(&format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels)));
        assert!(deep(METADATA_DEPTH_MAX).is_ok());
        assert_eq!(deep(METADATA_DEPTH_MAX + 1), Err(MetadataError::TooDeep { depth: METADATA_DEPTH_MAX + 1 }));
        assert_eq!(depth_of(r#"{"a\"{[": [{}, {}], "b": "[[["}"#), 3);
    }

    #[test]
    fn equals_by_value_and_what_is_lost_equals_nothing_else() {
        let read = |text| Metadata::parse(text).unwrap();
        assert_eq!(read(r#"{"a": 1.50, "b": 1e2}"#), read(r#"{"b": 100.0, "a": 1.5}"#));
        assert_ne!(read(r#"{"a": 1.5}"#), read(r#"{"a": "1.5"}"#));
        let lost = Metadata::stored("[1");
        assert!(lost.is_lost() && lost.as_str() == "{}" && lost != Metadata::default());
        assert_eq!(Metadata::stored(r#"{"a":1.50}"#).as_str(), r#"{"a":1.50}"#);
    }

    #[test]
    fn tells_the_optimiser_what_to_spare() {
        let marked = Metadata::parse(r#"{"optimise":false,"protectedClauses":["no blur",5]}"#).unwrap();
        assert!(!marked.optimise() && marked.protected_clauses() == ["no blur"]);
        assert!(Metadata::default().optimise() && Metadata::default().protected_clauses().is_empty());
    }
}
