//! Running an admitted operation: under a deadline, with panics caught (G32), its errors masked and stamped, its data
//! shaped (G31).

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_graphql::{Data, Response, ServerError, Value, indexmap::IndexMap};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::codes::CODES;
use super::cost;
use super::figures::CostFigures;
use super::refusal::{Fault, INTERNAL_MESSAGE, stamp};
use super::room::{AnswerRoom, fits};
use super::shape::shape;
use super::{Admitted, Caller, Gate, OperationKind, engine};
use crate::{
    error::Error,
    graphql::{error::ANSWER_LIMIT, scalars},
};

/// The outcome of an executed operation, or one event of a subscription. Serializes with `data` first, then `errors`
/// when there are any, then `extensions` when there are any.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The data with keys in the document's order; null when a null moved up to the root, at a timeout or a panic.
    pub data: Value,
    /// At most as many as the caller's limit.
    pub errors: Vec<Fault>,
    /// `cost`, on the answer to a query or mutation.
    pub extensions: IndexMap<String, Value>,
}

impl Answer {
    fn failed(fault: Fault) -> Self {
        Self { data: Value::Null, errors: vec![fault], extensions: IndexMap::new() }
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("data", &self.data)?;
        if !self.errors.is_empty() {
            map.serialize_entry("errors", &self.errors)?;
        }
        if !self.extensions.is_empty() {
            map.serialize_entry("extensions", &self.extensions)?;
        }
        map.end()
    }
}

impl Gate {
    /// Runs a query or mutation. `data` is what resolvers find in their context for this request alone. Dropping the
    /// future stops waiting, not writes that were handed to the database. A subscription answers its first event.
    pub async fn execute(&self, admitted: Admitted, caller: &Caller, data: Data) -> Answer {
        if admitted.kind() == OperationKind::Subscription {
            let mut events = self.subscribe(admitted, caller, data);
            let none = || Answer::failed(Fault::new("INTERNAL", INTERNAL_MESSAGE));
            return events.next().await.unwrap_or_else(none);
        }
        let Admitted { plan, cost: requested, mut charge, .. } = admitted;
        let super::plan::Plan { operation, document, root } = plan;
        let limits = self.inner.limits.of(caller.kind);
        let mut data = data;
        data.insert(AnswerRoom::new(self.inner.limits.answer_bytes));
        charge.spend();
        // What ran into its deadline or a panic has cost what was asked for it.
        let mut actual = requested;
        let request = engine::request(document, caller.introspection, data);
        let run = AssertUnwindSafe(self.inner.engine.run(request)).catch_unwind();
        let mut answer = match tokio::time::timeout(Duration::from_millis(limits.execution_ms), run).await {
            Ok(Ok(response)) => self.answer(caller, operation, &root, response, |data| {
                if requested > 0 {
                    actual = cost::actual(&self.inner.table, operation, &root, caller.kind, data).min(requested);
                }
            }),
            Ok(Err(_)) => {
                tracing::error!(request.id = %caller.request_id, "an operation panicked");
                Answer::failed(Fault::new("INTERNAL", INTERNAL_MESSAGE))
            }
            Err(_) => {
                Answer::failed(Fault::new("TIMEOUT", "The operation took too long. Writes already begun continue."))
            }
        };
        let figures = CostFigures::new(requested, actual, charge.settle(actual));
        figures.fill(&root, &mut answer.data);
        answer.extensions.insert("cost".to_owned(), figures.value());
        self.stamp(answer, caller)
    }

    /// Runs an operation of any kind as a stream: the events of a subscription, or the one answer of a query or
    /// mutation. Ends after a panic, whose answer is `INTERNAL`. There is no deadline on events. A subscription is paid for
    /// when it starts; its events cost nothing, since not the client decides how many there are.
    pub fn subscribe(&self, admitted: Admitted, caller: &Caller, data: Data) -> BoxStream<'static, Answer> {
        let (gate, caller) = (self.clone(), caller.clone());
        if admitted.kind() != OperationKind::Subscription {
            return futures_util::stream::once(async move { gate.execute(admitted, &caller, data).await }).boxed();
        }
        let Admitted { plan, mut charge, .. } = admitted;
        charge.spend();
        let super::plan::Plan { operation, document, root } = plan;
        let root = self.inner.plans.share(root);
        let request = engine::request(document, caller.introspection, data);
        let events = AssertUnwindSafe(self.inner.engine.stream(request)).catch_unwind();
        events
            .map(move |event| {
                let answer = match event {
                    Ok(response) => gate.answer(&caller, operation, &root, response, |_| {}),
                    Err(_) => {
                        tracing::error!(request.id = %caller.request_id, "a subscription panicked");
                        Answer::failed(Fault::new("INTERNAL", INTERNAL_MESSAGE))
                    }
                };
                gate.stamp(answer, &caller)
            })
            .boxed()
    }

    fn answer(
        &self,
        caller: &Caller,
        operation: async_graphql::parser::types::OperationType,
        root: &super::plan::PlanSet,
        response: Response,
        weigh: impl FnOnce(&Value),
    ) -> Answer {
        let Response { data, errors, .. } = response;
        // An error without a path is about the request. The Gate has validated it, so this is a fault of ours.
        let failed = data == Value::Null && errors.iter().any(|error| error.path.is_empty());
        let table = &self.inner.table;
        let mut extra = Vec::new();
        let data = if failed {
            Value::Null
        } else {
            let paths = errors.iter().map(|error| error.path.as_slice());
            let shaped = shape(table, root, table.root(operation), data, paths);
            extra = shaped.unexplained;
            shaped.data
        };
        if !failed {
            weigh(&data);
        }
        if !fits(&data, self.inner.limits.answer_bytes) {
            let maximum = u64::try_from(self.inner.limits.answer_bytes).unwrap_or(u64::MAX);
            let error = Error::AnswerTooLarge { maximum };
            let fault = Fault::new(error.code(), error.to_string());
            return Answer::failed(fault.with("limit", ANSWER_LIMIT).with("maximum", maximum));
        }
        let maximum = self.inner.limits.of(caller.kind).errors.max(1);
        let mut faults: Vec<Fault> = Vec::new();
        for error in errors {
            if faults.len() >= maximum {
                break;
            }
            let fault = masked(error, caller);
            // A key that an interface's fragments share is resolved more than once.
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        }
        faults.extend(extra.into_iter().map(|path| {
            tracing::error!(request.id = %caller.request_id, "a field that is never null was null");
            let mut fault = Fault::new("INTERNAL", INTERNAL_MESSAGE);
            fault.path = path;
            fault
        }));
        Answer { data, errors: faults, extensions: IndexMap::new() }
    }

    fn stamp(&self, mut answer: Answer, caller: &Caller) -> Answer {
        if !answer.errors.is_empty() {
            let timestamp = self.timestamp();
            answer.errors.truncate(self.inner.limits.of(caller.kind).errors.max(1));
            for fault in &mut answer.errors {
                stamp(fault, &caller.request_id, &timestamp);
            }
        }
        answer
    }
}

/// The library's error as the client may see it. Only an error that carries one of our codes keeps its text: what the
/// library and other crates write quotes values and names Rust types.
fn masked(error: ServerError, caller: &Caller) -> Fault {
    let known = match error.extensions.as_ref().and_then(|extensions| extensions.get("code")) {
        Some(Value::String(code)) => CODES.iter().map(|(known, _)| *known).find(|known| known == code),
        _ => None,
    };
    let mut fault = match known {
        // Whoever wrote the code wrote the log line too.
        Some("INTERNAL") => Fault::new("INTERNAL", INTERNAL_MESSAGE),
        Some(code) => {
            let mut fault = Fault::new(code, &error.message);
            // The values have no iterator; serialized they are an object.
            if let Some(Ok(Value::Object(extras))) = error.extensions.as_ref().map(async_graphql::to_value) {
                let extras = extras.into_iter().filter(|(name, _)| name != "code");
                fault.extensions.extend(extras.map(|(name, value)| (name.to_string(), value)));
            }
            fault
        }
        None if is_input_fault(&error.message) => Fault::new("BAD_USER_INPUT", input_text(&error.message)),
        None => {
            tracing::error!(request.id = %caller.request_id, cause = %error.message, "a field failed without a code");
            Fault::new("INTERNAL", INTERNAL_MESSAGE)
        }
    };
    fault.locations = error.locations;
    fault.path = error.path;
    fault
}

/// Is this the text of an argument that the library could not read?
fn is_input_fault(message: &str) -> bool {
    message.starts_with("Failed to parse \"") || message.starts_with("Expected input type \"")
}

/// Our own words for an argument that the library could not read: of its text, only the names of types are taken, since
/// the rest quotes the value.
fn input_text(message: &str) -> String {
    let kind = message.split('"').nth(1).filter(|word| is_type_name(word));
    let Some(kind) = kind else { return "The value of an argument is not acceptable.".to_owned() };
    let input = message.strip_suffix("\")").and_then(|rest| rest.rsplit_once("(occurred while parsing \""));
    let place =
        input.filter(|(_, input)| is_type_name(input)).map_or_else(String::new, |(_, input)| format!(" of {input}"));
    let wanted = scalars::wanted(kind).map_or_else(String::new, |text| format!(" {text}"));
    format!("A value{place} is not acceptable as {kind}.{wanted}")
}

fn is_type_name(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'[' | b']' | b'!'))
}
