//! Documents kept parsed.

use inkledger::graphql::gate::{CallerKind, Limits};
use serde_json::json;

use super::{admit, gate, gate_with, limit_of, params, refusal, run, wire};

// G62
#[tokio::test]
async fn an_accepted_document_is_kept_once() {
    let gate = gate();
    for value in 0..3 {
        let answer = run(&gate, "query($v: Int!) { int(value: $v) }", json!({ "v": value })).await;
        assert_eq!(wire(&answer)["data"]["int"], value);
    }
    assert_eq!(gate.cached().0, 1);
    run(&gate, "{ __typename }", json!({})).await;
    assert_eq!(gate.cached().0, 2);
}

// G62
#[test]
fn a_refused_document_is_not_kept() {
    let gate = gate();
    for query in ["{", "{ nope }", "{ a: __typename @nope }"] {
        assert!(admit(&gate, CallerKind::Admin, query).is_err());
    }
    let bad = params("query($v: Int!) { int(value: $v) }", json!({}));
    assert!(gate.admit(&super::caller(CallerKind::Admin), bad).is_err());
    assert_eq!(gate.cached(), (0, 0));
}

// G62
#[test]
fn each_callers_limits_apply_to_a_kept_document() {
    let gate = gate();
    let deep = format!("{{ tree {{ {} name {} }} }}", "child {".repeat(13), "}".repeat(13));
    let nested = format!("{{ any(value: {}1{}) }}", "[".repeat(40), "]".repeat(40));
    let long = format!("{{ __typename }}{}", " ".repeat(10_000));
    for (document, limit) in [(deep, "depth"), (nested, "nesting"), (long, "documentBytes")] {
        assert!(admit(&gate, CallerKind::Admin, &document).is_ok());
        assert_eq!(limit_of(&refusal(&gate, CallerKind::Anonymous, &document)).1, limit);
    }
}

// G62
#[test]
fn the_least_recently_used_leave_when_entries_or_bytes_are_full() {
    let numbered = |i: usize| format!("{{ int(value: {i}) }}");
    let gate = gate_with(Limits { cache_entries: 3, ..Limits::default() });
    for i in 0..5 {
        assert!(admit(&gate, CallerKind::User, &numbered(i)).is_ok());
    }
    assert_eq!(gate.cached().0, 3);
    let bytes_max = 10_000;
    let gate = gate_with(Limits { cache_bytes: bytes_max, ..Limits::default() });
    for i in 0..50 {
        assert!(admit(&gate, CallerKind::User, &numbered(i)).is_ok());
    }
    let (entries, bytes) = gate.cached();
    assert!(entries > 1 && entries < 50 && bytes <= bytes_max, "{entries} {bytes}");
}
