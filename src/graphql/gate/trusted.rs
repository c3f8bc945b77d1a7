//! Documents that the operator trusts (G23): read from files at start, checked against the schema, found by the hash that
//! the client's build wrote, or by their text. They skip size and count limits, never authorisation, cost or time.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize as _;

use super::cache::{Key, Parsed, key};
use super::engine::Engine;
use super::limits::{KindLimits, Limits, NESTING_CEILING};
use super::refusal::{RefusalKind, Refused};

/// What happens to a document that is not trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Trust {
    /// It runs.
    #[default]
    Off,
    /// It runs, and a line in the log says so.
    Log,
    /// It is refused.
    Enforce,
}

/// A document as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedText {
    /// Its hash, of whatever kind, as clients send it.
    pub id: String,
    /// The document.
    pub text: String,
}

/// Why documents cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustFault {
    /// The file is no JSON object of texts.
    #[error(
        "it must be one JSON object of texts by their hashes, as relay-compiler and codegen's client preset write it: {0}"
    )]
    File(serde_json::Error),
    /// A hash that no client can send.
    #[error("the hash of a document has {0} characters; 1 to {ID_CHARS_MAX} are possible")]
    Hash(usize),
    /// One hash, two documents.
    #[error("the hash {0} stands for two different documents")]
    Twice(String),
    /// The Gate is in use already.
    #[error("documents can be trusted only before the first request")]
    Shared,
    /// The document does not fit the schema.
    #[error("the document {id} cannot be trusted: {message}")]
    Document {
        /// Its hash.
        id: String,
        /// The first thing that is wrong with it.
        message: String,
    },
}

/// Characters of a hash.
pub const ID_CHARS_MAX: usize = 256;

/// Reads a file: relay-compiler's `persistedQueries.json` and the client preset's `persisted-documents.json` are both one
/// object of texts by hash.
pub fn read_trusted(text: &str) -> Result<Vec<TrustedText>, TrustFault> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let texts = HashMap::<String, String>::deserialize(&mut reader).map_err(TrustFault::File)?;
    reader.end().map_err(TrustFault::File)?;
    let mut texts: Vec<_> = texts.into_iter().map(|(id, text)| TrustedText { id, text }).collect();
    texts.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(texts)
}

/// The documents, parsed and checked.
#[derive(Default)]
pub(super) struct Trusted {
    by_id: HashMap<String, (Key, Arc<Parsed>)>,
    by_text: HashMap<Key, Arc<Parsed>>,
}

impl Trusted {
    /// Checks `texts` as the Gate would, against limits that only keep the process safe.
    pub fn check(engine: &dyn Engine, texts: Vec<TrustedText>) -> Result<Self, TrustFault> {
        let limits = limits();
        let mut trusted = Self::default();
        for TrustedText { id, text } in texts {
            let characters = id.chars().count();
            if !(1..=ID_CHARS_MAX).contains(&characters) {
                return Err(TrustFault::Hash(characters));
            }
            let refuse = |refused: Refused| {
                let message = refused.errors.first().map_or_else(String::new, |fault| fault.message.clone());
                TrustFault::Document { id: id.clone(), message }
            };
            let parsed = super::read(&text, &limits).map_err(refuse)?;
            parsed.counts.check(&limits).map_err(refuse)?;
            super::validate(engine, parsed.document.clone(), RefusalKind::Validation).map_err(refuse)?;
            let key = key(&text);
            let parsed = trusted.by_text.entry(key).or_insert_with(|| Arc::new(parsed)).clone();
            match trusted.by_id.insert(id.clone(), (key, parsed)) {
                Some((other, _)) if other != key => return Err(TrustFault::Twice(id)),
                _ => {}
            }
        }
        Ok(trusted)
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The document of this hash, with the key of its text. A client may name the hash's kind, as in `sha256:…`.
    pub fn find(&self, id: &str) -> Option<(Key, Arc<Parsed>)> {
        let plain = || id.split_once(':').and_then(|(_, plain)| self.by_id.get(plain));
        self.by_id.get(id).or_else(plain).cloned()
    }

    /// The document of this text.
    pub fn of_text(&self, key: &Key) -> Option<Arc<Parsed>> {
        self.by_text.get(key).cloned()
    }
}

/// Selections that a trusted document may come to with its fragments written out: no slip in a build is to stop the server.
const SELECTIONS_MAX: usize = 100_000;

fn limits() -> KindLimits {
    KindLimits {
        document_bytes: usize::MAX,
        nesting: NESTING_CEILING,
        tokens: usize::MAX,
        operations: usize::MAX,
        fragments: usize::MAX,
        variables: usize::MAX,
        selections: SELECTIONS_MAX,
        aliases: usize::MAX,
        directives: usize::MAX,
        root_fields: usize::MAX,
        depth: usize::MAX,
        ..Limits::default().admin
    }
}
