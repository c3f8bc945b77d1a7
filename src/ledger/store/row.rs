//! Rows turned into model values.

use sea_orm::{DbErr, QueryResult};
use uuid::Uuid;

use crate::ledger::model::{
    Account, Actor, Balance, Bucket, Credits, Digest, Entry, GrantKind, Hold, HoldItem, HoldState, Kind, Lot, Move,
    Standing, Transaction, WorkKind,
};

use super::broken;

/// The columns that `transaction_from` reads.
pub const TRANSACTION_COLUMNS: &str = "account_id, seq, id, epoch, kind, idem_key, request_hash, actor_kind, actor_id, \
     amount, result, refers_seq, note_hash, at, issued_after, available_after, held_after, spent_after, expired_after, \
     revoked_after, prev_hash, hash";

/// The columns that [`account_from`] reads.
pub(super) const ACCOUNT_COLUMNS: &str = "account_id, state, seq, head_hash, issued, available, held, spent, expired, revoked, ledger_now, has_caps, has_thresholds, \
     (SELECT epoch FROM ledger_meta WHERE id = 1) AS epoch";

/// The columns that [`lot_from`] reads.
pub(super) const LOT_COLUMNS: &str = "id, kind, source_ref, priority, expires_at, granted_seq, refunds_seq, amount, \
     available, held, spent, expired, revoked, created_at";

/// The columns that [`hold_from`] reads.
pub(super) const HOLD_COLUMNS: &str = "id, work_kind, work_id, run_id, user_id, price_version_id, prompt_version_id, \
     amount, state, settled, shortfall, refunded, expires_at, opened_seq, closed_seq, created_at";

/// The columns that [`entry_from`] reads.
pub const ENTRY_COLUMNS: &str = "seq, line, grant_id, hold_id, from_bucket, to_bucket, amount";

fn digest(row: &QueryResult, column: &str) -> Result<Digest, DbErr> {
    let bytes: Vec<u8> = row.try_get("", column)?;
    Digest::try_from(bytes.as_slice()).map_err(|_| broken("a hash is not 32 bytes long"))
}

fn maybe_digest(row: &QueryResult, column: &str) -> Result<Option<Digest>, DbErr> {
    let bytes: Option<Vec<u8>> = row.try_get("", column)?;
    bytes.map(|bytes| Digest::try_from(bytes.as_slice()).map_err(|_| broken("a hash is not 32 bytes long"))).transpose()
}

fn word<T>(row: &QueryResult, column: &str, parse: impl Fn(&str) -> Option<T>, what: &'static str) -> Result<T, DbErr> {
    let text: String = row.try_get("", column)?;
    parse(&text).ok_or_else(|| broken(what))
}

pub fn transaction_from(row: &QueryResult) -> Result<Transaction, DbErr> {
    let actor_kind: String = row.try_get("", "actor_kind")?;
    let actor_id: Option<Uuid> = row.try_get("", "actor_id")?;
    Ok(Transaction {
        account_id: row.try_get("", "account_id")?,
        sequence: row.try_get("", "seq")?,
        id: row.try_get("", "id")?,
        epoch: row.try_get("", "epoch")?,
        kind: word(row, "kind", Kind::parse, "an unknown kind of transaction")?,
        key: row.try_get("", "idem_key")?,
        request_hash: digest(row, "request_hash")?,
        actor: Actor::parse(&actor_kind, actor_id).ok_or_else(|| broken("an unknown actor"))?,
        amount: row.try_get("", "amount")?,
        result: row.try_get("", "result")?,
        refers: row.try_get("", "refers_seq")?,
        note_hash: maybe_digest(row, "note_hash")?,
        at: row.try_get("", "at")?,
        balance: Balance {
            issued: row.try_get("", "issued_after")?,
            available: row.try_get("", "available_after")?,
            held: row.try_get("", "held_after")?,
            spent: row.try_get("", "spent_after")?,
            expired: row.try_get("", "expired_after")?,
            revoked: row.try_get("", "revoked_after")?,
        },
        prev_hash: digest(row, "prev_hash")?,
        hash: digest(row, "hash")?,
    })
}

pub(super) fn account_from(row: &QueryResult) -> Result<Account, DbErr> {
    Ok(Account {
        id: row.try_get("", "account_id")?,
        standing: word(row, "state", Standing::parse, "an unknown state of an account")?,
        sequence: row.try_get("", "seq")?,
        epoch: row.try_get("", "epoch")?,
        head_hash: digest(row, "head_hash")?,
        balance: buckets(row, "issued")?,
        ledger_now: row.try_get("", "ledger_now")?,
        has_caps: row.try_get::<i32>("", "has_caps")? == 1,
        has_thresholds: row.try_get::<i32>("", "has_thresholds")? == 1,
    })
}

fn buckets(row: &QueryResult, issued: &str) -> Result<Balance, DbErr> {
    Ok(Balance {
        issued: row.try_get("", issued)?,
        available: row.try_get("", "available")?,
        held: row.try_get("", "held")?,
        spent: row.try_get("", "spent")?,
        expired: row.try_get("", "expired")?,
        revoked: row.try_get("", "revoked")?,
    })
}

pub(super) fn lot_from(row: &QueryResult) -> Result<Lot, DbErr> {
    Ok(Lot {
        id: row.try_get("", "id")?,
        kind: word(row, "kind", GrantKind::parse, "an unknown kind of grant")?,
        source_ref: row.try_get("", "source_ref")?,
        priority: row.try_get("", "priority")?,
        expires_at: row.try_get("", "expires_at")?,
        granted_seq: row.try_get("", "granted_seq")?,
        refunds_seq: row.try_get("", "refunds_seq")?,
        balance: buckets(row, "amount")?,
        created_at: row.try_get("", "created_at")?,
    })
}

pub(super) fn hold_from(row: &QueryResult) -> Result<Hold, DbErr> {
    let closed: Option<i64> = row.try_get("", "closed_seq")?;
    let state: String = row.try_get("", "state")?;
    let state = match (state.as_str(), closed) {
        ("held", None) => HoldState::Held,
        ("settled", Some(sequence)) => HoldState::Settled {
            sequence,
            settled: row.try_get("", "settled")?,
            shortfall: row.try_get("", "shortfall")?,
            refunded: row.try_get("", "refunded")?,
        },
        ("released", Some(sequence)) => HoldState::Released { sequence },
        ("expired", Some(sequence)) => HoldState::Expired { sequence },
        _ => return Err(broken("an unknown state of a hold")),
    };
    let amount: i64 = row.try_get("", "amount")?;
    Ok(Hold {
        item: HoldItem {
            hold_id: row.try_get("", "id")?,
            work_kind: word(row, "work_kind", WorkKind::parse, "an unknown kind of work")?,
            work_id: row.try_get("", "work_id")?,
            run_id: row.try_get("", "run_id")?,
            user_id: row.try_get("", "user_id")?,
            price_version_id: row.try_get("", "price_version_id")?,
            prompt_version_id: row.try_get("", "prompt_version_id")?,
            amount: Credits::new(amount).map_err(|_| broken("an amount out of range"))?,
            expires_at: row.try_get("", "expires_at")?,
        },
        state,
        opened_seq: row.try_get("", "opened_seq")?,
        created_at: row.try_get("", "created_at")?,
        parts: Vec::new(),
        caps: Vec::new(),
    })
}

pub fn entry_from(row: &QueryResult) -> Result<Entry, DbErr> {
    let from = word(row, "from_bucket", Bucket::parse, "an unknown bucket")?;
    let to = word(row, "to_bucket", Bucket::parse, "an unknown bucket")?;
    Ok(Entry {
        grant: row.try_get("", "grant_id")?,
        hold: row.try_get("", "hold_id")?,
        way: Move::between(from, to).ok_or_else(|| broken("an unknown move"))?,
        amount: row.try_get("", "amount")?,
    })
}
