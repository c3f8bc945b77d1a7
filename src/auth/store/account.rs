//! Tenants and members. Every finder takes whose scope it is.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{places, word};
use crate::{
    auth::model::{Account, AccountState, MemberRole},
    clock::Micros,
    db::{effect::Effect, engine_of, statement},
    page::{Page, PageArgs},
};

const COLUMNS: &str = "a.id, a.name, a.personal_user_id, a.time_zone, a.state, a.watermark_text, a.is_watermarked, \
                       a.version, a.created_at, a.updated_at";

fn account_from(row: &QueryResult) -> Result<Account, DbErr> {
    let state: String = row.try_get("", "state")?;
    Ok(Account {
        id: row.try_get("", "id")?,
        name: row.try_get("", "name")?,
        personal_user_id: row.try_get("", "personal_user_id")?,
        time_zone: row.try_get("", "time_zone")?,
        state: word(AccountState::parse(&state), "an account's state", &state)?,
        watermark_text: row.try_get("", "watermark_text")?,
        is_watermarked: row.try_get("", "is_watermarked")?,
        version: row.try_get("", "version")?,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
    })
}

/// Whose accounts a finder may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountScope {
    /// Those this person is a member of.
    MemberOf(Uuid),
    /// All of them; only a right over people makes one.
    All,
}

/// The row of a new account.
pub fn account_effect(account: &Account) -> Effect {
    Effect::Insert {
        table: "account",
        cells: vec![
            ("id", account.id.into()),
            ("name", account.name.as_str().into()),
            ("personal_user_id", account.personal_user_id.into()),
            ("time_zone", account.time_zone.as_str().into()),
            ("state", account.state.as_str().into()),
            ("version", account.version.into()),
            ("created_at", account.created_at.into()),
            ("updated_at", account.updated_at.into()),
        ],
        if_absent: false,
    }
}

/// The row of a new member.
pub fn member_effect(account_id: Uuid, user_id: Uuid, role: MemberRole, now: Micros) -> Effect {
    Effect::Insert {
        table: "account_member",
        cells: vec![
            ("account_id", account_id.into()),
            ("user_id", user_id.into()),
            ("role", role.as_str().into()),
            ("created_at", now.into()),
        ],
        if_absent: false,
    }
}

/// An account in `scope`.
pub async fn find_account(
    connection: &impl ConnectionTrait,
    scope: AccountScope,
    id: Uuid,
) -> Result<Option<Account>, DbErr> {
    let mut values: Vec<Value> = vec![id.into()];
    let join = match scope {
        AccountScope::All => "",
        AccountScope::MemberOf(user) => {
            values.push(user.into());
            " JOIN account_member m ON m.account_id = a.id AND m.user_id = $2"
        }
    };
    let sql = format!("SELECT {COLUMNS} FROM account a{join} WHERE a.id = $1");
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    row.as_ref().map(account_from).transpose()
}

/// An account, locked until the transaction ends. The caller has authorised.
pub async fn lock_account(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<Account>, DbErr> {
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT {COLUMNS} FROM account a WHERE a.id = $1{lock}");
    let row = tx.query_one_raw(statement(tx, sql, [id.into()])).await?;
    row.as_ref().map(account_from).transpose()
}

/// Writes what can be edited of `account`, and its version.
pub async fn update_account(tx: &impl ConnectionTrait, account: &Account) -> Result<(), DbErr> {
    let sql = "UPDATE account SET name = $1, watermark_text = $2, is_watermarked = $3, version = $4, updated_at = $5 \
               WHERE id = $6";
    let values: [Value; 6] = [
        account.name.as_str().into(),
        account.watermark_text.clone().into(),
        account.is_watermarked.into(),
        account.version.into(),
        account.updated_at.into(),
        account.id.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// The member role of `user` in an account; `None` for another tenant's account and for none alike.
pub async fn find_member_role(
    connection: &impl ConnectionTrait,
    account_id: Uuid,
    user: Uuid,
) -> Result<Option<MemberRole>, DbErr> {
    let sql = "SELECT role FROM account_member WHERE account_id = $1 AND user_id = $2";
    let row = connection.query_one_raw(statement(connection, sql, [account_id.into(), user.into()])).await?;
    let Some(row) = row else { return Ok(None) };
    let role: String = row.try_get("", "role")?;
    Ok(Some(word(MemberRole::parse(&role), "a member's role", &role)?))
}

/// Those of `accounts` (at most 500) that were ever made here, closed ones too.
pub async fn load_existing(connection: &impl ConnectionTrait, accounts: &[Uuid]) -> Result<Vec<Uuid>, DbErr> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT id FROM account WHERE id IN ({})", places(1, accounts.len()));
    let rows = connection.query_all_raw(statement(connection, sql, accounts.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

/// The personal accounts of `users` (at most 500) who are not deleted.
pub async fn load_personal(connection: &impl ConnectionTrait, users: &[Uuid]) -> Result<Vec<Account>, DbErr> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM account a JOIN app_user u ON u.id = a.personal_user_id \
         WHERE a.personal_user_id IN ({}) AND u.deleted_at IS NULL",
        places(1, users.len())
    );
    let rows = connection.query_all_raw(statement(connection, sql, users.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(account_from).collect()
}

/// Accounts in `scope`, newest first.
pub async fn list_accounts(
    connection: &impl ConnectionTrait,
    scope: AccountScope,
    page: &PageArgs<Uuid>,
) -> Result<Page<Account>, DbErr> {
    let mut values: Vec<Value> = Vec::new();
    let mut from = String::from("account a");
    if let AccountScope::MemberOf(user) = scope {
        values.push(user.into());
        from.push_str(" JOIN account_member m ON m.account_id = a.id AND m.user_id = $1");
    }
    let total = if page.with_total {
        let sql = format!("SELECT COUNT(*) AS total FROM {from}");
        let row = connection.query_one_raw(statement(connection, sql, values.clone())).await?;
        row.map(|row| row.try_get("", "total")).transpose()?
    } else {
        None
    };
    let mut clause = String::from("1 = 1");
    for (key, comparison) in [(page.after, "<"), (page.before, ">")] {
        if let Some(key) = key {
            values.push(key.into());
            clause.push_str(&format!(" AND a.id {comparison} ${}", values.len()));
        }
    }
    values.push(page.fetch().into());
    let direction = if page.from_end { "ASC" } else { "DESC" };
    let sql = format!("SELECT {COLUMNS} FROM {from} WHERE {clause} ORDER BY a.id {direction} LIMIT ${}", values.len());
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let accounts = rows.iter().map(account_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_rows(accounts, page, total))
}

/// The personal account of a person.
pub async fn find_personal(connection: &impl ConnectionTrait, user: Uuid) -> Result<Option<Uuid>, DbErr> {
    let sql = "SELECT id FROM account WHERE personal_user_id = $1";
    let row = connection.query_one_raw(statement(connection, sql, [user.into()])).await?;
    row.map(|row| row.try_get("", "id")).transpose()
}
