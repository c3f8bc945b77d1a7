//! Members of accounts.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::word;
use crate::{
    auth::model::{AccountState, Member, MemberRole},
    clock::Micros,
    db::{engine_of, many, statement},
    page::{Page, PageArgs},
};

const COLUMNS: &str = "m.account_id, m.user_id, u.username, u.email, m.role, m.created_at";

fn member_from(row: &QueryResult) -> Result<Member, DbErr> {
    let role: String = row.try_get("", "role")?;
    Ok(Member {
        account_id: row.try_get("", "account_id")?,
        user_id: row.try_get("", "user_id")?,
        username: row.try_get("", "username")?,
        email: row.try_get("", "email")?,
        role: word(MemberRole::parse(&role), "a member's role", &role)?,
        joined_at: row.try_get("", "created_at")?,
    })
}

/// The members of an account, the latest first. The caller has authorised.
pub async fn list_members(
    connection: &impl ConnectionTrait,
    account: Uuid,
    page: &PageArgs<(Micros, Uuid)>,
) -> Result<Page<Member>, DbErr> {
    let total = if page.with_total {
        let sql = "SELECT COUNT(*) AS total FROM account_member WHERE account_id = $1";
        let row = connection.query_one_raw(statement(connection, sql, [account.into()])).await?;
        row.map(|row| row.try_get("", "total")).transpose()?
    } else {
        None
    };
    let mut values: Vec<Value> = vec![account.into()];
    let mut clause = String::from("m.account_id = $1");
    for (key, comparison) in [(page.after, "<"), (page.before, ">")] {
        if let Some((at, user)) = key {
            values.extend([at.into(), user.into()]);
            let (at, user) = (values.len() - 1, values.len());
            clause.push_str(&format!(" AND (m.created_at, m.user_id) {comparison} (${at}, ${user})"));
        }
    }
    values.push(page.fetch().into());
    let direction = if page.from_end { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {COLUMNS} FROM account_member m JOIN app_user u ON u.id = m.user_id WHERE {clause} \
         ORDER BY m.created_at {direction}, m.user_id {direction} LIMIT ${}",
        values.len()
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let members = rows.iter().map(member_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_rows(members, page, total))
}

/// Those of `wanted` (account and person, at most 500) who are members.
pub async fn load_members(connection: &impl ConnectionTrait, wanted: &[(Uuid, Uuid)]) -> Result<Vec<Member>, DbErr> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let values = wanted.iter().map(|(account, user)| vec![(*account).into(), (*user).into()]);
    let (groups, values) = many::groups(engine_of(connection), values.collect());
    let sql = format!(
        "SELECT {COLUMNS} FROM (VALUES {groups}) AS k CROSS JOIN account_member m JOIN app_user u ON u.id = m.user_id \
         WHERE m.account_id = k.column1 AND m.user_id = k.column2"
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(member_from).collect()
}

/// All members of an account, the highest role first and the longest there first. Called under the account's lock.
pub async fn list_by_rank(tx: &impl ConnectionTrait, account: Uuid) -> Result<Vec<(Uuid, MemberRole)>, DbErr> {
    let sql = "SELECT user_id, role FROM account_member WHERE account_id = $1 ORDER BY created_at, user_id";
    let rows = tx.query_all_raw(statement(tx, sql, [account.into()])).await?;
    let mut members = rows
        .iter()
        .map(|row| {
            let role: String = row.try_get("", "role")?;
            Ok((row.try_get("", "user_id")?, word(MemberRole::parse(&role), "a member's role", &role)?))
        })
        .collect::<Result<Vec<(Uuid, MemberRole)>, DbErr>>()?;
    members.sort_by_key(|(_, role)| std::cmp::Reverse(*role));
    Ok(members)
}

/// How many OWNERs an account has. Called under the account's lock.
pub async fn count_owners(tx: &impl ConnectionTrait, account: Uuid) -> Result<u64, DbErr> {
    let sql = "SELECT COUNT(*) AS total FROM account_member WHERE account_id = $1 AND role = $2";
    let row = tx.query_one_raw(statement(tx, sql, [account.into(), MemberRole::Owner.as_str().into()])).await?;
    let total: i64 = row.map_or(Ok(0), |row| row.try_get("", "total"))?;
    Ok(total.unsigned_abs())
}

/// How many accounts the person owns beside the personal one. Called under the person's lock.
pub async fn count_owned(tx: &impl ConnectionTrait, user: Uuid) -> Result<u64, DbErr> {
    let sql = "SELECT COUNT(*) AS total FROM account_member m JOIN account a ON a.id = m.account_id \
               WHERE m.user_id = $1 AND m.role = $2 AND a.personal_user_id IS NULL";
    let row = tx.query_one_raw(statement(tx, sql, [user.into(), MemberRole::Owner.as_str().into()])).await?;
    let total: i64 = row.map_or(Ok(0), |row| row.try_get("", "total"))?;
    Ok(total.unsigned_abs())
}

/// The accounts the person is a member of, in the order of their ids.
pub async fn list_accounts_of(tx: &impl ConnectionTrait, user: Uuid) -> Result<Vec<Uuid>, DbErr> {
    let sql = "SELECT account_id FROM account_member WHERE user_id = $1 ORDER BY account_id";
    let rows = tx.query_all_raw(statement(tx, sql, [user.into()])).await?;
    rows.iter().map(|row| row.try_get("", "account_id")).collect()
}

/// Gives a member another role. Called under the account's lock.
pub async fn update_role(
    tx: &impl ConnectionTrait,
    (account, user): (Uuid, Uuid),
    role: MemberRole,
) -> Result<(), DbErr> {
    let sql = "UPDATE account_member SET role = $1 WHERE account_id = $2 AND user_id = $3";
    tx.execute_raw(statement(tx, sql, [role.as_str().into(), account.into(), user.into()])).await?;
    Ok(())
}

/// Takes a member out. Called under the account's lock.
pub async fn delete_member(tx: &impl ConnectionTrait, (account, user): (Uuid, Uuid)) -> Result<(), DbErr> {
    let sql = "DELETE FROM account_member WHERE account_id = $1 AND user_id = $2";
    tx.execute_raw(statement(tx, sql, [account.into(), user.into()])).await?;
    Ok(())
}

/// Raises the access version of a person, whose live connections close then.
pub async fn raise_access(tx: &impl ConnectionTrait, user: Uuid, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE app_user SET access_version = access_version + 1, updated_at = $1 WHERE id = $2";
    tx.execute_raw(statement(tx, sql, [now.into(), user.into()])).await?;
    Ok(())
}

/// Suspends an account, or opens it again, and raises its version.
pub async fn update_state(
    tx: &impl ConnectionTrait,
    account: Uuid,
    state: AccountState,
    now: Micros,
) -> Result<(), DbErr> {
    let sql = "UPDATE account SET state = $1, version = version + 1, updated_at = $2 WHERE id = $3";
    tx.execute_raw(statement(tx, sql, [state.as_str().into(), now.into(), account.into()])).await?;
    Ok(())
}

/// Closes an account that lost its people: what names it goes, its members and invitations too, and it takes no new
/// work. Called under the account's lock.
pub async fn close_account(tx: &impl ConnectionTrait, account: Uuid, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE account SET name = 'deleted', state = $1, version = version + 1, updated_at = $2, \
               watermark_text = NULL, is_watermarked = FALSE WHERE id = $3";
    let suspended = AccountState::Suspended.as_str();
    tx.execute_raw(statement(tx, sql, [suspended.into(), now.into(), account.into()])).await?;
    for sql in
        ["DELETE FROM account_member WHERE account_id = $1", "DELETE FROM account_invitation WHERE account_id = $1"]
    {
        tx.execute_raw(statement(tx, sql, [account.into()])).await?;
    }
    Ok(())
}

/// Takes a person out of every account, and the invitations that they made or that were sent to their address.
pub async fn delete_memberships(tx: &impl ConnectionTrait, user: Uuid) -> Result<(), DbErr> {
    let sql = "DELETE FROM account_invitation WHERE invited_by = $1 \
               OR email_key = (SELECT email_key FROM app_user WHERE id = $1)";
    tx.execute_raw(statement(tx, sql, [user.into()])).await?;
    let sql = "DELETE FROM account_member WHERE user_id = $1";
    tx.execute_raw(statement(tx, sql, [user.into()])).await?;
    Ok(())
}
