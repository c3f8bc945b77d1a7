//! A receipt: one document that proves one transaction to whoever has the public keys, without the database.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    anchor::{Anchor, Head, SPAN},
    fact::Facts,
    hexed::Hexed,
    key::{BadSignature, LedgerKey, PublicKeys, Signature},
    merkle,
};
use crate::ledger::model::{Digest, sha256};

/// What stands before the signed bytes of a receipt, and names the form of its document.
pub const RECEIPT_TAG: &str = "inkledger/receipt/1";

/// The most bytes of a document that is read.
pub const DOCUMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The anchor that covers a transaction, and the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covering {
    /// The anchor.
    pub anchor: Anchor,
    /// The name of the key that signed it.
    pub key: String,
    /// Its signature.
    pub signature: Signature,
    /// The canonical bytes of the transactions after this one, up to the anchored one, at most 255.
    pub links: Vec<Vec<u8>>,
    /// The number of the anchored transaction.
    pub sequence: i64,
    /// Where its leaf stands, from 0.
    pub index: i64,
    /// From the leaf to the root.
    pub path: Vec<Digest>,
}

/// The proof of one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Which database.
    pub database: Uuid,
    /// The canonical bytes of the transaction.
    pub bytes: Vec<u8>,
    /// The hash of the transaction before it.
    pub prev_hash: Digest,
    /// The hash of the bytes.
    pub hash: Digest,
    /// What covers it; `None` while no anchor does.
    pub anchor: Option<Covering>,
    /// The name of the key that signed it.
    pub key: String,
    /// The signature.
    pub signature: Signature,
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReceipt {
    /// It is not a document of ours.
    #[error("this is not a receipt: {0}")]
    NotAReceipt(String),
    /// The bytes are not those of a transaction.
    #[error("the bytes of {0} are not those of a transaction")]
    Bytes(String),
    /// The hash is not that of the bytes.
    #[error("`hash` is not the SHA-256 of `bytes`")]
    Hash,
    /// The hash before it is another one in the bytes.
    #[error("`prevHash` is not the one in `bytes`")]
    PrevHash,
    /// A link does not follow the one before it.
    #[error("link {0} does not follow the transaction before it")]
    Link(usize),
    /// The anchored transaction is not the one that the links lead to.
    #[error("the links do not lead to the anchored transaction")]
    Sequence,
    /// The path does not lead to the root.
    #[error("the path does not lead to the anchor's root")]
    Path,
    /// The anchor's signature.
    #[error("the anchor: {0}")]
    Anchor(BadSignature),
    /// The receipt's signature.
    #[error("the receipt: {0}")]
    Signature(BadSignature),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WrittenCovering {
    number: i64,
    base: i64,
    epoch: i64,
    at: i64,
    prev: Hexed<Digest>,
    count: i64,
    root: Hexed<Digest>,
    key: String,
    signature: Hexed<Signature>,
    links: Vec<Hexed<Vec<u8>>>,
    sequence: i64,
    index: i64,
    path: Vec<Hexed<Digest>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Written {
    format: String,
    database: Uuid,
    bytes: Hexed<Vec<u8>>,
    prev_hash: Hexed<Digest>,
    hash: Hexed<Digest>,
    anchor: Option<WrittenCovering>,
    key: String,
    signature: Hexed<Signature>,
}

impl Covering {
    fn written(&self) -> WrittenCovering {
        let Anchor { number, base, epoch, at, prev_hash, count, root, database: _ } = &self.anchor;
        WrittenCovering {
            number: *number,
            base: *base,
            epoch: *epoch,
            at: *at,
            prev: Hexed(*prev_hash),
            count: *count,
            root: Hexed(*root),
            key: self.key.clone(),
            signature: Hexed(self.signature),
            links: self.links.iter().cloned().map(Hexed).collect(),
            sequence: self.sequence,
            index: self.index,
            path: self.path.iter().copied().map(Hexed).collect(),
        }
    }

    fn read(written: WrittenCovering, database: Uuid) -> Self {
        Self {
            anchor: Anchor {
                database,
                number: written.number,
                base: written.base,
                epoch: written.epoch,
                at: written.at,
                prev_hash: written.prev.0,
                count: written.count,
                root: written.root.0,
            },
            key: written.key,
            signature: written.signature.0,
            links: written.links.into_iter().map(|link| link.0).collect(),
            sequence: written.sequence,
            index: written.index,
            path: written.path.into_iter().map(|hash| hash.0).collect(),
        }
    }

    /// Whether it covers the transaction of `facts`, whose hash is `hash`.
    fn check(&self, facts: &Facts, hash: Digest, keys: &PublicKeys) -> Result<(), BadReceipt> {
        let (mut sequence, mut head) = (facts.sequence, hash);
        for (at, link) in self.links.iter().enumerate() {
            let next = Facts::read(link).ok_or_else(|| BadReceipt::Bytes(format!("link {}", at + 1)))?;
            let follows = next.prev_hash == head
                && next.account == facts.account
                && sequence.checked_add(1) == Some(next.sequence);
            if !follows {
                return Err(BadReceipt::Link(at + 1));
            }
            (sequence, head) = (next.sequence, sha256(link));
        }
        if sequence != self.sequence {
            return Err(BadReceipt::Sequence);
        }
        let leaf = Head { account: facts.account, sequence, hash: head }.leaf();
        let (index, count) = (u64::try_from(self.index), u64::try_from(self.anchor.count));
        let (Ok(index), Ok(count)) = (index, count) else { return Err(BadReceipt::Path) };
        if merkle::climb(leaf, index, count, &self.path) != Some(self.anchor.root) {
            return Err(BadReceipt::Path);
        }
        keys.check(&self.key, &self.anchor.bytes(), &self.signature).map_err(BadReceipt::Anchor)
    }
}

/// The signed bytes: tag ‖ database ‖ hash ‖ the anchor's hash, or zeros while there is none.
fn message(database: Uuid, hash: &Digest, anchor: Option<&Covering>) -> Vec<u8> {
    let anchor = anchor.map_or([0; 32], |covering| covering.anchor.hash());
    [RECEIPT_TAG.as_bytes(), database.as_bytes(), hash.as_slice(), anchor.as_slice()].concat()
}

impl Receipt {
    /// Signs the receipt of the transaction whose canonical bytes are `bytes`. `None` when they are not such bytes.
    pub fn issue(database: Uuid, bytes: Vec<u8>, anchor: Option<Covering>, key: &LedgerKey) -> Option<Self> {
        let (facts, hash) = (Facts::read(&bytes)?, sha256(&bytes));
        let signature = key.sign(&message(database, &hash, anchor.as_ref()));
        let key = key.public().name.clone();
        Some(Self { database, bytes, prev_hash: facts.prev_hash, hash, anchor, key, signature })
    }

    /// The document, for a file.
    pub fn to_document(&self) -> String {
        let written = Written {
            format: RECEIPT_TAG.to_owned(),
            database: self.database,
            bytes: Hexed(self.bytes.clone()),
            prev_hash: Hexed(self.prev_hash),
            hash: Hexed(self.hash),
            anchor: self.anchor.as_ref().map(Covering::written),
            key: self.key.clone(),
            signature: Hexed(self.signature),
        };
        // Texts and integers alone, which JSON can always hold.
        serde_json::to_string_pretty(&written).unwrap_or_default() + "\n"
    }

    /// Reads a document. White space between its parts is free; anything else must stand as [`Receipt::to_document`] writes
    /// it, so that one receipt has one text.
    pub fn parse(text: &str) -> Result<Self, BadReceipt> {
        let read: Written = serde_json::from_str(text).map_err(|error| BadReceipt::NotAReceipt(error.to_string()))?;
        if read.format != RECEIPT_TAG {
            return Err(BadReceipt::NotAReceipt(format!("its format is not {RECEIPT_TAG}")));
        }
        let database = read.database;
        let receipt = Self {
            database,
            bytes: read.bytes.0,
            prev_hash: read.prev_hash.0,
            hash: read.hash.0,
            anchor: read.anchor.map(|written| Covering::read(written, database)),
            key: read.key,
            signature: read.signature.0,
        };
        // No value has white space in it: where there is some, the two differ by it or the value was refused above.
        let bare = |text: &str| text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect::<String>();
        if bare(text) == bare(&receipt.to_document()) && !receipt.has_white_names() {
            Ok(receipt)
        } else {
            Err(BadReceipt::NotAReceipt("it is not written as receipts are".to_owned()))
        }
    }

    fn has_white_names(&self) -> bool {
        let names = std::iter::once(&self.key).chain(self.anchor.iter().map(|covering| &covering.key));
        names.into_iter().any(|name| name.contains(|letter: char| letter.is_ascii_whitespace()))
    }

    /// Whether it proves its transaction; what that is.
    pub fn check(&self, keys: &PublicKeys) -> Result<Facts, BadReceipt> {
        let facts = Facts::read(&self.bytes).ok_or_else(|| BadReceipt::Bytes("the transaction".to_owned()))?;
        if sha256(&self.bytes) != self.hash {
            return Err(BadReceipt::Hash);
        }
        if facts.prev_hash != self.prev_hash {
            return Err(BadReceipt::PrevHash);
        }
        if let Some(covering) = &self.anchor {
            covering.check(&facts, self.hash, keys)?;
        }
        let message = message(self.database, &self.hash, self.anchor.as_ref());
        keys.check(&self.key, &message, &self.signature).map_err(BadReceipt::Signature)?;
        Ok(facts)
    }
}

/// The first multiples of [`SPAN`] above `after` and below `head`, at most `limit`.
pub fn marks(after: i64, head: i64, limit: usize) -> Vec<i64> {
    let first = (after.div_euclid(SPAN) + 1).saturating_mul(SPAN);
    let marks = std::iter::successors(Some(first), |mark| mark.checked_add(SPAN));
    marks.take_while(|mark| *mark < head).take(limit).collect()
}
