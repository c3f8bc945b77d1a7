//! New content tasks and the changes of their states as values, for whoever writes them in a transaction of its own. Each
//! change is guarded by the state it leads from and by the account of the trace, and brings its audit row.

use uuid::Uuid;

use super::model::{ContentTask, TaskStep};
use crate::{
    audit::{Trace, store::entry_effect},
    db::effect::{Effect, Set},
    idea::{effects as idea, keyword_list, model::IdeaStep},
    ids::Ids,
    keyword::model::text_key,
};

/// A new content task.
pub fn insert(task: &ContentTask, ids: &dyn Ids, trace: &Trace) -> Vec<Effect> {
    let plan = &task.plan;
    let row = Effect::Insert {
        table: "content_task",
        cells: vec![
            ("id", task.id.into()),
            ("account_id", task.account_id.into()),
            ("site_id", task.site_id.into()),
            ("sector_id", task.sector_id.into()),
            ("idea_id", task.idea_id.into()),
            ("cluster_id", task.cluster_id.into()),
            ("title", plan.title.clone().into()),
            ("title_key", text_key(&plan.title).into()),
            ("outline", plan.outline.clone().into()),
            ("keywords", keyword_list(&plan.keywords).into()),
            ("content_type", plan.content_type.as_str().into()),
            ("target_words", plan.target_words.into()),
            ("priority", task.priority.into()),
            ("tries", task.tries.into()),
            ("state", task.state.as_str().into()),
            ("created_at", task.created_at.into()),
            ("updated_at", task.created_at.into()),
        ],
        if_absent: false,
    };
    let notes = [None, Some(plan.title.clone())];
    vec![row, entry_effect(&trace.entry(ids.uuid(), "content_task.create", ("content_task", task.id), notes))]
}

/// Writing begins: `QUEUED` → `IN_PROGRESS`.
pub fn begin(task: Uuid, ids: &dyn Ids, trace: &Trace) -> Vec<Effect> {
    change(task, TaskStep::Begin, ids, trace)
}

/// It was written: `IN_PROGRESS` → `COMPLETED`, and the idea it was made of `QUEUED` → `COMPLETED`.
pub fn complete(task: &ContentTask, ids: &dyn Ids, trace: &Trace) -> Vec<Effect> {
    let mut effects = change(task.id, TaskStep::Complete, ids, trace);
    effects.extend(task.idea_id.into_iter().flat_map(|id| idea::change(id, IdeaStep::Complete, ids.uuid(), trace)));
    effects
}

/// Writing it failed: `IN_PROGRESS` → `FAILED`, one try more.
pub fn fail(task: Uuid, ids: &dyn Ids, trace: &Trace) -> Vec<Effect> {
    change(task, TaskStep::Fail, ids, trace)
}

/// Writing was cancelled: `IN_PROGRESS` → `QUEUED`.
pub fn back(task: Uuid, ids: &dyn Ids, trace: &Trace) -> Vec<Effect> {
    change(task, TaskStep::Back, ids, trace)
}

/// It is taken up again: `FAILED` → `QUEUED`. The caller has asked
/// [`retried`](crate::content::model::ContentTaskState::retried).
pub(super) fn retry(task: Uuid, ids: &dyn Ids, trace: &Trace) -> Vec<Effect> {
    change(task, TaskStep::Retry, ids, trace)
}

/// The only way from one state to another.
fn change(task: Uuid, step: TaskStep, ids: &dyn Ids, trace: &Trace) -> Vec<Effect> {
    let action = match step {
        TaskStep::Begin => "content_task.begin",
        TaskStep::Complete => "content_task.complete",
        TaskStep::Fail => "content_task.fail",
        TaskStep::Back => "content_task.back",
        TaskStep::Retry => "content_task.retry",
    };
    let (from, to) = step.ends();
    let mut set = vec![("state", Set::To(to.as_str().into())), ("updated_at", Set::To(trace.at.into()))];
    if step == TaskStep::Fail {
        set.push(("tries", Set::Add(1_i32.into())));
    }
    let row = Effect::Update {
        table: "content_task",
        set,
        key: vec![("id", task.into()), ("account_id", trace.account_id.into()), ("state", from.as_str().into())],
        guarded: true,
    };
    let notes = [from, to].map(|state| Some(state.as_str().to_owned()));
    vec![row, entry_effect(&trace.entry(ids.uuid(), action, ("content_task", task), notes))]
}
