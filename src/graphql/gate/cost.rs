//! What an operation costs, from its plan, before it runs (G57): scalar 0, but long texts 200 for a list of them, object 1,
//! connection page size × child, mutation 10, AI command 50. Charging a bucket for it is the business of a
//! [`Meter`](super::Meter).

use async_graphql::parser::types::OperationType;

use super::limits::CallerKind;
use super::plan::{Plan, PlanField, PlanSet};
use super::types::{TypeTable, innermost_name};

const OBJECT: u64 = 1;
const MUTATION: u64 = 10;
const AI_COMMAND: u64 = 50;

/// Fields whose texts are long, with the type that has them: what all of them in one list of their objects cost.
const LONG_TEXTS: &[(&str, &str, u64)] =
    &[("AiTaskItem", "text", 200), ("CreditAnchor", "links", 200), ("CreditReceipt", "document", 200)];

/// The page that a connection answers when neither `first` nor `last` is given.
const PAGE_DEFAULT: u64 = 20;

/// Mutations that start work of an AI provider.
const AI_COMMANDS: &[&str] = &[
    "clusterKeywords",
    "generateIdeas",
    "generateContent",
    "generateImagePrompts",
    "generateImages",
    "optimizeContent",
    "upscaleImage",
    "generateText",
];

/// The cost of `plan`, saturating. Texts cost nothing for callers who are not signed in: they are given none, and are
/// to be told that rather than that it was too dear.
pub(super) fn cost(table: &TypeTable, plan: &Plan, kind: CallerKind) -> u64 {
    let long: &[_] = if kind == CallerKind::Anonymous { &[] } else { LONG_TEXTS };
    let table = &Weights { table, long };
    let root = plan.root.fields.iter().map(|field| {
        let children = field.children.as_ref().map_or(0, |set| cost_set(table, set, type_of(field)));
        if plan.operation == OperationType::Mutation {
            let act = match field.name.as_str() {
                "__typename" => 0,
                name if AI_COMMANDS.contains(&name) => AI_COMMAND,
                _ => MUTATION,
            };
            return children.saturating_add(act);
        }
        cost_field(table, field, children)
    });
    root.fold(0, u64::saturating_add)
}

/// What costs are told by.
struct Weights<'a> {
    table: &'a TypeTable,
    long: &'a [(&'static str, &'static str, u64)],
}

/// The name of what the field answers, or answers a list of.
fn type_of(field: &PlanField) -> &str {
    field.ty.as_deref().map_or("", innermost_name)
}

/// The cost of the fields of objects of type `parent`.
fn cost_set(table: &Weights<'_>, set: &PlanSet, parent: &str) -> u64 {
    let fields = set.fields.iter().map(|field| match &field.children {
        None => {
            let parent = field.on.as_deref().unwrap_or(parent);
            let long = table.long.iter().find(|(owner, name, _)| *owner == parent && *name == field.name.as_str());
            long.map_or(0, |(_, _, cost)| *cost)
        }
        Some(children) => cost_field(table, field, cost_set(table, children, type_of(field))),
    });
    fields.fold(0, u64::saturating_add)
}

fn cost_field(table: &Weights<'_>, field: &PlanField, children: u64) -> u64 {
    let Some(ty) = field.ty.as_deref() else { return 0 };
    if !table.table.innermost(ty).is_some_and(super::types::TypeDef::is_composite) {
        return 0;
    }
    if innermost_name(ty).ends_with("Connection") {
        return field.page.unwrap_or(PAGE_DEFAULT).saturating_mul(children).max(OBJECT);
    }
    // A list of ids names as many objects as a page would hold.
    field.page.unwrap_or(1).saturating_mul(children.saturating_add(OBJECT))
}
