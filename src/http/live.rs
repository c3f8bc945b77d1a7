//! An operation as a stream over HTTP, whatever the framing (G21): answers, heartbeats, and an end. Counts as a socket,
//! ends when the token or the session does, and at shutdown.

use std::time::Duration;

use futures_util::{
    Stream, StreamExt as _,
    future::{BoxFuture, FutureExt as _, pending},
    stream::{self, BoxStream},
};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{
    address,
    fault::{self, HttpFault},
    seams::SessionEnd,
    sockets::{Holder, Permit},
    state::{Asker, HttpState},
    telemetry::{Operation, Outcome},
};
use crate::{
    error::Error,
    graphql::gate::{Admitted, Answer, Fault},
    viewer::Viewer,
};

/// One part of the stream.
pub(super) enum Part {
    /// The result of the operation, or one event of it.
    Next(Answer),
    /// Nothing happened, and the connection lives.
    Heartbeat,
    /// The stream ends before the operation does, for this reason; nothing follows.
    Fatal(Fault),
    /// The operation ended; nothing follows.
    Complete,
}

struct Live {
    state: HttpState,
    asker: Asker,
    answers: BoxStream<'static, Answer>,
    heartbeat: tokio::time::Interval,
    watch: BoxFuture<'static, SessionEnd>,
    shutdown: BoxFuture<'static, ()>,
    log: Operation,
    ended: bool,
    _permit: Permit,
    _task: TaskTrackerToken,
}

/// Starts the operation. Refuses: 429 when the caller has too many sockets, 503 at shutdown.
pub(super) fn open(
    state: &HttpState,
    asker: Asker,
    admitted: Admitted,
    log: Operation,
) -> Result<impl Stream<Item = Part> + Send + use<>, HttpFault> {
    if state.shutdown.is_cancelled() {
        return Err(HttpFault::shutting_down());
    }
    let permit = permit(state, &asker).ok_or_else(|| HttpFault::rate_limited(TOO_MANY_RETRY_MS))?;
    let watch = match &asker.viewer {
        Viewer::User(who) => state.authenticator.watch(*who),
        Viewer::Anonymous(_) | Viewer::System => pending().boxed(),
    };
    let every = state.settings.timing.heartbeat;
    let mut heartbeat = interval_at(Instant::now() + every, every);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let live = Live {
        answers: state.gate.subscribe(admitted, &asker.caller(state), asker.data()),
        heartbeat,
        watch,
        shutdown: shutdown(state.clone()).boxed(),
        log,
        ended: false,
        _permit: permit,
        _task: state.tasks().token(),
        asker,
        state: state.clone(),
    };
    Ok(stream::unfold(live, |mut live| async move { live.next().await.map(|part| (part, live)) }))
}

/// A caller with too many sockets should close one rather than come again soon.
const TOO_MANY_RETRY_MS: u64 = 5_000;

/// The right to one more socket, counted for the user or the anonymous address.
pub(super) fn permit(state: &HttpState, asker: &Asker) -> Option<Permit> {
    let holder = match asker.viewer.user() {
        Some(who) => Holder::User(who.user_id),
        None => Holder::Address(address::subscriber(asker.address)),
    };
    state.sockets().take(holder, state.limits(&asker.viewer).sockets)
}

/// Resolves some time after shutdown begins, so that not everybody comes back at once (G20).
async fn shutdown(state: HttpState) {
    state.shutdown.cancelled().await;
    tokio::time::sleep(spread(&state)).await;
}

/// A random part of the time over which sockets close.
pub(super) fn spread(state: &HttpState) -> Duration {
    let part = u32::from(u16::from_be_bytes(crate::ids::random(&*state.ids)));
    state.settings.timing.shutdown_spread * part / u32::from(u16::MAX)
}

/// How long until the clock shows `at`, microseconds; zero when it does already.
pub(super) fn until(state: &HttpState, at: i64) -> Duration {
    Duration::from_micros(u64::try_from(at.saturating_sub(state.clock.now())).unwrap_or(0))
}

impl Live {
    async fn next(&mut self) -> Option<Part> {
        if self.ended {
            return None;
        }
        let part = self.part().await;
        self.ended = matches!(part, Part::Fatal(_) | Part::Complete);
        Some(part)
    }

    async fn part(&mut self) -> Part {
        loop {
            if self.has_expired() {
                return self.unauthenticated(SessionEnd::TokenExpired);
            }
            let expiry = self.asker.expires_at().map(|at| Instant::now() + until(&self.state, at));
            let expired = async {
                match expiry {
                    Some(at) => sleep_until(at).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                // The sleep follows the machine, the clock decides: look again.
                () = expired => {}
                end = &mut self.watch => return self.unauthenticated(end),
                () = &mut self.shutdown => {
                    let fault = Fault::new(Error::ShuttingDown.code(), Error::ShuttingDown.to_string());
                    return self.fatal(fault);
                }
                answer = self.answers.next() => match answer {
                    Some(_) if self.has_expired() => {}
                    Some(answer) => {
                        self.log.mark(Outcome::of(&answer));
                        return Part::Next(answer);
                    }
                    None => return Part::Complete,
                },
                _ = self.heartbeat.tick() => return Part::Heartbeat,
            }
        }
    }

    fn has_expired(&self) -> bool {
        self.asker.expires_at().is_some_and(|at| self.state.clock.now() >= at)
    }

    fn unauthenticated(&mut self, end: SessionEnd) -> Part {
        let error = Error::Unauthenticated(end.reason());
        let message = match end {
            SessionEnd::TokenExpired => "The access token has expired.",
            SessionEnd::SessionEnded => "The session has ended.",
            SessionEnd::RightsChanged => "The rights of the session have changed.",
        };
        self.fatal(Fault::new(error.code(), message).with("reason", end.reason().as_str()))
    }

    fn fatal(&mut self, fault: Fault) -> Part {
        self.log.mark(Outcome::Ended);
        self.answers = stream::empty().boxed();
        Part::Fatal(fault::stamp(fault, &self.state, &self.asker.request_id))
    }
}
