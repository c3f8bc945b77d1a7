//! The one claim on the first HERO. It is one row, so that there is never more than one link, and a use erases its hash.

use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use crate::{
    auth::token::{OpaqueToken, sha256},
    clock::Micros,
    db::{
        effect::{Cell, Effect, Known, Set},
        statement,
    },
};

/// The row's id.
const CLAIM: Uuid = Uuid::from_u128(1);
const PURPOSE: &str = "claim_hero";

/// Puts a new token in the place of any earlier one.
pub async fn upsert_claim(
    tx: &impl ConnectionTrait,
    token: &OpaqueToken,
    now: Micros,
    expires_at: Micros,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO one_time_token (id, purpose, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (id) DO UPDATE SET token_hash = excluded.token_hash, created_at = excluded.created_at, \
               expires_at = excluded.expires_at, used_at = NULL";
    let values = [CLAIM.into(), PURPOSE.into(), token.hash().into(), now.into(), expires_at.into()];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Withdraws the claim.
pub async fn delete_claim(tx: &impl ConnectionTrait) -> Result<(), DbErr> {
    let sql = "DELETE FROM one_time_token WHERE id = $1";
    tx.execute_raw(statement(tx, sql, [CLAIM.into()])).await?;
    Ok(())
}

/// Whether `token` may be used now.
pub async fn find_open_claim(
    connection: &impl ConnectionTrait,
    token: &OpaqueToken,
    now: Micros,
) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM one_time_token \
               WHERE id = $1 AND purpose = $2 AND token_hash = $3 AND expires_at > $4 AND used_at IS NULL";
    let values = [CLAIM.into(), PURPOSE.into(), token.hash().into(), now.into()];
    Ok(connection.query_one_raw(statement(connection, sql, values)).await?.is_some())
}

/// Uses the claim. The hash is the guard: the first use overwrites it with one that no token has, so every further use,
/// at once or later, finds no row and refuses its whole command.
pub fn use_effect(token: &OpaqueToken) -> Effect {
    let dead = sha256(&[b"used".as_slice(), &token.hash()].concat());
    Effect::Update {
        table: "one_time_token",
        set: vec![("token_hash", Set::To(dead.into())), ("used_at", Set::To(Cell::Known(Known::Now)))],
        key: vec![("id", CLAIM.into()), ("token_hash", token.hash().into())],
        guarded: true,
    }
}
