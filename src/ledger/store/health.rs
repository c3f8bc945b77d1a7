//! What operators look at: what is overdue, what was not charged, which accounts are frozen, and how the checks ended.

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use uuid::Uuid;

use crate::{
    clock::Micros,
    db::statement,
    ledger::model::{Balance, Standing},
};

/// Rows that are counted at most.
pub const COUNTED_MAX: i64 = 10_000;

async fn number(connection: &impl ConnectionTrait, sql: &str, values: Vec<sea_orm::Value>) -> Result<i64, DbErr> {
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// How many lots with available credits, and how many open holds, are past their end; each at most [`COUNTED_MAX`].
pub async fn count_overdue(connection: &impl ConnectionTrait, now: Micros) -> Result<(i64, i64), DbErr> {
    let count = |table: &str, condition: &str| {
        format!(
            "SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM {table} WHERE {condition} AND expires_at <= $1 \
             LIMIT {COUNTED_MAX}) AS overdue"
        )
    };
    let lots = number(connection, &count("credit_grant", "available > 0"), vec![now.into()]).await?;
    Ok((lots, number(connection, &count("credit_hold", "state = 'held'"), vec![now.into()]).await?))
}

/// Available credits of an account whose time is over, and which are not written off yet.
pub async fn sum_due_lots(connection: &impl ConnectionTrait, account: Uuid, now: Micros) -> Result<i64, DbErr> {
    let sql = "SELECT CAST(COALESCE(SUM(available), 0) AS bigint) AS n FROM credit_grant \
               WHERE account_id = $1 AND available > 0 AND expires_at <= $2";
    number(connection, sql, vec![account.into(), now.into()]).await
}

/// What was delivered since `since` and could not be charged, in credits.
pub async fn sum_shortfall(connection: &impl ConnectionTrait, since: Micros) -> Result<i64, DbErr> {
    let sql = "SELECT CAST(COALESCE(SUM(h.shortfall), 0) AS bigint) AS n FROM credit_hold h JOIN credit_transaction t \
               ON t.account_id = h.account_id AND t.seq = h.closed_seq WHERE h.shortfall > 0 AND t.at >= $1";
    number(connection, sql, vec![since.into()]).await
}

/// The frozen accounts, at most `most`, and how many there are.
pub async fn list_frozen(connection: &impl ConnectionTrait, most: u32) -> Result<(Vec<Uuid>, i64), DbErr> {
    let count = "SELECT COUNT(*) AS n FROM ledger_account WHERE state = 'frozen'";
    let sql = format!("SELECT account_id FROM ledger_account WHERE state = 'frozen' ORDER BY account_id LIMIT {most}");
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    let accounts = rows.iter().map(|row| row.try_get("", "account_id")).collect::<Result<_, _>>()?;
    Ok((accounts, number(connection, count, Vec::new()).await?))
}

/// Takes an account from one standing to another, and says whether it was in the first. Called under its lock.
pub async fn update_standing(
    tx: &impl ConnectionTrait,
    account: Uuid,
    (from, to): (Standing, Standing),
) -> Result<bool, DbErr> {
    let sql = "UPDATE ledger_account SET state = $3 WHERE account_id = $1 AND state = $2";
    let values = [account.into(), from.as_str().into(), to.as_str().into()];
    Ok(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected() == 1)
}

/// The number of the last anchor, and when it was made.
pub async fn find_last_anchor(connection: &impl ConnectionTrait) -> Result<Option<(i64, Micros)>, DbErr> {
    let sql = "SELECT number, at FROM ledger_anchor ORDER BY number DESC LIMIT 1";
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    row.map(|row| Ok((row.try_get("", "number")?, row.try_get("", "at")?))).transpose()
}

/// A check of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FullCheck {
    /// When it began.
    pub started_at: Micros,
    /// When it ended.
    pub finished_at: Micros,
    /// Accounts that it saw.
    pub accounts: i64,
    /// Transactions whose hash it recomputed.
    pub transactions: i64,
    /// Their entries.
    pub entries: i64,
    /// Broken rules that it found; 0 is clean.
    pub violations: i64,
}

/// Notes that a check of everything begins.
pub async fn insert_check(tx: &impl ConnectionTrait, id: Uuid, now: Micros) -> Result<(), DbErr> {
    let sql = "INSERT INTO ledger_check (id, started_at) VALUES ($1, $2)";
    tx.execute_raw(statement(tx, sql, [id.into(), now.into()])).await?;
    Ok(())
}

/// Notes what a check of everything found.
pub async fn update_check(tx: &impl ConnectionTrait, id: Uuid, found: &FullCheck) -> Result<(), DbErr> {
    let sql = "UPDATE ledger_check SET finished_at = $2, accounts = $3, transactions = $4, entries = $5, violations = $6 \
               WHERE id = $1";
    let FullCheck { finished_at, accounts, transactions, entries, violations, .. } = *found;
    let values =
        [id.into(), finished_at.into(), accounts.into(), transactions.into(), entries.into(), violations.into()];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// When the last check of everything began, and whether it ended.
pub async fn find_check_begun(connection: &impl ConnectionTrait) -> Result<Option<(Micros, bool)>, DbErr> {
    let sql = "SELECT started_at, finished_at FROM ledger_check ORDER BY started_at DESC LIMIT 1";
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    row.map(|row| Ok((row.try_get("", "started_at")?, row.try_get::<Option<Micros>>("", "finished_at")?.is_some())))
        .transpose()
}

/// The last check of everything that ended.
pub async fn find_last_check(connection: &impl ConnectionTrait) -> Result<Option<FullCheck>, DbErr> {
    let sql = "SELECT started_at, finished_at, accounts, transactions, entries, violations FROM ledger_check \
               WHERE finished_at IS NOT NULL ORDER BY started_at DESC LIMIT 1";
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    row.map(|row| {
        Ok(FullCheck {
            started_at: row.try_get("", "started_at")?,
            finished_at: row.try_get("", "finished_at")?,
            accounts: row.try_get("", "accounts")?,
            transactions: row.try_get("", "transactions")?,
            entries: row.try_get("", "entries")?,
            violations: row.try_get("", "violations")?,
        })
    })
    .transpose()
}

fn balance_from(row: &QueryResult) -> Result<Balance, DbErr> {
    Ok(Balance {
        issued: row.try_get("", "issued")?,
        available: row.try_get("", "available")?,
        held: row.try_get("", "held")?,
        spent: row.try_get("", "spent")?,
        expired: row.try_get("", "expired")?,
        revoked: row.try_get("", "revoked")?,
    })
}

/// An account's six sums as its journal has them: every entry added up.
pub async fn sum_journal(connection: &impl ConnectionTrait, account: Uuid) -> Result<Balance, DbErr> {
    let sum = |bucket: &str, sign: &str| {
        format!(
            "CAST(COALESCE(SUM(CASE WHEN to_bucket = '{bucket}' THEN amount WHEN from_bucket = '{bucket}' THEN -amount \
             ELSE 0 END), 0) AS bigint) * {sign}1 AS {bucket}"
        )
    };
    let sums: Vec<String> = ["available", "held", "spent", "expired", "revoked"].map(|bucket| sum(bucket, "")).to_vec();
    let sql = format!("SELECT {}, {} FROM credit_entry WHERE account_id = $1", sum("issued", "-"), sums.join(", "));
    let row = connection.query_one_raw(statement(connection, sql, [account.into()])).await?;
    row.map_or(Ok(Balance::default()), |row| balance_from(&row))
}

/// An account's six sums as its lots have them.
pub async fn sum_lots(connection: &impl ConnectionTrait, account: Uuid) -> Result<Balance, DbErr> {
    let sums = ["available", "held", "spent", "expired", "revoked"];
    let sums = sums.map(|bucket| format!("CAST(COALESCE(SUM({bucket}), 0) AS bigint) AS {bucket}")).join(", ");
    let sql = format!(
        "SELECT CAST(COALESCE(SUM(amount), 0) AS bigint) AS issued, {sums} FROM credit_grant WHERE account_id = $1"
    );
    let row = connection.query_one_raw(statement(connection, sql, [account.into()])).await?;
    row.map_or(Ok(Balance::default()), |row| balance_from(&row))
}

/// How many holds of an account are open, and what they hold.
pub async fn sum_open_holds(connection: &impl ConnectionTrait, account: Uuid) -> Result<(i64, i64), DbErr> {
    let sql = "SELECT COUNT(*) AS n, CAST(COALESCE(SUM(amount), 0) AS bigint) AS held FROM credit_hold \
               WHERE account_id = $1 AND state = 'held'";
    let row = connection.query_one_raw(statement(connection, sql, [account.into()])).await?;
    row.map_or(Ok((0, 0)), |row| Ok((row.try_get("", "n")?, row.try_get("", "held")?)))
}
