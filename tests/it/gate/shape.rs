//! The shape of answers against a naive executor: random documents on a schema that fails at random (G31).
//!
//! The naive executor follows the specification word by word on the document as written: it collects fields, completes
//! values, moves nulls up. It shares with the schema only the oracle [`outcome`], which says what a field holds.

mod naive;
mod random;
mod things;

use std::sync::Arc;

use async_graphql::{Data, Value, Variables};
use inkledger::clock::FixedClock;
use inkledger::graphql::gate::{CallerKind, Gate, KindLimits, Limits, Params};
use serde_json::json;

/// A small generator with a state of one word: the same seed, the same documents.
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `sides`.
    pub fn below(&mut self, sides: usize) -> usize {
        (self.next() % sides as u64) as usize
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// What a field holds.
#[derive(Clone, Debug)]
pub enum Outcome {
    Fails,
    Null,
    Int(i32),
    Object(&'static str, u64),
    List(Vec<Outcome>),
}

/// What the field called `name` of the type `ty`, as SDL writes it, holds in the object with `seed`.
pub fn outcome(seed: u64, name: &str, ty: &str) -> Outcome {
    let state = name.bytes().fold(seed, |state, byte| mix(state ^ u64::from(byte)));
    generated(&mut Dice::new(state), ty, true)
}

fn generated(dice: &mut Dice, ty: &str, may_fail: bool) -> Outcome {
    let roll = dice.below(16);
    if may_fail && roll < 2 {
        return Outcome::Fails;
    }
    let (inner, nullable) = match ty.strip_suffix('!') {
        Some(inner) => (inner, false),
        None => (ty, true),
    };
    if nullable && roll == 2 {
        return Outcome::Null;
    }
    if let Some(item) = inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        // An item that is a list has no resolver of its own that could fail.
        let may_fail = !item.starts_with('[');
        let length = dice.below(4);
        return Outcome::List((0..length).map(|_| generated(dice, item, may_fail)).collect());
    }
    let seed = dice.next();
    match inner {
        "Int" => Outcome::Int((seed % 100) as i32),
        "A" => Outcome::Object("A", seed),
        "B" => Outcome::Object("B", seed),
        _ => Outcome::Object(if seed.is_multiple_of(2) { "A" } else { "B" }, seed),
    }
}

/// A Gate without limits: random documents are not polite.
fn gate() -> Gate {
    let unlimited = |column: KindLimits| KindLimits {
        document_bytes: usize::MAX,
        nesting: 128,
        tokens: usize::MAX,
        fragments: usize::MAX,
        selections: 1_000_000,
        aliases: usize::MAX,
        directives: usize::MAX,
        root_fields: usize::MAX,
        depth: usize::MAX,
        cost: u64::MAX,
        burst: u64::MAX,
        ..column
    };
    let mut limits = Limits::default();
    limits.admin = unlimited(limits.admin);
    Gate::new(things::builder(), limits, Arc::new(FixedClock::new(0))).unwrap()
}

/// Equal, the order of keys included.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && same(one.1, other.1))
        }
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => one == other,
    }
}

/// Compares our answer to `text` with the naive executor's under the failures that each seed brings.
/// Answers how many failed somewhere, and how many as a whole.
async fn compare(gate: &Gate, text: &str, seeds: impl Iterator<Item = i32>) -> (u64, u64) {
    let caller = super::caller(CallerKind::Admin);
    let parsed = async_graphql::parser::parse_query(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let (mut failing, mut nulled) = (0, 0);
    for seed in seeds {
        let flag = seed % 2 == 0;
        let variables = Variables::from_json(json!({ "seed": seed, "flag": flag }));
        let params = Params { query: text.to_owned(), variables, ..Params::default() };
        let admitted = gate.admit(&caller, params).unwrap_or_else(|refused| panic!("{refused:?}\n{text}"));
        let answer = gate.execute(admitted, &caller, Data::default()).await;
        let expected = naive::execute(&parsed, seed, flag);
        let (ours, theirs) = (&answer.data, &expected.data);
        assert!(same(ours, theirs), "seed {seed}\n{text}\n{ours}\n{theirs}\n{:?}", answer.errors);
        assert_eq!(answer.errors.is_empty(), expected.errors == 0, "seed {seed}\n{text}");
        assert!(answer.errors.iter().all(|fault| fault.code() == "NOT_FOUND"), "{:?}\n{text}", answer.errors);
        failing += u64::from(expected.errors > 0);
        nulled += u64::from(*theirs == Value::Null);
    }
    (failing, nulled)
}

/// Compares `documents` random documents, each with ten patterns of failure.
async fn compare_random(start: u64, documents: u64) {
    let gate = gate();
    let (mut failing, mut nulled) = (0, 0);
    for number in start..start + documents {
        let text = random::document(&mut Dice::new(mix(number)));
        let seeds = (0..10).map(|pattern| (mix(number ^ (pattern << 40)) % i32::MAX as u64) as i32);
        let found = compare(&gate, &text, seeds).await;
        failing += found.0;
        nulled += found.1;
    }
    // The property holds emptily if nothing fails, or nothing survives.
    let runs = documents * 10;
    assert!(failing > runs / 4 && nulled < runs / 2, "{failing} failing, {nulled} null of {runs}");
}

// G31: the library resolves such keys twice and loses the second half when the first is null for want of fields.
#[tokio::test]
async fn halves_of_a_key_that_interface_and_object_share_are_both_answered() {
    let gate = gate();
    for text in [
        "query($seed: Int!) { rootThing(seed: $seed) { ... on A { a { mustA { maybe } } } a { mustA { id } } } }",
        "query($seed: Int!) { rootThing(seed: $seed) { a { mustA { maybe } } ... on A { a { mustA { id } } } } }",
        "query($seed: Int!) { rootAny(seed: $seed) { ... on Thing { list { any { ... on A { maybe } } } } ... on B { \
         list { any { __typename ... on A { list { id } } } } } } }",
    ] {
        compare(&gate, text, 0..1_000).await;
    }
}

// G31: four times 25,000, so that they share the cores.
#[tokio::test]
async fn random_documents_with_random_failures_are_shaped_as_a_naive_executor_would_1() {
    compare_random(0, 2_500).await;
}

#[tokio::test]
async fn random_documents_with_random_failures_are_shaped_as_a_naive_executor_would_2() {
    compare_random(100_000, 2_500).await;
}

#[tokio::test]
async fn random_documents_with_random_failures_are_shaped_as_a_naive_executor_would_3() {
    compare_random(200_000, 2_500).await;
}

#[tokio::test]
async fn random_documents_with_random_failures_are_shaped_as_a_naive_executor_would_4() {
    compare_random(300_000, 2_500).await;
}
