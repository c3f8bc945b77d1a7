//! Writing content, as effects: the same ones for a transaction of our own and for one that a ledger command opens.

use sea_orm::Value;
use uuid::Uuid;

use crate::{
    content::model::{Change, Revision, RevisionCause},
    db::effect::{Cell, Effect, Set},
    keyword::model::text_key,
};

fn to(value: impl Into<Value>) -> Set {
    Set::To(Cell::Value(value.into()))
}

fn list(texts: &[String]) -> String {
    serde_json::json!(texts).to_string()
}

/// Writes a change, unless the content is no longer as it was read.
pub fn change_effect(change: &Change) -> Effect {
    let (before, after) = (change.before(), change.after());
    let mut set = vec![
        ("state", to(after.state.as_str())),
        ("review_note", to(after.review_note.clone())),
        ("approved_at", to(after.approval.map(|approval| approval.at))),
        ("approved_by", to(after.approval.and_then(|approval| approval.by))),
        ("approved_source", to(after.approval.map(|approval| approval.source.as_str()))),
        ("approval_blocked_by", to(after.approval_blocked_by.map(|block| block.as_str()))),
        ("slot_at", to(after.slot.map(|slot| slot.at))),
        ("slot_source", to(after.slot.map(|slot| slot.source.as_str()))),
        ("schedule_blocked_by", to(after.schedule_blocked_by.map(|block| block.as_str()))),
        ("version", to(after.version)),
        ("updated_at", to(after.updated_at)),
    ];
    if after.face != before.face {
        let face = &after.face;
        set.extend([
            ("title", to(face.title.clone())),
            ("title_key", to(text_key(&face.title))),
            ("slug", to(face.slug.clone())),
            ("excerpt", to(face.excerpt.clone())),
            ("meta_title", to(face.meta_title.clone())),
            ("meta_description", to(face.meta_description.clone())),
            ("keywords", to(list(&face.keywords))),
            ("categories", to(list(&face.categories))),
            ("tags", to(list(&face.tags))),
        ]);
    }
    if let Some(html) = change.html() {
        set.extend([("html", to(html)), ("words", to(after.words))]);
    }
    let key = vec![("id", before.id.into()), ("version", before.version.into())];
    Effect::Update { table: "content", set, key, guarded: true }
}

/// Notes that places for images change. With `seen`, only if none has since its number was read.
pub fn images_effect(content: Uuid, seen: Option<i64>) -> Effect {
    let mut key = vec![("id", content.into())];
    key.extend(seen.map(|seen| ("image_seq", seen.into())));
    let set = vec![("image_seq", Set::Add(1_i64.into()))];
    Effect::Update { table: "content", set, key, guarded: seen.is_some() }
}

/// Sees that a site's settings are those of `version` and that nobody took a slot since `seen`; `takes` says that one is
/// taken now.
pub fn slots_effect(site: Uuid, version: i64, seen: i64, takes: bool) -> Effect {
    let set = vec![("slot_seq", Set::Add(i64::from(takes).into()))];
    let key = vec![("id", site.into()), ("version", version.into()), ("slot_seq", seen.into())];
    Effect::Update { table: "site", set, key, guarded: true }
}

/// A new version of a text.
pub fn revision_effect(revision: &Revision, html: &str) -> Effect {
    Effect::Insert {
        table: "content_revision",
        cells: vec![
            ("content_id", revision.content_id.into()),
            ("version", revision.version.into()),
            ("cause", revision.cause.as_str().into()),
            ("title", revision.title.clone().into()),
            ("html", html.into()),
            ("excerpt", revision.excerpt.clone().into()),
            ("meta_title", revision.meta_title.clone().into()),
            ("meta_description", revision.meta_description.clone().into()),
            ("words", revision.words.into()),
            ("author_id", revision.author_id.into()),
            ("ai_task_id", revision.ai_task_id.into()),
            ("created_at", revision.created_at.into()),
        ],
        if_absent: false,
    }
}

/// The version that a change by `author` makes.
pub fn edited(change: &Change, author: Uuid) -> Revision {
    let after = change.after();
    Revision {
        content_id: after.id,
        version: after.version,
        cause: RevisionCause::Edited,
        title: after.face.title.clone(),
        excerpt: after.face.excerpt.clone(),
        meta_title: after.face.meta_title.clone(),
        meta_description: after.face.meta_description.clone(),
        words: after.words,
        author_id: Some(author),
        ai_task_id: None,
        created_at: after.updated_at,
    }
}
