//! One log line and some metrics per operation. Never variables, document text, tokens or mail addresses.

use std::sync::Arc;

use tokio::time::Instant;

use super::{clients::ClientNames, state::Asker};
use crate::{
    graphql::gate::{Admitted, Answer, OperationKind, Refused},
    viewer::Viewer,
};

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Without errors.
    Ok,
    /// With errors in its last or only answer.
    Errors,
    /// Its stream ended because the client left or its session did.
    Ended,
    /// It panicked.
    Panicked,
}

impl Outcome {
    /// Of an answer, whose errors are counted by the way.
    pub(super) fn of(answer: &Answer) -> Self {
        for fault in &answer.errors {
            metrics::counter!("inkledger_graphql_errors_total", "code" => fault.code().to_owned()).increment(1);
        }
        if answer.errors.is_empty() { Self::Ok } else { Self::Errors }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Errors => "errors",
            Self::Ended => "ended",
            Self::Panicked => "panicked",
        }
    }
}

/// The kind of operations that go on.
const SUBSCRIPTION: &str = "subscription";

/// A running operation; ends with a log line, at the latest when it is dropped.
pub(super) struct Operation {
    transport: &'static str,
    kind: &'static str,
    name: String,
    viewer: Viewer,
    request_id: Arc<str>,
    started: Instant,
    outcome: Outcome,
}

impl Operation {
    /// `name` is the client's `operationName`, which the Gate has found in the document; without one the root fields
    /// stand for it.
    pub(super) fn new(
        transport: &'static str,
        asker: &Asker,
        admitted: &Admitted,
        name: Option<String>,
        started: Instant,
    ) -> Self {
        let kind = match admitted.kind() {
            OperationKind::Query => "query",
            OperationKind::Mutation => "mutation",
            OperationKind::Subscription => SUBSCRIPTION,
        };
        let name = name.unwrap_or_else(|| admitted.root_fields().take(5).collect::<Vec<_>>().join(","));
        if kind == SUBSCRIPTION {
            metrics::gauge!("inkledger_graphql_subscriptions_live", "transport" => transport).increment(1);
        }
        let request_id = Arc::clone(&asker.request_id);
        Self { transport, kind, name, viewer: asker.viewer, request_id, started, outcome: Outcome::Ended }
    }

    /// Sets how it would be said to have ended, if it ended now.
    pub(super) fn mark(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// Ends it.
    pub(super) fn end(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        let seconds = self.started.elapsed().as_secs_f64();
        metrics::counter!(
            "inkledger_graphql_operations_total",
            "transport" => self.transport, "type" => self.kind, "outcome" => self.outcome.as_str()
        )
        .increment(1);
        if self.kind == SUBSCRIPTION {
            metrics::gauge!("inkledger_graphql_subscriptions_live", "transport" => self.transport).decrement(1);
        } else {
            metrics::histogram!("inkledger_graphql_operation_seconds", "type" => self.kind).record(seconds);
        }
        tracing::info!(
            request.id = %self.request_id,
            operation.r#type = self.kind,
            operation.name = self.name,
            operation.transport = self.transport,
            viewer = viewer(&self.viewer),
            duration_ms = seconds * 1_000.0,
            outcome = self.outcome.as_str(),
            "operation"
        );
    }
}

/// Counts what the operation uses that is deprecated, by program (G46).
pub(super) fn deprecated(clients: &ClientNames, asker: &Asker, admitted: &Admitted) {
    for thing in admitted.deprecated() {
        let client = clients.label(&asker.program).to_string();
        metrics::counter!("graphql_deprecated_uses_total", "thing" => thing.clone(), "client" => client).increment(1);
    }
}

/// The log line of a request that the Gate refused.
pub(super) fn refused(transport: &'static str, asker: &Asker, refused: &Refused, started: Instant) {
    let code = refused.errors.first().map_or("INTERNAL", |fault| fault.code());
    metrics::counter!(
        "inkledger_graphql_operations_total", "transport" => transport, "type" => "unknown", "outcome" => "refused"
    )
    .increment(1);
    metrics::counter!("inkledger_graphql_refusals_total", "code" => code.to_owned()).increment(1);
    tracing::info!(
        request.id = %asker.request_id,
        operation.transport = transport,
        viewer = viewer(&asker.viewer),
        duration_ms = started.elapsed().as_secs_f64() * 1_000.0,
        outcome = "refused",
        code,
        "operation"
    );
}

fn viewer(viewer: &Viewer) -> String {
    match viewer {
        Viewer::Anonymous(_) => "anonymous".to_owned(),
        Viewer::User(who) => who.user_id.to_string(),
        Viewer::System => "system".to_owned(),
    }
}
