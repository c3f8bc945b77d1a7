//! Documents and texts kept by the SHA-256 of their text, within bounds (G22, G62): a key that can be made to collide
//! would run one caller's document for another. Whether a caller may run a document is not decided here.

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

impl Parsed {
    /// Estimated bytes of memory.
    pub fn weight(&self) -> usize {
        self.counts.bytes + self.counts.scan.tokens * BYTES_PER_TOKEN + 256
    }
}

/// SHA-256 of a document's text.
pub(super) type Key = [u8; 32];

/// The key of `text`.
pub(super) fn key(text: &str) -> Key {
    let mut key = Key::default();
    for (into, from) in key.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()) {
        *into = *from;
    }
    key
}

/// Memory of one parsed token, measured roughly: names, positions and vectors of the syntax tree.
const BYTES_PER_TOKEN: usize = 128;

struct Kept<V> {
    entries: LruCache<Key, (V, usize)>,
    bytes: usize,
}

/// The least recently used leave when entries or bytes exceed their maximum.
pub(super) struct Shelf<V> {
    kept: Mutex<Kept<V>>,
    bytes_max: usize,
}

/// Accepted documents, parsed.
pub(super) type DocumentCache = Shelf<Arc<Parsed>>;

impl<V: Clone> Shelf<V> {
    /// Room for at most `entries` values, at least one, and `bytes` of estimated memory.
    pub fn new(entries: usize, bytes: usize) -> Self {
        let entries = LruCache::new(NonZeroUsize::new(entries).unwrap_or(NonZeroUsize::MIN));
        Self { kept: Mutex::new(Kept { entries, bytes: 0 }), bytes_max: bytes }
    }

    pub fn get(&self, key: &Key) -> Option<V> {
        self.lock().entries.get(key).map(|(value, _)| value.clone())
    }

    /// Keeps `value`, which weighs `added` bytes, unless that alone is too much.
    pub fn insert(&self, key: Key, value: V, added: usize) {
        if added > self.bytes_max {
            return;
        }
        let mut kept = self.lock();
        kept.bytes += added;
        if let Some((_, (_, replaced))) = kept.entries.push(key, (value, added)) {
            kept.bytes -= replaced;
        }
        while kept.bytes > self.bytes_max {
            let Some((_, (_, oldest))) = kept.entries.pop_lru() else { break };
            kept.bytes -= oldest;
        }
    }

    /// How many are kept, and their estimated bytes.
    pub fn size(&self) -> (usize, usize) {
        let kept = self.lock();
        (kept.entries.len(), kept.bytes)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept<V>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
