//! The shape of an answer (G31). async-graphql 7.2.1 leaves a failed field's key out, null or not, makes an object
//! without keys null, and orders keys as fields complete; 8.0 errs the other way. Here the executed value is read
//! against the plan and the type table: missing keys become null, a null where none may be moves to the nearest
//! nullable ancestor, and keys follow the document.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{BaseType, Type};
use async_graphql::{Name, PathSegment, Value};

use super::plan::{PlanField, PlanSet, TYPE_KEY};
use super::types::{TypeDef, TypeTable};

/// The shaped data, and where a null without an error had to be answered or moved: a defect of a resolver.
pub(super) struct Shaped {
    /// Null if a null moved up to the root.
    pub data: Value,
    /// Paths of unexplained nulls.
    pub unexplained: Vec<Vec<PathSegment>>,
}

/// Shapes what the library answered for `set` on the object type `root`; `errors` are the paths of its errors.
pub(super) fn shape<'a>(
    table: &TypeTable,
    set: &PlanSet,
    root: Option<&TypeDef>,
    data: Value,
    errors: impl Iterator<Item = &'a [PathSegment]>,
) -> Shaped {
    let mut tree = ErrorTree::default();
    for path in errors {
        tree.insert(path);
    }
    let mut shaper = Shaper { table, path: Vec::new(), unexplained: Vec::new() };
    let keys = match data {
        Value::Object(keys) => keys,
        _ => IndexMap::new(),
    };
    let data = shaper.object(&[set], root, keys, Some(&tree)).unwrap_or(Value::Null);
    Shaped { data, unexplained: shaper.unexplained }
}

/// The paths of all errors, by segment.
#[derive(Default)]
struct ErrorTree<'a> {
    fields: HashMap<&'a str, ErrorTree<'a>>,
    items: HashMap<usize, ErrorTree<'a>>,
}

impl<'a> ErrorTree<'a> {
    fn insert(&mut self, path: &'a [PathSegment]) {
        let mut node = self;
        for segment in path {
            node = match segment {
                PathSegment::Field(name) => node.fields.entry(name).or_default(),
                PathSegment::Index(index) => node.items.entry(*index).or_default(),
            };
        }
    }
}

struct Shaper<'t> {
    table: &'t TypeTable,
    path: Vec<PathSegment>,
    unexplained: Vec<Vec<PathSegment>>,
}

/// A field to answer: the first of its key, and the sets of all of that key.
struct Wanted<'p> {
    field: &'p PlanField,
    sets: Vec<&'p PlanSet>,
}

impl Shaper<'_> {
    /// The object with the keys of `sets` in their order, or none if a null must move further up.
    fn object(
        &mut self,
        sets: &[&PlanSet],
        declared: Option<&TypeDef>,
        mut keys: IndexMap<Name, Value>,
        errors: Option<&ErrorTree<'_>>,
    ) -> Option<Value> {
        let runtime = match keys.get(TYPE_KEY) {
            Some(Value::String(name)) => self.table.get(name),
            _ => declared,
        };
        let wanted = wanted(sets, runtime);
        let mut shaped = IndexMap::with_capacity(wanted.len());
        let mut fits = true;
        for Wanted { field, sets } in wanted {
            let raw = keys.swap_remove(&field.key);
            let below = errors.and_then(|errors| errors.fields.get(field.key.as_str()));
            // The object's own field may promise more than the interface's.
            let ty = runtime.and_then(|runtime| runtime.field(&field.name)).or(field.ty.as_ref()).map(Arc::as_ref);
            self.path.push(PathSegment::Field(field.key.to_string()));
            match self.value(ty, &sets, raw, below) {
                Some(value) => {
                    shaped.insert(field.key.clone(), value);
                }
                None => fits = false,
            }
            self.path.pop();
        }
        fits.then_some(Value::Object(shaped))
    }

    /// The value as `ty`; none if it is null and must not be.
    fn value(
        &mut self,
        ty: Option<&Type>,
        sets: &[&PlanSet],
        raw: Option<Value>,
        errors: Option<&ErrorTree<'_>>,
    ) -> Option<Value> {
        let Some(ty) = ty else { return Some(raw.unwrap_or_default()) };
        let was_null = matches!(raw, None | Some(Value::Null));
        let value = match (&ty.base, raw) {
            (_, None) => None,
            (BaseType::List(item), Some(Value::List(items))) => self.list(item, sets, items, errors),
            (BaseType::List(_), Some(_)) => None,
            (BaseType::Named(_), Some(raw)) if sets.is_empty() => Some(raw).filter(|raw| *raw != Value::Null),
            (BaseType::Named(name), Some(raw)) => {
                let keys = match raw {
                    Value::Object(keys) => Some(keys),
                    // All its fields failed, so the library had no key to put in.
                    _ if errors.is_some_and(|errors| !errors.fields.is_empty()) => Some(IndexMap::new()),
                    _ => None,
                };
                keys.and_then(|keys| self.object(sets, self.table.get(name), keys, errors))
            }
        };
        match value {
            Some(value) => Some(value),
            None if ty.nullable => Some(Value::Null),
            None => {
                if was_null && errors.is_none() {
                    self.unexplained.push(self.path.clone());
                }
                None
            }
        }
    }

    fn list(
        &mut self,
        item: &Type,
        sets: &[&PlanSet],
        items: Vec<Value>,
        errors: Option<&ErrorTree<'_>>,
    ) -> Option<Value> {
        let mut shaped = Vec::with_capacity(items.len());
        let mut fits = true;
        for (index, raw) in items.into_iter().enumerate() {
            let below = errors.and_then(|errors| errors.items.get(&index));
            self.path.push(PathSegment::Index(index));
            match self.value(Some(item), sets, Some(raw), below) {
                Some(value) => shaped.push(value),
                None => fits = false,
            }
            self.path.pop();
        }
        fits.then_some(Value::List(shaped))
    }
}

/// The fields of `sets` that an object of type `runtime` answers, each key once, in order of first mention.
fn wanted<'p>(sets: &[&'p PlanSet], runtime: Option<&TypeDef>) -> Vec<Wanted<'p>> {
    let wants = |field: &&PlanField| match &field.on {
        None => true,
        Some(on) => runtime.is_some_and(|runtime| runtime.name == *on),
    };
    let fields = sets.iter().flat_map(|set| &set.fields).filter(wants);
    // Only one plain set on one object is sure to hold each key once.
    let may_repeat = sets.len() > 1 || sets.iter().any(|set| set.is_abstract);
    let mut wanted: Vec<Wanted<'p>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for field in fields {
        if may_repeat {
            let next = wanted.len();
            let at = *places.entry(field.key.as_str()).or_insert(next);
            if let Some(first) = wanted.get_mut(at) {
                first.sets.extend(&field.children);
                continue;
            }
        }
        wanted.push(Wanted { field, sets: field.children.iter().collect() });
    }
    wanted
}
