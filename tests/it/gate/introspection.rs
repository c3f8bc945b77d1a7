//! Reading the schema: who may, and how deep.

use async_graphql::Data;
use inkledger::graphql::gate::{CallerKind, RefusalKind};
use rstest::rstest;
use serde_json::json;

use super::{KINDS, admit, caller, gate, limit_of, params, run, wire};

/// As graphql-js 16 writes it with every option on.
pub const STANDARD: &str = "query IntrospectionQuery { __schema { description queryType { name kind } \
    mutationType { name kind } subscriptionType { name kind } types { ...FullType } directives { name description \
    isRepeatable locations args(includeDeprecated: true) { ...InputValue } } } } fragment FullType on __Type { kind \
    name description specifiedByURL isOneOf fields(includeDeprecated: true) { name description \
    args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason } \
    inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef } \
    enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { \
    ...TypeRef } } fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue \
    isDeprecated deprecationReason } fragment TypeRef on __Type { kind name ofType { name kind ofType { name kind \
    ofType { name kind ofType { name kind ofType { name kind ofType { name kind ofType { name kind ofType { name kind \
    ofType { name kind } } } } } } } } } }";

// G29
#[test]
fn the_standard_query_fits_every_column() {
    let scan = inkledger::graphql::gate::scan(STANDARD, usize::MAX, usize::MAX).unwrap();
    assert_eq!(scan.tokens, 184);
    let gate = gate();
    for kind in KINDS {
        let mut caller = caller(kind);
        caller.introspection = true;
        let admitted = gate.admit(&caller, params(STANDARD, json!({})));
        assert!(admitted.is_ok(), "{kind:?} {:?}", admitted.err());
    }
}

// G29, G26: 240 selections.
#[test]
fn the_standard_query_counts_240_selections() {
    let mut limits = inkledger::graphql::gate::Limits::default();
    limits.admin.selections = 240;
    assert!(admit(&super::gate_with(limits.clone()), CallerKind::Admin, STANDARD).is_ok());
    limits.admin.selections = 239;
    let refused = admit(&super::gate_with(limits), CallerKind::Admin, STANDARD).err().unwrap();
    assert_eq!(limit_of(&wire(&refused)).1, "selections");
}

// G29
#[tokio::test]
async fn the_standard_query_answers() {
    let answer = wire(&run(&gate(), STANDARD, json!({})).await);
    assert_eq!(answer["errors"], json!(null), "{answer}");
    let schema = &answer["data"]["__schema"];
    assert_eq!(schema["queryType"]["name"], "Query");
    let item = schema["types"].as_array().unwrap().iter().find(|ty| ty["name"] == "Item").unwrap();
    assert_eq!(item["fields"][0]["type"]["ofType"]["name"], "String");
    assert_eq!(item["enumValues"], json!(null));
}

// G29
#[rstest]
#[case("{ __schema { queryType { name } } }")]
#[case("{ s: __schema { queryType { name } } int(value: 1) }")]
#[case("{ ...F } fragment F on Query { __schema { queryType { name } } }")]
fn the_schema_is_hidden_from_those_without_the_right(#[case] query: &str) {
    for kind in [CallerKind::Anonymous, CallerKind::User] {
        let refused = admit(&gate(), kind, query).err().unwrap();
        assert_eq!(refused.kind, RefusalKind::Introspection);
        assert_eq!(refused.errors[0].code(), "INTROSPECTION_DISABLED");
    }
}

// G29: the audits of graphql-http ask for it and expect no error.
#[tokio::test]
async fn a_type_is_null_without_the_right() {
    let gate = gate();
    let caller = caller(CallerKind::Anonymous);
    let query = "query Type($name: String!) { __type(name: $name) { name } __typename }";
    let admitted = gate.admit(&caller, params(query, json!({ "name": "Query" }))).unwrap_or_else(|_| panic!());
    let answer = gate.execute(admitted, &caller, Data::default()).await;
    assert_eq!(wire(&answer), json!({ "data": { "__type": null, "__typename": "Query" } }));
    let answer = wire(&run(&gate, query, json!({ "name": "Query" })).await);
    assert_eq!(answer["data"]["__type"]["name"], "Query");
}

// G29
#[rstest]
#[case::fields("{ __schema { types { X } } }")]
#[case::one_type("{ __type(name: \"Query\") { X } }")]
fn lists_of_types_nest_at_most_three_deep(#[case] frame: &str) {
    let gate = gate();
    let nested = |n: usize| frame.replace('X', &format!("{} name {}", "fields { type {".repeat(n), "}}".repeat(n)));
    assert!(admit(&gate, CallerKind::Admin, &nested(3)).is_ok());
    let refused = admit(&gate, CallerKind::Admin, &nested(4)).err().unwrap();
    assert_eq!(limit_of(&wire(&refused)).1, "introspectionLists");
    // Spread over fragments and other lists.
    let fragments = frame.replace('X', "...A")
        + " fragment A on __Type { fields { type { ...B } } } fragment B on \
        __Type { interfaces { possibleTypes { enumValues { name } } } }";
    let refused = admit(&gate, CallerKind::Admin, &fragments).err().unwrap();
    assert_eq!(limit_of(&wire(&refused)).1, "introspectionLists");
}

// G29
#[test]
fn an_unknown_field_brings_no_suggestion() {
    let refused = wire(&admit(&gate(), CallerKind::Admin, "{ trea { name } }").err().unwrap());
    assert_eq!(refused["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    assert!(!refused.to_string().contains("Did you mean"), "{refused}");
    assert!(!refused.to_string().contains("\\\"tree\\\""), "{refused}");
}
