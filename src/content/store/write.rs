//! Writing content, as effects: the same ones for a transaction of our own and for one that a ledger command opens.

use sea_orm::Value;
use uuid::Uuid;

use crate::{
    audit::{Trace, store::entry_effect},
    clock::Micros,
    content::model::{Change, Content, ContentImage, ContentImageState, Revision, RevisionCause},
    db::effect::{Cell, Effect, Set},
    ids::Ids,
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
    if after.is_sandbox != before.is_sandbox {
        set.push(("is_sandbox", to(after.is_sandbox)));
    }
    if after.score != before.score {
        set.push(("score", to(after.score)));
    }
    if let Some(html) = change.html() {
        set.extend([("html", to(html)), ("words", to(after.words))]);
    }
    let key = vec![("id", before.id.into()), ("version", before.version.into())];
    Effect::Update { table: "content", set, key, guarded: true }
}

/// A new article, with its text.
pub fn insert_effect(content: &Content, html: &str) -> Effect {
    let face = &content.face;
    Effect::Insert {
        table: "content",
        cells: vec![
            ("id", content.id.into()),
            ("account_id", content.account_id.into()),
            ("site_id", content.site_id.into()),
            ("sector_id", content.sector_id.into()),
            ("content_task_id", content.content_task_id.into()),
            ("cluster_id", content.cluster_id.into()),
            ("content_type", content.content_type.as_str().into()),
            ("title", face.title.clone().into()),
            ("title_key", text_key(&face.title).into()),
            ("slug", face.slug.clone().into()),
            ("html", html.into()),
            ("excerpt", face.excerpt.clone().into()),
            ("meta_title", face.meta_title.clone().into()),
            ("meta_description", face.meta_description.clone().into()),
            ("keywords", list(&face.keywords).into()),
            ("categories", list(&face.categories).into()),
            ("tags", list(&face.tags).into()),
            ("words", content.words.into()),
            ("version", content.version.into()),
            ("is_sandbox", content.is_sandbox.into()),
            ("state", content.state.as_str().into()),
            ("created_at", content.created_at.into()),
            ("updated_at", content.updated_at.into()),
        ],
        if_absent: false,
    }
}

/// Notes that image prompts were written for content, if it and its places for images are as they were read.
pub fn prompts_effect(content: &Content, now: Micros) -> Effect {
    let set = vec![("prompts_made_at", to(now)), ("image_seq", Set::Add(1_i64.into())), ("updated_at", to(now))];
    Effect::Update { table: "content", set, key: as_read(content), guarded: true }
}

/// Notes that a task worked on content and delivered `product`, for work that leaves no version of the content. Repeating is
/// safe.
pub fn work_effect(content: Uuid, ai_task: Uuid, product: Uuid, now: Micros) -> Effect {
    Effect::Insert {
        table: "content_work",
        cells: vec![
            ("content_id", content.into()),
            ("ai_task_id", ai_task.into()),
            ("product_id", product.into()),
            ("created_at", now.into()),
        ],
        if_absent: true,
    }
}

/// Content as it was read, with its places for images.
fn as_read(content: &Content) -> Vec<(&'static str, Value)> {
    let (seen, version) = (content.image_seq, content.version);
    vec![("id", content.id.into()), ("image_seq", seen.into()), ("version", version.into())]
}

/// Describes anew what is to be drawn for a place: one that failed is to be drawn again, and what was drawn stays until
/// another image is. Its state is guarded.
pub fn describe_effects(
    place: &ContentImage,
    (prompt, alt_text): (&str, &str),
    ids: &dyn Ids,
    trace: &Trace,
) -> Vec<Effect> {
    let mut set = vec![("prompt", to(prompt)), ("alt_text", to(alt_text)), ("updated_at", to(trace.at))];
    let subject = ("content_image", place.id);
    let mut entries: Vec<_> = [
        ("content_image.describe", place.prompt.as_str(), prompt),
        ("content_image.describe_alt_text", place.alt_text.as_str(), alt_text),
    ]
    .into_iter()
    .map(|(action, before, after)| {
        let told = [before, after].map(|text| Some(text.to_owned()));
        entry_effect(&trace.entry(ids.uuid(), action, subject, told))
    })
    .collect();
    if place.state == ContentImageState::Failed {
        let pending = ContentImageState::Pending;
        set.extend([("state", to(pending.as_str())), ("error_code", to(None::<String>))]);
        let notes = [place.state, pending].map(|state| Some(state.as_str().to_owned()));
        entries.push(entry_effect(&trace.entry(ids.uuid(), "content_image.change", subject, notes)));
    }
    let state = ("state", place.state.as_str().into());
    let key = vec![("id", place.id.into()), ("account_id", trace.account_id.into()), state];
    let row = Effect::Update { table: "content_image", set, key, guarded: true };
    std::iter::once(row).chain(entries).collect()
}

/// Puts another image in a place of content that has `old`, if the content is as it was read. The old one stays in the
/// store.
pub fn redraw_effects(
    content: &Content,
    place: Uuid,
    (old, new): (Uuid, Uuid),
    ids: &dyn Ids,
    trace: &Trace,
) -> [Effect; 3] {
    let set = vec![("image_seq", Set::Add(1_i64.into()))];
    let touched = Effect::Update { table: "content", set, key: as_read(content), guarded: true };
    let row = Effect::Update {
        table: "content_image",
        set: vec![("image_id", to(new)), ("updated_at", to(trace.at))],
        key: vec![("id", place.into()), ("account_id", trace.account_id.into()), ("image_id", old.into())],
        guarded: true,
    };
    let notes = [old, new].map(|image| Some(image.to_string()));
    [touched, row, entry_effect(&trace.entry(ids.uuid(), "content_image.redraw", ("content_image", place), notes))]
}

/// A new place for an image of `content`.
pub fn insert_image_effect(image: &ContentImage, content: &Content) -> Effect {
    Effect::Insert {
        table: "content_image",
        cells: vec![
            ("id", image.id.into()),
            ("account_id", image.account_id.into()),
            ("site_id", content.site_id.into()),
            ("sector_id", content.sector_id.into()),
            ("content_id", content.id.into()),
            ("kind", image.kind.as_str().into()),
            ("position", image.position.into()),
            ("prompt", image.prompt.clone().into()),
            ("alt_text", image.alt_text.clone().into()),
            ("state", image.state.as_str().into()),
            ("created_at", image.created_at.into()),
            ("updated_at", image.updated_at.into()),
        ],
        if_absent: false,
    }
}

/// The only way of a place for an image through the states of `path`, the first of which it has, with an audit row for each
/// step; the caller has asked [`ContentImageState::may_become`]. One write, since guards are judged before any.
pub fn image_effects(
    place: Uuid,
    path: &[ContentImageState],
    (image, code): (Option<Uuid>, Option<&str>),
    ids: &dyn Ids,
    trace: &Trace,
) -> Vec<Effect> {
    let (Some(from), Some(to_state)) = (path.first(), path.last()) else { return Vec::new() };
    let row = Effect::Update {
        table: "content_image",
        set: vec![
            ("state", to(to_state.as_str())),
            ("image_id", to(image)),
            ("error_code", to(code.map(str::to_owned))),
            ("updated_at", to(trace.at)),
        ],
        key: vec![("id", place.into()), ("account_id", trace.account_id.into()), ("state", from.as_str().into())],
        guarded: true,
    };
    let step = |(from, to_state): (&ContentImageState, &ContentImageState)| {
        let notes = [from, to_state].map(|state| Some(state.as_str().to_owned()));
        entry_effect(&trace.entry(ids.uuid(), "content_image.change", ("content_image", place), notes))
    };
    std::iter::once(row).chain(path.iter().zip(path.iter().skip(1)).map(step)).collect()
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
            ("score_before", revision.score_before.into()),
            ("score", revision.score.into()),
            ("changes", (!revision.changes.is_empty()).then(|| list(&revision.changes)).into()),
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
        score_before: None,
        score: None,
        changes: Vec::new(),
        author_id: Some(author),
        ai_task_id: None,
        created_at: after.updated_at,
    }
}
