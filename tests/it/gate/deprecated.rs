//! Which deprecated things an operation uses, wherever they stand.

use std::sync::Arc;

use async_graphql::{EmptyMutation, EmptySubscription, Enum, InputObject, Object, Schema};
use inkledger::{
    clock::FixedClock,
    graphql::gate::{CallerKind, Gate, Limits},
};
use rstest::rstest;
use serde_json::{Value, json};

use super::{NOW, caller, params};

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
enum Colour {
    Red,
    #[graphql(deprecation = "Use RED. Removed after 2027-01-01.")]
    Scarlet,
}

#[derive(InputObject)]
struct Wish {
    colour: Option<Colour>,
    #[graphql(deprecation = "Use colour. Removed after 2027-01-01.")]
    tint: Option<String>,
    inner: Option<Box<Wish>>,
}

struct Query;
struct Thing;

#[Object]
impl Thing {
    async fn name(&self) -> &str {
        "thing"
    }
    #[graphql(deprecation = "Use name. Removed after 2027-01-01.")]
    async fn title(&self) -> &str {
        "thing"
    }
}

#[Object]
impl Query {
    async fn thing(&self) -> Thing {
        Thing
    }
    async fn paint(
        &self,
        wish: Option<Vec<Wish>>,
        #[graphql(deprecation = "Use wish. Removed after 2027-01-01.")] colour: Option<Colour>,
    ) -> bool {
        let wished = wish.is_some_and(|wish| {
            wish.iter().all(|wish| wish.colour.is_some() || wish.tint.is_some() || wish.inner.is_some())
        });
        wished || colour.is_some()
    }
}

// G46
#[rstest]
#[case::nothing("{ thing { name } paint(wish: [{ colour: RED }]) }", json!({}), &[])]
#[case::field("{ thing { title } again: thing { title name } }", json!({}), &["Thing.title"])]
#[case::by_fragment("{ thing { ...F } } fragment F on Thing { t: title }", json!({}), &["Thing.title"])]
#[case::skipped("{ thing { name title @skip(if: true) } }", json!({}), &[])]
#[case::argument("{ paint(colour: RED) }", json!({}), &["Query.paint(colour:)"])]
#[case::omitted("query($c: Colour) { paint(colour: $c) }", json!({}), &[])]
#[case::enum_value("{ paint(wish: [{ colour: SCARLET }]) }", json!({}), &["Colour.SCARLET"])]
#[case::input_field("{ paint(wish: { inner: { tint: \"x\" } }) }", json!({}), &["Wish.tint"])]
#[case::by_variables("query($w: [Wish!]) { paint(wish: $w) thing { title } }",
    json!({ "w": [{ "tint": "x" }, { "colour": "SCARLET" }] }), &["Colour.SCARLET", "Thing.title", "Wish.tint"])]
fn what_is_deprecated_is_noticed(#[case] query: &str, #[case] variables: Value, #[case] used: &[&str]) {
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription);
    let gate = Gate::new(schema, Limits::default(), Arc::new(FixedClock::new(NOW))).unwrap();
    let admitted = gate.admit(&caller(CallerKind::User), params(query, variables));
    assert_eq!(admitted.unwrap_or_else(|refused| panic!("{refused:?}")).deprecated(), used);
}
