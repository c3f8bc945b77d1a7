//! The deepest documents that any setting admits, on the smallest stack: 2 MiB, where workers have 4.

use async_graphql::Data;
use inkledger::graphql::gate::{CallerKind, Gate, Limits};
use rstest::rstest;
use serde_json::json;

use super::{caller, gate_with, params};

/// As lax as settings can be.
fn lax() -> Gate {
    let mut limits = Limits::default();
    let admin = &mut limits.admin;
    admin.nesting = usize::MAX;
    admin.depth = usize::MAX;
    admin.tokens = usize::MAX;
    admin.selections = 100_000;
    admin.document_bytes = usize::MAX;
    admin.cost = u64::MAX;
    gate_with(limits)
}

fn on_a_small_stack(document: String) {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (gate, caller) = (lax(), caller(CallerKind::Admin));
            let admitted = gate.admit(&caller, params(&document, json!({}))).unwrap_or_else(|it| panic!("{it:?}"));
            let answer = gate.execute(admitted, &caller, Data::default()).await;
            assert!(answer.errors.is_empty(), "{answer:?}");
        });
    };
    std::thread::Builder::new().stack_size(2 * 1_024 * 1_024).spawn(run).unwrap().join().unwrap();
}

fn nested(n: usize, open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(n), close.repeat(n))
}

// G25, G24: 128 levels of values, two of them taken by the braces and the arguments; 64 selection sets are the
// parser's own bound.
#[rstest]
#[case::lists(format!("{{ any(value: {}) }}", nested(126, "[", "1", "]")))]
#[case::objects(format!("{{ any(value: {}) }}", nested(126, "{a:", "1", "}")))]
#[case::default_value(format!("query($v: JSON = {}) {{ any(value: $v) }}", nested(126, "[", "1", "]")))]
#[case::fields(format!("{{ tree {} }}", nested(63, "{ child ", "{ name }", "}")))]
#[case::inline_fragments(format!("{} ", nested(64, "{ ...", "{ __typename }", "}")))]
fn the_deepest_admitted_documents_fit(#[case] document: String) {
    on_a_small_stack(document);
}

// G25
#[test]
fn a_type_of_126_lists_fits() {
    let document = format!("query($v: {}) {{ lists(value: $v) }}", nested(126, "[", "Int", "]"));
    let judge = move || {
        let refused = lax().admit(&caller(CallerKind::Admin), params(&document, json!({ "v": 1 })));
        assert!(refused.is_err(), "validation refuses the type at this place, and lives");
    };
    std::thread::Builder::new().stack_size(2 * 1_024 * 1_024).spawn(judge).unwrap().join().unwrap();
}

// G25: fragments in a chain nest up to the ceiling and no further.
#[test]
fn a_chain_of_fragments_fits() {
    let chain = |n: usize| {
        let links: String = (0..n).map(|i| format!("fragment F{i} on Tree {{ child {{ ...F{} }} }} ", i + 1)).collect();
        format!("{{ tree {{ ...F0 }} }} {links} fragment F{n} on Tree {{ name }}")
    };
    // Each link nests twice, so 42 stay below 128, and 49 links are as many as there may be fragments.
    on_a_small_stack(chain(42));
    on_a_small_stack(chain(49));
}
