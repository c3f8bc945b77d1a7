//! What operations cost, what is left, and what is given back, with the limits as they ship, on a clock of the test.

use std::sync::Arc;

use async_graphql::Data;
use futures_util::{FutureExt as _, StreamExt as _};
use inkledger::{
    clock::{Clock as _, FixedClock, SECOND, to_rfc3339},
    graphql::gate::{Answer, Caller, CallerKind, Gate, KindLimits, Limits, Payer, RefusalKind},
};
use rstest::rstest;
use serde_json::{Value, json};

use super::{KINDS, NOW, caller, params, schema};

fn clocked(limits: Limits) -> (Gate, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::new(NOW));
    (Gate::new(schema::builder(), limits, clock.clone()).unwrap(), clock)
}

async fn run(gate: &Gate, caller: &Caller, query: &str) -> Answer {
    let admitted = gate.admit(caller, params(query, json!({}))).unwrap_or_else(|refused| panic!("{refused:?}"));
    gate.execute(admitted, caller, Data::default()).await
}

fn cost_of(answer: &Answer) -> Value {
    serde_json::to_value(answer).unwrap()["extensions"]["cost"].clone()
}

/// Milliseconds that `caller` would have to wait; `None` when admitted.
fn wait(gate: &Gate, caller: &Caller, query: &str) -> Option<u64> {
    match gate.admit(caller, params(query, json!({}))).map_err(|refused| (refused.kind, refused.errors[0].clone())) {
        Ok(_) => None,
        Err((RefusalKind::RateLimited { retry_after_ms }, fault)) => {
            assert_eq!(fault.code(), "RATE_LIMITED");
            assert_eq!(serde_json::to_value(&fault).unwrap()["extensions"]["retryAfterMs"], retry_after_ms);
            Some(retry_after_ms)
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// Points left: this costs none.
async fn left(gate: &Gate, caller: &Caller) -> u64 {
    cost_of(&run(gate, caller, "{ int(value: 1) }").await)["remaining"].as_u64().unwrap()
}

fn page(size: u64) -> String {
    format!("{{ items(first: {size}) {{ nodes {{ name }} }} }}")
}

// G57: burst and refill of each kind of caller, to the point.
#[test]
fn each_kind_of_caller_has_its_bucket() {
    for (kind, (burst, refill)) in KINDS.into_iter().zip([(1_000, 20), (5_000, 100), (20_000, 500)]) {
        let (gate, clock) = clocked(Limits::default());
        let caller = caller(kind);
        let whole =
            gate.admit(&caller, params(&page(burst), json!({}))).unwrap_or_else(|refused| panic!("{refused:?}"));
        assert_eq!(wait(&gate, &caller, &page(1)), Some(1_000_u64.div_ceil(refill)), "{kind:?}");
        assert_eq!(wait(&gate, &caller, &page(burst)), Some(burst * 1_000 / refill), "{kind:?}");
        clock.advance(SECOND);
        assert_eq!(wait(&gate, &caller, &page(refill)), None, "{kind:?}");
        assert!(wait(&gate, &caller, &page(refill + 1)).is_some(), "{kind:?}");
        // Admitted and never run, all of it goes back.
        drop(whole);
        assert_eq!(wait(&gate, &caller, &page(burst)), None, "{kind:?}");
        assert_eq!(gate.buckets(), (0, 0), "full buckets are forgotten");
    }
}

// G57
#[tokio::test]
async fn mutations_are_paid_for_until_the_bucket_is_empty_and_again_when_it_has_refilled() {
    let (gate, clock) = clocked(Limits::default());
    let caller = caller(CallerKind::Anonymous);
    for _ in 0..100 {
        run(&gate, &caller, "mutation { act }").await;
    }
    assert_eq!(wait(&gate, &caller, "mutation { act }"), Some(500));
    // What costs nothing runs also on an empty bucket.
    assert_eq!(left(&gate, &caller).await, 0);
    clock.advance(SECOND / 2);
    assert_eq!(run(&gate, &caller, "mutation { act }").await.data.to_string(), "{act: 101}");
    assert_eq!(wait(&gate, &caller, "mutation { act }"), Some(500));
}

// G58
#[tokio::test]
async fn an_answer_tells_what_it_cost_and_what_is_left() {
    let (gate, clock) = clocked(Limits::default());
    let answer = run(&gate, &caller(CallerKind::User), &page(7)).await;
    let reset_at = to_rfc3339(clock.now() + SECOND / 100);
    let cost = json!({
        "requested": 7, "actual": 1, "limit": 5_000, "remaining": 4_999, "restorePerSecond": 100, "resetAt": reset_at,
    });
    assert_eq!(cost_of(&answer), cost);
    let text = serde_json::to_string(&answer).unwrap();
    assert!(
        text.contains(r#""extensions":{"cost":{"requested":7,"actual":1,"limit":5000,"remaining":4999,"#),
        "{text}"
    );
}

// G57: what was not resolved is given back; what was tried is not.
#[rstest]
#[case::scalar("{ int(value: 1) __typename }", 0, 0)]
#[case::object("{ tree { child { name } } }", 2, 2)]
#[case::aliases("{ a: tree { name } b: tree { name } }", 2, 2)]
#[case::shorter_page("{ items(first: 7) { nodes { name } } }", 7, 1)]
#[case::shorter_page_of_edges("{ items(first: 7) { edges { node { name } } } }", 14, 2)]
#[case::only_the_total("{ items(first: 100) { totalCount } }", 1, 1)]
#[case::failed_object("{ tree { child { mustFail } } }", 2, 1)]
#[case::failed_to_the_root("{ mustTree { mustFail } }", 1, 0)]
#[case::failed_scalar("{ tree { name } coded }", 1, 1)]
#[case::list_without_pages("{ manyFailures { value } }", 1, 1)]
#[case::mutation("mutation { act }", 10, 10)]
#[case::mutation_that_answers_null("mutation { signIn }", 10, 10)]
#[case::ai_command("mutation { generateText { name } }", 50, 50)]
#[case::merged("{ tree { name } ...F } fragment F on Query { tree { child { name } } }", 2, 2)]
#[tokio::test]
async fn what_was_not_resolved_is_given_back(#[case] query: &str, #[case] requested: u64, #[case] actual: u64) {
    let (gate, _) = clocked(Limits::default());
    let caller = caller(CallerKind::User);
    let cost = cost_of(&run(&gate, &caller, query).await);
    assert_eq!((cost["requested"].as_u64(), cost["actual"].as_u64()), (Some(requested), Some(actual)), "{cost}");
    assert_eq!(left(&gate, &caller).await, 5_000 - actual);
}

// G57: the server has worked for it.
#[tokio::test(start_paused = true)]
async fn what_is_abandoned_or_takes_too_long_is_paid_in_full() {
    let (gate, _) = clocked(Limits::default());
    let caller = caller(CallerKind::User);
    let query = "{ slow items(first: 10) { nodes { name } } }";
    let cost = cost_of(&run(&gate, &caller, query).await);
    assert_eq!((cost["actual"].as_u64(), cost["remaining"].as_u64()), (Some(10), Some(4_990)));
    assert!(run(&gate, &caller, query).now_or_never().is_none());
    assert_eq!(left(&gate, &caller).await, 4_980);
}

// G57: a subscription is paid for when it starts; its events are free and tell no cost.
#[tokio::test]
async fn a_subscription_is_paid_for_once() {
    let (gate, _) = clocked(Limits::default());
    let caller = caller(CallerKind::User);
    let admitted = gate.admit(&caller, params("subscription { ticks(upto: 5) { at } }", json!({}))).ok().unwrap();
    let events: Vec<_> = gate.subscribe(admitted, &caller, Data::default()).collect().await;
    assert_eq!(events.len(), 5);
    assert!(events.iter().all(|event| event.extensions.is_empty()));
    assert_eq!(left(&gate, &caller).await, 4_999);
}

// G57
#[tokio::test]
async fn a_refused_document_costs_nothing() {
    let (gate, _) = clocked(Limits::default());
    let caller = caller(CallerKind::User);
    for query in ["{", "{ items(first: 100) { nodes { name } } nope }", "{ items(first: 9000) { nodes { name } } }"] {
        assert!(gate.admit(&caller, params(query, json!({}))).is_err());
    }
    let bad = params("query($v: Int!) { items(first: $v) { nodes { name } } }", json!({ "v": "x" }));
    assert!(gate.admit(&caller, bad).is_err());
    assert_eq!(left(&gate, &caller).await, 5_000);
}

// G57: what no bucket could ever hold is too dear, not too early.
#[test]
fn more_than_the_whole_burst_is_too_dear() {
    let limits = Limits::default();
    let user = KindLimits { burst: 50, ..limits.user.clone() };
    let (gate, _) = clocked(Limits { user, ..limits });
    let caller = caller(CallerKind::User);
    assert_eq!(wait(&gate, &caller, &page(50)), None);
    let refused = gate.admit(&caller, params(&page(51), json!({}))).err().unwrap();
    assert_eq!((refused.kind, refused.errors[0].code()), (RefusalKind::Cost, "COST_LIMIT_EXCEEDED"));
}

// G60: per user and per address, and none of them another's.
#[tokio::test]
async fn each_user_and_each_address_has_a_bucket() {
    let (gate, _) = clocked(Limits::default());
    let of = |kind, payer| Caller { payer, ..caller(kind) };
    let user = |number| of(CallerKind::User, Payer::User(uuid::Uuid::from_u128(number)));
    let address = |text: &str| of(CallerKind::Anonymous, Payer::Address(text.parse().unwrap()));
    let (ada, bob, here, there) = (user(1), user(2), address("192.0.2.1"), address("192.0.2.2"));
    for payer in [&ada, &here] {
        run(&gate, payer, "mutation { act }").await;
    }
    let left = [left(&gate, &ada).await, left(&gate, &bob).await, left(&gate, &here).await, left(&gate, &there).await];
    assert_eq!(left, [4_990, 5_000, 990, 1_000]);
    assert_eq!(gate.buckets(), (1, 1));
    // Who becomes an administrator keeps what was spent.
    let promoted = Caller { kind: CallerKind::Admin, ..ada };
    assert_eq!(cost_of(&run(&gate, &promoted, "{ int(value: 1) }").await)["remaining"], 19_990);
}
