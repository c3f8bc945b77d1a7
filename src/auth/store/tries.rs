//! Failed tries, counted in the database so that processes, sockets and aliases share them.

use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use crate::{
    auth::token::sha256,
    clock::Micros,
    db::{Engine, effect::Effect, engine_of, statement},
};

/// Holds other tries from `address` back until the transaction ends, so that none decides on an old count. SQLite has
/// one writer and needs no lock.
pub async fn lock_address(tx: &impl ConnectionTrait, address: &str) -> Result<(), DbErr> {
    if engine_of(tx) == Engine::Postgres {
        let digest = sha256(format!("sign-in tries {address}").as_bytes());
        let key = digest.first_chunk::<8>().map_or(0, |bytes| i64::from_be_bytes(*bytes));
        tx.execute_raw(statement(tx, "SELECT pg_advisory_xact_lock($1)", [key.into()])).await?;
    }
    Ok(())
}

/// The times of failures after `since`, latest first, at most `most`: from `address`, about `identity_key` if given.
pub async fn list_failures(
    connection: &impl ConnectionTrait,
    identity_key: Option<&[u8]>,
    address: &str,
    since: Micros,
    most: u32,
) -> Result<Vec<Micros>, DbErr> {
    let mut values = vec![address.into(), since.into(), i64::from(most).into()];
    let mut clause = "";
    if let Some(key) = identity_key {
        values.push(key.to_vec().into());
        clause = " AND identity_key = $4";
    }
    let sql =
        format!("SELECT at FROM sign_in_failure WHERE address = $1 AND at > $2{clause} ORDER BY at DESC LIMIT $3");
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| row.try_get("", "at")).collect()
}

/// The row of a failure.
pub fn failure_effect(id: Uuid, identity_key: &[u8], address: &str, now: Micros) -> Effect {
    Effect::Insert {
        table: "sign_in_failure",
        cells: vec![
            ("id", id.into()),
            ("identity_key", identity_key.to_vec().into()),
            ("address", address.into()),
            ("at", now.into()),
        ],
        if_absent: false,
    }
}

/// Forgets the failures about `identity_key` from `address`: a good password ends the count.
pub async fn delete_failures(tx: &impl ConnectionTrait, identity_key: &[u8], address: &str) -> Result<(), DbErr> {
    let sql = "DELETE FROM sign_in_failure WHERE identity_key = $1 AND address = $2";
    tx.execute_raw(statement(tx, sql, [identity_key.to_vec().into(), address.into()])).await?;
    Ok(())
}

/// Forgets failures up to `until`, which no limit counts any more. Answers how many there were.
pub async fn delete_failures_until(tx: &impl ConnectionTrait, until: Micros) -> Result<u64, DbErr> {
    let sql = "DELETE FROM sign_in_failure WHERE at <= $1";
    Ok(tx.execute_raw(statement(tx, sql, [until.into()])).await?.rows_affected())
}
