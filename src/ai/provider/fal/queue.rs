//! One request on its way through fal's queue: put in, asked about, fetched, or withdrawn.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;

use super::fault;
use crate::ai::provider::http::Session;
use crate::ai::provider::{FailureClass, FailureCode, ProviderFailure};

/// Seconds within which a runner must take the request, else the queue drops it.
const START_TIMEOUT: HeaderName = HeaderName::from_static("x-fal-request-timeout");

/// The wait before the status is asked for; it grows by half each time.
const POLL_WAIT_MIN: Duration = Duration::from_millis(250);
const POLL_WAIT_MAX: Duration = Duration::from_secs(2);
/// Unanswered questions in a row that are forgiven: asking costs nothing and changes nothing, while giving up throws
/// away work that is under way.
const POLL_FAILURES_MAX: u32 = 3;
/// How long a withdrawal may take: its caller has given up already.
const WITHDRAW_TIMEOUT: Duration = Duration::from_secs(2);

/// What is known of the request.
#[derive(Default)]
pub(super) struct Ticket {
    submitted: Option<Submitted>,
    ended: bool,
}

#[derive(Deserialize)]
struct Submitted {
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    status_url: Option<String>,
    #[serde(default)]
    response_url: Option<String>,
    #[serde(default)]
    cancel_url: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    status: String,
    #[serde(default)]
    error_type: Option<String>,
}

impl Ticket {
    /// Puts `body` into the queue of `model`.
    ///
    /// # Errors
    /// Those of any request.
    pub(super) async fn submit(
        &mut self,
        session: &mut Session<'_>,
        model: &str,
        body: &impl serde::Serialize,
    ) -> Result<(), ProviderFailure> {
        let post = session.post_json(model.split('/'), body, "application/json")?;
        let patience = session.call.timeouts.total.as_secs().max(1);
        let post = authorised(session, post)?.header(START_TIMEOUT, patience);
        let submitted: Submitted = session.send_for_json(post).await?;
        session.seen.note_id(submitted.request_id.as_deref());
        self.submitted = Some(submitted);
        Ok(())
    }

    /// Waits until the request has ended. Answers what the status says went wrong, if it says so: the result knows it
    /// better.
    ///
    /// # Errors
    /// Those of any request, once several questions in a row went wrong; `GENERATION_FAILED` for a request that ended
    /// without a result; `PARSE_FAILED`.
    pub(super) async fn wait(&mut self, session: &mut Session<'_>) -> Result<Option<ProviderFailure>, ProviderFailure> {
        let mut wait = POLL_WAIT_MIN;
        let mut failures = 0;
        loop {
            tokio::time::sleep(wait).await;
            wait = (wait * 3 / 2).min(POLL_WAIT_MAX);
            let url = self.submitted.as_ref().and_then(|urls| urls.status_url.as_deref());
            let get = named(session, Method::GET, url)?;
            let status: Status = match session.send_for_json(get).await {
                Ok(status) => status,
                Err(failure) if is_passing(&failure) && failures < POLL_FAILURES_MAX => {
                    failures += 1;
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            failures = 0;
            match status.status.as_str() {
                "IN_QUEUE" | "IN_PROGRESS" => {}
                "COMPLETED" => {
                    self.ended = true;
                    return Ok(status.error_type.as_deref().map(fault::from_error_type));
                }
                "FAILED" | "CANCELED" | "CANCELLED" => {
                    self.ended = true;
                    let told = status.error_type.as_deref().map(fault::from_error_type);
                    return Err(told.unwrap_or_else(|| {
                        ProviderFailure::new(FailureCode::GenerationFailed, "the request ended without a result")
                    }));
                }
                _ => return Err(ProviderFailure::new(FailureCode::ParseFailed, "the status is unknown")),
            }
        }
    }

    /// The result of a request that has ended.
    ///
    /// # Errors
    /// Those of any request; a result that is a failure comes with an error status.
    pub(super) async fn result<T: serde::de::DeserializeOwned>(
        &self,
        session: &mut Session<'_>,
    ) -> Result<T, ProviderFailure> {
        let url = self.submitted.as_ref().and_then(|urls| urls.response_url.as_deref());
        let get = named(session, Method::GET, url)?;
        session.send_for_json(get).await
    }

    /// Asks the queue to drop a request that has not ended. Nothing depends on the answer.
    pub(super) async fn withdraw(&self, session: &mut Session<'_>) {
        let url = self.submitted.as_ref().filter(|_| !self.ended).and_then(|urls| urls.cancel_url.as_deref());
        if let Some(Ok(put)) = url.map(|url| named(session, Method::PUT, Some(url))) {
            let sent = tokio::time::timeout(WITHDRAW_TIMEOUT, session.send(put)).await;
            if !matches!(sent, Ok(Ok(_))) {
                tracing::debug!("a request could not be withdrawn from the queue");
            }
        }
    }
}

fn authorised(session: &Session<'_>, request: RequestBuilder) -> Result<RequestBuilder, ProviderFailure> {
    Ok(request.header(AUTHORIZATION, session.key("Key ")?))
}

/// A request to a URL of the answer to the submission.
fn named(session: &Session<'_>, method: Method, url: Option<&str>) -> Result<RequestBuilder, ProviderFailure> {
    let url = url.ok_or_else(|| ProviderFailure::new(FailureCode::ParseFailed, "the queue names no URL to ask"))?;
    authorised(session, session.request_at(method, url)?)
}

fn is_passing(failure: &ProviderFailure) -> bool {
    matches!(failure.class, FailureClass::Transient | FailureClass::Throttled)
}
