//! A schema with every combination of null, list, object, interface and union, whose fields hold what the oracle says.

use async_graphql::{
    EmptyMutation, EmptySubscription, Error, ErrorExtensions, Interface, Object, Result, Schema, SchemaBuilder, Union,
};

use super::{Outcome, outcome};

pub fn builder() -> SchemaBuilder<Query, EmptyMutation, EmptySubscription> {
    Schema::build(Query, EmptyMutation, EmptySubscription)
}

/// Fields of `A` and `B` and their types; `onlyA` and `onlyB` belong to one of them.
pub const FIELDS: &[(&str, &str)] = &[
    ("id", "Int!"),
    ("maybe", "Int"),
    ("a", "A"),
    ("mustA", "A!"),
    ("thing", "Thing"),
    ("mustThing", "Thing!"),
    ("any", "Any"),
    ("mustAny", "Any!"),
    ("list", "[A!]!"),
    ("maybeList", "[B]"),
    ("things", "[Thing!]"),
    ("anys", "[Any]!"),
    ("ints", "[Int!]"),
    ("deep", "[[Int!]]"),
    ("mustDeep", "[[Int!]!]"),
    ("nested", "[[A!]!]!"),
];

/// Fields of the interface `Thing`.
pub const THING_FIELDS: &[&str] = &["id", "maybe", "a", "mustThing", "list"];

/// Root fields and their types; each takes a `seed`.
pub const ROOTS: &[(&str, &str)] =
    &[("root", "A"), ("mustRoot", "A!"), ("rootThing", "Thing"), ("rootAny", "Any"), ("rootThings", "[Thing!]")];

pub struct A(u64);
pub struct B(u64);
pub struct Query;

#[derive(Interface)]
#[graphql(
    field(name = "id", ty = "i32"),
    field(name = "maybe", ty = "Option<i32>"),
    field(name = "a", ty = "Option<A>"),
    field(name = "must_thing", ty = "Thing"),
    field(name = "list", ty = "Vec<Result<A>>")
)]
pub enum Thing {
    A(A),
    B(B),
}

#[derive(Union)]
pub enum Any {
    A(A),
    B(B),
}

/// What an outcome is in Rust.
trait Held: Sized {
    fn held(outcome: Outcome) -> Result<Self>;
}

impl Held for i32 {
    fn held(outcome: Outcome) -> Result<Self> {
        match outcome {
            Outcome::Int(int) => Ok(int),
            _ => Err(failure()),
        }
    }
}

impl Held for A {
    fn held(outcome: Outcome) -> Result<Self> {
        match outcome {
            Outcome::Object(_, seed) => Ok(A(seed)),
            _ => Err(failure()),
        }
    }
}

impl Held for B {
    fn held(outcome: Outcome) -> Result<Self> {
        match outcome {
            Outcome::Object(_, seed) => Ok(B(seed)),
            _ => Err(failure()),
        }
    }
}

impl Held for Thing {
    fn held(outcome: Outcome) -> Result<Self> {
        match outcome {
            Outcome::Object("A", seed) => Ok(Thing::A(A(seed))),
            Outcome::Object(_, seed) => Ok(Thing::B(B(seed))),
            _ => Err(failure()),
        }
    }
}

impl Held for Any {
    fn held(outcome: Outcome) -> Result<Self> {
        match outcome {
            Outcome::Object("A", seed) => Ok(Any::A(A(seed))),
            Outcome::Object(_, seed) => Ok(Any::B(B(seed))),
            _ => Err(failure()),
        }
    }
}

impl<T: Held> Held for Option<T> {
    fn held(outcome: Outcome) -> Result<Self> {
        match outcome {
            Outcome::Null => Ok(None),
            outcome => T::held(outcome).map(Some),
        }
    }
}

/// An item with a resolver of its own.
impl<T: Held> Held for Result<T> {
    fn held(outcome: Outcome) -> Result<Self> {
        Ok(T::held(outcome))
    }
}

impl<T: Held> Held for Vec<T> {
    fn held(outcome: Outcome) -> Result<Self> {
        match outcome {
            Outcome::List(items) => items.into_iter().map(T::held).collect(),
            _ => Err(failure()),
        }
    }
}

fn failure() -> Error {
    Error::new("It failed.").extend_with(|_, extensions| extensions.set("code", "NOT_FOUND"))
}

/// Holds what the oracle says; every third field takes its time, so that fields complete out of order.
async fn held<T: Held>(seed: u64, name: &str) -> Result<T> {
    let ty = FIELDS.iter().chain(ROOTS).find(|field| field.0 == name).map_or("Int", |field| field.1);
    if (seed ^ name.len() as u64).is_multiple_of(3) {
        tokio::task::yield_now().await;
    }
    T::held(outcome(seed, name, ty))
}

macro_rules! object {
    ($object:ident, $only:ident, $name:literal) => {
        #[Object]
        impl $object {
            async fn id(&self) -> Result<i32> {
                held(self.0, "id").await
            }
            async fn maybe(&self) -> Result<Option<i32>> {
                held(self.0, "maybe").await
            }
            async fn a(&self) -> Result<Option<A>> {
                held(self.0, "a").await
            }
            async fn must_a(&self) -> Result<A> {
                held(self.0, "mustA").await
            }
            async fn thing(&self) -> Result<Option<Thing>> {
                held(self.0, "thing").await
            }
            async fn must_thing(&self) -> Result<Thing> {
                held(self.0, "mustThing").await
            }
            async fn any(&self) -> Result<Option<Any>> {
                held(self.0, "any").await
            }
            async fn must_any(&self) -> Result<Any> {
                held(self.0, "mustAny").await
            }
            async fn list(&self) -> Result<Vec<Result<A>>> {
                held(self.0, "list").await
            }
            async fn maybe_list(&self) -> Result<Option<Vec<Option<Result<B>>>>> {
                held(self.0, "maybeList").await
            }
            async fn things(&self) -> Result<Option<Vec<Result<Thing>>>> {
                held(self.0, "things").await
            }
            async fn anys(&self) -> Result<Vec<Option<Result<Any>>>> {
                held(self.0, "anys").await
            }
            async fn ints(&self) -> Result<Option<Vec<Result<i32>>>> {
                held(self.0, "ints").await
            }
            async fn deep(&self) -> Result<Option<Vec<Option<Vec<Result<i32>>>>>> {
                held(self.0, "deep").await
            }
            async fn must_deep(&self) -> Result<Option<Vec<Vec<Result<i32>>>>> {
                held(self.0, "mustDeep").await
            }
            async fn nested(&self) -> Result<Vec<Vec<Result<A>>>> {
                held(self.0, "nested").await
            }
            async fn $only(&self) -> Result<Option<i32>> {
                held(self.0, $name).await
            }
        }
    };
}

object!(A, only_a, "onlyA");
object!(B, only_b, "onlyB");

#[Object]
impl Query {
    async fn root(&self, seed: i32) -> Result<Option<A>> {
        held(seed as u64, "root").await
    }
    async fn must_root(&self, seed: i32) -> Result<A> {
        held(seed as u64, "mustRoot").await
    }
    async fn root_thing(&self, seed: i32) -> Result<Option<Thing>> {
        held(seed as u64, "rootThing").await
    }
    async fn root_any(&self, seed: i32) -> Result<Option<Any>> {
        held(seed as u64, "rootAny").await
    }
    async fn root_things(&self, seed: i32) -> Result<Option<Vec<Result<Thing>>>> {
        held(seed as u64, "rootThings").await
    }
}
