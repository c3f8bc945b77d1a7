//! Writes and reads the audit trail.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{AuditFilter, Entry, Recorded};
use crate::{
    clock::Micros,
    db::{
        effect::{Cell, Effect, EffectError, Facts, Known},
        statement,
    },
    page::{Page, PageArgs},
};

/// The row of `entry`, for a ledger command to write with its own transaction.
pub fn entry_effect(entry: &Entry) -> Effect {
    Effect::Insert {
        table: "audit_entry",
        cells: vec![
            ("id", entry.id.into()),
            ("account_id", entry.account_id.into()),
            ("actor_kind", entry.actor.kind().into()),
            ("actor_id", entry.actor.id().into()),
            ("action", entry.action.into()),
            ("target_kind", entry.target_kind.into()),
            ("target_id", entry.target_id.into()),
            ("before", entry.before.clone().into()),
            ("after", entry.after.clone().into()),
            ("request_id", entry.request_id.clone().into()),
            ("at", entry.at.into()),
        ],
        if_absent: false,
    }
}

/// The same, with the amount of the ledger's transaction as what came after: it is known only when the command is carried out.
pub fn posting_effect(entry: &Entry) -> Effect {
    let mut effect = entry_effect(entry);
    if let Effect::Insert { cells, .. } = &mut effect {
        for (column, cell) in cells {
            if *column == "after" {
                *cell = Cell::Known(Known::AmountText);
            }
        }
    }
    effect
}

/// Writes `entry` in the caller's transaction.
pub async fn insert_entry(tx: &impl ConnectionTrait, entry: &Entry) -> Result<(), EffectError> {
    entry_effect(entry).write(tx, &Facts::at(entry.at)).await
}

/// How often `action` was done to `target`, for tests and statistics.
pub async fn count_entries(connection: &impl ConnectionTrait, action: &str, target: Uuid) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS total FROM audit_entry WHERE action = $1 AND target_id = $2";
    let row = connection.query_one_raw(statement(connection, sql, [action.into(), target.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "total"))
}

const COLUMNS: &str = "e.id, e.account_id, e.actor_kind, e.actor_id, e.action, e.target_kind, e.target_id, e.before, e.after, \
                       e.request_id, e.at";

pub(super) fn recorded_from(row: &QueryResult) -> Result<Recorded, DbErr> {
    Ok(Recorded {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        actor_kind: row.try_get("", "actor_kind")?,
        actor_id: row.try_get("", "actor_id")?,
        action: row.try_get("", "action")?,
        target_kind: row.try_get("", "target_kind")?,
        target_id: row.try_get("", "target_id")?,
        before: row.try_get("", "before")?,
        after: row.try_get("", "after")?,
        request_id: row.try_get("", "request_id")?,
        at: row.try_get("", "at")?,
    })
}

/// What `filter` asks, as conditions and their values.
fn conditions(filter: &AuditFilter) -> (Vec<String>, Vec<Value>) {
    let (mut clauses, mut values): (Vec<String>, Vec<Value>) = (Vec::new(), Vec::new());
    let mut add = |clause: &str, value: Value| {
        values.push(value);
        clauses.push(clause.replace('?', &format!("${}", values.len())));
    };
    let ids = [("e.actor_id = ?", filter.actor_id), ("e.target_id = ?", filter.target_id)];
    for (clause, id) in ids.into_iter().chain([("e.account_id = ?", filter.account_id)]) {
        if let Some(id) = id {
            add(clause, id.into());
        }
    }
    if let Some(kind) = &filter.target_kind {
        add("e.target_kind = ?", kind.as_str().into());
    }
    if let Some(action) = &filter.action {
        let escaped = action.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        add("e.action LIKE ? ESCAPE '\\'", format!("{escaped}%").into());
    }
    for (clause, at) in [("e.at >= ?", filter.since), ("e.at < ?", filter.before)] {
        if let Some(at) = at {
            add(clause, at.into());
        }
    }
    (clauses, values)
}

fn where_of(clauses: &[String]) -> String {
    if clauses.is_empty() { String::new() } else { format!(" WHERE {}", clauses.join(" AND ")) }
}

/// Rows of the whole installation, newest first. The caller may see all of them.
pub async fn list_entries(
    connection: &impl ConnectionTrait,
    filter: &AuditFilter,
    args: &PageArgs<(Micros, Uuid)>,
) -> Result<Page<Recorded>, DbErr> {
    let (mut clauses, mut values) = conditions(filter);
    let total = if args.with_total {
        let sql = format!("SELECT COUNT(*) AS total FROM audit_entry e{}", where_of(&clauses));
        let row = connection.query_one_raw(statement(connection, sql, values.clone())).await?;
        Some(row.map_or(Ok(0), |row| row.try_get("", "total"))?)
    } else {
        None
    };
    for (key, operator) in [(args.after, "<"), (args.before, ">")] {
        if let Some((at, id)) = key {
            values.extend([at.into(), id.into()]);
            let places = (values.len() - 1, values.len());
            clauses.push(format!("(e.at, e.id) {operator} (${}, ${})", places.0, places.1));
        }
    }
    values.push(args.fetch().into());
    let order = if args.from_end { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {COLUMNS} FROM audit_entry e{} ORDER BY e.at {order}, e.id {order} LIMIT ${}",
        where_of(&clauses),
        values.len()
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let found = rows.iter().map(recorded_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_rows(found, args, total))
}

/// Takes the words of an account's person out of rows on things of `kinds`, and on the account itself; who did what and
/// when stays. The chain holds: it has hashes of the words, and their salts go with them.
pub async fn erase_words(tx: &impl ConnectionTrait, account: Uuid, kinds: &[&'static str]) -> Result<(), DbErr> {
    // Kinds are table names of ours, never input.
    let kinds = kinds.iter().map(|kind| format!("'{kind}'")).collect::<Vec<_>>().join(", ");
    let rows = format!("account_id = $1 AND (target_kind IN ({kinds}) OR action LIKE 'account.%')");
    // The rows first: whoever seals them at this moment holds them, and has written the links when this goes on.
    let sql = format!(
        "UPDATE audit_entry SET before = NULL, after = NULL WHERE {rows} AND (before IS NOT NULL OR after IS NOT NULL)"
    );
    tx.execute_raw(statement(tx, sql, [account.into()])).await?;
    let sql = format!(
        "UPDATE audit_link SET salt = NULL WHERE salt IS NOT NULL AND entry_id IN (SELECT id FROM audit_entry WHERE {rows})"
    );
    tx.execute_raw(statement(tx, sql, [account.into()])).await?;
    Ok(())
}
