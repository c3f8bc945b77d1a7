//! Coercion of variables before anything runs, and what resolvers then see.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use inkledger::clock::FixedClock;
use inkledger::graphql::gate::{CallerKind, Gate, Limits, RefusalKind};
use rstest::rstest;
use serde_json::{Value, json};

use super::{NOW, caller, gate, params, run, wire};

fn paths(query: &str, variables: Value) -> Vec<Value> {
    let refused = match gate().admit(&caller(CallerKind::Admin), params(query, variables)) {
        Ok(_) => panic!("admitted: {query}"),
        Err(refused) => refused,
    };
    assert_eq!(refused.kind, RefusalKind::Variables, "{refused:?}");
    let refused = wire(&refused);
    let errors = refused["errors"].as_array().unwrap();
    errors.iter().for_each(|error| assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{refused}"));
    errors.iter().map(|error| error["extensions"]["path"].clone()).collect()
}

const ORDER: &str = "query($o: Order!) { order(order: $o) }";

// G28
#[rstest]
#[case::missing("query($v: Int!) { int(value: $v) }", json!({}), json!(["v"]))]
#[case::unused_but_missing("query($id: ID!) { __typename }", json!({}), json!(["id"]))]
#[case::null("query($v: Int!) { int(value: $v) }", json!({ "v": null }), json!(["v"]))]
#[case::text_for_int("query($v: Int!) { int(value: $v) }", json!({ "v": "1" }), json!(["v"]))]
#[case::fraction_for_int("query($v: Int!) { int(value: $v) }", json!({ "v": 1.5 }), json!(["v"]))]
#[case::too_large_for_int("query($v: Int!) { int(value: $v) }", json!({ "v": 2_147_483_648_i64 }), json!(["v"]))]
#[case::too_small_for_int("query($v: Int!) { int(value: $v) }", json!({ "v": -2_147_483_649_i64 }), json!(["v"]))]
#[case::bool_for_float("query($v: Float!) { float(value: $v) }", json!({ "v": true }), json!(["v"]))]
#[case::number_for_text("query($v: String!) { text(value: $v) }", json!({ "v": 1 }), json!(["v"]))]
#[case::text_for_bool("query($v: Boolean!) { flag(value: $v) }", json!({ "v": "true" }), json!(["v"]))]
#[case::fraction_for_id("query($v: ID!) { id(value: $v) }", json!({ "v": 1.5 }), json!(["v"]))]
#[case::item("query($v: [Int]!) { list(value: $v) }", json!({ "v": [1, null, "x"] }), json!(["v", 2]))]
#[case::object_for_list("query($v: [Int]!) { list(value: $v) }", json!({ "v": {} }), json!(["v"]))]
#[case::not_an_object(ORDER, json!({ "o": [] }), json!(["o"]))]
#[case::unknown_enum_value(ORDER, json!({ "o": { "colour": "PINK" } }), json!(["o", "colour"]))]
#[case::number_for_enum(ORDER, json!({ "o": { "colour": 1 } }), json!(["o", "colour"]))]
#[case::unknown_field(ORDER, json!({ "o": { "colour": "RED", "size": 1 } }), json!(["o", "size"]))]
#[case::missing_field(ORDER, json!({ "o": {} }), json!(["o", "colour"]))]
#[case::deep(ORDER, json!({ "o": { "colour": "RED", "inner": { "colour": "RED", "counts": [1, 2.5] } } }),
    json!(["o", "inner", "counts", 1]))]
#[case::one_of_none(ORDER, json!({ "o": { "colour": "RED", "target": {} } }), json!(["o", "target"]))]
#[case::one_of_two(ORDER, json!({ "o": { "colour": "RED", "target": { "accountId": "1", "userId": "2" } } }),
    json!(["o", "target"]))]
#[case::one_of_null(ORDER, json!({ "o": { "colour": "RED", "target": { "accountId": null } } }), json!(["o", "target"]))]
#[case::nul_in_text("query($v: String!) { text(value: $v) }", json!({ "v": "a\0b" }), json!(["v"]))]
#[case::nul_in_id("query($v: ID!) { id(value: $v) }", json!({ "v": "\0" }), json!(["v"]))]
fn a_bad_variable_is_refused_with_its_path(#[case] query: &str, #[case] variables: Value, #[case] path: Value) {
    assert_eq!(paths(query, variables), [path]);
}

// PostgreSQL stores no U+0000: it must not get as far as a statement, by a literal either.
#[rstest]
#[case::argument(r#"{ text(value: "a\u0000b") }"#)]
#[case::default_value(r#"query($v: String = "\u0000") { text(value: $v) }"#)]
#[case::fragment(r#"{ ...F } fragment F on Query { text(value: "\u0000") }"#)]
#[case::second_operation(r#"query A { __typename } query B { text(value: "\u0000") }"#)]
#[case::object(r#"{ order(order: { colour: RED, target: { userId: "\u0000" } }) }"#)]
fn a_literal_with_nul_is_refused(#[case] query: &str) {
    let mut params = params(query, json!({}));
    params.operation_name = query.contains("query A").then(|| "A".to_owned());
    let refused = gate().admit(&caller(CallerKind::Admin), params).map(|_| ()).unwrap_err();
    assert_eq!(refused.kind, RefusalKind::Validation, "{refused:?}");
    assert!(refused.errors.iter().any(|fault| fault.message.contains("U+0000")), "{refused:?}");
}

#[test]
fn a_literal_that_only_looks_like_nul_is_admitted() {
    let query = r#"{ text(value: "\\\\u0000") }"#;
    assert!(gate().admit(&caller(CallerKind::Admin), params(query, json!({}))).is_ok());
}

// G28
#[test]
fn all_faults_are_reported_at_once() {
    let query = "query($a: Int!, $o: Order!) { int(value: $a) order(order: $o) }";
    let found = paths(query, json!({ "o": { "colour": "X", "weight": null } }));
    assert_eq!(found, [json!(["a"]), json!(["o", "colour"]), json!(["o", "weight"])]);
}

// G28: nothing runs, although only the second field uses the bad variable.
#[tokio::test]
async fn earlier_mutation_fields_do_not_run() {
    let acts = Arc::new(AtomicI32::new(0));
    let gate = Gate::new(super::schema::counting(Arc::clone(&acts)), Limits::default(), Arc::new(FixedClock::new(NOW)))
        .unwrap();
    let query = "mutation($v: Int!) { act b: act(value: $v) }";
    assert!(gate.admit(&caller(CallerKind::Admin), params(query, json!({ "v": "x" }))).is_err());
    assert_eq!(acts.load(Ordering::SeqCst), 0);
    run(&gate, query, json!({ "v": 1 })).await;
    assert_eq!(acts.load(Ordering::SeqCst), 2);
}

// G28
#[rstest]
#[case::int("query($v: Int!) { r: int(value: $v) }", json!({ "v": -2_147_483_648_i64 }), json!(-2_147_483_648_i64))]
#[case::whole_float_for_int("query($v: Int!) { r: int(value: $v) }", json!({ "v": 2.0 }), json!(2))]
#[case::default("query($v: Int = 5) { r: optional(value: $v) }", json!({}), json!(5))]
#[case::null_over_default("query($v: Int = 5) { r: optional(value: $v) }", json!({ "v": null }), json!(null))]
#[case::default_for_required("query($v: Int = 5) { r: int(value: $v) }", json!({}), json!(5))]
#[case::omitted("query($v: Int) { r: optional(value: $v) }", json!({}), json!(null))]
#[case::int_for_float("query($v: Float!) { r: float(value: $v) }", json!({ "v": 2 }), json!(2.0))]
#[case::number_for_id("query($v: ID!) { r: id(value: $v) }", json!({ "v": 12 }), json!("12"))]
#[case::one_for_a_list("query($v: [Int]!) { r: list(value: $v) }", json!({ "v": 3 }), json!([3]))]
#[case::in_a_list("query($v: Int, $w: Int) { r: list(value: [$v, $w]) }", json!({ "v": 3 }), json!([3, null]))]
#[case::custom_scalar("query($v: JSON!) { r: any(value: $v) }", json!({ "v": { "a": [1.5, "x"] } }), json!({ "a": [1.5, "x"] }))]
#[case::unknown_variable("query($v: Int!) { r: int(value: $v) }", json!({ "v": 1, "w": [] }), json!(1))]
#[case::enum_value(ORDER, json!({ "o": { "colour": "DEEP_BLUE" } }), json!("omitted 7"))]
#[tokio::test]
async fn a_good_variable_reaches_its_field(#[case] query: &str, #[case] variables: Value, #[case] expected: Value) {
    let answer = wire(&run(&gate(), query, variables).await);
    let data = answer["data"].as_object().unwrap();
    assert_eq!(data.values().next().unwrap(), &expected, "{answer}");
}

/// The same, with a number in the place of a text.
fn given_as_int(variables: &Value) -> Value {
    match variables.get("n") {
        Some(Value::String(_)) => json!({ "n": 1 }),
        Some(_) => json!({ "n": null }),
        None => json!({}),
    }
}

// G42: the library reads an omitted variable as null.
#[rstest]
#[case::omitted(json!({}), "omitted 7")]
#[case::null(json!({ "n": null }), "null 7")]
#[case::given(json!({ "n": "x", "w": 3 }), "x 3")]
#[tokio::test]
async fn an_omitted_variable_is_not_null(#[case] variables: Value, #[case] expected: &str) {
    let argument = wire(&run(&gate(), "query($n: Int) { note(note: $n) }", given_as_int(&variables)).await);
    assert_eq!(
        argument["data"]["note"],
        if expected.starts_with('x') { "given" } else { &expected[..expected.len() - 2] }
    );
    let query = "query($n: String, $w: Int = 7) { order(order: { colour: RED, note: $n, weight: $w }) }";
    let answer = wire(&run(&gate(), query, variables).await);
    assert_eq!(answer["data"]["order"], expected, "{answer}");
}

// G28: what only the literal and the variables together show.
#[test]
fn one_of_is_checked_across_variables() {
    let query = "query($a: ID, $u: ID) { order(order: { colour: RED, target: { accountId: $a, userId: $u } }) }";
    let refused = gate().admit(&caller(CallerKind::Admin), params(query, json!({ "a": "1", "u": "2" }))).err().unwrap();
    assert_eq!(refused.kind, RefusalKind::Variables);
    assert!(gate().admit(&caller(CallerKind::Admin), params(query, json!({ "a": "1" }))).is_ok());
}

// G28: the library has a rule for this and never runs it.
#[rstest]
#[case::nullable("query($v: Int) { int(value: $v) }", json!({}))]
#[case::other_type("query($v: String!) { int(value: $v) }", json!({ "v": "1" }))]
#[case::other_list("query($v: [String]) { list(value: $v) }", json!({ "v": ["1"] }))]
fn a_variable_that_does_not_fit_its_place_is_refused(#[case] query: &str, #[case] variables: Value) {
    let refused = gate().admit(&caller(CallerKind::Admin), params(query, variables)).err().unwrap();
    assert_eq!(refused.kind, RefusalKind::Variables, "{refused:?}");
}

// G28: an unknown type is a fault of the document, and must not panic the library's rule for defaults.
#[rstest]
#[case("query($v: Nope) { __typename }")]
#[case("query($v: [Nope] = [1]) { any(value: $v) }")]
#[case("query($v: Tree) { any(value: $v) }")]
fn an_unknown_variable_type_is_a_validation_fault(#[case] query: &str) {
    let refused = gate().admit(&caller(CallerKind::Admin), params(query, json!({ "v": 1 }))).err().unwrap();
    assert_eq!(refused.kind, RefusalKind::Validation, "{refused:?}");
}
