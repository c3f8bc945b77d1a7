//! The canonical bytes of requests and of journal rows, and their hashes.

use ring::digest::{SHA256, digest};
use uuid::Uuid;

use super::{Entry, Request, Transaction};

/// A SHA-256 value.
pub type Digest = [u8; 32];

/// Collects canonical bytes: integers are 8 bytes big-endian, strings follow a 4-byte length, ids and hashes are raw,
/// absent values are zeros.
pub(super) struct Encoder(Vec<u8>);

impl Encoder {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(768))
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn int(&mut self, value: i64) {
        self.raw(&value.to_be_bytes());
    }

    pub(super) fn count(&mut self, value: usize) {
        self.int(i64::try_from(value).unwrap_or(i64::MAX));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.raw(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.raw(text.as_bytes());
    }

    pub(super) fn id(&mut self, id: Option<Uuid>) {
        self.raw(id.unwrap_or(Uuid::nil()).as_bytes());
    }

    pub(super) fn finish(self) -> Digest {
        sha256(&self.0)
    }
}

/// The SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Digest {
    // It is 32 bytes long, so the fallback is never taken.
    Digest::try_from(digest(&SHA256, bytes).as_ref()).unwrap_or_default()
}

/// What tells a repeat from another request under the same key: operation, arguments, actor.
pub fn request_hash(request: &Request) -> Digest {
    let mut out = Encoder::new();
    out.raw(b"inkledger/request/1");
    out.text(request.operation.kind().as_str());
    match request.key.input() {
        Some(input) => out.raw(&input),
        None => request.operation.canonical(&mut out),
    }
    out.text(request.actor.kind());
    out.id(request.actor.id());
    out.finish()
}

/// The salted hash of a note.
pub fn note_hash(salt: &[u8; 16], body: &str) -> Digest {
    let mut out = Encoder::new();
    out.raw(salt);
    out.raw(body.as_bytes());
    out.finish()
}

/// What stands before the canonical bytes of a journal row.
pub const TRANSACTION_TAG: &[u8] = b"inkledger/tx/1";

/// The hash of a journal row: that of its canonical bytes.
pub fn chain_hash(row: &Transaction, entries: &[Entry]) -> Digest {
    sha256(&transaction_bytes(row, entries))
}

/// The canonical bytes of a journal row: everything in it but the hash itself, its entries, and the hash before it.
pub fn transaction_bytes(row: &Transaction, entries: &[Entry]) -> Vec<u8> {
    let mut out = Encoder::new();
    out.raw(TRANSACTION_TAG);
    out.raw(&row.prev_hash);
    out.id(Some(row.account_id));
    out.id(Some(row.id));
    out.int(row.epoch);
    out.int(row.sequence);
    out.text(row.kind.as_str());
    out.text(&row.key);
    out.raw(&row.request_hash);
    out.text(row.actor.kind());
    out.id(row.actor.id());
    out.int(row.amount);
    out.int(row.refers.unwrap_or(0));
    out.raw(&row.note_hash.unwrap_or_default());
    out.int(row.at);
    for sum in row.balance.six() {
        out.int(sum);
    }
    out.count(entries.len());
    for entry in entries {
        out.id(Some(entry.grant));
        out.id(entry.hold);
        out.raw(&[entry.way.from().byte(), entry.way.to().byte()]);
        out.int(entry.amount);
    }
    out.raw(&sha256(row.result.as_bytes()));
    out.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::model::{Actor, Balance, Kind, Move};

    fn id(n: u8) -> Uuid {
        let mut bytes = *Uuid::from_u128(0x0189_0000_0000_7000_8000_0000_0000_0000).as_bytes();
        bytes[15] = n;
        Uuid::from_bytes(bytes)
    }

    #[test]
    fn hashes_the_row_of_the_documented_test_vector() {
        let row = Transaction {
            account_id: id(1),
            sequence: 1,
            id: id(4),
            epoch: 1,
            kind: Kind::Grant,
            key: "u:abcdefgh".to_owned(),
            request_hash: [0x11; 32],
            actor: Actor::Admin(id(3)),
            amount: 100,
            result: "{}".to_owned(),
            refers: None,
            note_hash: None,
            at: 1_700_000_000_000_000,
            balance: Balance { issued: 100, available: 100, ..Balance::default() },
            prev_hash: [0; 32],
            hash: [0; 32],
        };
        let entries = [Entry { grant: id(2), hold: None, way: Move::Issue, amount: 100 }];
        assert_eq!(
            hex::encode(chain_hash(&row, &entries)),
            "b3f77c150044557032a5458d0840790aa426102e50dded4a25afc9037a2ff1b9"
        );
    }
}
