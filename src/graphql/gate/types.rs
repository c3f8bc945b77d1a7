//! The type table: the schema's SDL read once at start, so that the Gate can coerce variables, compute costs and
//! repair shapes without the library's private registry. Holds names, kinds and field types; no resolvers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, OperationType, Type, TypeDefinition, TypeKind,
    TypeSystemDefinition,
};
use async_graphql::{Name, Positioned};

use super::deprecated::Deprecations;
use super::introspection;

/// The schema could not be read back from its own SDL.
#[derive(Debug, thiserror::Error)]
pub enum SchemaUnreadable {
    /// The SDL does not parse.
    #[error("the exported SDL does not parse")]
    Syntax(#[source] async_graphql::parser::Error),
    /// The SDL names no query root.
    #[error("the exported SDL has no query root")]
    NoQueryRoot,
}

/// One named type.
#[derive(Debug)]
pub(super) struct TypeDef {
    pub name: Arc<str>,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Scalar,
    Enum(HashSet<String>),
    Input {
        fields: HashMap<String, InputField>,
        one_of: bool,
    },
    /// An object: possible only as itself.
    Object(HashMap<String, Arc<Type>>),
    /// An interface or union: the names of the objects it may turn out to be. A union has no fields.
    Abstract {
        fields: HashMap<String, Arc<Type>>,
        possible: Vec<Arc<str>>,
    },
}

#[derive(Debug)]
pub(super) struct InputField {
    pub ty: Type,
    pub has_default: bool,
}

impl TypeDef {
    /// The type of an output field.
    pub fn field(&self, name: &str) -> Option<&Arc<Type>> {
        match &self.kind {
            Kind::Object(fields) | Kind::Abstract { fields, .. } => fields.get(name),
            _ => None,
        }
    }

    pub fn is_abstract(&self) -> bool {
        matches!(self.kind, Kind::Abstract { .. })
    }

    pub fn is_composite(&self) -> bool {
        matches!(self.kind, Kind::Object(_) | Kind::Abstract { .. })
    }

    /// The objects a value of this type may be.
    pub fn possible(&self) -> &[Arc<str>] {
        match &self.kind {
            Kind::Object(_) => std::slice::from_ref(&self.name),
            Kind::Abstract { possible, .. } => possible,
            _ => &[],
        }
    }

    pub fn may_be(&self, object: &str) -> bool {
        self.possible().iter().any(|name| &**name == object)
    }
}

/// The schema by name.
#[derive(Debug)]
pub(super) struct TypeTable {
    types: HashMap<String, TypeDef>,
    query: String,
    mutation: Option<String>,
    subscription: Option<String>,
    /// The type of `__typename`.
    pub typename: Arc<Type>,
    /// What is deprecated.
    pub deprecations: Deprecations,
}

impl TypeTable {
    pub fn read(sdl: &str) -> Result<Self, SchemaUnreadable> {
        let mut definitions = parse_schema(sdl).map_err(SchemaUnreadable::Syntax)?.definitions;
        definitions.extend(parse_schema(introspection::SDL).map_err(SchemaUnreadable::Syntax)?.definitions);
        let deprecations = Deprecations::read(&definitions);
        let (mut query, mut mutation, mut subscription) = (None, None, None);
        let mut members: HashMap<String, Vec<Arc<str>>> = HashMap::new();
        let mut named = Vec::new();
        for definition in definitions {
            match definition {
                TypeSystemDefinition::Schema(schema) => {
                    let root = |name: &Option<Positioned<Name>>| name.as_ref().map(|name| name.node.to_string());
                    query = root(&schema.node.query);
                    mutation = root(&schema.node.mutation);
                    subscription = root(&schema.node.subscription);
                }
                TypeSystemDefinition::Type(definition) => {
                    note_members(&definition.node, &mut members);
                    named.push(definition.node);
                }
                TypeSystemDefinition::Directive(_) => {}
            }
        }
        let query = query.ok_or(SchemaUnreadable::NoQueryRoot)?;
        let mut types: HashMap<String, TypeDef> = ["Int", "Float", "String", "Boolean", "ID"]
            .into_iter()
            .map(|name| (name.to_owned(), TypeDef { name: name.into(), kind: Kind::Scalar }))
            .collect();
        for definition in named {
            let name = definition.name.node.to_string();
            let possible = members.remove(&name).unwrap_or_default();
            let mut kind = kind_of(&definition, possible);
            if let (Kind::Object(fields), true) = (&mut kind, name == query) {
                add_introspection(fields);
            }
            types.insert(name.clone(), TypeDef { name: name.into(), kind });
        }
        let typename = Arc::new(Type { base: BaseType::Named(Name::new("String")), nullable: false });
        Ok(Self { types, query, mutation, subscription, typename, deprecations })
    }

    pub fn get(&self, name: &str) -> Option<&TypeDef> {
        self.types.get(name)
    }

    pub fn root(&self, operation: OperationType) -> Option<&TypeDef> {
        match operation {
            OperationType::Query => self.get(&self.query),
            OperationType::Mutation => self.get(self.mutation.as_deref()?),
            OperationType::Subscription => self.get(self.subscription.as_deref()?),
        }
    }

    /// The named type inside lists and non-nulls.
    pub fn innermost(&self, ty: &Type) -> Option<&TypeDef> {
        self.get(innermost_name(ty))
    }
}

/// The name inside lists and non-nulls.
pub(super) fn innermost_name(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name.as_str(),
        BaseType::List(item) => innermost_name(item),
    }
}

fn add_introspection(fields: &mut HashMap<String, Arc<Type>>) {
    for (name, ty) in [("__schema", "__Schema!"), ("__type", "__Type")] {
        if let Some(ty) = Type::new(ty) {
            fields.insert(name.to_owned(), Arc::new(ty));
        }
    }
}

fn note_members(definition: &TypeDefinition, members: &mut HashMap<String, Vec<Arc<str>>>) {
    match &definition.kind {
        TypeKind::Object(object) => {
            for interface in &object.implements {
                members.entry(interface.node.to_string()).or_default().push(definition.name.node.as_str().into());
            }
        }
        TypeKind::Union(union) => {
            let objects = union.members.iter().map(|member| member.node.as_str().into());
            members.entry(definition.name.node.to_string()).or_default().extend(objects);
        }
        _ => {}
    }
}

fn kind_of(definition: &TypeDefinition, possible: Vec<Arc<str>>) -> Kind {
    match &definition.kind {
        TypeKind::Scalar => Kind::Scalar,
        TypeKind::Object(object) => Kind::Object(output_fields(&object.fields)),
        TypeKind::Interface(interface) => Kind::Abstract { fields: output_fields(&interface.fields), possible },
        TypeKind::Union(_) => Kind::Abstract { fields: HashMap::new(), possible },
        TypeKind::Enum(values) => {
            Kind::Enum(values.values.iter().map(|value| value.node.value.node.to_string()).collect())
        }
        TypeKind::InputObject(input) => Kind::Input {
            fields: input.fields.iter().map(|field| input_field(&field.node)).collect(),
            one_of: definition.directives.iter().any(|directive| directive.node.name.node == "oneOf"),
        },
    }
}

fn output_fields(fields: &[Positioned<FieldDefinition>]) -> HashMap<String, Arc<Type>> {
    fields.iter().map(|field| (field.node.name.node.to_string(), Arc::new(field.node.ty.node.clone()))).collect()
}

fn input_field(field: &InputValueDefinition) -> (String, InputField) {
    let input = InputField { ty: field.ty.node.clone(), has_default: field.default_value.is_some() };
    (field.name.node.to_string(), input)
}
