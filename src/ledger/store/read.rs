//! Finders for readers outside the writer. Each takes the scope that it may look at.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use crate::{
    clock::Micros,
    db::{engine_of, many, statement, to_power},
    ledger::model::{Account, Entry, Hold, Kind, Lot, Transaction},
    page::PageArgs,
};

use super::{
    broken, list, places,
    row::{
        ACCOUNT_COLUMNS, ENTRY_COLUMNS, HOLD_COLUMNS, LOT_COLUMNS, TRANSACTION_COLUMNS, account_from, entry_from,
        hold_from, lot_from, transaction_from,
    },
};

/// Whose rows a finder may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One account's; every other row does not exist.
    Account(Uuid),
    /// Everybody's: for administrators and the server itself.
    Everyone,
}

impl Scope {
    fn condition(self, place: usize) -> (String, Option<Value>) {
        match self {
            Self::Account(account) => (format!(" AND account_id = ${place}"), Some(account.into())),
            Self::Everyone => (String::new(), None),
        }
    }
}

/// Which way a list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Highest sequence first.
    NewestFirst,
    /// Lowest sequence first.
    OldestFirst,
}

/// A part of a list by its key, a sequence unless said otherwise; its ends are not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice<K = i64> {
    /// Only greater keys.
    pub above: Option<K>,
    /// Only smaller keys.
    pub below: Option<K>,
    /// Which way.
    pub order: Order,
    /// At most this many rows.
    pub limit: u64,
}

impl<K: Copy> Slice<K> {
    /// The rows to read for a page of a list that runs from the newest to the oldest.
    pub fn of_page(args: &PageArgs<K>) -> Self {
        Self {
            above: args.before,
            below: args.after,
            order: if args.from_end { Order::OldestFirst } else { Order::NewestFirst },
            limit: u64::from(args.limit) + 1,
        }
    }
}

/// Which transactions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransactionFilter {
    /// Only these kinds; empty is all.
    pub kinds: Vec<Kind>,
    /// Only what this person asked for.
    pub actor: Option<Uuid>,
    /// Not before, microseconds.
    pub from: Option<Micros>,
    /// Before, microseconds.
    pub until: Option<Micros>,
}

/// The database's id and restore epoch.
pub async fn get_meta(connection: &impl ConnectionTrait) -> Result<(Uuid, i64), DbErr> {
    let sql = "SELECT database_id, epoch FROM ledger_meta WHERE id = 1";
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    let row = row.ok_or_else(|| broken("ledger_meta is empty"))?;
    Ok((row.try_get("", "database_id")?, row.try_get("", "epoch")?))
}

/// Whose lots they are.
pub async fn list_grant_accounts(
    connection: &impl ConnectionTrait,
    grants: &[Uuid],
) -> Result<HashMap<Uuid, Uuid>, DbErr> {
    let grants = to_power(grants.to_vec());
    let sql =
        format!("SELECT id, account_id FROM credit_grant WHERE id IN ({})", list(engine_of(connection), grants.len()));
    let rows = connection.query_all_raw(statement(connection, sql, grants.into_iter().map(Value::from))).await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "account_id")?))).collect()
}

/// An account's totals.
pub async fn find_account(connection: &impl ConnectionTrait, account: Uuid) -> Result<Option<Account>, DbErr> {
    let sql = format!("SELECT {ACCOUNT_COLUMNS} FROM ledger_account WHERE account_id = $1");
    let row = connection.query_one_raw(statement(connection, sql, [account.into()])).await?;
    row.as_ref().map(account_from).transpose()
}

/// Totals of many accounts, for a loader. The caller authorises.
pub async fn load_by_account(
    connection: &impl ConnectionTrait,
    accounts: &[Uuid],
) -> Result<HashMap<Uuid, Account>, DbErr> {
    if accounts.is_empty() {
        return Ok(HashMap::new());
    }
    let list = places(1, accounts.len());
    let sql = format!("SELECT {ACCOUNT_COLUMNS} FROM ledger_account WHERE account_id IN ({list})");
    let values = accounts.iter().copied().map(Value::from);
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| account_from(row).map(|account| (account.id, account))).collect()
}

/// The last sequences of many accounts.
pub async fn list_sequences(connection: &impl ConnectionTrait, accounts: &[Uuid]) -> Result<Vec<(Uuid, i64)>, DbErr> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT account_id, seq FROM ledger_account WHERE account_id IN ({})", places(1, accounts.len()));
    let values = accounts.iter().copied().map(Value::from);
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| Ok((row.try_get("", "account_id")?, row.try_get("", "seq")?))).collect()
}

/// One transaction by its id.
pub async fn find_transaction(
    connection: &impl ConnectionTrait,
    scope: Scope,
    id: Uuid,
) -> Result<Option<Transaction>, DbErr> {
    let (condition, value) = scope.condition(2);
    let sql = format!("SELECT {TRANSACTION_COLUMNS} FROM credit_transaction WHERE id = $1{condition}");
    let values = std::iter::once(id.into()).chain(value);
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    row.map(|row| transaction_from(&row)).transpose()
}

/// Many transactions by id, for a loader. The caller authorises.
pub async fn load_by_transaction(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Transaction>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let list = places(1, ids.len());
    let sql = format!("SELECT {TRANSACTION_COLUMNS} FROM credit_transaction WHERE id IN ({list})");
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().copied().map(Value::from))).await?;
    rows.iter().map(|row| transaction_from(row).map(|found| (found.id, found))).collect()
}

/// Many transactions by account and number, for a loader. The caller authorises.
pub async fn load_by_sequence(
    connection: &impl ConnectionTrait,
    wanted: &[(Uuid, i64)],
) -> Result<HashMap<(Uuid, i64), Transaction>, DbErr> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let values = wanted.iter().map(|(account, sequence)| vec![(*account).into(), (*sequence).into()]);
    let (groups, values) = many::groups(engine_of(connection), values.collect());
    let sql = format!(
        "SELECT {TRANSACTION_COLUMNS} FROM (VALUES {groups}) AS k CROSS JOIN credit_transaction \
         WHERE account_id = k.column1 AND seq = k.column2"
    );
    let found = connection.query_all_raw(statement(connection, sql, values)).await?;
    found.iter().map(|row| transaction_from(row).map(|found| ((found.account_id, found.sequence), found))).collect()
}

/// The condition and values of a filter on one account's transactions. Times become sequences by bisection, since `at`
/// never falls as the sequence grows; so no index on time is needed.
async fn filtered(
    connection: &impl ConnectionTrait,
    account: Uuid,
    filter: &TransactionFilter,
) -> Result<(String, Vec<Value>), DbErr> {
    let mut clauses = vec!["account_id = $1".to_owned()];
    let mut values: Vec<Value> = vec![account.into()];
    let mut add = |clause: String, some: Vec<Value>| {
        clauses.push(clause);
        values.extend(some);
    };
    let mut next = 2;
    if !filter.kinds.is_empty() {
        let list = places(next, filter.kinds.len());
        add(format!("kind IN ({list})"), filter.kinds.iter().map(|kind| kind.as_str().into()).collect());
        next += filter.kinds.len();
    }
    if let Some(actor) = filter.actor {
        add(format!("actor_id = ${next}"), vec![actor.into()]);
        next += 1;
    }
    if let Some(from) = filter.from {
        let before = sequence_not_after(connection, account, from.saturating_sub(1)).await?;
        add(format!("seq > ${next}"), vec![before.into()]);
        next += 1;
    }
    if let Some(until) = filter.until {
        let last = sequence_not_after(connection, account, until.saturating_sub(1)).await?;
        add(format!("seq <= ${next}"), vec![last.into()]);
    }
    Ok((clauses.join(" AND "), values))
}

/// One account's transactions that match `filter`, by sequence.
pub async fn list_transactions(
    connection: &impl ConnectionTrait,
    account: Uuid,
    filter: &TransactionFilter,
    slice: Slice,
) -> Result<Vec<Transaction>, DbErr> {
    let (mut condition, mut values) = filtered(connection, account, filter).await?;
    for (end, sign) in [(slice.above, '>'), (slice.below, '<')] {
        if let Some(end) = end {
            values.push(end.into());
            condition.push_str(&format!(" AND seq {sign} ${}", values.len()));
        }
    }
    let direction = match slice.order {
        Order::NewestFirst => "DESC",
        Order::OldestFirst => "ASC",
    };
    values.push(i64::try_from(slice.limit).unwrap_or(i64::MAX).into());
    let sql = format!(
        "SELECT {TRANSACTION_COLUMNS} FROM credit_transaction WHERE {condition} ORDER BY seq {direction} LIMIT ${}",
        values.len()
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(transaction_from).collect()
}

/// How many of one account's transactions match `filter`.
pub async fn count_transactions(
    connection: &impl ConnectionTrait,
    account: Uuid,
    filter: &TransactionFilter,
) -> Result<i64, DbErr> {
    let (condition, values) = filtered(connection, account, filter).await?;
    let sql = format!("SELECT COUNT(*) AS n FROM credit_transaction WHERE {condition}");
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// The sequence of the account's last transaction not after `at`; 0 when there is none.
pub async fn sequence_not_after(connection: &impl ConnectionTrait, account: Uuid, at: Micros) -> Result<i64, DbErr> {
    let heads = list_sequences(connection, &[account]).await?;
    let (mut low, mut high) = (0, heads.first().map_or(0, |head| head.1));
    let sql = "SELECT at FROM credit_transaction WHERE account_id = $1 AND seq = $2";
    while low < high {
        let middle = low + (high - low + 1) / 2;
        let row = connection.query_one_raw(statement(connection, sql, [account.into(), middle.into()])).await?;
        let found: i64 = row.ok_or_else(|| broken("the journal has a gap"))?.try_get("", "at")?;
        if found <= at {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(low)
}

/// The entries of one transaction, in order.
pub async fn list_entries(
    connection: &impl ConnectionTrait,
    account: Uuid,
    sequence: i64,
) -> Result<Vec<Entry>, DbErr> {
    let sql = format!("SELECT {ENTRY_COLUMNS} FROM credit_entry WHERE account_id = $1 AND seq = $2 ORDER BY line");
    let rows = connection.query_all_raw(statement(connection, sql, [account.into(), sequence.into()])).await?;
    rows.iter().map(entry_from).collect()
}

/// An entry with what its transaction says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalEntry {
    /// The transaction's number.
    pub sequence: i64,
    /// Its place in the transaction: 1, 2, 3 …
    pub line: i32,
    /// The entry itself.
    pub entry: Entry,
    /// What the transaction did.
    pub kind: Kind,
    /// When.
    pub at: Micros,
}

/// One account's entries in order, after `(sequence, line)` and up to transaction `upto`.
pub async fn list_journal_entries(
    connection: &impl ConnectionTrait,
    account: Uuid,
    after: (i64, i32),
    upto: i64,
    limit: u64,
) -> Result<Vec<JournalEntry>, DbErr> {
    let sql = format!(
        "SELECT e.*, t.kind AS kind, t.at AS at FROM (SELECT account_id, {ENTRY_COLUMNS} FROM credit_entry \
         WHERE account_id = $1 AND (seq, line) > ($2, $3) AND seq <= $4 ORDER BY seq, line LIMIT $5) AS e \
         JOIN credit_transaction t ON t.account_id = e.account_id AND t.seq = e.seq ORDER BY e.seq, e.line"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = [account.into(), after.0.into(), after.1.into(), upto.into(), limit.into()];
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter()
        .map(|row| {
            let kind: String = row.try_get("", "kind")?;
            Ok(JournalEntry {
                sequence: row.try_get("", "seq")?,
                line: row.try_get("", "line")?,
                entry: entry_from(row)?,
                kind: Kind::parse(&kind).ok_or_else(|| broken("an unknown kind of transaction"))?,
                at: row.try_get("", "at")?,
            })
        })
        .collect()
}

/// One lot.
pub async fn find_grant(connection: &impl ConnectionTrait, scope: Scope, id: Uuid) -> Result<Option<Lot>, DbErr> {
    let (condition, value) = scope.condition(2);
    let sql = format!("SELECT {LOT_COLUMNS} FROM credit_grant WHERE id = $1{condition}");
    let values = std::iter::once(id.into()).chain(value);
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    row.map(|row| lot_from(&row)).transpose()
}

/// One hold, without its lots.
pub async fn find_hold(connection: &impl ConnectionTrait, scope: Scope, id: Uuid) -> Result<Option<Hold>, DbErr> {
    let (condition, value) = scope.condition(2);
    let sql = format!("SELECT {HOLD_COLUMNS} FROM credit_hold WHERE id = $1{condition}");
    let values = std::iter::once(id.into()).chain(value);
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    row.map(|row| hold_from(&row)).transpose()
}

/// The open holds of one account's works, without their lots; at most 500 works.
pub async fn list_holds_of_work(
    connection: &impl ConnectionTrait,
    account: Uuid,
    works: &[Uuid],
) -> Result<Vec<Hold>, DbErr> {
    if works.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {HOLD_COLUMNS} FROM credit_hold WHERE account_id = $1 AND state = 'held' AND work_id IN ({}) ORDER BY id",
        places(2, works.len())
    );
    let values = std::iter::once(account).chain(works.iter().copied()).map(Value::from);
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(hold_from).collect()
}
