//! A small schema for tests of transports: fields that answer, wait, fail, panic and stream.

#![expect(clippy::panic, reason = "in a test, a panic is how a failure is told")]

use std::{
    sync::atomic::{AtomicI32, Ordering},
    time::Duration,
};

use async_graphql::{Context, ErrorExtensions as _, Object, Result, Schema, SchemaBuilder, Subscription};
use futures_util::{Stream, StreamExt as _, stream};
use inkledger::{graphql::context::request, viewer::Viewer};
use tokio::time::sleep;

/// How often the mutation ran.
pub static BUMPS: AtomicI32 = AtomicI32::new(0);

pub struct Query;

/// An error with one of our codes.
fn coded() -> async_graphql::Error {
    async_graphql::Error::new("There is no such object, or it is not yours.").extend_with(|_, extensions| {
        extensions.set("code", "NOT_FOUND");
    })
}

impl Query {
    fn hello_text(&self) -> &str {
        "hello"
    }
}

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        self.hello_text()
    }

    #[graphql(deprecation = "Use hello. Removed after 2027-01-01.")]
    async fn greeting(&self) -> &str {
        self.hello_text()
    }

    /// Role of the viewer, or why there is none.
    async fn who(&self, ctx: &Context<'_>) -> String {
        match request(ctx).map(|request| request.viewer) {
            Ok(Viewer::User(who)) => who.role.as_str().to_owned(),
            Ok(Viewer::Anonymous(reason)) => format!("anonymous: {}", reason.as_str()),
            Ok(Viewer::System) | Err(_) => "nobody".to_owned(),
        }
    }

    async fn address(&self, ctx: &Context<'_>) -> String {
        request(ctx).map(|request| request.address.to_string()).unwrap_or_default()
    }

    async fn echo(&self, text: String) -> String {
        text
    }

    async fn child(&self) -> Query {
        Query
    }

    async fn slow(&self, ms: u64) -> bool {
        sleep(Duration::from_millis(ms)).await;
        true
    }

    async fn failing(&self) -> Result<Option<i32>> {
        Err(coded())
    }

    async fn panicking(&self) -> Option<i32> {
        // The macro refuses a body that only panics.
        if self.hello_text().is_empty() { None } else { panic!("a resolver panicked on purpose") }
    }
}

pub struct Mutation;

#[Object]
impl Mutation {
    async fn bump(&self) -> i32 {
        BUMPS.fetch_add(1, Ordering::SeqCst) + 1
    }
}

pub struct Subscription;

#[Subscription]
impl Subscription {
    /// 1, 2, … `count`.
    async fn ticks(&self, count: i32, #[graphql(default = 0)] every_ms: u64) -> impl Stream<Item = i32> {
        stream::iter(1..=count).then(move |tick| async move {
            if every_ms > 0 {
                sleep(Duration::from_millis(every_ms)).await;
            }
            tick
        })
    }

    /// Never says anything.
    async fn quiet(&self) -> impl Stream<Item = i32> {
        stream::pending()
    }

    /// Texts of `bytes` bytes, as fast as they are taken.
    async fn flood(&self, bytes: i32) -> impl Stream<Item = String> {
        let text = "x".repeat(usize::try_from(bytes).unwrap_or_default());
        stream::repeat_with(move || text.clone())
    }

    async fn failing(&self) -> Result<impl Stream<Item = i32>> {
        Err::<stream::Empty<i32>, _>(coded())
    }

    /// One event, then a panic.
    async fn panicking(&self) -> impl Stream<Item = i32> {
        stream::iter(1..=2).map(|tick| if tick == 2 { panic!("a stream panicked on purpose") } else { tick })
    }
}

pub fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query, Mutation, Subscription)
}
