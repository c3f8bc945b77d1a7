//! An anchor: one signed line that binds the heads of the accounts' chains at one moment, and the line before it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    hexed::Hexed,
    key::{BadSignature, LedgerKey, PublicKeys, Signature},
    merkle,
};
use crate::{
    clock::Micros,
    ledger::model::{Digest, sha256},
};

/// What stands before the signed bytes of an anchor, and names the form of its line.
pub const ANCHOR_TAG: &str = "inkledger/anchor/1";

/// The most leaves of one anchor: its line stays below 600 kB. What does not fit goes into the next one.
pub const LEAVES_MAX: usize = 4_096;

/// Within what one anchor covers of an account, every transaction whose number is a multiple of this is a leaf too, so that
/// no transaction is farther from one.
pub const SPAN: i64 = 256;

/// A link of an account's chain: the hash of its transaction `sequence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Head {
    /// Whose.
    pub account: Uuid,
    /// The number of the transaction.
    pub sequence: i64,
    /// Its hash.
    pub hash: Digest,
}

impl Head {
    /// The bytes of a stored head.
    pub const BYTES: usize = 56;

    /// Account ‖ sequence ‖ hash: what is hashed as a leaf.
    pub fn bytes(&self) -> Vec<u8> {
        [self.account.as_bytes().as_slice(), &self.sequence.to_be_bytes(), &self.hash].concat()
    }

    /// Reads one head; `None` when the length is another.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (account, rest) = bytes.split_first_chunk::<16>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let hash = Digest::try_from(rest).ok()?;
        Some(Self { account: Uuid::from_bytes(*account), sequence: i64::from_be_bytes(*sequence), hash })
    }

    /// The hash of the leaf.
    pub fn leaf(&self) -> Digest {
        merkle::leaf(&self.bytes())
    }
}

/// What an anchor says. Its signature stands over [`Anchor::bytes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// Which database.
    pub database: Uuid,
    /// 1, 2, 3 … without a gap.
    pub number: i64,
    /// The anchor whose state this one continues: the one before it, or after an accepted restore an earlier one. What lies
    /// between the two was lost with the restore.
    pub base: i64,
    /// The restore epoch.
    pub epoch: i64,
    /// When, by the clock of whoever wrote it.
    pub at: Micros,
    /// The hash of the anchor before it; zeros for the first.
    pub prev_hash: Digest,
    /// How many leaves there are.
    pub count: i64,
    /// The root over them.
    pub root: Digest,
}

impl Anchor {
    /// The signed bytes: tag ‖ database ‖ number ‖ base ‖ epoch ‖ at ‖ prev ‖ count ‖ root, integers as 8 bytes big-endian.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = ANCHOR_TAG.as_bytes().to_vec();
        bytes.extend_from_slice(self.database.as_bytes());
        for number in [self.number, self.base, self.epoch, self.at] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.prev_hash);
        bytes.extend_from_slice(&self.count.to_be_bytes());
        bytes.extend_from_slice(&self.root);
        bytes
    }

    /// The hash that the next anchor names.
    pub fn hash(&self) -> Digest {
        sha256(&self.bytes())
    }
}

/// An anchor with its signature and its leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub anchor: Anchor,
    /// The name of the key that signed it.
    pub key: String,
    /// The signature.
    pub signature: Signature,
    /// The leaves, ordered by account and sequence.
    pub heads: Vec<Head>,
}

/// Why a line proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// It is not a line of ours.
    #[error("this is not an anchor")]
    NotAnAnchor,
    /// The leaves are not those that were signed.
    #[error("the heads do not add up to the root")]
    Root,
    /// The leaves are not in order.
    #[error("the heads are not in order")]
    Order,
    /// The signature is not one.
    #[error(transparent)]
    Signature(#[from] BadSignature),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: String,
    database: Uuid,
    number: i64,
    base: i64,
    epoch: i64,
    at: i64,
    prev: Hexed<Digest>,
    count: i64,
    root: Hexed<Digest>,
    key: String,
    signature: Hexed<Signature>,
    heads: Vec<(Uuid, i64, Hexed<Digest>)>,
}

impl Line {
    /// Signs what `anchor` says about `heads`, whose number and root are filled in. The heads are ordered.
    pub fn seal(anchor: Anchor, heads: Vec<Head>, key: &LedgerKey) -> Self {
        let leaves: Vec<Digest> = heads.iter().map(Head::leaf).collect();
        let count = i64::try_from(heads.len()).unwrap_or(i64::MAX);
        let anchor = Anchor { count, root: merkle::root(&leaves), ..anchor };
        let signature = key.sign(&anchor.bytes());
        Self { anchor, key: key.public().name.clone(), signature, heads }
    }

    /// The line of the file, with its end.
    pub fn to_text(&self) -> String {
        let Self { anchor, key, signature, heads } = self;
        let written = Written {
            format: ANCHOR_TAG.to_owned(),
            database: anchor.database,
            number: anchor.number,
            base: anchor.base,
            epoch: anchor.epoch,
            at: anchor.at,
            prev: Hexed(anchor.prev_hash),
            count: anchor.count,
            root: Hexed(anchor.root),
            key: key.clone(),
            signature: Hexed(*signature),
            heads: heads.iter().map(|head| (head.account, head.sequence, Hexed(head.hash))).collect(),
        };
        // Texts and integers alone, which JSON can always hold.
        serde_json::to_string(&written).unwrap_or_default() + "\n"
    }

    /// Reads a line of the file. Only the exact text that [`Line::to_text`] writes is one.
    pub fn parse(text: &str) -> Result<Self, BadLine> {
        let written: Written = serde_json::from_str(text).map_err(|_| BadLine::NotAnAnchor)?;
        let heads = written.heads.iter();
        let line = Self {
            anchor: Anchor {
                database: written.database,
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
            heads: heads
                .map(|(account, sequence, hash)| Head { account: *account, sequence: *sequence, hash: hash.0 })
                .collect(),
        };
        let is_exact = written.format == ANCHOR_TAG && line.to_text().trim_end() == text.trim_end_matches('\n');
        if is_exact { Ok(line) } else { Err(BadLine::NotAnAnchor) }
    }

    /// Whether the key signed it and the heads are those of the root.
    pub fn check(&self, keys: &PublicKeys) -> Result<(), BadLine> {
        keys.check(&self.key, &self.anchor.bytes(), &self.signature)?;
        if !self.heads.is_sorted_by(|one, other| (one.account, one.sequence) < (other.account, other.sequence)) {
            return Err(BadLine::Order);
        }
        let leaves: Vec<Digest> = self.heads.iter().map(Head::leaf).collect();
        let is_whole =
            i64::try_from(leaves.len()) == Ok(self.anchor.count) && merkle::root(&leaves) == self.anchor.root;
        if is_whole { Ok(()) } else { Err(BadLine::Root) }
    }
}
