//! What holds and lots have to do with each other, by the entries.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use crate::{
    db::{engine_of, many, places, statement},
    ledger::model::Entry,
};

use super::{
    HoldPlace, Slice,
    condition::{direction, limit},
    grant::{Grant, READER_COLUMNS, grant_from},
    row::{ENTRY_COLUMNS, LOT_COLUMNS, entry_from},
};

/// What one hold had of one lot, whole credits. What it reserved and charged beyond that is charged, returned or expired:
/// `reserved + charged_beyond = charged + returned + expired` once it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Draw {
    /// The lot.
    pub grant: Uuid,
    /// Reserved when it was taken.
    pub reserved: i64,
    /// Charged in all.
    pub charged: i64,
    /// What of that was charged beyond the reservation.
    pub charged_beyond: i64,
    /// Given back to the lot.
    pub returned: i64,
    /// Given back when the lot's time was over.
    pub expired: i64,
}

/// A hold and the transactions that opened and ended it.
pub type HoldEnds = (Uuid, i64, Option<i64>);

const DRAW_SUMS: &str = "CAST(SUM(CASE WHEN e.to_bucket = 'held' THEN e.amount ELSE 0 END) AS bigint) AS reserved, \
     CAST(SUM(CASE WHEN e.to_bucket = 'spent' THEN e.amount ELSE 0 END) AS bigint) AS charged, \
     CAST(SUM(CASE WHEN e.from_bucket = 'available' AND e.to_bucket = 'spent' THEN e.amount ELSE 0 END) AS bigint) AS beyond, \
     CAST(SUM(CASE WHEN e.from_bucket = 'held' AND e.to_bucket = 'available' THEN e.amount ELSE 0 END) AS bigint) AS returned, \
     CAST(SUM(CASE WHEN e.from_bucket = 'held' AND e.to_bucket = 'expired' THEN e.amount ELSE 0 END) AS bigint) AS expired";

fn draw_from(row: &QueryResult) -> Result<Draw, DbErr> {
    Ok(Draw {
        grant: row.try_get("", "grant_id")?,
        reserved: row.try_get("", "reserved")?,
        charged: row.try_get("", "charged")?,
        charged_beyond: row.try_get("", "beyond")?,
        returned: row.try_get("", "returned")?,
        expired: row.try_get("", "expired")?,
    })
}

/// The entries of holds, found by the two transactions that each has: `e` of one account.
fn entries_of(connection: &impl ConnectionTrait, account: Uuid, holds: &[HoldEnds]) -> (String, Vec<Value>) {
    let pairs = holds.iter().flat_map(|(hold, opened, closed)| {
        std::iter::once(*opened)
            .chain(*closed)
            .map(|sequence| vec![Value::from(account), Value::from(sequence), Value::from(*hold)])
    });
    let (groups, values) = many::groups(engine_of(connection), pairs.collect());
    let sql = format!(
        "FROM (VALUES {groups}) AS k JOIN credit_entry e \
         ON e.account_id = k.column1 AND e.seq = k.column2 AND e.hold_id = k.column3"
    );
    (sql, values)
}

/// What each of one account's holds had of which lots, in the order of the lots' ids.
pub async fn load_draws(
    connection: &impl ConnectionTrait,
    account: Uuid,
    holds: &[HoldEnds],
) -> Result<HashMap<Uuid, Vec<Draw>>, DbErr> {
    let mut draws: HashMap<Uuid, Vec<Draw>> = HashMap::new();
    if holds.is_empty() {
        return Ok(draws);
    }
    let (from, values) = entries_of(connection, account, holds);
    let sql = format!(
        "SELECT e.hold_id AS hold_id, e.grant_id AS grant_id, {DRAW_SUMS} {from} \
         GROUP BY e.hold_id, e.grant_id ORDER BY e.hold_id, e.grant_id"
    );
    for row in connection.query_all_raw(statement(connection, sql, values)).await? {
        draws.entry(row.try_get("", "hold_id")?).or_default().push(draw_from(&row)?);
    }
    Ok(draws)
}

/// The lots that gave charges back, by the settle transaction, at most `most` in all.
pub async fn load_refunds(
    connection: &impl ConnectionTrait,
    account: Uuid,
    settles: &[i64],
    most: u64,
) -> Result<HashMap<i64, Vec<Grant>>, DbErr> {
    let mut refunds: HashMap<i64, Vec<Grant>> = HashMap::new();
    if settles.is_empty() {
        return Ok(refunds);
    }
    let sql = format!(
        "SELECT {READER_COLUMNS}, {LOT_COLUMNS} FROM credit_grant WHERE account_id = $1 AND refunds_seq IN ({}) \
         ORDER BY refunds_seq, granted_seq LIMIT {most}",
        places(2, settles.len())
    );
    let values = std::iter::once(Value::from(account)).chain(settles.iter().copied().map(Value::from));
    for row in connection.query_all_raw(statement(connection, sql, values)).await? {
        let grant = grant_from(&row)?;
        if let Some(settle) = grant.lot.refunds_seq {
            refunds.entry(settle).or_default().push(grant);
        }
    }
    Ok(refunds)
}

/// The holds of one transaction, which has few.
pub async fn list_holds_of_transaction(
    connection: &impl ConnectionTrait,
    account: Uuid,
    sequence: i64,
) -> Result<Vec<Uuid>, DbErr> {
    let sql = "SELECT DISTINCT hold_id FROM credit_entry WHERE account_id = $1 AND seq = $2 AND hold_id IS NOT NULL";
    let rows = connection.query_all_raw(statement(connection, sql, [account.into(), sequence.into()])).await?;
    rows.iter().map(|row| row.try_get("", "hold_id")).collect()
}

/// The entry of lot `$1` by which each hold first drew on it. Compared as a value, which is looked up by its key: for a
/// `NOT EXISTS` PostgreSQL may read the whole table first.
const FIRST_DRAWS: &str = "e.grant_id = $1 AND e.hold_id IS NOT NULL AND (e.to_bucket = 'held' \
     OR (e.from_bucket = 'available' AND e.to_bucket = 'spent' AND \
     (SELECT l.amount FROM credit_hold_lot l WHERE l.hold_id = e.hold_id AND l.grant_id = e.grant_id) IS NULL))";

/// How many holds drew on a lot.
pub async fn count_holds_of_grant(connection: &impl ConnectionTrait, grant: Uuid) -> Result<i64, DbErr> {
    let sql = format!("SELECT COUNT(*) AS n FROM credit_entry e WHERE {FIRST_DRAWS}");
    let row = connection.query_one_raw(statement(connection, sql, [grant.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// The holds that drew on a lot, each with the transaction by which it first did. Reading goes by the lot's own entries.
pub async fn list_holds_of_grant(
    connection: &impl ConnectionTrait,
    grant: Uuid,
    slice: Slice<HoldPlace>,
) -> Result<Vec<HoldPlace>, DbErr> {
    let mut condition = String::new();
    let mut values: Vec<Value> = vec![grant.into()];
    for (end, sign) in [(slice.above, '>'), (slice.below, '<')] {
        if let Some((sequence, id)) = end {
            let place = values.len() + 1;
            values.extend([sequence.into(), id.into()]);
            // The first half is for the index; the second decides among those of one transaction.
            condition.push_str(&format!(
                " AND e.seq {sign}= ${place} AND (e.seq, e.hold_id) {sign} (${place}, ${})",
                place + 1
            ));
        }
    }
    values.push(limit(slice.limit));
    let way = direction(slice.order);
    let sql = format!(
        "SELECT e.seq AS seq, e.hold_id AS hold_id FROM credit_entry e WHERE {FIRST_DRAWS}{condition} \
         ORDER BY e.seq {way}, e.hold_id {way} LIMIT ${}",
        values.len()
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| Ok((row.try_get("", "seq")?, row.try_get("", "hold_id")?))).collect()
}

/// Whose entries are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovesOf {
    /// A lot's.
    Grant(Uuid),
    /// A transaction's: account and number.
    Transaction(Uuid, i64),
}

impl MovesOf {
    fn condition(self) -> (String, Vec<Value>) {
        match self {
            Self::Grant(grant) => ("grant_id = $1".to_owned(), vec![grant.into()]),
            Self::Transaction(account, sequence) => {
                ("account_id = $1 AND seq = $2".to_owned(), vec![account.into(), sequence.into()])
            }
        }
    }
}

/// How many entries a lot or a transaction has.
pub async fn count_moves(connection: &impl ConnectionTrait, of: MovesOf) -> Result<i64, DbErr> {
    let (condition, values) = of.condition();
    let sql = format!("SELECT COUNT(*) AS n FROM credit_entry WHERE {condition}");
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// An entry with its place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacedEntry {
    /// The transaction.
    pub sequence: i64,
    /// Its place in the transaction: 1, 2, 3 …
    pub line: i32,
    /// The entry itself.
    pub entry: Entry,
}

/// Lines of one transaction, of which there are far fewer, in a key of sequence and line.
const LINES: i64 = 65_536;

impl PlacedEntry {
    /// Where it stands in a list.
    pub fn key(&self) -> i64 {
        self.sequence.saturating_mul(LINES).saturating_add(self.line.into())
    }
}

/// The entries of a lot or a transaction, by their place in the journal.
pub async fn list_moves(
    connection: &impl ConnectionTrait,
    of: MovesOf,
    slice: Slice,
) -> Result<Vec<PlacedEntry>, DbErr> {
    let (mut condition, mut values) = of.condition();
    for (end, sign) in [(slice.above, '>'), (slice.below, '<')] {
        if let Some(key) = end {
            let (sequence, line) = (key.div_euclid(LINES), key.rem_euclid(LINES));
            let place = values.len() + 1;
            values.extend([sequence.into(), line.into()]);
            condition.push_str(&format!(" AND seq {sign}= ${place} AND (seq, line) {sign} (${place}, ${})", place + 1));
        }
    }
    values.push(limit(slice.limit));
    let way = direction(slice.order);
    let sql = format!(
        "SELECT {ENTRY_COLUMNS} FROM credit_entry WHERE {condition} ORDER BY seq {way}, line {way} LIMIT ${}",
        values.len()
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter()
        .map(|row| {
            Ok(PlacedEntry {
                sequence: row.try_get("", "seq")?,
                line: row.try_get("", "line")?,
                entry: entry_from(row)?,
            })
        })
        .collect()
}
