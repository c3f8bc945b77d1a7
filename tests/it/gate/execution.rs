//! Running what was admitted: errors, panics, deadlines, order, subscriptions.

use std::time::Duration;

use async_graphql::{Data, Executor as _};
use futures_util::StreamExt as _;
use inkledger::graphql::gate::{CallerKind, OperationKind, Params, RefusalKind};
use rstest::rstest;
use serde_json::{Value, json};

use super::{admit, caller, gate, params, refusal, run, wire};

/// As it goes out to the byte, up to what it cost.
fn text(answer: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(answer).unwrap();
    text.split_once(r#","extensions":{"cost":"#).map(|(before, _)| format!("{before}}}")).unwrap_or(text)
}

// G7
#[test]
fn a_refusal_has_no_data_and_every_error_has_code_request_id_and_timestamp() {
    for query in ["{", "{ nope }", "{ __schema { description } }", "query($v: Int!) { int(value: $v) }"] {
        let refused = refusal(&gate(), CallerKind::User, query);
        assert_eq!(refused.as_object().unwrap().keys().collect::<Vec<_>>(), ["errors"]);
        let extensions = &refused["errors"][0]["extensions"];
        assert!(extensions["code"].is_string());
        assert_eq!(extensions["requestId"], "req-1");
        assert_eq!(extensions["timestamp"], "2026-01-02T03:04:05.000006Z");
    }
}

// G49
#[tokio::test]
async fn a_coded_error_keeps_its_text_and_extras_and_spares_its_siblings() {
    let answer = wire(&run(&gate(), "{ coded int(value: 1) }", json!({})).await);
    assert_eq!(answer["data"], json!({ "coded": null, "int": 1 }));
    let expected = json!([{
        "message": "There is no such thing.",
        "locations": [{ "line": 1, "column": 3 }],
        "path": ["coded"],
        "extensions": {
            "code": "NOT_FOUND", "which": "thing", "requestId": "req-1", "timestamp": "2026-01-02T03:04:05.000006Z",
        },
    }]);
    assert_eq!(answer["errors"], expected);
}

// G50
#[rstest]
#[case::uncoded("{ uncoded }", "INTERNAL")]
#[case::unknown_code("{ strange }", "INTERNAL")]
#[case::unreadable_argument("{ even(value: 3) }", "BAD_USER_INPUT")]
#[tokio::test]
async fn an_error_that_is_not_ours_is_masked(#[case] query: &str, #[case] code: &str) {
    let answer = wire(&run(&gate(), query, json!({})).await);
    assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer}");
    assert!(answer["errors"][0]["path"].is_array());
    for leak in ["SELECT", "/var/lib", "multiple", "no such thing", "which"] {
        assert!(!answer.to_string().contains(leak), "{answer}");
    }
}

// G48
#[tokio::test]
async fn at_most_20_errors_are_listed() {
    let answer = wire(&run(&gate(), "{ manyFailures { value } }", json!({})).await);
    assert_eq!(answer["errors"].as_array().unwrap().len(), 20);
    assert_eq!(answer["data"]["manyFailures"].as_array().unwrap().len(), 50);
    assert_eq!(answer["data"]["manyFailures"][49], json!({ "value": null }));
}

// G31: data stands first, keys in the document's order, whatever completes first.
#[tokio::test]
async fn keys_follow_the_document() {
    let query = "{ tree { slowName name child { slowName a: name } __typename } int(value: 1) }";
    let answer = run(&gate(), query, json!({})).await;
    let expected = r#"{"data":{"tree":{"slowName":"slow","name":"tree","child":{"slowName":"slow","a":"tree"},"__typename":"Tree"},"int":1}}"#;
    assert_eq!(text(&answer), expected);
}

// G31
#[rstest]
#[case::nullable_ancestor("{ tree { name mustFail } int(value: 1) }", json!({ "tree": null, "int": 1 }))]
#[case::alone("{ tree { mustFail } }", json!({ "tree": null }))]
#[case::up_to_the_root("{ mustTree { mustFail } int(value: 1) }", json!(null))]
#[case::nothing_selected("{ tree { name @skip(if: true) } mustTree { ... @include(if: false) { name } } }",
    json!({ "tree": {}, "mustTree": {} }))]
#[case::nothing_at_all("{ int(value: 1) @skip(if: true) }", json!({}))]
#[case::merged("{ tree { name } ...F } fragment F on Query { tree { child { name } name } }",
    json!({ "tree": { "name": "tree", "child": { "name": "tree" } } }))]
#[tokio::test]
async fn a_null_goes_where_it_may(#[case] query: &str, #[case] data: Value) {
    let answer = wire(&run(&gate(), query, json!({})).await);
    assert_eq!(answer["data"], data, "{answer}");
}

// G31: the library would run it twice.
#[tokio::test]
async fn a_repeated_mutation_field_runs_once() {
    let query = "mutation { act act ...F b: act } fragment F on Mutation { act }";
    assert_eq!(wire(&run(&gate(), query, json!({})).await)["data"], json!({ "act": 1, "b": 2 }));
}

// G31
#[rstest]
#[case("{ tree { name ... on Tree { name: slowName } } }")]
#[case("{ int(value: 1) ... { int(value: 2) } }")]
#[case("{ tree { a: name } tree { a: slowName } }")]
#[case("{ __gateType: __typename }")]
fn fields_that_cannot_be_merged_are_refused(#[case] query: &str) {
    assert_eq!(admit(&gate(), CallerKind::Admin, query).err().unwrap().kind, RefusalKind::Validation);
}

// G32
#[tokio::test]
async fn a_panic_becomes_an_error_of_that_operation() {
    let answer = wire(&run(&gate(), "{ panics int(value: 1) }", json!({})).await);
    assert_eq!(answer["data"], json!(null));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "INTERNAL");
    assert!(!answer.to_string().contains("secret"));
}

// G32
#[tokio::test(start_paused = true)]
async fn what_runs_too_long_is_stopped() {
    let gate = gate();
    for (kind, seconds) in super::KINDS.into_iter().zip([5, 10, 30]) {
        let caller = caller(kind);
        let admitted = gate.admit(&caller, params("{ slow }", json!({}))).unwrap_or_else(|_| panic!());
        let start = tokio::time::Instant::now();
        let answer = wire(&gate.execute(admitted, &caller, Data::default()).await);
        assert_eq!(answer["errors"][0]["extensions"]["code"], "TIMEOUT");
        assert_eq!(answer["data"], json!(null));
        assert_eq!(start.elapsed().as_secs(), Duration::from_secs(seconds).as_secs());
    }
}

#[rstest]
#[case::unknown("query A { __typename }", Some("B"))]
#[case::unnamed("{ __typename }", Some("B"))]
#[case::needed("query A { __typename } query B { __typename }", None)]
fn the_operation_must_be_known(#[case] query: &str, #[case] name: Option<&str>) {
    let params = Params { operation_name: name.map(str::to_owned), ..params(query, json!({})) };
    let refused = gate().admit(&caller(CallerKind::User), params).err().unwrap();
    assert_eq!((refused.kind, refused.errors[0].code()), (RefusalKind::Operation, "BAD_REQUEST"));
}

#[test]
fn an_admitted_operation_tells_its_kind() {
    let gate = gate();
    let kind = |query: &str| admit(&gate, CallerKind::User, query).map(|admitted| admitted.kind()).ok();
    assert_eq!(kind("{ __typename }"), Some(OperationKind::Query));
    assert_eq!(kind("mutation { act }"), Some(OperationKind::Mutation));
    assert_eq!(kind("subscription { burst }"), Some(OperationKind::Subscription));
    let Ok(admitted) = admit(&gate, CallerKind::User, "{ a: int(value: 1) tree { name } }") else { panic!() };
    assert_eq!(admitted.root_fields().collect::<Vec<_>>(), ["int", "tree"]);
}

async fn events(query: &str) -> Vec<String> {
    let (gate, caller) = (gate(), caller(CallerKind::User));
    let admitted = gate.admit(&caller, params(query, json!({}))).unwrap_or_else(|refused| panic!("{refused:?}"));
    gate.subscribe(admitted, &caller, Data::default()).map(|answer| text(&answer)).collect().await
}

// G31
#[tokio::test]
async fn every_event_of_a_subscription_is_shaped() {
    let found = events("subscription { ...F } fragment F on Events { t: ticks(upto: 2) { slow at odd } }").await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], r#"{"data":{"t":{"slow":1,"at":1,"odd":1}}}"#);
    assert!(found[1].starts_with(r#"{"data":{"t":{"slow":2,"at":2,"odd":null}},"errors":[{"#), "{}", found[1]);
    assert!(found[1].contains(r#""path":["t","odd"]"#) && found[1].contains("NOT_FOUND"), "{}", found[1]);
}

// G32
#[tokio::test]
async fn a_panic_ends_the_subscription_with_an_error() {
    let found = events("subscription { burst }").await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], r#"{"data":{"burst":0}}"#);
    assert!(found[1].contains("INTERNAL") && !found[1].contains("secret"));
}

#[tokio::test]
async fn a_query_as_a_stream_is_one_answer() {
    assert_eq!(events("{ int(value: 1) }").await, [r#"{"data":{"int":1}}"#]);
}

// G63: rules that the library's fast mode drops are kept.
#[rstest]
#[case("{ tree }")]
#[case("{ int(value: \"x\") }")]
#[case("{ int }")]
#[case("query($v: Int) { __typename }")]
#[case("{ __typename(a: 1) }")]
#[case("{ __typename { a } }")]
#[case("{ __typename @skip }")]
#[case("{ __typename @skip(if: $v) }")]
#[case("{ __typename @nope }")]
#[case("{ ... on Nope { a } }")]
#[case("{ __typename } fragment F on Query { __typename }")]
fn validation_is_strict(#[case] query: &str) {
    let refused = admit(&gate(), CallerKind::Admin, query).err().unwrap();
    assert_eq!((refused.kind, refused.errors[0].code()), (RefusalKind::Validation, "GRAPHQL_VALIDATION_FAILED"));
}

#[tokio::test]
async fn a_directive_on_typename_counts_as_a_use_of_its_variable() {
    let query = "query($v: Boolean!) { tree { __typename @skip(if: $v) n: __typename @include(if: $v) } }";
    assert_eq!(wire(&run(&gate(), query, json!({ "v": true })).await)["data"]["tree"], json!({ "n": "Tree" }));
}

// The Gate is an `Executor`, and as such no way round itself.
#[tokio::test]
async fn the_librarys_seam_passes_the_gate_too() {
    let gate = gate();
    let response = async_graphql::Executor::execute(&gate, "{ __schema { description } }".into()).await;
    assert!(text(&response).contains("INTROSPECTION_DISABLED"));
    let request = async_graphql::Request::new("{ s: __schema { queryType { name } } }").data(caller(CallerKind::Admin));
    let response = async_graphql::Executor::execute(&gate, request).await;
    assert_eq!(text(&response), r#"{"data":{"s":{"queryType":{"name":"Query"}}}}"#);
    let responses: Vec<_> = gate.execute_stream("subscription { burst burst2: burst }".into(), None).collect().await;
    assert!(text(&responses).contains("GRAPHQL_VALIDATION_FAILED"));
}

// G64: the library is given no extension, in this file or any other.
#[test]
fn no_extension_is_registered() {
    fn walk(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if std::fs::read_to_string(&path).unwrap_or_default().contains(".extension(") {
                found.push(path.display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    walk(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/graphql")), &mut found);
    assert_eq!(found, [] as [&str; 0]);
}
