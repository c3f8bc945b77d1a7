//! One operation made ready to run: fragments written out, `@skip` and `@include` decided, variables put in, equal
//! response keys merged. The library resolves a repeated field twice (a mutation included), loses half of it when the
//! other half fails, turns an omitted variable into null, and cannot see a union's fragment inside an object's. It is
//! given a document in which none of that can happen, and the shape is later read off the same plan.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, Field, InlineFragment, OperationDefinition, OperationType,
    Selection, SelectionSet, Type, TypeCondition,
};
use async_graphql::{Name, Positioned, Value};
use async_graphql_value::Value as Input;

use super::counts::is_condition;
use super::refusal::Refused;
use super::types::{TypeDef, TypeTable};
use super::variables::Coerced;

/// Response key under which the Gate asks for the concrete type of an object. No document may use it.
pub(super) const TYPE_KEY: &str = "__gateType";

/// An operation ready to run.
pub(super) struct Plan {
    pub operation: OperationType,
    /// The document for the library: one anonymous operation without fragments, variables and conditions.
    pub document: ExecutableDocument,
    pub root: PlanSet,
}

/// The fields to answer for one object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PlanSet {
    /// The object's type is known only from [`TYPE_KEY`].
    pub is_abstract: bool,
    pub fields: Vec<PlanField>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlanField {
    /// Answered only for objects of this type; none means for all.
    pub on: Option<Arc<str>>,
    pub key: Name,
    pub name: Name,
    /// None only for fields that do not exist, in a document that validation will refuse.
    pub ty: Option<Arc<Type>>,
    /// Values of the arguments that decide a page's size.
    pub page: Option<u64>,
    pub children: Option<PlanSet>,
}

/// Makes the plan for `operation`. `budget` bounds its fields: writing a fragment on an interface out for each object
/// can multiply them.
pub(super) fn plan(
    table: &TypeTable,
    document: &ExecutableDocument,
    operation: &Positioned<OperationDefinition>,
    variables: &Coerced,
    budget: usize,
) -> Result<Plan, Refused> {
    let mut planner = Planner { table, document, variables, budget, left: budget };
    let parent = table.root(operation.node.ty);
    let sets = [operation.node.selection_set.node.items.as_slice()];
    let (selection_set, root) = planner.set(&sets, parent, false)?;
    let definition = OperationDefinition {
        ty: operation.node.ty,
        variable_definitions: Vec::new(),
        directives: planner.directives(&operation.node.directives),
        selection_set: operation.node.selection_set.position_node(selection_set),
    };
    let document = ExecutableDocument {
        operations: DocumentOperations::Single(operation.position_node(definition)),
        fragments: HashMap::new(),
    };
    Ok(Plan { operation: operation.node.ty, document, root })
}

struct Planner<'a> {
    table: &'a TypeTable,
    document: &'a ExecutableDocument,
    variables: &'a Coerced,
    budget: usize,
    left: usize,
}

/// A field of a set before its own set is planned.
struct Entry<'a> {
    on: Option<Arc<str>>,
    /// The type whose field it is: the parent, or the condition of the fragment around it.
    scope: Option<&'a TypeDef>,
    field: &'a Positioned<Field>,
    sets: Vec<&'a [Positioned<Selection>]>,
}

/// Where a selection stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The type of the set's objects, as the field above declares it.
    parent: Option<&'a TypeDef>,
    /// The type whose fields are chosen from.
    scope: Option<&'a TypeDef>,
    /// The object type that the fragments around narrow an abstract parent to.
    on: Option<&'a Arc<str>>,
}

/// The entries of one set in document order, and where each key stands.
#[derive(Default)]
struct Gathered<'a> {
    entries: Vec<Entry<'a>>,
    index: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Planner<'a> {
    /// Plans the union of `sets` on `parent`. Below an abstract type the library may resolve a key twice and merge;
    /// `guarded` then asks every object for its type, so that no half is null for want of fields.
    fn set(
        &mut self,
        sets: &[&'a [Positioned<Selection>]],
        parent: Option<&'a TypeDef>,
        guarded: bool,
    ) -> Result<(SelectionSet, PlanSet), Refused> {
        let is_abstract = parent.is_some_and(TypeDef::is_abstract);
        let guarded = guarded || is_abstract;
        let mut gathered = Gathered::default();
        for items in sets {
            self.gather(items, Place { parent, scope: parent, on: None }, &mut gathered)?;
        }
        let mut planned = PlanSet { is_abstract, fields: Vec::with_capacity(gathered.entries.len()) };
        let is_asked = guarded || gathered.entries.is_empty();
        // A subscription keeps them, so there is no room for more.
        let mut items = Vec::with_capacity(gathered.entries.len() + usize::from(is_asked));
        if is_asked {
            items.push(type_question());
        }
        for entry in gathered.entries {
            // Chosen on an interface itself, a field is resolved by the library without a path for its errors; chosen
            // by a fragment, even one on that same interface, it is resolved on the object.
            let by_fragment = is_abstract && entry.field.node.name.node != "__typename";
            let scope = entry.scope.filter(|_| by_fragment).map(|scope| Arc::clone(&scope.name));
            let on = entry.on.clone().or(scope);
            let (field, plan) = self.field(entry, guarded)?;
            planned.fields.push(plan);
            push_selection(&mut items, on, field);
        }
        Ok((SelectionSet { items }, planned))
    }

    fn field(&mut self, entry: Entry<'a>, guarded: bool) -> Result<(Positioned<Field>, PlanField), Refused> {
        let field = &entry.field.node;
        let ty = match field.name.node.as_str() {
            "__typename" => Some(&self.table.typename),
            name => entry.scope.and_then(|scope| scope.field(name)),
        };
        let inner = ty.and_then(|ty| self.table.innermost(ty));
        let arguments = self.arguments(&field.arguments);
        let page = page_size(&arguments);
        let (selection_set, children) = if entry.sets.iter().all(|items| items.is_empty()) {
            (SelectionSet::default(), None)
        } else {
            let (set, plan) = self.set(&entry.sets, inner, guarded)?;
            (set, Some(plan))
        };
        let plan = PlanField {
            on: entry.on,
            key: field.response_key().node.clone(),
            name: field.name.node.clone(),
            ty: ty.cloned(),
            page,
            children,
        };
        let field = Field {
            alias: field.alias.clone(),
            name: field.name.clone(),
            arguments,
            directives: self.directives(&field.directives),
            selection_set: field.selection_set.position_node(selection_set),
        };
        Ok((entry.field.position_node(field), plan))
    }

    /// Collects fields in document order.
    fn gather(
        &mut self,
        items: &'a [Positioned<Selection>],
        place: Place<'a>,
        gathered: &mut Gathered<'a>,
    ) -> Result<(), Refused> {
        for item in items {
            if self.is_skipped(item.node.directives()) {
                continue;
            }
            match &item.node {
                Selection::Field(field) => self.gather_field(field, place, gathered)?,
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref().map(|condition| &condition.node);
                    self.gather_fragment(condition, &inline.node.selection_set.node.items, place, gathered)?;
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.node.fragment_name.node) {
                        let condition = Some(&fragment.node.type_condition.node);
                        self.gather_fragment(condition, &fragment.node.selection_set.node.items, place, gathered)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn gather_field(
        &mut self,
        field: &'a Positioned<Field>,
        place: Place<'a>,
        gathered: &mut Gathered<'a>,
    ) -> Result<(), Refused> {
        self.spend()?;
        let key = field.node.response_key();
        if key.node == TYPE_KEY {
            return Err(Refused::invalid("A response key is reserved.", Some(key.pos)));
        }
        let items = field.node.selection_set.node.items.as_slice();
        let places = gathered.index.entry(key.node.as_str()).or_default();
        let mut same = None;
        for &at in places.iter() {
            let Some(entry) = gathered.entries.get(at) else { continue };
            let is_same = entry.on.as_ref() == place.on;
            let shares_objects = is_same || entry.on.is_none() || place.on.is_none();
            if shares_objects && !same_call(&entry.field.node, &field.node) {
                let message = format!("Fields conflict under the response key `{}`.", key.node);
                return Err(Refused::invalid(message, Some(key.pos)));
            }
            // Past a use that other objects share, merging would lose the order of what lies below.
            if shares_objects {
                same = is_same.then_some(at);
            }
        }
        match same.and_then(|at| gathered.entries.get_mut(at)) {
            Some(entry) => entry.sets.push(items),
            None => {
                places.push(gathered.entries.len());
                gathered.entries.push(Entry { on: place.on.cloned(), scope: place.scope, field, sets: vec![items] });
            }
        }
        Ok(())
    }

    fn gather_fragment(
        &mut self,
        condition: Option<&'a TypeCondition>,
        items: &'a [Positioned<Selection>],
        place: Place<'a>,
        gathered: &mut Gathered<'a>,
    ) -> Result<(), Refused> {
        let condition = condition.and_then(|condition| self.table.get(condition.on.node.as_str()));
        let (Some(condition), Some(parent)) = (condition, place.parent) else {
            return self.gather(items, place, gathered);
        };
        let candidates = place.on.map_or(parent.possible(), std::slice::from_ref);
        if candidates.iter().all(|object| condition.may_be(object)) {
            // On an object, its own fields are asked; on what may be several, those of the condition, since a union
            // has none.
            let scope = if place.on.is_none() && parent.is_abstract() { Some(condition) } else { place.scope };
            return self.gather(items, Place { scope, ..place }, gathered);
        }
        // Some objects of an abstract parent fit: write the fragment out for each.
        for object in candidates.iter().filter(|object| condition.may_be(object)) {
            self.spend()?;
            self.gather(items, Place { scope: self.table.get(object), on: Some(object), ..place }, gathered)?;
        }
        Ok(())
    }

    fn spend(&mut self) -> Result<(), Refused> {
        let actual = self.budget as u64 + 1;
        self.left = self.left.checked_sub(1).ok_or_else(|| Refused::limit("selections", self.budget, actual))?;
        Ok(())
    }

    fn is_skipped(&self, directives: &[Positioned<Directive>]) -> bool {
        directives.iter().any(|directive| {
            let condition = directive.node.get_argument("if").and_then(|input| self.constant(&input.node));
            let holds = condition == Some(Value::Boolean(true));
            match directive.node.name.node.as_str() {
                "skip" => holds,
                "include" => !holds,
                _ => false,
            }
        })
    }

    fn directives(&self, directives: &[Positioned<Directive>]) -> Vec<Positioned<Directive>> {
        let kept = directives.iter().filter(|directive| !is_condition(&directive.node.name.node));
        kept.map(|directive| {
            let arguments = self.arguments(&directive.node.arguments);
            directive.position_node(Directive { name: directive.node.name.clone(), arguments })
        })
        .collect()
    }

    /// The arguments with variables put in. An argument whose variable has no value is left out.
    fn arguments(
        &self,
        arguments: &[(Positioned<Name>, Positioned<Input>)],
    ) -> Vec<(Positioned<Name>, Positioned<Input>)> {
        let constant = |(name, value): &(Positioned<Name>, Positioned<Input>)| {
            let constant = self.constant(&value.node)?;
            Some((name.clone(), value.position_node(constant.into_value())))
        };
        arguments.iter().filter_map(constant).collect()
    }

    fn constant(&self, value: &Input) -> Option<Value> {
        Some(match value {
            Input::Variable(name) => return self.variables.get(name).cloned(),
            Input::List(values) => {
                // A list keeps its length: an omitted variable is null here, and only here.
                Value::List(values.iter().map(|value| self.constant(value).unwrap_or_default()).collect())
            }
            Input::Object(values) => {
                let present = |(name, value): (&Name, &Input)| Some((name.clone(), self.constant(value)?));
                Value::Object(values.iter().filter_map(present).collect::<IndexMap<_, _>>())
            }
            Input::Null => Value::Null,
            Input::Number(number) => Value::Number(number.clone()),
            Input::String(text) => Value::String(text.clone()),
            Input::Boolean(boolean) => Value::Boolean(*boolean),
            Input::Binary(bytes) => Value::Binary(bytes.clone()),
            Input::Enum(name) => Value::Enum(name.clone()),
        })
    }
}

/// Do two fields under one response key ask for the same?
fn same_call(one: &Field, other: &Field) -> bool {
    one.name.node == other.name.node
        && one.arguments.len() == other.arguments.len()
        && one.arguments.iter().all(|(name, value)| other.get_argument(&name.node) == Some(value))
}

/// `first`, `last`, or how many ids are asked for.
fn page_size(arguments: &[(Positioned<Name>, Positioned<Input>)]) -> Option<u64> {
    arguments.iter().find_map(|(name, value)| match (name.node.as_str(), &value.node) {
        ("first" | "last", Input::Number(number)) => number.as_u64(),
        ("ids", Input::List(ids)) => Some(ids.len() as u64),
        _ => None,
    })
}

fn type_question() -> Positioned<Selection> {
    let field = Field {
        alias: Some(Positioned::new(Name::new(TYPE_KEY), Default::default())),
        name: Positioned::new(Name::new("__typename"), Default::default()),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::default(),
    };
    Positioned::new(Selection::Field(Positioned::new(field, Default::default())), Default::default())
}

fn push_selection(items: &mut Vec<Positioned<Selection>>, on: Option<Arc<str>>, field: Positioned<Field>) {
    let pos = field.pos;
    let field = Positioned::new(Selection::Field(field), pos);
    let Some(on) = on else {
        items.push(field);
        return;
    };
    if let Some(Selection::InlineFragment(last)) = items.last_mut().map(|last| &mut last.node)
        && last.node.type_condition.as_ref().is_some_and(|condition| condition.node.on.node == *on)
    {
        last.node.selection_set.node.items.push(field);
        return;
    }
    let fragment = InlineFragment {
        type_condition: Some(Positioned::new(TypeCondition { on: Positioned::new(Name::new(&on), pos) }, pos)),
        directives: Vec::new(),
        selection_set: Positioned::new(SelectionSet { items: vec![field] }, pos),
    };
    items.push(Positioned::new(Selection::InlineFragment(Positioned::new(fragment, pos)), pos));
}
