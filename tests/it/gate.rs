//! The Gate: every defence at its edge, the shape of answers, the kill documents.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test, a panic is how a failure is told"
)]

mod cache;
mod counts;
mod deprecated;
mod execution;
mod introspection;
mod kill;
mod lock;
mod persisted;
mod rate;
mod scan;
mod schema;
mod shape;
mod stack;
mod variables;

use std::sync::Arc;

use async_graphql::{Data, Variables};
use inkledger::clock::FixedClock;
use inkledger::graphql::gate::{Admitted, Answer, Caller, CallerKind, Gate, Limits, Params, Payer, Refused};
use serde_json::{Value, json};

/// 2026-01-02T03:04:05.000006Z.
const NOW: i64 = 1_767_323_045_000_006;

/// A Gate before the test schema with the default limits.
fn gate() -> Gate {
    gate_with(Limits::default())
}

fn gate_with(limits: Limits) -> Gate {
    Gate::new(schema::builder(), limits, Arc::new(FixedClock::new(NOW))).unwrap()
}

fn caller(kind: CallerKind) -> Caller {
    let payer = Payer::User(uuid::Uuid::from_u128(1));
    Caller { kind, payer, introspection: kind == CallerKind::Admin, request_id: "req-1".into() }
}

const KINDS: [CallerKind; 3] = [CallerKind::Anonymous, CallerKind::User, CallerKind::Admin];

fn params(query: &str, variables: Value) -> Params {
    Params { query: query.to_owned(), variables: Variables::from_json(variables), ..Params::default() }
}

fn admit(gate: &Gate, kind: CallerKind, query: &str) -> Result<Admitted, Refused> {
    gate.admit(&caller(kind), params(query, json!({})))
}

/// Admits and runs as an admin; a refusal fails the test.
async fn run(gate: &Gate, query: &str, variables: Value) -> Answer {
    let caller = caller(CallerKind::Admin);
    let admitted = gate.admit(&caller, params(query, variables)).unwrap_or_else(|refused| panic!("{refused:?}"));
    gate.execute(admitted, &caller, Data::default()).await
}

/// As it goes out, without what it cost: tests of cost look at that.
fn wire(answer: &impl serde::Serialize) -> Value {
    crate::support::cost::without_cost(serde_json::to_value(answer).unwrap())
}

fn refusal(gate: &Gate, kind: CallerKind, query: &str) -> Value {
    match admit(gate, kind, query) {
        Ok(_) => panic!("admitted: {query:.200}"),
        Err(refused) => wire(&refused),
    }
}

/// The code and the limit's name of a refusal.
fn limit_of(refused: &Value) -> (&str, &str) {
    let extensions = &refused["errors"][0]["extensions"];
    (extensions["code"].as_str().unwrap(), extensions["limit"].as_str().unwrap_or_default())
}
