//! Invitations into accounts. Only open ones have a row: accepting, withdrawing and replacing one delete it, so that of any
//! number of uses one wins.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::word;
use crate::{
    auth::{
        model::{Email, Invitation, MemberRole},
        token::OpaqueToken,
    },
    clock::Micros,
    db::{effect::Effect, statement},
    page::{Page, PageArgs},
};

const COLUMNS: &str = "id, account_id, email, role, invited_by, created_at, expires_at";

fn invitation_from(row: &QueryResult) -> Result<Invitation, DbErr> {
    let role: String = row.try_get("", "role")?;
    Ok(Invitation {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        email: row.try_get("", "email")?,
        role: word(MemberRole::parse(&role), "an invitation's role", &role)?,
        invited_by: row.try_get("", "invited_by")?,
        created_at: row.try_get("", "created_at")?,
        expires_at: row.try_get("", "expires_at")?,
    })
}

/// The row of a new invitation, as yet without a link.
pub fn invitation_effect(invitation: &Invitation, email_key: &str) -> Effect {
    Effect::Insert {
        table: "account_invitation",
        cells: vec![
            ("id", invitation.id.into()),
            ("account_id", invitation.account_id.into()),
            ("email", invitation.email.as_str().into()),
            ("email_key", email_key.into()),
            ("role", invitation.role.as_str().into()),
            ("invited_by", invitation.invited_by.into()),
            ("created_at", invitation.created_at.into()),
            ("expires_at", invitation.expires_at.into()),
        ],
        if_absent: false,
    }
}

/// Makes room for a new invitation of `email`: an earlier one ends, and so do those whose time is over. Answers how many are
/// left. Called under the account's lock.
pub async fn replace(tx: &impl ConnectionTrait, account: Uuid, email: &Email, now: Micros) -> Result<u64, DbErr> {
    let sql = "DELETE FROM account_invitation WHERE account_id = $1 AND (email_key = $2 OR expires_at <= $3)";
    tx.execute_raw(statement(tx, sql, [account.into(), email.key().into(), now.into()])).await?;
    let sql = "SELECT COUNT(*) AS total FROM account_invitation WHERE account_id = $1";
    let row = tx.query_one_raw(statement(tx, sql, [account.into()])).await?;
    let left: i64 = row.map_or(Ok(0), |row| row.try_get("", "total"))?;
    Ok(left.unsigned_abs())
}

/// Whether a member of the account has the address.
pub async fn is_member(connection: &impl ConnectionTrait, account: Uuid, email: &Email) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM account_member m JOIN app_user u ON u.id = m.user_id \
               WHERE m.account_id = $1 AND u.email_key = $2";
    let row = connection.query_one_raw(statement(connection, sql, [account.into(), email.key().into()])).await?;
    Ok(row.is_some())
}

/// An open invitation.
pub async fn find_invitation(
    connection: &impl ConnectionTrait,
    id: Uuid,
    now: Micros,
) -> Result<Option<Invitation>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM account_invitation WHERE id = $1 AND expires_at > $2");
    let row = connection.query_one_raw(statement(connection, sql, [id.into(), now.into()])).await?;
    row.as_ref().map(invitation_from).transpose()
}

/// The open invitation that a link leads to, and the address in lower case; nothing is used up.
pub async fn find_by_token(
    connection: &impl ConnectionTrait,
    token: &OpaqueToken,
    now: Micros,
) -> Result<Option<(Invitation, String)>, DbErr> {
    let sql = format!("SELECT {COLUMNS}, email_key FROM account_invitation WHERE token_hash = $1 AND expires_at > $2");
    let row = connection.query_one_raw(statement(connection, sql, [token.hash().into(), now.into()])).await?;
    row.map(|row| Ok((invitation_from(&row)?, row.try_get("", "email_key")?))).transpose()
}

/// Gives an invitation its link, in the place of an earlier one, and its time.
pub async fn update_token(
    tx: &impl ConnectionTrait,
    id: Uuid,
    token: &OpaqueToken,
    expires_at: Micros,
) -> Result<(), DbErr> {
    let sql = "UPDATE account_invitation SET token_hash = $1, expires_at = $2 WHERE id = $3";
    tx.execute_raw(statement(tx, sql, [token.hash().into(), expires_at.into(), id.into()])).await?;
    Ok(())
}

/// Ends an invitation. Answers whether it was there.
pub async fn delete_invitation(tx: &impl ConnectionTrait, id: Uuid) -> Result<bool, DbErr> {
    let sql = "DELETE FROM account_invitation WHERE id = $1";
    Ok(tx.execute_raw(statement(tx, sql, [id.into()])).await?.rows_affected() == 1)
}

/// Forgets invitations that are over.
pub async fn delete_until(tx: &impl ConnectionTrait, until: Micros) -> Result<u64, DbErr> {
    let sql = "DELETE FROM account_invitation WHERE expires_at <= $1";
    Ok(tx.execute_raw(statement(tx, sql, [until.into()])).await?.rows_affected())
}

/// The open invitations of an account, newest first. The caller has authorised.
pub async fn list_invitations(
    connection: &impl ConnectionTrait,
    account: Uuid,
    now: Micros,
    page: &PageArgs<Uuid>,
) -> Result<Page<Invitation>, DbErr> {
    let mut values: Vec<Value> = vec![account.into(), now.into()];
    let mut clause = String::from("account_id = $1 AND expires_at > $2");
    let total = if page.with_total {
        let sql = format!("SELECT COUNT(*) AS total FROM account_invitation WHERE {clause}");
        let row = connection.query_one_raw(statement(connection, sql, values.clone())).await?;
        row.map(|row| row.try_get("", "total")).transpose()?
    } else {
        None
    };
    for (key, comparison) in [(page.after, "<"), (page.before, ">")] {
        if let Some(key) = key {
            values.push(key.into());
            clause.push_str(&format!(" AND id {comparison} ${}", values.len()));
        }
    }
    values.push(page.fetch().into());
    let direction = if page.from_end { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {COLUMNS} FROM account_invitation WHERE {clause} ORDER BY id {direction} LIMIT ${}",
        values.len()
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let invitations = rows.iter().map(invitation_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_rows(invitations, page, total))
}
