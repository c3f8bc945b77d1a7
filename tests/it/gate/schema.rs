//! A small schema with one field for each behaviour the Gate must cope with.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use async_graphql::{
    EmptySubscription, Enum, Error, ErrorExtensions, ID, InputObject, Json, MaybeUndefined, Object, OneofObject,
    Result, Schema, SchemaBuilder, SimpleObject, Subscription,
};
use futures_util::stream::{self, Stream};

pub fn builder() -> SchemaBuilder<Query, Mutation, Events> {
    Schema::build(Query, Mutation { acts: Arc::default() }, Events)
}

/// A schema without subscriptions, counting its acts in `acts`.
pub fn counting(acts: Arc<AtomicI32>) -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    Schema::build(Query, Mutation { acts }, EmptySubscription)
}

pub struct Query;
pub struct Tree;
pub struct Mutation {
    acts: Arc<AtomicI32>,
}
pub struct Events;

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Red,
    DeepBlue,
}

#[derive(OneofObject)]
pub enum Target {
    AccountId(ID),
    UserId(ID),
}

#[derive(InputObject)]
pub struct Order {
    pub colour: Colour,
    pub target: Option<Target>,
    pub counts: Option<Vec<i32>>,
    #[graphql(default = 7)]
    pub weight: i32,
    pub inner: Option<Box<Order>>,
    pub note: MaybeUndefined<String>,
}

#[derive(SimpleObject, Clone)]
pub struct Item {
    name: String,
    weight: i32,
}

#[derive(SimpleObject)]
pub struct ItemEdge {
    node: Item,
}

#[derive(SimpleObject)]
pub struct ItemConnection {
    edges: Vec<ItemEdge>,
    nodes: Vec<Item>,
    total_count: i32,
}

#[Object]
impl Tree {
    async fn name(&self) -> &str {
        "tree"
    }
    async fn child(&self) -> Option<Tree> {
        Some(Tree)
    }
    async fn slow_name(&self) -> &str {
        tokio::time::sleep(Duration::from_millis(20)).await;
        "slow"
    }
    async fn must_fail(&self) -> Result<i32> {
        Err(coded("NOT_FOUND"))
    }
}

fn coded(code: &'static str) -> Error {
    Error::new("There is no such thing.").extend_with(|_, extensions| {
        extensions.set("code", code);
        extensions.set("which", "thing");
    })
}

#[Object]
impl Query {
    async fn tree(&self) -> Option<Tree> {
        Some(Tree)
    }
    async fn must_tree(&self) -> Tree {
        Tree
    }
    async fn int(&self, value: i32) -> i32 {
        value
    }
    async fn optional(&self, value: Option<i32>) -> Option<i32> {
        value
    }
    async fn float(&self, value: f64) -> f64 {
        value
    }
    async fn id(&self, value: ID) -> ID {
        value
    }
    async fn text(&self, value: String) -> String {
        value
    }
    async fn flag(&self, value: bool) -> bool {
        value
    }
    async fn list(&self, value: Vec<Option<i32>>) -> Vec<Option<i32>> {
        value
    }
    async fn any(&self, value: Json<serde_json::Value>) -> Json<serde_json::Value> {
        value
    }
    async fn lists(&self, value: Option<Vec<Vec<Vec<i32>>>>) -> bool {
        value.is_some()
    }
    /// What the patch says about its note, and the weight.
    async fn order(&self, order: Order) -> String {
        let note = match order.note {
            MaybeUndefined::Undefined => "omitted".to_owned(),
            MaybeUndefined::Null => "null".to_owned(),
            MaybeUndefined::Value(note) => note,
        };
        format!("{note} {}", order.weight)
    }
    async fn items(&self, first: Option<i32>) -> ItemConnection {
        let item = Item { name: "one".to_owned(), weight: first.unwrap_or(20) };
        ItemConnection { edges: vec![ItemEdge { node: item.clone() }], nodes: vec![item], total_count: 1 }
    }
    /// Whether `note` was omitted, null or given.
    async fn note(&self, note: MaybeUndefined<i32>) -> &str {
        match note {
            MaybeUndefined::Undefined => "omitted",
            MaybeUndefined::Null => "null",
            MaybeUndefined::Value(_) => "given",
        }
    }
    async fn coded(&self) -> Result<Option<i32>> {
        Err(coded("NOT_FOUND"))
    }
    async fn uncoded(&self) -> Result<Option<i32>> {
        Err(Error::new("SELECT secret FROM /var/lib/x"))
    }
    async fn strange(&self) -> Result<Option<i32>> {
        Err(coded("NOT_A_CODE"))
    }
    async fn even(&self, #[graphql(validator(multiple_of = 2))] value: i32) -> Option<i32> {
        Some(value)
    }
    async fn panics(&self) -> Option<i32> {
        if tokio::runtime::Handle::try_current().is_ok() { panic!("secret text of a panic") } else { None }
    }
    async fn slow(&self) -> i32 {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        1
    }
    async fn many_failures(&self) -> Vec<Failing> {
        (0..50).map(|_| Failing).collect()
    }
}

pub struct Failing;

#[Object]
impl Failing {
    async fn value(&self) -> Result<Option<i32>> {
        Err(coded("NOT_FOUND"))
    }
}

#[Object]
impl Mutation {
    /// How often something was done.
    async fn act(&self, value: Option<i32>) -> i32 {
        let _ = value;
        self.acts.fetch_add(1, Ordering::SeqCst) + 1
    }
    async fn sign_in(&self, value: Option<i32>) -> Option<i32> {
        value
    }
    async fn claim_hero(&self) -> Option<i32> {
        None
    }
    async fn generate_text(&self) -> Item {
        Item { name: "text".to_owned(), weight: 1 }
    }
}

#[Subscription]
impl Events {
    async fn ticks(&self, upto: i32) -> impl Stream<Item = Tick> {
        stream::iter(1..=upto).map(|at| Tick { at })
    }
    async fn burst(&self) -> impl Stream<Item = i32> {
        stream::iter(0..3).map(|at| if at == 1 { panic!("secret text of a panic") } else { at })
    }
}

use futures_util::StreamExt as _;

pub struct Tick {
    at: i32,
}

#[Object]
impl Tick {
    async fn slow(&self) -> i32 {
        tokio::task::yield_now().await;
        self.at
    }
    async fn at(&self) -> i32 {
        self.at
    }
    async fn odd(&self) -> Result<Option<i32>> {
        if self.at % 2 == 1 { Ok(Some(self.at)) } else { Err(coded("NOT_FOUND")) }
    }
}
