//! Receipts in the API.

use async_graphql::Object;

use super::types::CreditTransaction;
use crate::{
    graphql::scalars::{DateTime, SafeInt},
    ledger::proof::{Covering, Receipt},
};

/// The signed proof of one credit transaction. docs/proof.md says how it is checked without this server.
pub struct CreditReceipt {
    pub(super) transaction: CreditTransaction,
    pub(super) receipt: Receipt,
}

/// The signed proof of one credit transaction.
#[Object]
impl CreditReceipt {
    /// The transaction.
    async fn transaction(&self) -> &CreditTransaction {
        &self.transaction
    }

    /// The canonical bytes that the hash is of, in hexadecimal.
    async fn bytes(&self) -> String {
        hex::encode(&self.receipt.bytes)
    }

    /// The hash of the account's transaction before it, in hexadecimal; zeros for the first.
    async fn prev_hash(&self) -> String {
        hex::encode(self.receipt.prev_hash)
    }

    /// The SHA-256 of the bytes, in hexadecimal.
    async fn hash(&self) -> String {
        hex::encode(self.receipt.hash)
    }

    /// The anchor that covers the transaction, and the way to it; null while none does, which is a minute at most.
    async fn anchor(&self) -> Option<CreditAnchor> {
        self.receipt.anchor.clone().map(CreditAnchor)
    }

    /// The name of the key that signed the receipt, one of `/.well-known/inkledger-ledger-keys.json`.
    async fn key(&self) -> &str {
        &self.receipt.key
    }

    /// The Ed25519 signature, in hexadecimal.
    async fn signature(&self) -> String {
        hex::encode(self.receipt.signature)
    }

    /// All of it as one JSON document, which `inkledger ledger receipt verify` takes as a file.
    async fn document(&self) -> String {
        self.receipt.to_document()
    }
}

/// A signed line that binds the heads of accounts at one moment, as far as it covers one transaction.
pub struct CreditAnchor(Covering);

/// A signed line that binds the heads of accounts at one moment, as far as it covers one transaction.
#[Object]
impl CreditAnchor {
    /// Its number: 1, 2, 3 … without a gap.
    async fn number(&self) -> SafeInt {
        SafeInt(self.0.anchor.number)
    }

    /// The anchor that it continues: the one before it, or an earlier one after a restore.
    async fn base(&self) -> SafeInt {
        SafeInt(self.0.anchor.base)
    }

    /// The restore epoch.
    async fn epoch(&self) -> SafeInt {
        SafeInt(self.0.anchor.epoch)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.anchor.at)
    }

    /// The hash of the anchor before it, in hexadecimal; zeros for the first.
    async fn prev_hash(&self) -> String {
        hex::encode(self.0.anchor.prev_hash)
    }

    /// How many leaves its Merkle tree has.
    async fn leaf_count(&self) -> SafeInt {
        SafeInt(self.0.anchor.count)
    }

    /// The root of the tree, in hexadecimal.
    async fn root(&self) -> String {
        hex::encode(self.0.anchor.root)
    }

    /// The name of the key that signed it.
    async fn key(&self) -> &str {
        &self.0.key
    }

    /// The Ed25519 signature, in hexadecimal.
    async fn signature(&self) -> String {
        hex::encode(self.0.signature)
    }

    /// The canonical bytes of the account's transactions from this one to the anchored one, in hexadecimal; at most 255. Whoever is
    /// given the receipt can read these too: their amounts, times, idempotency keys and the ids of who asked.
    async fn links(&self) -> Vec<String> {
        self.0.links.iter().map(hex::encode).collect()
    }

    /// The number of the anchored transaction.
    async fn sequence(&self) -> SafeInt {
        SafeInt(self.0.sequence)
    }

    /// Where its leaf stands in the tree, from 0.
    async fn leaf_index(&self) -> SafeInt {
        SafeInt(self.0.index)
    }

    /// The hashes that lead from the leaf to the root, in hexadecimal; at most 12.
    async fn path(&self) -> Vec<String> {
        self.0.path.iter().map(hex::encode).collect()
    }
}
