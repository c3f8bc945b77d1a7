//! Errors as the client sees them: codes, their extras, and the bound on what a refused document is told (G7, G30,
//! G48). Knows nothing of HTTP; a transport chooses its status from [`RefusalKind`].

use async_graphql::{PathSegment, Pos, Value, indexmap::IndexMap};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// Bytes that the serialized answer to a refused document may take.
pub const REFUSAL_BYTES: usize = 4_096;

/// Characters that a message made from names of a document or the schema may take.
const MESSAGE_CHARS: usize = 200;

/// One entry of `errors`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// What happened, for a person. Never source text.
    pub message: String,
    /// Where in the document, one-based lines and columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Pos>,
    /// The response key of the field, from the root; empty when no field was executed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<PathSegment>,
    /// `code`, the extras of that code, then `requestId` and `timestamp`.
    pub extensions: IndexMap<String, Value>,
}

impl Fault {
    /// A fault with `code` and nothing else; `message` is cut after 200 characters.
    pub fn new(code: &'static str, message: impl AsRef<str>) -> Self {
        let mut extensions = IndexMap::new();
        extensions.insert("code".to_owned(), Value::String(code.to_owned()));
        Self { message: clip(message.as_ref()), locations: Vec::new(), path: Vec::new(), extensions }
    }

    /// Adds an extra to `extensions`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extensions.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a position.
    #[must_use]
    pub fn at(mut self, pos: Pos) -> Self {
        self.locations.push(pos);
        self
    }

    /// The value of `extensions.code`.
    pub fn code(&self) -> &str {
        match self.extensions.get("code") {
            Some(Value::String(code)) => code,
            _ => "INTERNAL",
        }
    }
}

/// What stopped a request, so that a transport can choose its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The document is not GraphQL.
    Parse,
    /// The document does not fit the schema.
    Validation,
    /// The document exceeds a size or count of the limits table.
    Limit,
    /// The operation is too dear.
    Cost,
    /// A variable is missing or of the wrong type.
    Variables,
    /// The operation name fits no operation, or one was needed and not given.
    Operation,
    /// The caller may not introspect.
    Introspection,
    /// The parameters contradict each other.
    Parameters,
    /// No document is known by this hash; the client is to send its text with it.
    UnknownHash,
    /// The document is not one of those that may run.
    NotTrusted,
    /// Too many requests; `retry_after_ms` milliseconds until another is admitted.
    RateLimited {
        /// Milliseconds until another request is admitted.
        retry_after_ms: u64,
    },
    /// The server failed before anything was executed.
    Internal,
}

impl RefusalKind {
    /// Is it the document that was refused, rather than the request around it?
    pub fn is_about_document(self) -> bool {
        !matches!(self, Self::RateLimited { .. } | Self::Internal | Self::Parameters)
    }
}

/// A request of which nothing was executed. Serializes to `{"errors": […]}` without `data`.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What stopped it.
    pub kind: RefusalKind,
    /// At least one error; together at most 4 KiB when serialized.
    pub errors: Vec<Fault>,
}

impl Refused {
    pub(super) fn new(kind: RefusalKind, fault: Fault) -> Self {
        Self { kind, errors: vec![fault] }
    }

    pub(super) fn limit(limit: &'static str, maximum: usize, actual: u64) -> Self {
        let fault = Fault::new("DOCUMENT_LIMIT_EXCEEDED", format!("The document exceeds the limit `{limit}`."))
            .with("limit", limit)
            .with("maximum", maximum as u64)
            .with("actual", actual);
        Self::new(RefusalKind::Limit, fault)
    }

    pub(super) fn parse(message: impl AsRef<str>, pos: Option<Pos>) -> Self {
        let mut fault = Fault::new("GRAPHQL_PARSE_FAILED", message);
        fault.locations.extend(pos);
        Self::new(RefusalKind::Parse, fault)
    }

    pub(super) fn invalid(message: impl AsRef<str>, pos: Option<Pos>) -> Self {
        let mut fault = Fault::new("GRAPHQL_VALIDATION_FAILED", message);
        fault.locations.extend(pos);
        Self::new(RefusalKind::Validation, fault)
    }

    pub(super) fn internal() -> Self {
        Self::new(RefusalKind::Internal, Fault::new("INTERNAL", INTERNAL_MESSAGE))
    }

    /// Stamps every error and drops those that would carry the answer beyond 4 KiB or `maximum` errors.
    pub(super) fn finish(mut self, request_id: &str, timestamp: &str, maximum: usize) -> Self {
        self.errors.truncate(maximum.max(1));
        let mut size = 16;
        let mut kept = Vec::with_capacity(self.errors.len());
        for mut fault in self.errors {
            stamp(&mut fault, request_id, timestamp);
            size += serde_json::to_vec(&fault).map_or(REFUSAL_BYTES, |bytes| bytes.len() + 1);
            if size > REFUSAL_BYTES && !kept.is_empty() {
                break;
            }
            kept.push(fault);
        }
        self.errors = kept;
        self
    }
}

impl Serialize for Refused {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("errors", &self.errors)?;
        map.end()
    }
}

/// The only text that a fault of ours shows.
pub(super) use crate::error::INTERNAL_MESSAGE;

/// Adds `requestId` and `timestamp`.
pub(super) fn stamp(fault: &mut Fault, request_id: &str, timestamp: &str) {
    fault.extensions.insert("requestId".to_owned(), Value::String(request_id.to_owned()));
    fault.extensions.insert("timestamp".to_owned(), Value::String(timestamp.to_owned()));
}

fn clip(message: &str) -> String {
    if message.chars().count() <= MESSAGE_CHARS {
        return message.to_owned();
    }
    message.chars().take(MESSAGE_CHARS - 1).chain(['…']).collect()
}
