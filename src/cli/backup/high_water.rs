//! How far a copy is: read from the copy itself, or in the snapshot that is copied.

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::archive::HighWater;
use crate::{
    cli::CliError,
    clock::to_rfc3339,
    db::statement,
    error::{Error, Internal},
};

/// Whose copy, and how far it is.
pub(super) struct Mark {
    pub(super) database: Uuid,
    pub(super) epoch: i64,
    pub(super) high_water: HighWater,
}

/// Refuses a database that no server has ever named: there is nothing in it.
pub(super) async fn read(connection: &impl ConnectionTrait) -> Result<Mark, CliError> {
    let nothing = "no server has used this database yet, so there is nothing to back up. Run `inkledger serve` first";
    find(connection).await.map_err(Error::from)?.ok_or_else(|| CliError::Usage(nothing.to_owned()))
}

/// `None` before a server has named the database.
pub(super) async fn find(connection: &impl ConnectionTrait) -> Result<Option<Mark>, Internal> {
    let row = |sql: &str| connection.query_one_raw(statement(connection, sql, []));
    let Some(meta) = row("SELECT database_id, epoch FROM ledger_meta WHERE id = 1").await? else { return Ok(None) };
    let journal = row("SELECT COUNT(*) AS number, MAX(at) AS latest FROM credit_transaction").await?;
    let (transactions, latest) = match journal {
        Some(journal) => (journal.try_get("", "number")?, journal.try_get::<Option<i64>>("", "latest")?),
        None => (0, None),
    };
    let anchor = row("SELECT MAX(number) AS number FROM ledger_anchor").await?;
    let anchor = anchor.map_or(Ok(None), |row| row.try_get::<Option<i64>>("", "number"))?.unwrap_or(0);
    Ok(Some(Mark {
        database: meta.try_get("", "database_id")?,
        epoch: meta.try_get("", "epoch")?,
        high_water: HighWater { transactions, at: latest.map(to_rfc3339), anchor },
    }))
}
