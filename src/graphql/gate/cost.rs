//! What an operation costs, from its plan, before it runs (G57): scalar 0, but long texts 200 for a list of them, object 1,
//! connection page size × child, mutation 10, AI command 50; and what it has cost, from its answer: an object that is not
//! there costs nothing, nor do the items that a page lacks. Taking it from a bucket is done elsewhere.

use std::collections::HashMap;

use async_graphql::parser::types::OperationType;
use async_graphql::{Name, Value, indexmap::IndexMap};

use super::figures;
use super::limits::CallerKind;
use super::plan::{Plan, PlanField, PlanSet};
use super::types::{TypeDef, TypeTable, innermost_name};

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
    let weights = Weights::new(table, kind);
    let root = plan.root.fields.iter().filter(|field| field.name != figures::FIELD).map(|field| {
        let children = field.children.as_ref().map_or(0, |set| cost_set(&weights, set, type_of(field)));
        if plan.operation == OperationType::Mutation {
            return children.saturating_add(act(field));
        }
        cost_field(&weights, field, children)
    });
    root.fold(0, u64::saturating_add)
}

/// What the answer `data` to `root` has cost. A mutation is paid for as soon as it was tried, whatever came of it.
pub(super) fn actual(
    table: &TypeTable,
    operation: OperationType,
    root: &PlanSet,
    kind: CallerKind,
    data: &Value,
) -> u64 {
    let weights = Weights::new(table, kind);
    let object = if let Value::Object(object) = data { Some(object) } else { None };
    let fields = root.fields.iter().filter(|field| field.name != figures::FIELD).map(|field| {
        let value = object.and_then(|object| object.get(&field.key)).unwrap_or(&Value::Null);
        if operation == OperationType::Mutation {
            let below = match (&field.children, value) {
                (Some(children), Value::Object(object)) => {
                    actual_set(&weights, children, type_of(field), object, false)
                }
                _ => 0,
            };
            return below.saturating_add(act(field));
        }
        field.children.as_ref().map_or(0, |children| actual_field(&weights, field, children, value, false))
    });
    fields.fold(0, u64::saturating_add)
}

/// What trying a root field of `Mutation` costs.
fn act(field: &PlanField) -> u64 {
    match field.name.as_str() {
        "__typename" => 0,
        name if AI_COMMANDS.contains(&name) => AI_COMMAND,
        _ => MUTATION,
    }
}

/// What costs are told by.
struct Weights<'a> {
    table: &'a TypeTable,
    long: &'a [(&'static str, &'static str, u64)],
}

impl<'a> Weights<'a> {
    fn new(table: &'a TypeTable, kind: CallerKind) -> Self {
        let long: &[_] = if kind == CallerKind::Anonymous { &[] } else { LONG_TEXTS };
        Self { table, long }
    }

    /// What a field without fields below it costs, on an object of type `parent`.
    fn leaf(&self, field: &PlanField, parent: &str) -> u64 {
        let parent = field.on.as_deref().unwrap_or(parent);
        let long = self.long.iter().find(|(owner, name, _)| *owner == parent && *name == field.name.as_str());
        long.map_or(0, |(_, _, cost)| *cost)
    }

    fn is_object(&self, field: &PlanField) -> bool {
        field.ty.as_deref().and_then(|ty| self.table.innermost(ty)).is_some_and(TypeDef::is_composite)
    }
}

/// The name of what the field answers, or answers a list of.
fn type_of(field: &PlanField) -> &str {
    field.ty.as_deref().map_or("", innermost_name)
}

/// The cost of the fields of objects of type `parent`.
fn cost_set(weights: &Weights<'_>, set: &PlanSet, parent: &str) -> u64 {
    let fields = set.fields.iter().map(|field| match &field.children {
        None => weights.leaf(field, parent),
        Some(children) => cost_field(weights, field, cost_set(weights, children, type_of(field))),
    });
    fields.fold(0, u64::saturating_add)
}

fn cost_field(weights: &Weights<'_>, field: &PlanField, children: u64) -> u64 {
    if !weights.is_object(field) {
        return 0;
    }
    if is_connection(field) {
        return field.page.unwrap_or(PAGE_DEFAULT).saturating_mul(children).max(OBJECT);
    }
    // A list of ids names as many objects as a page would hold.
    field.page.unwrap_or(1).saturating_mul(children.saturating_add(OBJECT))
}

fn is_connection(field: &PlanField) -> bool {
    type_of(field).ends_with("Connection")
}

/// What the fields of `object`, which is of type `parent`, have cost. `pages` is true for a connection, whose lists are
/// the page.
fn actual_set(weights: &Weights<'_>, set: &PlanSet, parent: &str, object: &IndexMap<Name, Value>, pages: bool) -> u64 {
    let mut total: u64 = 0;
    // Where objects differ, fields of several types share a key, and one of them was answered.
    let mut shared: HashMap<&str, u64> = HashMap::new();
    for field in &set.fields {
        let Some(value) = object.get(&field.key).filter(|value| **value != Value::Null) else { continue };
        let cost = match &field.children {
            None => weights.leaf(field, parent),
            Some(children) => actual_field(weights, field, children, value, pages),
        };
        if set.is_abstract {
            let kept = shared.entry(field.key.as_str()).or_default();
            *kept = cost.max(*kept);
        } else {
            total = total.saturating_add(cost);
        }
    }
    shared.into_values().fold(total, u64::saturating_add)
}

fn actual_field(weights: &Weights<'_>, field: &PlanField, children: &PlanSet, value: &Value, pages: bool) -> u64 {
    if !weights.is_object(field) {
        return 0;
    }
    match value {
        Value::Object(object) if is_connection(field) => {
            actual_set(weights, children, type_of(field), object, true).max(OBJECT)
        }
        Value::Object(object) => actual_set(weights, children, type_of(field), object, false).saturating_add(OBJECT),
        Value::List(items) => {
            let items = items.iter().map(|item| actual_field(weights, field, children, item, pages));
            // A list that is no page was charged as one object: the dearest stands for all.
            if pages || field.page.is_some() { items.fold(0, u64::saturating_add) } else { items.max().unwrap_or(0) }
        }
        _ => 0,
    }
}
