//! People who signed up and have not proven their address. Nothing of theirs exists until they do.

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use uuid::Uuid;

use crate::{
    auth::{
        model::SignUp,
        token::{OpaqueToken, sha256},
    },
    clock::Micros,
    db::{
        effect::{Cell, Effect, Known, Set},
        statement,
    },
};

/// Somebody who signed up.
#[derive(Debug, Clone)]
pub struct PendingSignUp {
    /// The row's id.
    pub id: Uuid,
    /// The name they chose.
    pub username: String,
    /// The address to prove.
    pub email: String,
    /// Argon2id in PHC form.
    pub password_hash: String,
}

fn pending_from(row: &QueryResult) -> Result<PendingSignUp, DbErr> {
    Ok(PendingSignUp {
        id: row.try_get("", "id")?,
        username: row.try_get("", "username")?,
        email: row.try_get("", "email")?,
        password_hash: row.try_get("", "password_hash")?,
    })
}

const COLUMNS: &str = "id, username, email, password_hash";

/// The row of somebody who signs up.
pub fn pending_effect(id: Uuid, person: &SignUp, password_hash: &str, now: Micros, expires_at: Micros) -> Effect {
    Effect::Insert {
        table: "pending_sign_up",
        cells: vec![
            ("id", id.into()),
            ("username", person.username.as_str().into()),
            ("username_key", person.username.key().into()),
            ("email", person.email.as_str().into()),
            ("email_key", person.email.key().into()),
            ("password_hash", password_hash.into()),
            ("created_at", now.into()),
            ("expires_at", expires_at.into()),
        ],
        if_absent: false,
    }
}

/// Whether somebody who signed up waits for this username.
pub async fn find_reserved(connection: &impl ConnectionTrait, username_key: &str, now: Micros) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM pending_sign_up WHERE username_key = $1 AND expires_at > $2";
    Ok(connection.query_one_raw(statement(connection, sql, [username_key.into(), now.into()])).await?.is_some())
}

/// Makes room for a username whose time is over.
pub async fn delete_over(tx: &impl ConnectionTrait, username_key: &str, now: Micros) -> Result<(), DbErr> {
    let sql = "DELETE FROM pending_sign_up WHERE username_key = $1 AND expires_at <= $2";
    tx.execute_raw(statement(tx, sql, [username_key.into(), now.into()])).await?;
    Ok(())
}

/// Somebody whose time is not over.
pub async fn find_pending(
    connection: &impl ConnectionTrait,
    id: Uuid,
    now: Micros,
) -> Result<Option<PendingSignUp>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM pending_sign_up WHERE id = $1 AND expires_at > $2 AND used_at IS NULL");
    let row = connection.query_one_raw(statement(connection, sql, [id.into(), now.into()])).await?;
    row.as_ref().map(pending_from).transpose()
}

/// The same by the secret of the link.
pub async fn find_by_token(
    connection: &impl ConnectionTrait,
    token: &OpaqueToken,
    now: Micros,
) -> Result<Option<PendingSignUp>, DbErr> {
    let sql =
        format!("SELECT {COLUMNS} FROM pending_sign_up WHERE token_hash = $1 AND expires_at > $2 AND used_at IS NULL");
    let row = connection.query_one_raw(statement(connection, sql, [token.hash().into(), now.into()])).await?;
    row.as_ref().map(pending_from).transpose()
}

/// Gives the link a secret, in the place of one from a letter before. Its time begins anew, since a letter can be late.
pub async fn update_token(
    tx: &impl ConnectionTrait,
    id: Uuid,
    token: &OpaqueToken,
    expires_at: Micros,
) -> Result<(), DbErr> {
    let sql = "UPDATE pending_sign_up SET token_hash = $1, expires_at = $2 WHERE id = $3 AND used_at IS NULL";
    tx.execute_raw(statement(tx, sql, [token.hash().into(), expires_at.into(), id.into()])).await?;
    Ok(())
}

/// Uses the link. The hash is the guard: the first use overwrites it, and every further one refuses its whole command.
pub fn use_effect(token: &OpaqueToken) -> Effect {
    let dead = sha256(&[b"used".as_slice(), &token.hash()].concat());
    Effect::Update {
        table: "pending_sign_up",
        set: vec![("token_hash", Set::To(dead.into())), ("used_at", Set::To(Cell::Known(Known::Now)))],
        key: vec![("token_hash", token.hash().into())],
        guarded: true,
    }
}

/// Forgets sign-ups with the address of a person, who is being deleted.
pub async fn delete_of(tx: &impl ConnectionTrait, user: Uuid) -> Result<(), DbErr> {
    let sql = "DELETE FROM pending_sign_up WHERE email_key = (SELECT email_key FROM app_user WHERE id = $1)";
    tx.execute_raw(statement(tx, sql, [user.into()])).await?;
    Ok(())
}

/// How many waited for their letter to the same address when `id` came, itself included: ids grow with time.
pub async fn count_until(connection: &impl ConnectionTrait, id: Uuid) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS total FROM pending_sign_up WHERE id <= $1 \
               AND email_key = (SELECT email_key FROM pending_sign_up WHERE id = $1)";
    let row = connection.query_one_raw(statement(connection, sql, [id.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "total"))
}

/// Forgets who proved their address or whose time is over.
pub async fn delete_until(tx: &impl ConnectionTrait, until: Micros) -> Result<u64, DbErr> {
    let sql = "DELETE FROM pending_sign_up WHERE expires_at <= $1 OR used_at IS NOT NULL";
    Ok(tx.execute_raw(statement(tx, sql, [until.into()])).await?.rows_affected())
}
