//! The introspection types, which an exported SDL leaves out, and the names by which the Gate recognises
//! introspection (G29).

/// Introspection as async-graphql 7.2.1 offers it, for the type table.
pub(super) const SDL: &str = r#"
type __Schema {
  description: String!
  types: [__Type!]!
  queryType: __Type!
  mutationType: __Type
  subscriptionType: __Type
  directives: [__Directive!]!
}
type __Type {
  kind: __TypeKind!
  name: String
  description: String
  fields(includeDeprecated: Boolean! = false): [__Field!]
  interfaces: [__Type!]
  possibleTypes: [__Type!]
  enumValues(includeDeprecated: Boolean! = false): [__EnumValue!]
  inputFields(includeDeprecated: Boolean! = false): [__InputValue!]
  ofType: __Type
  specifiedByURL: String
  isOneOf: Boolean
}
type __Field {
  name: String!
  description: String
  args(includeDeprecated: Boolean! = false): [__InputValue!]!
  type: __Type!
  isDeprecated: Boolean!
  deprecationReason: String
}
type __InputValue {
  name: String!
  description: String
  type: __Type!
  defaultValue: String
  isDeprecated: Boolean!
  deprecationReason: String
}
type __EnumValue {
  name: String!
  description: String
  isDeprecated: Boolean!
  deprecationReason: String
}
type __Directive {
  name: String!
  description: String
  locations: [__DirectiveLocation!]!
  args(includeDeprecated: Boolean! = false): [__InputValue!]!
  isRepeatable: Boolean!
}
enum __TypeKind { SCALAR OBJECT INTERFACE UNION ENUM INPUT_OBJECT LIST NON_NULL }
scalar __DirectiveLocation
"#;

/// Deepest nesting of list fields of `__Type` below `__schema` or `__type`. Each level multiplies the answer by the
/// size of the schema.
pub(super) const LISTS_MAX: u64 = 3;

/// Is `name` a root field through which the schema is read?
pub(super) fn is_root(name: &str) -> bool {
    matches!(name, "__schema" | "__type")
}

/// Is `name` a list field of `__Type`?
pub(super) fn is_list(name: &str) -> bool {
    matches!(name, "fields" | "interfaces" | "possibleTypes" | "enumValues" | "inputFields")
}
