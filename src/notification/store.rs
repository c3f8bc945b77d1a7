//! The tables of notifications. Every finder takes the account and the member who reads.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{NewNotification, Notification, Severity};
use crate::{
    clock::Micros,
    db::{
        effect::{Cell, Effect, TextPart},
        statement,
    },
    page::{Page, PageArgs},
};

/// The message as a write of the command it belongs to.
pub fn insert_effect(new: NewNotification<Vec<TextPart>>) -> Effect {
    Effect::Insert {
        table: "notification",
        cells: vec![
            ("id", new.id.into()),
            ("account_id", new.account_id.into()),
            ("notification_type", new.kind.into()),
            ("severity", new.severity.as_str().into()),
            ("title", new.title.into()),
            ("message", Cell::Text(new.message)),
            ("metadata", Cell::Text(new.metadata)),
            ("subject_kind", new.subject_kind.into()),
            ("subject_id", new.subject_id.into()),
            ("error", new.error.map_or(Cell::Value(Value::String(None)), Cell::Text)),
            ("dedupe_key", new.dedupe_key.into()),
            ("created_at", new.created_at.into()),
        ],
        if_absent: false,
    }
}

const COLUMNS: &str = "n.id, n.account_id, n.notification_type, n.severity, n.title, n.message, n.metadata, \
                       n.subject_kind, n.subject_id, n.error, n.created_at, r.read_at";

fn notification_of(row: &QueryResult) -> Result<Notification, DbErr> {
    let severity: String = row.try_get("", "severity")?;
    Ok(Notification {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        kind: row.try_get("", "notification_type")?,
        severity: Severity::parse(&severity)
            .ok_or_else(|| DbErr::Type("a stored severity is not one we know".to_owned()))?,
        title: row.try_get("", "title")?,
        message: row.try_get("", "message")?,
        metadata: row.try_get("", "metadata")?,
        subject_kind: row.try_get("", "subject_kind")?,
        subject_id: row.try_get("", "subject_id")?,
        error: row.try_get("", "error")?,
        read_at: row.try_get("", "read_at")?,
        created_at: row.try_get("", "created_at")?,
    })
}

/// An account's messages as `user` sees them, newest first.
pub async fn list_notifications(
    connection: &impl ConnectionTrait,
    account: Uuid,
    user: Uuid,
    unread_only: bool,
    args: &PageArgs<Uuid>,
) -> Result<Page<Notification>, DbErr> {
    let mut values: Vec<Value> = vec![account.into(), user.into()];
    let mut clauses = String::new();
    if unread_only {
        clauses.push_str(" AND r.read_at IS NULL");
    }
    let filter = clauses.clone();
    for (key, operator) in [(args.after, "<"), (args.before, ">")] {
        if let Some(key) = key {
            values.push(key.into());
            clauses.push_str(&format!(" AND n.id {operator} ${}", values.len()));
        }
    }
    values.push(args.fetch().into());
    let order = if args.from_end { "ASC" } else { "DESC" };
    let from = "FROM notification n LEFT JOIN notification_read r ON r.notification_id = n.id AND r.user_id = $2 \
                WHERE n.account_id = $1";
    let sql = format!("SELECT {COLUMNS} {from}{clauses} ORDER BY n.id {order} LIMIT ${}", values.len());
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let notifications = rows.iter().map(notification_of).collect::<Result<Vec<_>, _>>()?;
    let total = if args.with_total {
        let sql = format!("SELECT COUNT(*) AS n {from}{filter}");
        let row = connection.query_one_raw(statement(connection, sql, [account.into(), user.into()])).await?;
        Some(row.map_or(Ok(0), |row| row.try_get("", "n"))?)
    } else {
        None
    };
    Ok(Page::from_rows(notifications, args, total))
}

/// Messages by id as `user` sees them, of any account: the caller compares the account.
pub async fn load_notifications(
    connection: &impl ConnectionTrait,
    user: Uuid,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Notification>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<String> = (0..ids.len()).map(|at| format!("${}", at + 2)).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM notification n LEFT JOIN notification_read r ON r.notification_id = n.id \
         AND r.user_id = $1 WHERE n.id IN ({})",
        places.join(", ")
    );
    let values = std::iter::once(user.into()).chain(ids.iter().map(|id| (*id).into()));
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter()
        .map(|row| {
            let notification = notification_of(row)?;
            Ok((notification.id, notification))
        })
        .collect()
}

/// How many of an account's messages `user` has not read.
pub async fn count_unread(connection: &impl ConnectionTrait, account: Uuid, user: Uuid) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS n FROM notification n WHERE n.account_id = $1 AND NOT EXISTS \
               (SELECT 1 FROM notification_read r WHERE r.notification_id = n.id AND r.user_id = $2)";
    let row = connection.query_one_raw(statement(connection, sql, [account.into(), user.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// Marks those of `ids` that are the account's as read by `user`; marking twice keeps the first time. Answers the ids
/// that are the account's.
pub async fn insert_reads(
    tx: &impl ConnectionTrait,
    account: Uuid,
    user: Uuid,
    ids: &[Uuid],
    now: Micros,
) -> Result<Vec<Uuid>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (0..ids.len()).map(|at| format!("${}", at + 2)).collect();
    let sql = format!("SELECT id FROM notification WHERE account_id = $1 AND id IN ({})", places.join(", "));
    let values = std::iter::once(account.into()).chain(ids.iter().map(|id| (*id).into()));
    let mut found = Vec::new();
    for row in tx.query_all_raw(statement(tx, sql, values)).await? {
        let id: Uuid = row.try_get("", "id")?;
        let sql = "INSERT INTO notification_read (notification_id, user_id, read_at) VALUES ($1, $2, $3) \
                   ON CONFLICT DO NOTHING";
        tx.execute_raw(statement(tx, sql, [id.into(), user.into(), now.into()])).await?;
        found.push(id);
    }
    Ok(found)
}

/// Marks all of an account's messages as read by `user`.
pub async fn insert_all_reads(
    tx: &impl ConnectionTrait,
    account: Uuid,
    user: Uuid,
    now: Micros,
) -> Result<u64, DbErr> {
    let sql = "INSERT INTO notification_read (notification_id, user_id, read_at) \
               SELECT n.id, $2, $3 FROM notification n WHERE n.account_id = $1 ON CONFLICT DO NOTHING";
    let done = tx.execute_raw(statement(tx, sql, [account.into(), user.into(), now.into()])).await?;
    Ok(done.rows_affected())
}
