//! Which document a request means: its text, or a hash that stands for one (G22, G23). Automatic persisted queries are
//! kept here for those who are signed in; nobody else can put a text into the store.

use std::sync::Arc;

use super::cache::{Key, Parsed, Shelf, key};
use super::limits::Limits;
use super::refusal::{Fault, RefusalKind, Refused};
use super::trusted::Trusted;

/// How a request names a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentRef {
    /// By `sha256Hash` of `extensions.persistedQuery`, version 1.
    Hash(String),
    /// By `documentId`.
    Id(String),
}

/// Texts kept by their hash.
pub(super) struct PersistedTexts(Shelf<Arc<str>>);

/// Memory of a kept text beside its letters.
const TEXT_OVERHEAD: usize = 128;

impl PersistedTexts {
    pub fn new(limits: &Limits) -> Self {
        Self(Shelf::new(limits.persisted_entries, limits.persisted_bytes))
    }

    pub fn keep(&self, key: Key, text: &str) {
        self.0.insert(key, text.into(), text.len() + TEXT_OVERHEAD);
    }

    fn get(&self, hash: &str) -> Option<(Key, Arc<str>)> {
        let hash = hash.strip_prefix("sha256:").unwrap_or(hash);
        let mut key = Key::default();
        hex::decode_to_slice(hash, &mut key).ok()?;
        Some((key, self.0.get(&key)?))
    }

    /// Texts kept, and their bytes.
    pub fn size(&self) -> (usize, usize) {
        self.0.size()
    }
}

/// The document that a request means.
pub(super) struct Meant {
    pub key: Key,
    pub text: Arc<str>,
    /// The document, if it is trusted; its text is not looked at any more.
    pub trusted: Option<Arc<Parsed>>,
    /// The text came with the hash that it has, so it may be kept under it.
    pub offered: bool,
}

/// Finds the document that `text`, if it is not empty, and `reference` mean. `known_only` refuses hashes of documents that
/// are not trusted as what they are.
pub(super) fn meant(
    trusted: &Trusted,
    texts: &PersistedTexts,
    text: String,
    reference: Option<&DocumentRef>,
    known_only: bool,
) -> Result<Meant, Refused> {
    let id = match reference {
        None => None,
        Some(DocumentRef::Hash(id) | DocumentRef::Id(id)) => Some(id.as_str()),
    };
    let named = id.and_then(|id| trusted.find(id));
    if let (true, Some(id)) = (text.is_empty(), id) {
        if let Some((key, parsed)) = named {
            return Ok(Meant { key, text: "".into(), trusted: Some(parsed), offered: false });
        }
        if known_only {
            return Err(not_trusted());
        }
        let (key, text) = texts.get(id).ok_or_else(not_found)?;
        return Ok(Meant { key, text, trusted: None, offered: false });
    }
    let key = key(&text);
    let is_named = named.as_ref().is_some_and(|(named, _)| *named == key);
    let offered = match reference {
        Some(DocumentRef::Hash(hash)) if !is_named => {
            if !hex::encode(key).eq_ignore_ascii_case(hash) {
                return Err(mismatch("`sha256Hash` is not the hash of `query`."));
            }
            true
        }
        Some(DocumentRef::Id(_)) if named.is_some() && !is_named => {
            return Err(mismatch("`documentId` stands for another document than `query`."));
        }
        _ => false,
    };
    Ok(Meant { key, text: text.into(), trusted: trusted.of_text(&key), offered })
}

fn mismatch(message: &str) -> Refused {
    Refused::new(RefusalKind::Parameters, Fault::new("BAD_REQUEST", message))
}

fn not_found() -> Refused {
    // Clients look for this very text.
    let fault = Fault::new("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound");
    Refused::new(RefusalKind::UnknownHash, fault)
}

pub(super) fn not_trusted() -> Refused {
    let message = "Only documents that were registered with this server may run. This is none of them.";
    Refused::new(RefusalKind::NotTrusted, Fault::new("DOCUMENT_NOT_TRUSTED", message))
}
