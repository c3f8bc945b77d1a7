//! `/graphql` over POST and GET: negotiates the media type, reads the parameters, asks the Gate, and answers once or as
//! a stream. A browser's preflight and the upgrade to a WebSocket branch off here.

use axum::{
    body::Body,
    extract::{Extension, Request, State},
    http::{Method, Response, StatusCode, request::Parts},
};
use tokio::time::Instant;

use super::{
    accept::{Accepted, Media},
    answer, body,
    clients::ClientName,
    fault::HttpFault,
    live, multipart, origin,
    params::{self, ParamsFault},
    router::RequestMeta,
    settings::StatusProfile,
    sse,
    state::{Asker, Bearer, HttpState},
    telemetry::{self, Outcome},
    websocket,
};
use crate::graphql::gate::{OperationKind, Params};

/// The one handler of `/graphql`.
pub(super) async fn endpoint(
    State(state): State<HttpState>,
    Extension(meta): Extension<RequestMeta>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if origin::is_preflight(&parts.method, &parts.headers) {
        return origin::preflight();
    }
    if parts.method == Method::GET && websocket::is_upgrade(&parts.headers) {
        return websocket::upgrade(state, meta, parts).await;
    }
    let accepted = Accepted::of(&parts.headers);
    let door = Door { state: &state, meta: &meta, accepted };
    let outcome = match parts.method {
        Method::POST => door.post(parts, body).await,
        Method::GET => door.get(parts).await,
        _ => Err(HttpFault::method("GET, POST", "Send GraphQL by POST or GET.")),
    };
    let single = door.accepted.single().unwrap_or(Media::Json);
    outcome.unwrap_or_else(|fault| fault.answer(&state, &meta.request_id, single))
}

/// One request on its way.
struct Door<'a> {
    state: &'a HttpState,
    meta: &'a RequestMeta,
    accepted: Accepted,
}

const NOT_ACCEPTABLE: &str = "The answer can be application/json, application/graphql-response+json, and by POST also \
                              text/event-stream or multipart/mixed;subscriptionSpec=1.0.";

impl Door<'_> {
    async fn post(&self, parts: Parts, body: Body) -> Result<Response<Body>, HttpFault> {
        let media = self.accepted.best().ok_or_else(|| HttpFault::not_acceptable(NOT_ACCEPTABLE))?;
        body::check_type(&parts.headers)?;
        let asker = self.asker(&parts).await?;
        let maximum = self.state.limits(&asker.viewer).body_bytes;
        let bytes = body::read(&parts.headers, body, maximum, self.state.settings.timing.body).await?;
        let text = std::str::from_utf8(&bytes).map_err(|_| HttpFault::bad_request("The request body is not UTF-8."))?;
        let params = params::from_text(text).map_err(|fault| self.malformed(&fault))?;
        drop(bytes);
        self.run(asker, params, media, |_| None).await
    }

    async fn get(&self, parts: Parts) -> Result<Response<Body>, HttpFault> {
        let media = self.accepted.single().ok_or_else(|| HttpFault::not_acceptable(NOT_ACCEPTABLE))?;
        let params = params::from_uri(&parts.uri).map_err(|fault| self.malformed(&fault))?;
        let asker = self.asker(&parts).await?;
        self.run(asker, params, media, |kind| {
            (kind != OperationKind::Query)
                .then(|| HttpFault::method("POST", "GET runs queries only; send this operation by POST."))
        })
        .await
    }

    async fn asker(&self, parts: &Parts) -> Result<Asker, HttpFault> {
        let request_id = self.meta.request_id.clone();
        let bearer = Bearer::of(&parts.headers);
        let viewer = self.state.identify(&bearer).await.map_err(|error| HttpFault::of(&error, &request_id))?;
        let (client, program) = (self.meta.client.clone(), ClientName::of(&parts.headers));
        Ok(Asker { viewer, address: self.meta.address, client, program, request_id: request_id.into() })
    }

    fn malformed(&self, fault: &ParamsFault) -> HttpFault {
        let mut http = HttpFault::bad_request(fault.to_string());
        if self.state.settings.status_profile == StatusProfile::Draft202608 && !fault.is_syntax() {
            http.status = StatusCode::UNPROCESSABLE_ENTITY;
        }
        http
    }

    /// Asks the Gate and runs what it admits; `forbid` names the kinds of operation that this method may not run.
    async fn run(
        &self,
        asker: Asker,
        params: Params,
        media: Media,
        forbid: impl Fn(OperationKind) -> Option<HttpFault>,
    ) -> Result<Response<Body>, HttpFault> {
        let profile = self.state.settings.status_profile;
        let name = params.operation_name.clone();
        let started = Instant::now();
        let caller = asker.caller(self.state);
        let admitted = match self.state.gate.admit(&caller, params) {
            Ok(admitted) => admitted,
            Err(refused) => {
                telemetry::refused(transport(media), &asker, &refused, started);
                return Ok(match media {
                    Media::EventStream => {
                        sse::refused(&refused).unwrap_or_else(|| answer::refused(profile, media, &refused))
                    }
                    Media::Multipart => {
                        multipart::refused(&refused).unwrap_or_else(|| answer::refused(profile, media, &refused))
                    }
                    Media::Json | Media::GraphqlJson => answer::refused(profile, media, &refused),
                });
            }
        };
        if let Some(fault) = forbid(admitted.kind()) {
            return Err(fault);
        }
        let media = match admitted.kind() {
            OperationKind::Subscription => self.accepted.stream().ok_or_else(|| {
                HttpFault::not_acceptable("A subscription needs text/event-stream, multipart/mixed or a WebSocket.")
            })?,
            _ => media,
        };
        telemetry::deprecated(self.state.clients(), &asker, &admitted);
        let log = telemetry::Operation::new(transport(media), &asker, &admitted, name, started);
        if media.streams() {
            let stream = live::open(self.state, asker, admitted, log)?;
            return Ok(if media == Media::EventStream { sse::answer(stream) } else { multipart::answer(stream) });
        }
        let outcome = self.state.gate.execute(admitted, &caller, asker.data()).await;
        log.end(Outcome::of(&outcome));
        Ok(answer::executed(profile, media, &outcome))
    }
}

fn transport(media: Media) -> &'static str {
    match media {
        Media::Json | Media::GraphqlJson => "http",
        Media::EventStream => "sse",
        Media::Multipart => "multipart",
    }
}
