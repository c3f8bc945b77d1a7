//! Prompts with their active versions.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{body_of, count, keyset, places, word};
use crate::{
    clock::Micros,
    db::{Engine, engine_of, statement},
    page::{Page, PageArgs},
    prompt::model::{
        Category, PromptKey, fold,
        prompt::{PromptFilter, PromptOrder, PromptVersion, SystemPrompt},
    },
};

const SELECT: &str = "SELECT p.id, p.category, p.display_key, p.is_enabled, p.created_at, p.updated_at, \
                      v.id AS v_id, v.number AS v_number, v.name AS v_name, v.description AS v_description, \
                      v.content AS v_content, v.metadata AS v_metadata, v.author_id AS v_author_id, v.note AS v_note, \
                      v.created_at AS v_created_at, \
                      (SELECT MAX(w.number) FROM system_prompt_version w WHERE w.system_prompt_id = p.id) AS number_max \
                      FROM system_prompt p JOIN system_prompt_version v ON v.id = p.active_version_id";

fn prompt_of(row: &QueryResult) -> Result<SystemPrompt, DbErr> {
    let id = row.try_get("", "id")?;
    let category: String = row.try_get("", "category")?;
    Ok(SystemPrompt {
        id,
        category: word(Category::parse(&category), "category")?,
        key: PromptKey::lenient(&row.try_get::<String>("", "display_key")?),
        is_enabled: row.try_get("", "is_enabled")?,
        active: PromptVersion {
            id: row.try_get("v_", "id")?,
            prompt_id: id,
            number: row.try_get("v_", "number")?,
            body: body_of(row, "v_")?,
            author_id: row.try_get("v_", "author_id")?,
            note: row.try_get("v_", "note")?,
            created_at: row.try_get("v_", "created_at")?,
        },
        number_max: row.try_get("", "number_max")?,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
    })
}

/// The prompt.
pub async fn find_prompt(connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<SystemPrompt>, DbErr> {
    let sql = format!("{SELECT} WHERE p.id = $1");
    let row = connection.query_one_raw(statement(connection, sql, [id.into()])).await?;
    row.as_ref().map(prompt_of).transpose()
}

/// The prompt of a category and a folded key.
pub async fn find_prompt_by_key(
    connection: &impl ConnectionTrait,
    category: Category,
    folded: &str,
) -> Result<Option<SystemPrompt>, DbErr> {
    let sql = format!("{SELECT} WHERE p.category = $1 AND p.folded_key = $2");
    let row = connection.query_one_raw(statement(connection, sql, [category.as_str().into(), folded.into()])).await?;
    row.as_ref().map(prompt_of).transpose()
}

/// Locks the rows of `ids` until the transaction ends, in the order of their ids, and answers the prompts as they are
/// then. The row is locked alone first: read together with its version, a waiter would see the version it waited out.
pub async fn lock_prompts(tx: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, SystemPrompt>, DbErr> {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    for part in sorted.chunks(500) {
        let lock = engine_of(tx).for_update();
        let sql = format!("SELECT id FROM system_prompt WHERE id IN ({}) ORDER BY id{lock}", places(1, part.len()));
        tx.query_all_raw(statement(tx, sql, part.iter().map(|id| (*id).into()))).await?;
    }
    load_prompts(tx, &sorted).await
}

/// As [`lock_prompts`], for one.
pub async fn lock_prompt(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<SystemPrompt>, DbErr> {
    Ok(lock_prompts(tx, &[id]).await?.remove(&id))
}

/// Locks every prompt until the transaction ends, and answers all of them by category and key.
pub async fn lock_all(tx: &impl ConnectionTrait) -> Result<Vec<SystemPrompt>, DbErr> {
    let sql = format!("SELECT id FROM system_prompt ORDER BY id{}", engine_of(tx).for_update());
    tx.query_all_raw(statement(tx, sql, [])).await?;
    all_prompts(tx).await
}

/// Every prompt, by category and key.
pub async fn all_prompts(connection: &impl ConnectionTrait) -> Result<Vec<SystemPrompt>, DbErr> {
    let sql = format!("{SELECT} ORDER BY p.category, p.folded_key");
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    rows.iter().map(prompt_of).collect()
}

/// The category and folded key of every prompt: what must be known at every start, so nothing else is read.
pub async fn all_keys(connection: &impl ConnectionTrait) -> Result<HashSet<(Category, String)>, DbErr> {
    let rows =
        connection.query_all_raw(statement(connection, "SELECT category, folded_key FROM system_prompt", [])).await?;
    rows.iter()
        .map(|row| {
            let category: String = row.try_get("", "category")?;
            Ok((word(Category::parse(&category), "category")?, row.try_get("", "folded_key")?))
        })
        .collect()
}

/// How many prompts a category has.
pub async fn count_in_category(connection: &impl ConnectionTrait, category: Category) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS n FROM system_prompt WHERE category = $1";
    count(connection, sql, vec![category.as_str().into()]).await
}

/// Lets whoever makes prompts go one after the other until the transaction ends, also where there is no row to lock yet.
/// On SQLite there is one writer anyway.
pub async fn lock_keys(tx: &impl ConnectionTrait) -> Result<(), DbErr> {
    /// "inkprmpt" in ASCII.
    const LOCK: i64 = 0x696e_6b70_726d_7074;
    if engine_of(tx) == Engine::Postgres {
        tx.execute_raw(statement(tx, "SELECT pg_advisory_xact_lock($1)", [LOCK.into()])).await?;
    }
    Ok(())
}

/// How many prompts have no readable active version: 0, unless the database was changed by other means.
pub async fn count_without_active(connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS n FROM system_prompt p LEFT JOIN system_prompt_version v \
               ON v.id = p.active_version_id AND v.system_prompt_id = p.id WHERE v.id IS NULL";
    count(connection, sql, Vec::new()).await
}

/// Prompts by id.
pub async fn load_prompts(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, SystemPrompt>, DbErr> {
    let mut found = HashMap::with_capacity(ids.len());
    for part in ids.chunks(500) {
        let sql = format!("{SELECT} WHERE p.id IN ({})", places(1, part.len()));
        let rows = connection.query_all_raw(statement(connection, sql, part.iter().map(|id| (*id).into()))).await?;
        for row in &rows {
            let prompt = prompt_of(row)?;
            found.insert(prompt.id, prompt);
        }
    }
    Ok(found)
}

/// How many texts are read at once to be searched.
const SEARCHED_AT_ONCE: i64 = 100;

/// The prompts within `filter` whose key, name or content holds its search in any case. Folded here, because SQLite folds
/// no letter beyond ASCII, and no engine folds as keys are.
async fn search(connection: &impl ConnectionTrait, filter: &PromptFilter) -> Result<HashSet<Uuid>, DbErr> {
    let wanted = fold(filter.search.as_deref().unwrap_or_default());
    let within = PromptFilter { search: None, ..filter.clone() };
    let (mut found, mut after) = (HashSet::new(), Uuid::nil());
    loop {
        let mut values: Vec<Value> = vec![after.into(), SEARCHED_AT_ONCE.into()];
        let clauses = conditions(&within, &mut values);
        let sql = format!(
            "SELECT p.id, p.folded_key, v.name, v.content FROM system_prompt p JOIN system_prompt_version v \
             ON v.id = p.active_version_id WHERE p.id > $1 AND {clauses} ORDER BY p.id LIMIT $2"
        );
        let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
        for row in &rows {
            after = row.try_get("", "id")?;
            let key: String = row.try_get("", "folded_key")?;
            let holds = |text: String| fold(&text).contains(&wanted);
            if key.contains(&wanted) || holds(row.try_get("", "name")?) || holds(row.try_get("", "content")?) {
                found.insert(after);
            }
        }
        if rows.is_empty() {
            return Ok(found);
        }
    }
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

fn conditions(filter: &PromptFilter, values: &mut Vec<Value>) -> String {
    let mut clauses = String::from("TRUE");
    if let Some(category) = filter.category {
        values.push(category.as_str().into());
        clauses.push_str(&format!(" AND p.category = ${}", values.len()));
    }
    if let Some(is_enabled) = filter.is_enabled {
        values.push(is_enabled.into());
        clauses.push_str(&format!(" AND p.is_enabled = ${}", values.len()));
    }
    if let Some(search) = &filter.search {
        values.push(pattern(search).into());
        let place = values.len();
        let like = |column: &str| format!("LOWER({column}) LIKE ${place} ESCAPE '\\'");
        clauses.push_str(&format!(" AND ({} OR {} OR {})", like("p.folded_key"), like("v.name"), like("v.content")));
    }
    clauses
}

/// Prompts in the order asked for. Keys and categories never change and no prompt is deleted, so the id serves as the
/// cursor of both orders.
pub async fn list_prompts(
    connection: &impl ConnectionTrait,
    filter: &PromptFilter,
    order: PromptOrder,
    page: &PageArgs<Uuid>,
) -> Result<Page<SystemPrompt>, DbErr> {
    let mut values: Vec<Value> = Vec::new();
    let mut clauses = if filter.search.as_deref().unwrap_or_default().is_ascii() {
        conditions(filter, &mut values)
    } else {
        let found = search(connection, filter).await?;
        if found.is_empty() {
            return Ok(Page::from_rows(Vec::new(), page, page.with_total.then_some(0)));
        }
        let places = places(1, found.len());
        values.extend(found.into_iter().map(Value::from));
        format!("p.id IN ({places})")
    };
    let total = if page.with_total {
        let sql = format!(
            "SELECT COUNT(*) AS n FROM system_prompt p JOIN system_prompt_version v ON v.id = p.active_version_id \
             WHERE {clauses}"
        );
        Some(count(connection, &sql, values.clone()).await?)
    } else {
        None
    };
    let ordered = match order {
        PromptOrder::Newest => {
            let direction = keyset(&mut clauses, &mut values, "p.id", page);
            format!("p.id {direction}")
        }
        PromptOrder::Key => {
            for (key, comparison) in [(page.after, ">"), (page.before, "<")] {
                if let Some(key) = key {
                    values.push(key.into());
                    let (of, place) = ("FROM system_prompt q WHERE q.id", values.len());
                    clauses.push_str(&format!(
                        " AND (p.category, p.folded_key) {comparison} (SELECT q.category, q.folded_key {of} = ${place})"
                    ));
                }
            }
            values.push(page.fetch().into());
            let direction = if page.from_end { "DESC" } else { "ASC" };
            format!("p.category {direction}, p.folded_key {direction}")
        }
    };
    let sql = format!("{SELECT} WHERE {clauses} ORDER BY {ordered} LIMIT ${}", values.len());
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let prompts = rows.iter().map(prompt_of).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::from_rows(prompts, page, total))
}

/// The row of a new prompt; its first version follows in the same transaction.
pub async fn insert_prompt(
    tx: &impl ConnectionTrait,
    id: Uuid,
    category: Category,
    key: &PromptKey,
    is_enabled: bool,
    active_version_id: Uuid,
    now: Micros,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO system_prompt (id, category, folded_key, display_key, is_enabled, active_version_id, \
               created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";
    let values = [
        id.into(),
        category.as_str().into(),
        key.folded().into(),
        key.as_str().into(),
        is_enabled.into(),
        active_version_id.into(),
        now.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Makes a version the active one. The prompt is locked.
pub async fn update_active(tx: &impl ConnectionTrait, id: Uuid, version: Uuid, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE system_prompt SET active_version_id = $1, updated_at = $2 WHERE id = $3";
    tx.execute_raw(statement(tx, sql, [version.into(), now.into(), id.into()])).await?;
    Ok(())
}

/// Switches look-ups of a prompt on or off. The prompt is locked.
pub async fn update_enabled(tx: &impl ConnectionTrait, id: Uuid, is_enabled: bool, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE system_prompt SET is_enabled = $1, updated_at = $2 WHERE id = $3";
    tx.execute_raw(statement(tx, sql, [is_enabled.into(), now.into(), id.into()])).await?;
    Ok(())
}

/// What a look-up needs to know of one prompt; bodies are read, or remembered, by version.
#[derive(Debug, Clone)]
pub struct Pointer {
    /// The category.
    pub category: Category,
    /// The folded key.
    pub folded_key: String,
    /// The prompt.
    pub prompt_id: Uuid,
    /// Its active version.
    pub active_version_id: Uuid,
    /// The split that is running, if one is.
    pub split_id: Option<Uuid>,
}

/// Which versions of the enabled prompts among `keys` are active now, in one statement.
pub async fn find_pointers(
    connection: &impl ConnectionTrait,
    keys: &[(Category, &str)],
) -> Result<Vec<Pointer>, DbErr> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut values: Vec<Value> = Vec::with_capacity(keys.len() * 2);
    let mut pairs = Vec::with_capacity(keys.len());
    for (category, folded) in keys {
        values.push(category.as_str().into());
        values.push((*folded).into());
        pairs.push(format!("(p.category = ${} AND p.folded_key = ${})", values.len() - 1, values.len()));
    }
    let sql = format!(
        "SELECT p.id, p.category, p.folded_key, p.active_version_id, s.id AS split_id FROM system_prompt p \
         LEFT JOIN prompt_split s ON s.system_prompt_id = p.id AND s.state = 'RUNNING' \
         WHERE p.is_enabled = TRUE AND ({})",
        pairs.join(" OR ")
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter()
        .map(|row| {
            let category: String = row.try_get("", "category")?;
            Ok(Pointer {
                category: word(Category::parse(&category), "category")?,
                folded_key: row.try_get("", "folded_key")?,
                prompt_id: row.try_get("", "id")?,
                active_version_id: row.try_get("", "active_version_id")?,
                split_id: row.try_get("", "split_id")?,
            })
        })
        .collect()
}
