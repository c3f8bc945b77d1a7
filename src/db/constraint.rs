//! The names of violated constraints, alike on both engines. PostgreSQL reports them; SQLite reports names of checks
//! and lists of columns for unique keys, which a map turns into names.

use sea_orm::{DbErr, RuntimeErr, SqlxError};

fn database_error(error: &DbErr) -> Option<&(dyn sqlx::error::DatabaseError + 'static)> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))
        | DbErr::Conn(RuntimeErr::SqlxError(error)) => match error.as_ref() {
            SqlxError::Database(error) => Some(error.as_ref()),
            _ => None,
        },
        _ => None,
    }
}

/// The engine's own error code.
pub fn code_of(error: &DbErr) -> Option<String> {
    database_error(error)?.code().map(|code| code.into_owned())
}

/// The name of the unique key or check that `error` violated.
pub fn violated(error: &DbErr) -> Option<String> {
    let error = database_error(error)?;
    if let Some(name) = error.constraint() {
        return Some(name.to_owned());
    }
    let message = error.message();
    if let Some(columns) = message.strip_prefix("UNIQUE constraint failed: ") {
        return Some(key_of_columns(columns));
    }
    message.strip_prefix("CHECK constraint failed: ").map(str::to_owned)
}

/// Keys whose name is not `<table>_<columns>_key`.
const NAMED: [(&str, &str); 4] = [
    ("credit_transaction.account_id, credit_transaction.idem_key", "credit_transaction_idem_key_key"),
    ("credit_grant.kind, credit_grant.source_ref", "credit_grant_kind_source_key"),
    ("credit_hold.account_id, credit_hold.work_id", "credit_hold_open_key"),
    ("credit_threshold.account_id, credit_threshold.level", "credit_threshold_account_level_key"),
];

fn key_of_columns(columns: &str) -> String {
    if let Some((_, name)) = NAMED.iter().find(|(list, _)| *list == columns) {
        return (*name).to_owned();
    }
    let mut table = "";
    let names: Vec<&str> = columns
        .split(", ")
        .filter_map(|part| part.split_once('.'))
        .map(|(owner, column)| {
            table = owner;
            column
        })
        .collect();
    format!("{table}_{}_key", names.join("_"))
}

#[cfg(test)]
mod tests {
    use super::key_of_columns;

    #[test]
    fn names_a_unique_key_by_table_and_columns() {
        assert_eq!(key_of_columns("app_user.email_key"), "app_user_email_key_key");
        assert_eq!(key_of_columns("ai_task.account_id, ai_task.idem_key"), "ai_task_account_id_idem_key_key");
        assert_eq!(key_of_columns("credit_hold.account_id, credit_hold.work_id"), "credit_hold_open_key");
    }
}
