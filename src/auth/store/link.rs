//! Links by mail. Tables keep hashes; a use deletes the row, so that of any number of uses one wins.

use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use crate::{
    auth::{
        model::LinkPurpose,
        token::{OpaqueToken, sha256},
    },
    clock::Micros,
    db::{effect::Effect, statement},
};

/// What a link keeps of the address it was sent to.
pub fn address_hash(email_key: &str) -> Vec<u8> {
    sha256(email_key.as_bytes())
}

/// A link about to be sent.
#[derive(Debug, Clone)]
pub struct NewLink {
    /// Its id.
    pub id: Uuid,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// Whose.
    pub user_id: Uuid,
    /// The address in lower case.
    pub email_key: String,
    /// Its secret.
    pub token: OpaqueToken,
}

/// The row of a new link.
pub fn link_effect(link: &NewLink, now: Micros) -> Effect {
    Effect::Insert {
        table: "mail_link",
        cells: vec![
            ("id", link.id.into()),
            ("purpose", link.purpose.as_str().into()),
            ("user_id", link.user_id.into()),
            ("address_hash", address_hash(&link.email_key).into()),
            ("token_hash", link.token.hash().into()),
            ("created_at", now.into()),
            ("expires_at", now.saturating_add(link.purpose.lifetime()).into()),
        ],
        if_absent: false,
    }
}

/// How many links of `purpose` were made for a person after `since`.
pub async fn count_links(
    connection: &impl ConnectionTrait,
    user_id: Uuid,
    purpose: LinkPurpose,
    since: Micros,
) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS total FROM mail_link WHERE user_id = $1 AND purpose = $2 AND created_at > $3";
    let values = [user_id.into(), purpose.as_str().into(), since.into()];
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    row.map_or(Ok(0), |row| row.try_get("", "total"))
}

/// Takes a link back that could not be sent.
pub async fn delete_link(tx: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    tx.execute_raw(statement(tx, "DELETE FROM mail_link WHERE id = $1", [id.into()])).await?;
    Ok(())
}

/// Whether `token` may be used now; nothing is used up.
pub async fn find_open_link(
    connection: &impl ConnectionTrait,
    purpose: LinkPurpose,
    token: &OpaqueToken,
    now: Micros,
) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM mail_link WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3";
    let values = [token.hash().into(), purpose.as_str().into(), now.into()];
    Ok(connection.query_one_raw(statement(connection, sql, values)).await?.is_some())
}

/// Uses a link: answers whose it is and the hash of the address it was sent to. `None` when it is unknown, over or used.
pub async fn take_link(
    tx: &impl ConnectionTrait,
    purpose: LinkPurpose,
    token: &OpaqueToken,
    now: Micros,
) -> Result<Option<(Uuid, Vec<u8>)>, DbErr> {
    let sql = "DELETE FROM mail_link WHERE token_hash = $1 AND purpose = $2 AND expires_at > $3 \
               RETURNING user_id, address_hash";
    let values = [token.hash().into(), purpose.as_str().into(), now.into()];
    let row = tx.query_one_raw(statement(tx, sql, values)).await?;
    row.map(|row| Ok((row.try_get("", "user_id")?, row.try_get("", "address_hash")?))).transpose()
}

/// Ends every link of a person, of one purpose or of all.
pub async fn delete_links_of(
    tx: &impl ConnectionTrait,
    user_id: Uuid,
    purpose: Option<LinkPurpose>,
) -> Result<(), DbErr> {
    let mut sql = String::from("DELETE FROM mail_link WHERE user_id = $1");
    let mut values = vec![user_id.into()];
    if let Some(purpose) = purpose {
        sql.push_str(" AND purpose = $2");
        values.push(purpose.as_str().into());
    }
    tx.execute_raw(statement(tx, &sql, values)).await?;
    Ok(())
}

/// Forgets links that are over.
pub async fn delete_links_until(tx: &impl ConnectionTrait, until: Micros) -> Result<u64, DbErr> {
    let sql = "DELETE FROM mail_link WHERE expires_at <= $1";
    Ok(tx.execute_raw(statement(tx, sql, [until.into()])).await?.rows_affected())
}
