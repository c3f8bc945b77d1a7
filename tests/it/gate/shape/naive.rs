//! The specification's executor, as plainly as it can be written: section 6, on the document as it stands.

use async_graphql::Value;
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Directive, ExecutableDocument, Field, Selection};
use async_graphql::{Name, Positioned};

use super::things::{FIELDS, ROOTS};
use super::{Outcome, outcome};

pub struct Expected {
    pub data: Value,
    /// Fields and items that failed.
    pub errors: usize,
}

/// A null that must move up.
struct Moves;

struct Run<'d> {
    document: &'d ExecutableDocument,
    seed: i32,
    flag: bool,
    errors: usize,
}

pub fn execute(document: &ExecutableDocument, seed: i32, flag: bool) -> Expected {
    let (_, operation) = document.operations.iter().next().unwrap();
    let mut run = Run { document, seed, flag, errors: 0 };
    let sets = [operation.node.selection_set.node.items.as_slice()];
    let data = run.execute_selection_sets(&sets, "Query", 0).unwrap_or(Value::Null);
    Expected { data, errors: run.errors }
}

impl<'d> Run<'d> {
    fn execute_selection_sets(
        &mut self,
        sets: &[&'d [Positioned<Selection>]],
        object: &str,
        seed: u64,
    ) -> Result<Value, Moves> {
        let mut groups: IndexMap<Name, Vec<&'d Field>> = IndexMap::new();
        for items in sets {
            self.collect_fields(object, items, &mut groups);
        }
        let mut result = IndexMap::new();
        let mut moves = false;
        for (key, fields) in groups {
            match self.execute_field(object, seed, &fields) {
                Ok(value) => {
                    result.insert(key, value);
                }
                // Other fields still run; only their values are lost.
                Err(Moves) => moves = true,
            }
        }
        if moves { Err(Moves) } else { Ok(Value::Object(result)) }
    }

    fn collect_fields(
        &self,
        object: &str,
        items: &'d [Positioned<Selection>],
        groups: &mut IndexMap<Name, Vec<&'d Field>>,
    ) {
        for item in items {
            if !self.is_included(item.node.directives()) {
                continue;
            }
            let (condition, inner) = match &item.node {
                Selection::Field(field) => {
                    groups.entry(field.node.response_key().node.clone()).or_default().push(&field.node);
                    continue;
                }
                Selection::InlineFragment(inline) => (inline.node.type_condition.as_ref(), &inline.node.selection_set),
                Selection::FragmentSpread(spread) => {
                    let fragment = &self.document.fragments[&spread.node.fragment_name.node].node;
                    (Some(&fragment.type_condition), &fragment.selection_set)
                }
            };
            let applies = condition.is_none_or(|condition| match condition.node.on.node.as_str() {
                "Thing" | "Any" => object != "Query",
                on => on == object,
            });
            if applies {
                self.collect_fields(object, &inner.node.items, groups);
            }
        }
    }

    fn is_included(&self, directives: &[Positioned<Directive>]) -> bool {
        directives.iter().all(|directive| {
            let value = &directive.node.get_argument("if").unwrap().node;
            let value = value.clone().into_const_with(|_| Ok::<_, ()>(Value::Boolean(self.flag))).unwrap();
            match directive.node.name.node.as_str() {
                "skip" => value == Value::Boolean(false),
                _ => value == Value::Boolean(true),
            }
        })
    }

    fn execute_field(&mut self, object: &str, seed: u64, fields: &[&'d Field]) -> Result<Value, Moves> {
        let name = fields[0].name.node.as_str();
        if name == "__typename" {
            return Ok(Value::String(object.to_owned()));
        }
        let ty = FIELDS.iter().chain(ROOTS).find(|field| field.0 == name).map_or("Int", |field| field.1);
        let seed = if object == "Query" { self.seed as u64 } else { seed };
        let sets: Vec<_> = fields.iter().map(|field| field.selection_set.node.items.as_slice()).collect();
        self.complete(ty, &sets, outcome(seed, name, ty))
    }

    fn complete(&mut self, ty: &str, sets: &[&'d [Positioned<Selection>]], outcome: Outcome) -> Result<Value, Moves> {
        if let Some(inner) = ty.strip_suffix('!') {
            return match self.complete_nullable(inner, sets, outcome)? {
                Value::Null => Err(Moves),
                value => Ok(value),
            };
        }
        Ok(self.complete_nullable(ty, sets, outcome).unwrap_or(Value::Null))
    }

    fn complete_nullable(
        &mut self,
        ty: &str,
        sets: &[&'d [Positioned<Selection>]],
        outcome: Outcome,
    ) -> Result<Value, Moves> {
        match outcome {
            Outcome::Fails => {
                self.errors += 1;
                Err(Moves)
            }
            Outcome::Null => Ok(Value::Null),
            Outcome::Int(int) => Ok(Value::from(int)),
            Outcome::Object(object, seed) => self.execute_selection_sets(sets, object, seed),
            Outcome::List(items) => {
                let item = &ty[1..ty.len() - 1];
                let items: Vec<_> = items.into_iter().map(|outcome| self.complete(item, sets, outcome)).collect();
                items.into_iter().collect::<Result<Vec<_>, _>>().map(Value::List)
            }
        }
    }
}
