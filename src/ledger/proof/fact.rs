//! What the canonical bytes of a transaction say, read back from them alone.

use uuid::Uuid;

use crate::{
    clock::Micros,
    ledger::model::{Digest, TRANSACTION_TAG},
};

/// What a transaction's canonical bytes say, as far as people ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The hash of the transaction before it; zeros for the first.
    pub prev_hash: Digest,
    /// Whose.
    pub account: Uuid,
    /// The transaction's id.
    pub id: Uuid,
    /// The restore epoch.
    pub epoch: i64,
    /// Its number in the account.
    pub sequence: i64,
    /// What it did.
    pub kind: String,
    /// What it was about, credits.
    pub amount: i64,
    /// When, by the account's clock.
    pub at: Micros,
    /// Issued, available, held, spent, expired and revoked credits after it.
    pub balance: [i64; 6],
}

/// The length of an entry: grant, hold, from, to, amount.
const ENTRY_BYTES: usize = 16 + 16 + 2 + 8;

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn int(&mut self) -> Option<i64> {
        self.fixed().map(i64::from_be_bytes)
    }

    fn id(&mut self) -> Option<Uuid> {
        self.fixed().map(Uuid::from_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(u32::from_be_bytes(self.fixed()?)).ok()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }
}

impl Facts {
    /// Reads the bytes that `transaction_bytes` writes; `None` for any others.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes.strip_prefix(TRANSACTION_TAG)?);
        let (prev_hash, account, id) = (bytes.fixed()?, bytes.id()?, bytes.id()?);
        let (epoch, sequence, kind) = (bytes.int()?, bytes.int()?, bytes.text()?);
        let (_key, _request, _actor_kind, _actor) = (bytes.text()?, bytes.take(32)?, bytes.text()?, bytes.id()?);
        let (amount, _refers, _note, at) = (bytes.int()?, bytes.int()?, bytes.take(32)?, bytes.int()?);
        let mut balance = [0; 6];
        for sum in &mut balance {
            *sum = bytes.int()?;
        }
        let entries = usize::try_from(bytes.int()?).ok()?;
        bytes.take(entries.checked_mul(ENTRY_BYTES)?)?;
        let _result: Digest = bytes.fixed()?;
        bytes.0.is_empty().then_some(Self { prev_hash, account, id, epoch, sequence, kind, amount, at, balance })
    }
}
