//! People.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{places, word};
use crate::{
    auth::model::{Email, ListedUser, SignUp, User, UserFilter, UserKey, UserOrder, Username},
    clock::Micros,
    db::{effect::Effect, engine_of, statement},
    page::{Page, PageArgs},
    viewer::PlatformRole,
};

const COLUMNS: &str = "id, username, email, platform_role, access_version, created_at, updated_at, deleted_at, \
                       email_verified_at";

fn user_from(row: &QueryResult) -> Result<User, DbErr> {
    let role: String = row.try_get("", "platform_role")?;
    Ok(User {
        id: row.try_get("", "id")?,
        username: row.try_get("", "username")?,
        email: row.try_get("", "email")?,
        role: word(PlatformRole::parse(&role), "a platform role", &role)?,
        access_version: row.try_get("", "access_version")?,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
        deleted_at: row.try_get("", "deleted_at")?,
        email_verified_at: row.try_get("", "email_verified_at")?,
    })
}

/// A person's row and the hash of their password.
pub struct Credentials {
    /// The person.
    pub user: User,
    /// Argon2id in PHC form; `None` when it was erased.
    pub password_hash: Option<String>,
}

/// The row of a new person.
pub fn user_effect((username, email): (&Username, &Email), user: &User, password_hash: &str) -> Effect {
    Effect::Insert {
        table: "app_user",
        cells: vec![
            ("id", user.id.into()),
            ("username", user.username.as_str().into()),
            ("username_key", username.key().into()),
            ("email", user.email.as_str().into()),
            ("email_key", email.key().into()),
            ("password_hash", password_hash.into()),
            ("platform_role", user.role.as_str().into()),
            ("access_version", user.access_version.into()),
            ("created_at", user.created_at.into()),
            ("updated_at", user.updated_at.into()),
            ("email_verified_at", user.email_verified_at.into()),
        ],
        if_absent: false,
    }
}

/// A person who is not deleted.
pub async fn find_user(connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<User>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM app_user WHERE id = $1 AND deleted_at IS NULL");
    let row = connection.query_one_raw(statement(connection, sql, [id.into()])).await?;
    row.as_ref().map(user_from).transpose()
}

/// People who are not deleted, by id.
pub async fn load_users(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<Vec<User>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT {COLUMNS} FROM app_user WHERE deleted_at IS NULL AND id IN ({})", places(1, ids.len()));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(user_from).collect()
}

/// The person, locked until the transaction ends.
pub async fn lock_user(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<User>, DbErr> {
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT {COLUMNS} FROM app_user WHERE id = $1 AND deleted_at IS NULL{lock}");
    let row = tx.query_one_raw(statement(tx, sql, [id.into()])).await?;
    row.as_ref().map(user_from).transpose()
}

/// Who `identity` names: with an `@` an e-mail address, else a username; in any case.
pub async fn find_credentials(connection: &impl ConnectionTrait, identity: &str) -> Result<Option<Credentials>, DbErr> {
    let column = if identity.contains('@') { "email_key" } else { "username_key" };
    let sql = format!("SELECT {COLUMNS}, password_hash FROM app_user WHERE {column} = $1 AND deleted_at IS NULL");
    let key = identity.trim().to_lowercase();
    let row = connection.query_one_raw(statement(connection, sql, [key.into()])).await?;
    row.map(|row| Ok(Credentials { user: user_from(&row)?, password_hash: row.try_get("", "password_hash")? }))
        .transpose()
}

/// Everybody who was deleted, and when.
pub async fn list_deleted(connection: &impl ConnectionTrait) -> Result<Vec<(Uuid, Micros)>, DbErr> {
    let sql = "SELECT id, deleted_at FROM app_user WHERE deleted_at IS NOT NULL ORDER BY deleted_at, id";
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, row.try_get("", "deleted_at")?))).collect()
}

/// Whether the username and the e-mail address are taken.
pub async fn find_taken(connection: &impl ConnectionTrait, person: &SignUp) -> Result<(bool, bool), DbErr> {
    let sql = "SELECT username_key, email_key FROM app_user WHERE username_key = $1 OR email_key = $2";
    let (username, email) = (person.username.key(), person.email.key());
    let values = [username.as_str().into(), email.as_str().into()];
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let mut taken = (false, false);
    for row in rows {
        taken.0 |= row.try_get::<String>("", "username_key")? == username;
        taken.1 |= row.try_get::<String>("", "email_key")? == email;
    }
    Ok(taken)
}

/// The hash of a person's password; `None` when there is none, or the person is deleted.
pub async fn find_password_hash(connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<String>, DbErr> {
    let sql = "SELECT password_hash FROM app_user WHERE id = $1 AND deleted_at IS NULL";
    let row = connection.query_one_raw(statement(connection, sql, [id.into()])).await?;
    row.map_or(Ok(None), |row| row.try_get("", "password_hash"))
}

/// Stores the hash of a new password.
pub async fn set_password(tx: &impl ConnectionTrait, id: Uuid, hash: &str, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE app_user SET password_hash = $1, updated_at = $2 WHERE id = $3 AND deleted_at IS NULL";
    tx.execute_raw(statement(tx, sql, [hash.into(), now.into(), id.into()])).await?;
    Ok(())
}

/// Takes a person's password away; a link by mail sets another one.
pub async fn clear_password(tx: &impl ConnectionTrait, id: Uuid, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE app_user SET password_hash = NULL, updated_at = $1 WHERE id = $2";
    tx.execute_raw(statement(tx, sql, [now.into(), id.into()])).await?;
    Ok(())
}

/// Notes that a link that was sent to the address was used.
pub async fn update_email_verified(tx: &impl ConnectionTrait, id: Uuid, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE app_user SET email_verified_at = $1, updated_at = $1 WHERE id = $2 AND email_verified_at IS NULL";
    tx.execute_raw(statement(tx, sql, [now.into(), id.into()])).await?;
    Ok(())
}

/// Stores a stronger hash of the same password.
pub async fn update_password_hash(tx: &impl ConnectionTrait, id: Uuid, stronger: &str) -> Result<(), DbErr> {
    let sql = "UPDATE app_user SET password_hash = $1 WHERE id = $2 AND deleted_at IS NULL";
    tx.execute_raw(statement(tx, sql, [stronger.into(), id.into()])).await?;
    Ok(())
}

/// Gives a person another name to sign in with; the unique key refuses one that is taken.
pub async fn update_username(tx: &impl ConnectionTrait, id: Uuid, name: &Username, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE app_user SET username = $1, username_key = $2, updated_at = $3 WHERE id = $4";
    let values = [name.as_str().into(), name.key().into(), now.into(), id.into()];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Those who have `role`, locked in the order of their ids until the transaction ends.
pub async fn lock_of_role(tx: &impl ConnectionTrait, role: PlatformRole) -> Result<Vec<Uuid>, DbErr> {
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT id FROM app_user WHERE platform_role = $1 AND deleted_at IS NULL ORDER BY id{lock}");
    let rows = tx.query_all_raw(statement(tx, sql, [role.as_str().into()])).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

/// Whether anybody has `role`.
pub async fn find_any_of_role(connection: &impl ConnectionTrait, role: PlatformRole) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM app_user WHERE platform_role = $1 AND deleted_at IS NULL LIMIT 1";
    Ok(connection.query_one_raw(statement(connection, sql, [role.as_str().into()])).await?.is_some())
}

/// Gives a person `role` and raises their access version.
pub async fn update_role(tx: &impl ConnectionTrait, id: Uuid, role: PlatformRole, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE app_user SET platform_role = $1, access_version = access_version + 1, updated_at = $2 \
               WHERE id = $3";
    tx.execute_raw(statement(tx, sql, [role.as_str().into(), now.into(), id.into()])).await?;
    Ok(())
}

/// Takes everything personal out of the row. The `:` keeps the stand-in apart from any name that can be typed.
pub async fn erase_user(tx: &impl ConnectionTrait, id: Uuid, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE app_user SET username = $1, username_key = $1, email = $1, email_key = $1, password_hash = NULL, \
               platform_role = $2, access_version = access_version + 1, updated_at = $3, deleted_at = $3, \
               email_verified_at = NULL WHERE id = $4";
    let stand_in = format!("deleted:{}", id.simple());
    let lowest = PlatformRole::User.as_str();
    tx.execute_raw(statement(tx, sql, [stand_in.into(), lowest.into(), now.into(), id.into()])).await?;
    Ok(())
}

/// A part of a text for `LIKE` with `\` as escape.
fn pattern(part: &str) -> String {
    let mut pattern = String::from("%");
    for letter in part.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// What an order goes by, of the person `u`, and what must be joined for it. Credits and images are those of the personal account.
fn sorted_by(order: UserOrder) -> (String, &'static str) {
    match order {
        UserOrder::Newest | UserOrder::Oldest => ("u.created_at".to_owned(), ""),
        UserOrder::RoleHighest | UserOrder::RoleLowest => {
            let ranks = PlatformRole::ALL.iter().enumerate();
            let ranks: String = ranks.map(|(rank, role)| format!("WHEN '{}' THEN {rank} ", role.as_str())).collect();
            (format!("CAST(CASE u.platform_role {ranks}ELSE 0 END AS bigint)"), "")
        }
        UserOrder::CreditsMost | UserOrder::CreditsLeast => (
            "COALESCE(l.available, 0)".to_owned(),
            " LEFT JOIN account a ON a.personal_user_id = u.id LEFT JOIN ledger_account l ON l.account_id = a.id",
        ),
        UserOrder::ImagesMost | UserOrder::ImagesLeast => (
            "COALESCE(i.images, 0)".to_owned(),
            " LEFT JOIN account a ON a.personal_user_id = u.id LEFT JOIN (SELECT account_id, COUNT(*) AS images FROM image \
             WHERE deleted_at IS NULL AND state = 'GENERATED' GROUP BY account_id) i ON i.account_id = a.id",
        ),
    }
}

/// People who are not deleted, in `order`. Keys of another order count for nothing: the caller has refused them.
pub async fn list_users(
    connection: &impl ConnectionTrait,
    filter: &UserFilter,
    order: UserOrder,
    page: &PageArgs<UserKey>,
) -> Result<Page<ListedUser>, DbErr> {
    let mut clause = String::from("u.deleted_at IS NULL");
    let mut values: Vec<Value> = Vec::new();
    if let Some(role) = filter.role {
        values.push(role.as_str().into());
        clause.push_str(&format!(" AND u.platform_role = ${}", values.len()));
    }
    if let Some(search) = &filter.search {
        values.push(pattern(search).into());
        let place = values.len();
        let parts = format!("u.username_key LIKE ${place} ESCAPE '\\' OR u.email_key LIKE ${place} ESCAPE '\\'");
        clause.push_str(&format!(" AND ({parts})"));
    }
    let total = if page.with_total {
        let sql = format!("SELECT COUNT(*) AS total FROM app_user u WHERE {clause}");
        let row = connection.query_one_raw(statement(connection, sql, values.clone())).await?;
        row.map(|row| row.try_get("", "total")).transpose()?
    } else {
        None
    };
    let (value, joins) = sorted_by(order);
    let (onward, back) = if order.is_descending() { ("<", ">") } else { (">", "<") };
    for (key, comparison) in [(page.after, onward), (page.before, back)] {
        if let Some(key) = key {
            values.extend([key.value.into(), key.id.into()]);
            let places = (values.len() - 1, values.len());
            clause.push_str(&format!(" AND ({value}, u.id) {comparison} (${}, ${})", places.0, places.1));
        }
    }
    values.push(page.fetch().into());
    let direction = if order.is_descending() == page.from_end { "ASC" } else { "DESC" };
    let columns: String = COLUMNS.split(", ").map(|column| format!("u.{column}, ")).collect();
    let sql = format!(
        "SELECT {columns}{value} AS sort_value FROM app_user u{joins} WHERE {clause} \
         ORDER BY {value} {direction}, u.id {direction} LIMIT ${}",
        values.len()
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let listed = rows.iter().map(|row| {
        let user = user_from(row)?;
        let key = UserKey { order, value: row.try_get("", "sort_value")?, id: user.id };
        Ok(ListedUser { user, key })
    });
    let users = listed.collect::<Result<Vec<_>, DbErr>>()?;
    Ok(Page::from_rows(users, page, total))
}

/// How many images the personal accounts of `users` (at most 500) have; who has none is left out.
pub async fn load_image_counts(connection: &impl ConnectionTrait, users: &[Uuid]) -> Result<Vec<(Uuid, i64)>, DbErr> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT a.personal_user_id AS user_id, COUNT(*) AS images FROM account a JOIN image i ON i.account_id = a.id \
         WHERE a.personal_user_id IN ({}) AND i.deleted_at IS NULL AND i.state = 'GENERATED' GROUP BY a.personal_user_id",
        places(1, users.len())
    );
    let rows = connection.query_all_raw(statement(connection, sql, users.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| Ok((row.try_get("", "user_id")?, row.try_get("", "images")?))).collect()
}
