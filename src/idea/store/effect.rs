//! New ideas and the changes of their states as values, for whoever writes them in a transaction of its own.

use uuid::Uuid;

use super::keyword_list;
use crate::{
    audit::{Trace, store::entry_effect},
    db::effect::{Effect, Set},
    idea::model::{Idea, IdeaStep},
    keyword::model::text_key,
};

/// A new idea, and its audit row `entry`.
pub fn insert(idea: &Idea, entry: Uuid, trace: &Trace) -> [Effect; 2] {
    let plan = &idea.plan;
    let row = Effect::Insert {
        table: "idea",
        cells: vec![
            ("id", idea.id.into()),
            ("account_id", idea.account_id.into()),
            ("site_id", idea.site_id.into()),
            ("sector_id", idea.sector_id.into()),
            ("cluster_id", idea.cluster_id.into()),
            ("title", plan.title.clone().into()),
            ("title_key", text_key(&plan.title).into()),
            ("outline", plan.outline.clone().into()),
            ("target_keywords", keyword_list(&plan.keywords).into()),
            ("content_type", plan.content_type.as_str().into()),
            ("target_words", plan.target_words.into()),
            ("state", idea.state.as_str().into()),
            ("created_at", idea.created_at.into()),
            ("updated_at", idea.created_at.into()),
        ],
        if_absent: false,
    };
    let entry = trace.entry(entry, "idea.create", ("idea", idea.id), [None, Some(plan.title.clone())]);
    [row, entry_effect(&entry)]
}

/// The only way from one state to another: guarded by the state that the step leads from and the account of `trace`, with
/// its audit row `entry`.
pub fn change(idea: Uuid, step: IdeaStep, entry: Uuid, trace: &Trace) -> [Effect; 2] {
    let action = match step {
        IdeaStep::Queue => "idea.queue",
        IdeaStep::Complete => "idea.complete",
        IdeaStep::Reject => "idea.reject",
    };
    let (from, to) = step.ends();
    let row = Effect::Update {
        table: "idea",
        set: vec![("state", Set::To(to.as_str().into())), ("updated_at", Set::To(trace.at.into()))],
        key: vec![("id", idea.into()), ("account_id", trace.account_id.into()), ("state", from.as_str().into())],
        guarded: true,
    };
    let notes = [from, to].map(|state| Some(state.as_str().to_owned()));
    [row, entry_effect(&trace.entry(entry, action, ("idea", idea), notes))]
}
