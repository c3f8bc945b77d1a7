//! Which deprecated things an operation uses (G46), so that their use can be counted before they are removed. While nothing
//! is deprecated, nothing is looked at.

use std::collections::{BTreeSet, HashMap, HashSet};

use async_graphql::Positioned;
use async_graphql::parser::types::{
    BaseType, ConstDirective, DocumentOperations, Field, FieldDefinition, Selection, SelectionSet, Type, TypeKind,
    TypeSystemDefinition,
};
use async_graphql_value::Value as Input;

use super::plan::Plan;
use super::types::{Kind, TypeDef, TypeTable, innermost_name};

/// What the schema marks with `@deprecated`, by schema coordinates: `Type.field`, `Type.field(argument:)`, `Enum.VALUE`,
/// `Input.field`.
#[derive(Debug, Default)]
pub(super) struct Deprecations {
    marked: HashSet<String>,
    /// The types of arguments by `Type.field(argument:)`; empty while nothing is marked.
    arguments: HashMap<String, Type>,
}

impl Deprecations {
    pub fn read(definitions: &[TypeSystemDefinition]) -> Self {
        let mut found = Self::default();
        for definition in definitions {
            let TypeSystemDefinition::Type(definition) = definition else { continue };
            let name = definition.node.name.node.as_str();
            match &definition.node.kind {
                TypeKind::Object(object) => found.read_fields(name, &object.fields),
                TypeKind::Interface(interface) => found.read_fields(name, &interface.fields),
                TypeKind::Enum(values) => {
                    for value in &values.values {
                        found.mark(format!("{name}.{}", value.node.value.node), &value.node.directives);
                    }
                }
                TypeKind::InputObject(input) => {
                    for field in &input.fields {
                        found.mark(format!("{name}.{}", field.node.name.node), &field.node.directives);
                    }
                }
                _ => {}
            }
        }
        if found.marked.is_empty() {
            found.arguments = HashMap::new();
        }
        found
    }

    fn read_fields(&mut self, parent: &str, fields: &[Positioned<FieldDefinition>]) {
        for field in fields {
            let coordinate = format!("{parent}.{}", field.node.name.node);
            for argument in &field.node.arguments {
                let coordinate = format!("{coordinate}({}:)", argument.node.name.node);
                self.arguments.insert(coordinate.clone(), argument.node.ty.node.clone());
                self.mark(coordinate, &argument.node.directives);
            }
            self.mark(coordinate, &field.node.directives);
        }
    }

    fn mark(&mut self, coordinate: String, directives: &[Positioned<ConstDirective>]) {
        if directives.iter().any(|directive| directive.node.name.node == "deprecated") {
            self.marked.insert(coordinate);
        }
    }

    /// What `plan` uses of it, each once.
    pub fn used(&self, table: &TypeTable, plan: &Plan) -> Vec<String> {
        if self.marked.is_empty() {
            return Vec::new();
        }
        let mut walk = Walk { marked: self, table, used: BTreeSet::new() };
        if let DocumentOperations::Single(operation) = &plan.document.operations {
            walk.set(&operation.node.selection_set.node, table.root(plan.operation));
        }
        walk.used.into_iter().collect()
    }
}

struct Walk<'a> {
    marked: &'a Deprecations,
    table: &'a TypeTable,
    used: BTreeSet<String>,
}

impl Walk<'_> {
    fn set(&mut self, set: &SelectionSet, parent: Option<&TypeDef>) {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => self.field(&field.node, parent),
                Selection::InlineFragment(inline) => {
                    let condition = inline.node.type_condition.as_ref();
                    let narrowed = condition.and_then(|condition| self.table.get(&condition.node.on.node));
                    self.set(&inline.node.selection_set.node, narrowed.or(parent));
                }
                // A plan has none.
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    fn field(&mut self, field: &Field, parent: Option<&TypeDef>) {
        let Some(parent) = parent else { return };
        let coordinate = format!("{}.{}", parent.name, field.name.node);
        for (name, value) in &field.arguments {
            let coordinate = format!("{coordinate}({}:)", name.node);
            if let Some(ty) = self.marked.arguments.get(&coordinate) {
                self.value(ty, &value.node);
            }
            self.note(coordinate);
        }
        let below = parent.field(&field.name.node).and_then(|ty| self.table.get(innermost_name(ty)));
        self.set(&field.selection_set.node, below);
        self.note(coordinate);
    }

    fn value(&mut self, ty: &Type, value: &Input) {
        match (&ty.base, value) {
            (BaseType::List(item), Input::List(values)) => values.iter().for_each(|value| self.value(item, value)),
            (BaseType::List(item), value) => self.value(item, value),
            (BaseType::Named(name), value) => match (self.table.get(name).map(|def| &def.kind), value) {
                (Some(Kind::Enum(_)), Input::Enum(value)) => self.note(format!("{name}.{value}")),
                (Some(Kind::Input { fields, .. }), Input::Object(values)) => {
                    for (field, value) in values {
                        self.note(format!("{name}.{field}"));
                        if let Some(input) = fields.get(field.as_str()) {
                            self.value(&input.ty, value);
                        }
                    }
                }
                _ => {}
            },
        }
    }

    fn note(&mut self, coordinate: String) {
        if self.marked.marked.contains(&coordinate) {
            self.used.insert(coordinate);
        }
    }
}
