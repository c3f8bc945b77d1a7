//! The library behind one small trait, so that the Gate is not generic and nothing else can reach the schema.

use std::panic::{AssertUnwindSafe, catch_unwind};

use async_graphql::ValidationMode;
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Data, ObjectType, Request, Response, Schema, SchemaBuilder, ServerError, SubscriptionType};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

/// An executor of documents that have passed the Gate.
pub(super) trait Engine: Send + Sync {
    fn run(&self, request: Request) -> BoxFuture<'_, Response>;
    fn stream(&self, request: Request) -> BoxStream<'static, Response>;
}

impl<Q, M, S> Engine for Schema<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    fn run(&self, request: Request) -> BoxFuture<'_, Response> {
        self.execute(request).boxed()
    }

    fn stream(&self, request: Request) -> BoxStream<'static, Response> {
        self.execute_stream(request)
    }
}

/// Structural depth that the library checks by itself; ours is checked before and is lower.
const DEPTH_BEHIND_GATE: usize = 1_024;

/// Finishes `builder` the only way the Gate accepts a schema: strict validation (G63), no suggestions (G29), no
/// extension of ours (G64).
pub(super) fn harden<Q, M, S>(builder: SchemaBuilder<Q, M, S>) -> Schema<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    builder
        .validation_mode(ValidationMode::Strict)
        .disable_suggestions()
        .limit_recursive_depth(DEPTH_BEHIND_GATE)
        .finish()
}

/// No operation has this name: the library validates a document before it looks for the operation, so asking for it
/// validates and runs nothing.
const NO_OPERATION: &str = "\u{0}";

/// Why a document failed validation.
pub(super) enum Invalid {
    /// The library's findings.
    Findings(Vec<ServerError>),
    /// The library panicked or answered something unknown.
    Broken,
}

/// Validates `document` against the schema without running it.
pub(super) fn validate(engine: &dyn Engine, document: ExecutableDocument) -> Result<(), Invalid> {
    let mut request = Request::new(String::new()).operation_name(NO_OPERATION);
    request.set_parsed_query(document);
    // Without extensions nothing on this path waits. Some rules panic on what other rules refuse.
    let response = catch_unwind(AssertUnwindSafe(|| engine.run(request).now_or_never()));
    let errors = match response {
        Ok(Some(response)) => response.errors,
        _ => return Err(Invalid::Broken),
    };
    let expected = format!("Unknown operation named \"{NO_OPERATION}\"");
    match errors.as_slice() {
        [] => Err(Invalid::Broken),
        [only] if only.message == expected => Ok(()),
        _ => Err(Invalid::Findings(errors)),
    }
}

/// A request for `document` with the caller's data.
pub(super) fn request(document: ExecutableDocument, introspection: bool, data: Data) -> Request {
    let mut request = Request::new(String::new());
    if !introspection {
        request = request.disable_introspection();
    }
    request.data = data;
    request.set_parsed_query(document);
    request
}
