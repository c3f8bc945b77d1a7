//! Accepted documents kept parsed, with their counts (G62). Keyed by the SHA-256 of the text, since a key that can be
//! made to collide would run one caller's document for another. Whether a caller may run a document is not decided
//! here.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::parser::types::ExecutableDocument;
use lru::LruCache;
use ring::digest::{SHA256, digest};

use super::counts::Counts;

/// A document and what it amounts to.
pub(super) struct Parsed {
    pub document: ExecutableDocument,
    pub counts: Counts,
}

/// SHA-256 of a document's text.
pub(super) type Key = [u8; 32];

/// Memory of one parsed token, measured roughly: names, positions and vectors of the syntax tree.
const BYTES_PER_TOKEN: usize = 128;

struct Kept {
    entries: LruCache<Key, Arc<Parsed>>,
    bytes: usize,
}

/// The least recently used documents leave when entries or bytes exceed their maximum.
pub(super) struct DocumentCache {
    kept: Mutex<Kept>,
    bytes_max: usize,
}

impl DocumentCache {
    /// A cache of at most `entries` documents, at least one, and `bytes` of estimated memory.
    pub fn new(entries: usize, bytes: usize) -> Self {
        let entries = LruCache::new(NonZeroUsize::new(entries).unwrap_or(NonZeroUsize::MIN));
        Self { kept: Mutex::new(Kept { entries, bytes: 0 }), bytes_max: bytes }
    }

    pub fn key(text: &str) -> Key {
        let mut key = Key::default();
        for (into, from) in key.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()) {
            *into = *from;
        }
        key
    }

    pub fn get(&self, key: &Key) -> Option<Arc<Parsed>> {
        self.lock().entries.get(key).cloned()
    }

    pub fn insert(&self, key: Key, parsed: Arc<Parsed>) {
        let added = weight(&parsed);
        if added > self.bytes_max {
            return;
        }
        let mut kept = self.lock();
        kept.bytes += added;
        if let Some((_, replaced)) = kept.entries.push(key, parsed) {
            kept.bytes -= weight(&replaced);
        }
        while kept.bytes > self.bytes_max {
            let Some((_, oldest)) = kept.entries.pop_lru() else { break };
            kept.bytes -= weight(&oldest);
        }
    }

    /// Documents kept and their estimated bytes.
    pub fn size(&self) -> (usize, usize) {
        let kept = self.lock();
        (kept.entries.len(), kept.bytes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(parsed: &Parsed) -> usize {
    parsed.counts.bytes + parsed.counts.scan.tokens * BYTES_PER_TOKEN + 256
}
