//! Versions of prompts and the history of their activation.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{body_of, count, places, word};
use crate::{
    db::statement,
    page::{Page, PageArgs},
    prompt::model::prompt::{Activation, ActivationCause, PromptVersion},
};

const VERSION: &str = "id, system_prompt_id, number, name, description, content, metadata, author_id, note, created_at";
const ACTIVATION: &str = "id, system_prompt_id, number, version_id, previous_version_id, cause, actor_id, created_at";

fn version_of(row: &QueryResult) -> Result<PromptVersion, DbErr> {
    Ok(PromptVersion {
        id: row.try_get("", "id")?,
        prompt_id: row.try_get("", "system_prompt_id")?,
        number: row.try_get("", "number")?,
        body: body_of(row, "")?,
        author_id: row.try_get("", "author_id")?,
        note: row.try_get("", "note")?,
        created_at: row.try_get("", "created_at")?,
    })
}

fn activation_of(row: &QueryResult) -> Result<Activation, DbErr> {
    let cause: String = row.try_get("", "cause")?;
    Ok(Activation {
        id: row.try_get("", "id")?,
        prompt_id: row.try_get("", "system_prompt_id")?,
        number: row.try_get("", "number")?,
        version_id: row.try_get("", "version_id")?,
        previous_version_id: row.try_get("", "previous_version_id")?,
        cause: word(ActivationCause::parse(&cause), "cause of an activation")?,
        actor_id: row.try_get("", "actor_id")?,
        created_at: row.try_get("", "created_at")?,
    })
}

/// Writes a version.
pub async fn insert_version(tx: &impl ConnectionTrait, version: &PromptVersion) -> Result<(), DbErr> {
    let sql = format!("INSERT INTO system_prompt_version ({VERSION}) VALUES ({})", places(1, 10));
    let values: [Value; 10] = [
        version.id.into(),
        version.prompt_id.into(),
        version.number.into(),
        version.body.name.as_str().into(),
        version.body.description.clone().into(),
        version.body.content.as_str().into(),
        version.body.metadata.as_str().into(),
        version.author_id.into(),
        version.note.clone().into(),
        version.created_at.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Writes that a version became active; the number is the next one of its prompt, which is locked.
pub async fn insert_activation(tx: &impl ConnectionTrait, activation: &Activation) -> Result<(), DbErr> {
    let sql = format!(
        "INSERT INTO system_prompt_activation ({ACTIVATION}) VALUES ($1, $2, \
         (SELECT COALESCE(MAX(a.number), 0) + 1 FROM system_prompt_activation a WHERE a.system_prompt_id = $2), \
         $3, $4, $5, $6, $7)"
    );
    let values: [Value; 7] = [
        activation.id.into(),
        activation.prompt_id.into(),
        activation.version_id.into(),
        activation.previous_version_id.into(),
        activation.cause.as_str().into(),
        activation.actor_id.into(),
        activation.created_at.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Versions by id.
pub async fn load_versions(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, PromptVersion>, DbErr> {
    let mut found = HashMap::with_capacity(ids.len());
    for part in ids.chunks(500) {
        let sql = format!("SELECT {VERSION} FROM system_prompt_version WHERE id IN ({})", places(1, part.len()));
        let rows = connection.query_all_raw(statement(connection, sql, part.iter().map(|id| (*id).into()))).await?;
        for row in &rows {
            let version = version_of(row)?;
            found.insert(version.id, version);
        }
    }
    Ok(found)
}

/// The version of a prompt with this number.
pub async fn find_numbered(
    connection: &impl ConnectionTrait,
    prompt: Uuid,
    number: i32,
) -> Result<Option<PromptVersion>, DbErr> {
    let sql = format!("SELECT {VERSION} FROM system_prompt_version WHERE system_prompt_id = $1 AND number = $2");
    let row = connection.query_one_raw(statement(connection, sql, [prompt.into(), number.into()])).await?;
    row.as_ref().map(version_of).transpose()
}

/// A page of rows of one prompt, by number, newest first.
async fn page_of<T>(
    connection: &impl ConnectionTrait,
    (table, columns): (&str, &str),
    prompt: Uuid,
    page: &PageArgs<i64>,
    read: impl Fn(&QueryResult) -> Result<T, DbErr>,
) -> Result<Page<T>, DbErr> {
    let total = if page.with_total {
        let sql = format!("SELECT COUNT(*) AS n FROM {table} WHERE system_prompt_id = $1");
        Some(count(connection, &sql, vec![prompt.into()]).await?)
    } else {
        None
    };
    let mut values: Vec<Value> = vec![prompt.into()];
    let mut clauses = String::new();
    for (key, comparison) in [(page.after, "<"), (page.before, ">")] {
        if let Some(key) = key {
            values.push(key.into());
            clauses.push_str(&format!(" AND number {comparison} ${}", values.len()));
        }
    }
    values.push(page.fetch().into());
    let direction = if page.from_end { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {columns} FROM {table} WHERE system_prompt_id = $1{clauses} ORDER BY number {direction} LIMIT ${}",
        values.len()
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_rows(items, page, total))
}

/// A prompt's versions, newest first.
pub async fn list_versions(
    connection: &impl ConnectionTrait,
    prompt: Uuid,
    page: &PageArgs<i64>,
) -> Result<Page<PromptVersion>, DbErr> {
    page_of(connection, ("system_prompt_version", VERSION), prompt, page, version_of).await
}

/// A prompt's activations, newest first.
pub async fn list_activations(
    connection: &impl ConnectionTrait,
    prompt: Uuid,
    page: &PageArgs<i64>,
) -> Result<Page<Activation>, DbErr> {
    page_of(connection, ("system_prompt_activation", ACTIVATION), prompt, page, activation_of).await
}
