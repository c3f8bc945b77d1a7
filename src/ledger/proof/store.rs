//! The tables of anchors, and what they are made from. Must never decide anything.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::anchor::{Anchor, Head, Line};
use crate::{
    clock::Micros,
    db::{engine_of, many, statement},
    ledger::{
        model::{Digest, Entry, Transaction},
        store::{ENTRY_COLUMNS, TRANSACTION_COLUMNS, broken, entry_from, transaction_from},
    },
};

const ANCHOR_COLUMNS: &str =
    "number, base, epoch, at, prev_hash, root, hash, key_name, signature, heads, is_void, stored_at";

/// Heads in one statement.
const HEADS_AT_ONCE: usize = 500;

/// Leaves in one statement that writes.
const ROWS_MAX: usize = 1_024;

/// Where the chain of anchors stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tip {
    /// The last anchor's number; 0 before the first.
    pub(super) number: i64,
    /// Its hash; zeros before the first.
    pub(super) hash: Digest,
    /// Whether what it covers was lost.
    pub(super) is_void: bool,
}

fn fixed<const N: usize>(row: &QueryResult, column: &str) -> Result<[u8; N], DbErr> {
    let bytes: Vec<u8> = row.try_get("", column)?;
    <[u8; N]>::try_from(bytes.as_slice()).map_err(|_| broken("a hash or signature of another length"))
}

fn line_from(row: &QueryResult, database: Uuid) -> Result<Line, DbErr> {
    let packed: Vec<u8> = row.try_get("", "heads")?;
    let heads: Option<Vec<Head>> = packed.chunks(Head::BYTES).map(Head::read).collect();
    let heads = heads.ok_or_else(|| broken("the heads of an anchor"))?;
    Ok(Line {
        anchor: Anchor {
            database,
            number: row.try_get("", "number")?,
            base: row.try_get("", "base")?,
            epoch: row.try_get("", "epoch")?,
            at: row.try_get("", "at")?,
            prev_hash: fixed(row, "prev_hash")?,
            count: i64::try_from(heads.len()).unwrap_or(i64::MAX),
            root: fixed(row, "root")?,
        },
        key: row.try_get("", "key_name")?,
        signature: fixed(row, "signature")?,
        heads,
    })
}

/// The database's id and epoch; `None` before a server has named it.
pub(super) async fn find_meta(connection: &impl ConnectionTrait, locked: bool) -> Result<Option<(Uuid, i64)>, DbErr> {
    let lock = if locked { engine_of(connection).for_update() } else { "" };
    let sql = format!("SELECT database_id, epoch FROM ledger_meta WHERE id = 1{lock}");
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    row.map(|row| Ok((row.try_get("", "database_id")?, row.try_get("", "epoch")?))).transpose()
}

/// Raises the restore epoch, above `lost` too, and answers the new one.
pub(super) async fn raise_epoch(tx: &impl ConnectionTrait, lost: i64, now: Micros) -> Result<i64, DbErr> {
    let sql = "UPDATE ledger_meta SET epoch = CASE WHEN epoch > $1 THEN epoch ELSE $1 END + 1, restored_at = $2 \
               WHERE id = 1 RETURNING epoch";
    let row = tx.query_one_raw(statement(tx, sql, [lost.into(), now.into()])).await?;
    row.ok_or_else(|| broken("ledger_meta is empty"))?.try_get("", "epoch")
}

/// The last anchor.
pub(super) async fn tip(connection: &impl ConnectionTrait) -> Result<Tip, DbErr> {
    let sql = "SELECT number, hash, is_void FROM ledger_anchor ORDER BY number DESC LIMIT 1";
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    row.map_or(Ok(Tip { number: 0, hash: [0; 32], is_void: false }), |row| {
        Ok(Tip { number: row.try_get("", "number")?, hash: fixed(&row, "hash")?, is_void: row.try_get("", "is_void")? })
    })
}

/// The number of the last anchor whose heads were not lost; 0 when there is none.
pub(super) async fn last_valid(connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let sql = "SELECT number FROM ledger_anchor WHERE NOT is_void ORDER BY number DESC LIMIT 1";
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "number"))
}

/// An anchor with its leaves.
pub(super) async fn find_line(
    connection: &impl ConnectionTrait,
    database: Uuid,
    number: i64,
) -> Result<Option<Line>, DbErr> {
    let sql = format!("SELECT {ANCHOR_COLUMNS} FROM ledger_anchor WHERE number = $1");
    let row = connection.query_one_raw(statement(connection, sql, [number.into()])).await?;
    row.map(|row| line_from(&row, database)).transpose()
}

/// Up to `limit` anchors after `number`, in order.
pub(super) async fn list_lines(
    connection: &impl ConnectionTrait,
    database: Uuid,
    number: i64,
    limit: i64,
) -> Result<Vec<Line>, DbErr> {
    let sql = format!("SELECT {ANCHOR_COLUMNS} FROM ledger_anchor WHERE number > $1 ORDER BY number LIMIT $2");
    let rows = connection.query_all_raw(statement(connection, sql, [number.into(), limit.into()])).await?;
    rows.iter().map(|row| line_from(row, database)).collect()
}

/// Up to `limit` anchors that are not in the object store, in order.
pub(super) async fn list_unstored(
    connection: &impl ConnectionTrait,
    database: Uuid,
    limit: i64,
) -> Result<Vec<Line>, DbErr> {
    let sql = format!("SELECT {ANCHOR_COLUMNS} FROM ledger_anchor WHERE stored_at IS NULL ORDER BY number LIMIT $1");
    let rows = connection.query_all_raw(statement(connection, sql, [limit.into()])).await?;
    rows.iter().map(|row| line_from(row, database)).collect()
}

/// Notes that the object store has an anchor.
pub(super) async fn update_stored(tx: &impl ConnectionTrait, number: i64, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE ledger_anchor SET stored_at = $2 WHERE number = $1 AND stored_at IS NULL";
    tx.execute_raw(statement(tx, sql, [number.into(), now.into()])).await?;
    Ok(())
}

/// A new anchor. What one that is void covers is not noted: it is not in this database.
pub(super) async fn insert_line(tx: &impl ConnectionTrait, line: &Line, is_void: bool) -> Result<(), DbErr> {
    let anchor = &line.anchor;
    let sql = "INSERT INTO ledger_anchor (number, base, epoch, at, prev_hash, root, hash, key_name, signature, heads, \
               is_void) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values: [Value; 11] = [
        anchor.number.into(),
        anchor.base.into(),
        anchor.epoch.into(),
        anchor.at.into(),
        anchor.prev_hash.to_vec().into(),
        anchor.root.to_vec().into(),
        anchor.hash().to_vec().into(),
        line.key.as_str().into(),
        line.signature.to_vec().into(),
        line.heads.iter().flat_map(Head::bytes).collect::<Vec<u8>>().into(),
        is_void.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    if is_void {
        return Ok(());
    }
    for part in line.heads.chunks(ROWS_MAX) {
        let (groups, values) = many::groups(
            engine_of(tx),
            part.iter().map(|head| vec![head.account.into(), head.sequence.into(), anchor.number.into()]).collect(),
        );
        let sql = format!("INSERT INTO ledger_anchored_head (account_id, seq, anchor_number) VALUES {groups}");
        tx.execute_raw(statement(tx, sql, values)).await?;
    }
    Ok(())
}

/// An account whose chain is longer than what anchors cover of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moved {
    /// Its head.
    pub(super) head: Head,
    /// The last transaction that an anchor covers; 0 when none does.
    pub(super) anchored: i64,
}

/// Up to `limit` accounts that moved since they were last anchored, in the order of their ids; `since` looks only at accounts
/// with a transaction whose id is not smaller, by the index on ids, which begin with the time.
pub(super) async fn list_moved(
    connection: &impl ConnectionTrait,
    since: Option<Uuid>,
    limit: usize,
) -> Result<Vec<Moved>, DbErr> {
    let (condition, mut values): (&str, Vec<Value>) = match since {
        Some(id) => {
            ("WHERE a.account_id IN (SELECT t.account_id FROM credit_transaction t WHERE t.id >= $2)", vec![id.into()])
        }
        None => ("", Vec::new()),
    };
    values.insert(0, i64::try_from(limit).unwrap_or(i64::MAX).into());
    let sql = format!(
        "SELECT account_id, seq, head_hash, anchored FROM (SELECT a.account_id, a.seq, a.head_hash, \
         COALESCE((SELECT MAX(h.seq) FROM ledger_anchored_head h WHERE h.account_id = a.account_id), 0) AS anchored \
         FROM ledger_account a {condition}) m WHERE seq > anchored ORDER BY account_id LIMIT $1"
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter()
        .map(|row| {
            let (account, sequence) = (row.try_get("", "account_id")?, row.try_get("", "seq")?);
            let head = Head { account, sequence, hash: fixed(row, "head_hash")? };
            Ok(Moved { head, anchored: row.try_get("", "anchored")? })
        })
        .collect()
}

/// The hashes of these transactions, each an account and a sequence; those that are not there are left out.
pub(in crate::ledger) async fn load_hashes(
    connection: &impl ConnectionTrait,
    places: &[(Uuid, i64)],
) -> Result<HashMap<(Uuid, i64), Digest>, DbErr> {
    let mut found = HashMap::with_capacity(places.len());
    for part in places.chunks(HEADS_AT_ONCE) {
        let (groups, values) = many::groups(
            engine_of(connection),
            part.iter().map(|(account, sequence)| vec![(*account).into(), (*sequence).into()]).collect(),
        );
        let sql = format!(
            "SELECT t.account_id, t.seq, t.hash FROM (VALUES {groups}) AS k CROSS JOIN credit_transaction t \
             WHERE t.account_id = k.column1 AND t.seq = k.column2"
        );
        for row in connection.query_all_raw(statement(connection, sql, values)).await? {
            found.insert((row.try_get("", "account_id")?, row.try_get("", "seq")?), fixed(&row, "hash")?);
        }
    }
    Ok(found)
}

/// The first anchored transaction of an account from `sequence` on: its number, and that of the anchor.
pub(super) async fn find_covering(
    connection: &impl ConnectionTrait,
    account: Uuid,
    sequence: i64,
) -> Result<Option<(i64, i64)>, DbErr> {
    let sql =
        "SELECT seq, anchor_number FROM ledger_anchored_head WHERE account_id = $1 AND seq >= $2 ORDER BY seq LIMIT 1";
    let row = connection.query_one_raw(statement(connection, sql, [account.into(), sequence.into()])).await?;
    row.map(|row| Ok((row.try_get("", "seq")?, row.try_get("", "anchor_number")?))).transpose()
}

/// An account's transactions from one sequence to another, both included, each with its entries, in order.
pub(super) async fn list_journal(
    connection: &impl ConnectionTrait,
    account: Uuid,
    from: i64,
    upto: i64,
) -> Result<Vec<(Transaction, Vec<Entry>)>, DbErr> {
    let between = "WHERE account_id = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq";
    let values: [Value; 3] = [account.into(), from.into(), upto.into()];
    let sql = format!("SELECT {TRANSACTION_COLUMNS} FROM credit_transaction {between}");
    let transactions = connection.query_all_raw(statement(connection, sql, values.clone())).await?;
    let sql = format!("SELECT {ENTRY_COLUMNS} FROM credit_entry {between}, line");
    let mut entries: HashMap<i64, Vec<Entry>> = HashMap::new();
    for row in connection.query_all_raw(statement(connection, sql, values)).await? {
        entries.entry(row.try_get("", "seq")?).or_default().push(entry_from(&row)?);
    }
    let mut found = Vec::with_capacity(transactions.len());
    for row in &transactions {
        let transaction = transaction_from(row)?;
        let own = entries.remove(&transaction.sequence).unwrap_or_default();
        found.push((transaction, own));
    }
    Ok(found)
}
