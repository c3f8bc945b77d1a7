//! Content, as a function leaves it: rows put behind the server's back.

use std::sync::atomic::{AtomicU64, Ordering};

use inkledger::{
    db::{Db, Engine},
    graphql::node::{NodeKind, decode_any, encode},
};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use uuid::Uuid;

/// The UUID of a global id.
pub fn uuid_of(id: &Value) -> Uuid {
    decode_any(&async_graphql::ID(id.as_str().unwrap().to_owned())).unwrap().1
}

/// A UUID in a statement.
pub fn literal(db: &Db, id: Uuid) -> String {
    match db.engine() {
        Engine::Sqlite => format!("x'{}'", id.simple()),
        Engine::Postgres => format!("CAST('{id}' AS uuid)"),
    }
}

/// The next id: later ones are greater.
fn fresh() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u128(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)))
}

async fn run(db: &Db, sql: &str) {
    db.migration_connection().execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// An article in `state` with one version, of the site with this global id. `more` gives columns other values, as SQL.
/// Answers its global id.
pub async fn content(db: &Db, site: &Value, state: &str, more: &[(&str, &str)]) -> Value {
    let id = fresh();
    let number = id.as_u128();
    let is_approved = !["DRAFT", "REVIEW", "FAILED", "ARCHIVED"].contains(&state);
    let (approved_at, source) = if is_approved { ("1", "'AUTO'") } else { ("NULL", "NULL") };
    let mut columns: Vec<(&str, String)> = vec![
        ("content_type", "'BLOG'".into()),
        ("title", format!("'Title {number}'")),
        ("title_key", format!("'title {number}'")),
        ("slug", format!("'slug-{number}'")),
        ("html", "'<p>The first text.</p>'".into()),
        ("excerpt", "''".into()),
        ("meta_title", "''".into()),
        ("meta_description", "''".into()),
        ("keywords", "'[\"tents\"]'".into()),
        ("categories", "'[]'".into()),
        ("tags", "'[]'".into()),
        ("words", "3".into()),
        ("version", "1".into()),
        ("is_sandbox", "FALSE".into()),
        ("state", format!("'{state}'")),
        ("approved_at", approved_at.into()),
        ("approved_source", source.into()),
        ("created_at", "1".into()),
        ("updated_at", "1".into()),
    ];
    for (name, value) in more {
        match columns.iter_mut().find(|(column, _)| column == name) {
            Some((_, old)) => *old = (*value).to_owned(),
            None => columns.push((*name, (*value).to_owned())),
        }
    }
    let (names, values): (Vec<&str>, Vec<String>) = columns.into_iter().unzip();
    let (id_text, site) = (literal(db, id), literal(db, uuid_of(site)));
    run(
        db,
        &format!(
            "INSERT INTO content (id, account_id, site_id, {}) SELECT {id_text}, account_id, id, {} FROM site WHERE id = {site}",
            names.join(", "),
            values.join(", ")
        ),
    )
    .await;
    let copied = "title, html, excerpt, meta_title, meta_description, words";
    run(
        db,
        &format!(
            "INSERT INTO content_revision (content_id, version, cause, {copied}, created_at) \
             SELECT id, version, 'GENERATED', {copied}, 1 FROM content WHERE id = {id_text}"
        ),
    )
    .await;
    json!(encode(NodeKind::Content, id).as_str())
}

/// A place for an image in a content. Answers its id.
pub async fn place(db: &Db, content: &Value, kind: &str, position: i32, state: &str) -> Uuid {
    let id = fresh();
    let (id_text, content) = (literal(db, id), literal(db, uuid_of(content)));
    run(
        db,
        &format!(
            "INSERT INTO content_image (id, account_id, site_id, sector_id, content_id, kind, position, prompt, alt_text, \
             state, created_at, updated_at) SELECT {id_text}, account_id, site_id, sector_id, id, '{kind}', {position}, 'A tent', 'A tent', \
             '{state}', 1, 1 FROM content WHERE id = {content}"
        ),
    )
    .await;
    id
}
