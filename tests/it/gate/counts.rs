//! Limits on what a document amounts to, at their edges; cost; the rules for subscriptions and credentials.

use inkledger::graphql::gate::{CallerKind, Limits, RefusalKind};
use rstest::rstest;
use serde_json::{Value, json};

use super::{KINDS, admit, caller, gate, gate_with, limit_of, params, refusal};

fn repeated(n: usize, each: impl Fn(usize) -> String) -> String {
    (0..n).map(each).collect::<Vec<_>>().join(" ")
}

/// Checks that `document(maximum)` passes for each kind of caller and `document(maximum + 1)` does not.
fn edge(limit: &str, maxima: [usize; 3], document: impl Fn(usize) -> String) {
    // Byte and token limits would interfere.
    let mut limits = Limits::default();
    for column in [&mut limits.anonymous, &mut limits.user, &mut limits.admin] {
        column.tokens = usize::MAX;
        column.document_bytes = usize::MAX;
        column.cost = u64::MAX;
    }
    let gate = gate_with(limits);
    for (kind, maximum) in KINDS.into_iter().zip(maxima) {
        let mut passing = params(&document(maximum), json!({}));
        passing.operation_name = passing.query.starts_with("query Q0").then(|| "Q0".to_owned());
        let passes = gate.admit(&caller(kind), passing);
        assert!(passes.is_ok(), "{limit} {maximum} for {kind:?}: {:?}", passes.err());
        let refused = refusal(&gate, kind, &document(maximum + 1));
        assert_eq!(limit_of(&refused), ("DOCUMENT_LIMIT_EXCEEDED", limit), "{refused}");
        assert_eq!(refused["errors"][0]["extensions"]["maximum"], maximum);
        assert_eq!(refused["errors"][0]["extensions"]["actual"], maximum + 1);
    }
}

// G26
#[test]
fn operations_fragments_and_variables_have_limits() {
    edge("operations", [10; 3], |n| repeated(n, |i| format!("query Q{i} {{ __typename }}")));
    edge("fragments", [50; 3], |n| {
        let fragments = repeated(n, |i| format!("fragment F{i} on Tree {{ name }}"));
        format!("{{ tree {{ {} }} }} {fragments}", repeated(n, |i| format!("...F{i}")))
    });
    edge("variables", [100; 3], |n| {
        let uses = repeated(n, |i| format!("$v{i}"));
        format!("query({}) {{ any(value: [{uses}]) }}", repeated(n, |i| format!("$v{i}: JSON")))
    });
}

// G26
#[test]
fn selections_are_counted_with_fragments_written_out() {
    // One field, then spreads of ten names each: 11 a spread.
    edge("selections", [500, 2_000, 10_000], |n| {
        let spreads = "...F ".repeat((n - 1) / 11);
        let rest = "name ".repeat((n - 1) % 11);
        format!("{{ tree {{ {spreads} {rest} }} }} fragment F on Tree {{ {} }}", "name ".repeat(10))
    });
}

// G26
#[test]
fn aliases_are_counted_with_fragments_written_out() {
    edge("aliases", [15, 30, 100], |n| {
        let rest = repeated(n % 3, |i| format!("r{i}: name"));
        let spreads = repeated(n / 3, |_| "...F".to_owned());
        format!("{{ tree {{ {spreads} {rest} name }} }} fragment F on Tree {{ a: name b: name c: name }}")
    });
}

// G26
#[test]
fn directives_are_counted_with_fragments_written_out() {
    edge("directives", [20; 3], |n| {
        let rest = "name @skip(if: true) ".repeat(n % 2);
        let spreads = "...F ".repeat(n / 2);
        let fragment = "fragment F on Tree { name @skip(if: true) ... @include(if: true) { name } }";
        format!("{{ tree {{ {spreads} {rest} name }} }} {fragment}")
    });
}

// G26
#[test]
fn root_fields_have_a_limit_through_fragments_too() {
    edge("rootFields", [5, 20, 50], |n| format!("{{ {} }}", "__typename ".repeat(n)));
    edge("rootFields", [5, 20, 50], |n| {
        format!("{{ ...F {} }} fragment F on Query {{ __typename ... {{ __typename }} }}", "__typename ".repeat(n - 2))
    });
}

// G26
#[test]
fn depth_has_a_limit_through_fragments_too() {
    edge("depth", [10, 12, 20], |n| format!("{{ tree {{ {} name {} }} }}", "child {".repeat(n - 2), "}".repeat(n - 2)));
    edge("depth", [10, 12, 20], |n| {
        let (half, rest) = (n / 2 - 1, n - n / 2 - 2);
        let inner =
            format!("fragment F on Tree {{ child {{ {} name {} }} }}", "child {".repeat(rest), "}".repeat(rest));
        format!("{{ tree {{ {} ...F {} }} }} {inner}", "child {".repeat(half), "}".repeat(half))
    });
}

// G26: inline fragments in a chain of fragments nest nowhere in the text.
#[test]
fn nesting_has_a_limit_through_fragments_too() {
    let gate = gate();
    let chain = |n: usize| {
        let links = repeated(n, |i| format!("fragment F{i} on Query {{ ... {{ ...F{} }} }}", i + 1));
        format!("{{ ...F0 }} {links} fragment F{n} on Query {{ __typename }}")
    };
    // The operation's braces, two for each link, the last fragment's, and the field.
    assert!(admit(&gate, CallerKind::Anonymous, &chain(14)).is_ok());
    assert_eq!(limit_of(&refusal(&gate, CallerKind::Anonymous, &chain(16))).1, "nesting");
}

// G26
#[rstest]
#[case::itself("{ ...A } fragment A on Query { ...A }")]
#[case::ring("{ ...A } fragment A on Query { ...B } fragment B on Query { ... { ...C } } fragment C on Query { ...A }")]
#[case::unused("{ __typename } fragment A on Query { ...B } fragment B on Query { ...A }")]
fn a_fragment_cycle_is_refused(#[case] document: &str) {
    let Err(refused) = admit(&gate(), CallerKind::User, document) else { panic!() };
    assert_eq!(refused.kind, RefusalKind::Validation);
    assert!(refused.errors[0].message.contains("spreads itself"), "{refused:?}");
}

// G26
#[test]
fn two_to_the_power_of_thirty_selections_cost_microseconds() {
    let document =
        crate::support::kill::kill_documents().into_iter().find(|document| document.name == "K6 k=30").unwrap();
    let refused = refusal(&gate(), CallerKind::Admin, &document.query);
    assert_eq!(limit_of(&refused), ("DOCUMENT_LIMIT_EXCEEDED", "selections"));
    assert!(refused["errors"][0]["extensions"]["actual"].as_u64().unwrap() > 1 << 30);
}

// G27
#[rstest]
#[case::two_fields("subscription { ticks(upto: 1) { at } burst }")]
#[case::aliased("subscription { a: burst b: burst }")]
#[case::in_a_fragment("subscription { ...F } fragment F on Events { burst b: burst }")]
#[case::skipped("subscription { burst @skip(if: false) }")]
#[case::included("subscription { burst @include(if: true) }")]
#[case::fragment_included("subscription { ... @include(if: true) { burst } }")]
#[case::typename("subscription { __typename }")]
fn a_subscription_has_one_plain_root_field(#[case] document: &str) {
    let Err(refused) = admit(&gate(), CallerKind::Admin, document) else { panic!("admitted") };
    assert_eq!(refused.kind, RefusalKind::Validation);
}

// G27
#[rstest]
#[case::aliases("mutation { a: signIn b: signIn }")]
#[case::sign_ups("mutation { a: signUp b: signUp }")]
#[case::two_kinds("mutation { signIn claimHero }")]
#[case::by_fragment("mutation { ...F signIn } fragment F on Mutation { b: signIn }")]
#[case::in_two_operations("mutation A { signIn } mutation B { signIn }")]
fn a_document_names_one_credential_mutation_once(#[case] document: &str) {
    let refused = refusal(&gate(), CallerKind::Admin, document);
    assert_eq!(limit_of(&refused), ("DOCUMENT_LIMIT_EXCEEDED", "credentialMutations"));
    assert!(admit(&gate(), CallerKind::Anonymous, "mutation { signIn act }").is_ok());
}

// G57: scalar 0, object 1, connection page size × child, mutation 10, AI command 50.
#[rstest]
#[case::scalar("{ int(value: 1) __typename }", json!({}), 0)]
#[case::object("{ tree { name } }", json!({}), 1)]
#[case::objects("{ tree { child { child { name } } } }", json!({}), 3)]
#[case::page("{ items(first: 7) { nodes { name } } }", json!({}), 7)]
#[case::page_of_edges("{ items(first: 7) { edges { node { name } } } }", json!({}), 14)]
#[case::default_page("{ items { nodes { name } } }", json!({}), 20)]
#[case::page_by_variable("query($n: Int) { items(first: $n) { nodes { name } } }", json!({ "n": 100 }), 100)]
#[case::only_the_total("{ items(first: 100) { totalCount } }", json!({}), 1)]
#[case::mutation("mutation { act }", json!({}), 10)]
#[case::ai_command("mutation { generateText { name } }", json!({}), 50)]
#[case::skipped("{ tree @skip(if: true) { name } }", json!({}), 0)]
#[case::merged("{ tree { name } tree { name } }", json!({}), 1)]
fn an_operation_costs(#[case] document: &str, #[case] variables: Value, #[case] cost: u64) {
    let admitted = gate().admit(&caller(CallerKind::Admin), params(document, variables));
    assert_eq!(admitted.unwrap_or_else(|refused| panic!("{refused:?}")).cost(), cost);
}

// An answer beyond its limit is none: a typed error names the limit and what to do.
#[tokio::test]
async fn an_answer_that_is_too_large_is_refused_whole() {
    let document = "{ items(first: 50) { nodes { name } } }";
    let fits = super::run(&gate(), document, json!({})).await;
    let bytes = serde_json::to_vec(&fits.data).unwrap().len();
    for (room, is_whole) in [(bytes, true), (bytes - 1, false)] {
        let gate = gate_with(Limits { answer_bytes: room, ..Limits::default() });
        let answer = super::run(&gate, document, json!({})).await;
        assert_eq!(answer.errors.is_empty(), is_whole, "{answer:?}");
        if let Some(error) = answer.errors.first() {
            assert_eq!((answer.data.clone(), error.code()), (async_graphql::Value::Null, "DOCUMENT_LIMIT_EXCEEDED"));
            let extensions = serde_json::to_value(&error.extensions).unwrap();
            assert_eq!((&extensions["limit"], &extensions["maximum"]), (&json!("answerBytes"), &json!(room)));
            assert!(error.message.contains("Ask for less at a time"), "{error:?}");
        }
    }
}

// G57
#[test]
fn what_is_too_dear_is_refused_before_it_runs() {
    let gate = gate();
    for (kind, maximum) in KINDS.into_iter().zip([1_000, 5_000, 20_000_i32]) {
        let document = |n: i32| format!("{{ items(first: {n}) {{ nodes {{ name }} }} }}");
        assert!(admit(&gate, kind, &document(maximum)).is_ok());
        let refused = refusal(&gate, kind, &document(maximum + 1));
        let extensions = &refused["errors"][0]["extensions"];
        assert_eq!(extensions["code"], "COST_LIMIT_EXCEEDED");
        assert_eq!((&extensions["cost"], &extensions["maximum"]), (&json!(maximum + 1), &json!(maximum)));
    }
}
