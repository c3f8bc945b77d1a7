//! The library's own seam, so that code written against `Executor` meets the Gate too and cannot ask for the schema.

use std::any::TypeId;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use async_graphql::{Data, Executor, Request, Response, ServerError, Value};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::{Answer, Caller, CallerKind, Fault, Gate, Params, Payer};

impl Executor for Gate {
    /// Admits and runs `request`. The caller is the [`Caller`] among the request's data; without one, anonymous.
    async fn execute(&self, request: Request) -> Response {
        let (caller, params, data) = taken(request);
        match self.admit(&caller, params) {
            Ok(admitted) => response(Gate::execute(self, admitted, &caller, data).await),
            Err(refused) => Response::from_errors(refused.errors.into_iter().map(error).collect()),
        }
    }

    /// Like `execute`, as a stream. Data of a session is not used: what resolvers need comes with each request.
    fn execute_stream(&self, request: Request, _session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        let (caller, params, data) = taken(request);
        match self.admit(&caller, params) {
            Ok(admitted) => self.subscribe(admitted, &caller, data).map(response).boxed(),
            Err(refused) => {
                let response = Response::from_errors(refused.errors.into_iter().map(error).collect());
                futures_util::stream::iter([response]).boxed()
            }
        }
    }
}

fn taken(request: Request) -> (Caller, Params, Data) {
    let caller = request.data.get(&TypeId::of::<Caller>()).and_then(|caller| caller.downcast_ref::<Caller>()).cloned();
    let anonymous = || Caller {
        kind: CallerKind::Anonymous,
        payer: Payer::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        introspection: false,
        request_id: "".into(),
    };
    let params = Params {
        query: request.query,
        document: None,
        operation_name: request.operation_name,
        variables: request.variables,
    };
    (caller.unwrap_or_else(anonymous), params, request.data)
}

fn response(answer: Answer) -> Response {
    let mut response = Response::new(answer.data);
    response.errors = answer.errors.into_iter().map(error).collect();
    response.extensions = answer.extensions.into_iter().collect();
    response
}

fn error(fault: Fault) -> ServerError {
    let mut error = ServerError::new(fault.message, None).with_path(fault.path);
    error.locations = fault.locations;
    let mut extensions = async_graphql::ErrorExtensionValues::default();
    for (name, value) in fault.extensions {
        extensions.set(
            name,
            match value {
                Value::Null => continue,
                value => value,
            },
        );
    }
    error.extensions = Some(extensions);
    error
}
