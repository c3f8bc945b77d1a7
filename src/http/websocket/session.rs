//! Who a socket is: the handshake, and fresh tokens for a longer life.

use async_graphql::Value;
use futures_util::future::{BoxFuture, FutureExt as _, pending};
use tokio::time::{Duration, Instant};

use super::{
    FORBIDDEN, POLICY, SERVER_ERROR, TOO_MANY_INITS, TRY_LATER,
    connection::{Connection, End, close},
    message,
    pace::Pace,
};
use crate::{
    clock::Micros,
    error::{AuthReason, Error},
    http::{
        live::{self, until},
        state::Bearer,
    },
    viewer::Viewer,
};
use axum::extract::ws::Message;

pub(super) type Judging = BoxFuture<'static, Result<Viewer, Error>>;

/// How far the handshake is.
pub(super) enum Phase {
    /// Nothing was said yet.
    Waiting,
    /// `connection_init` came and its token is being judged, since this instant.
    Judging(Judging, Instant),
    /// Acknowledged.
    Ready(Viewer),
}

/// The judge of tokens may take this long.
pub(super) const JUDGING: Duration = Duration::from_secs(10);

impl Connection {
    pub(super) fn on_init(&mut self, authorization: Option<Value>) -> Result<(), End> {
        let Some(header) = self.bearer.take() else {
            return Err(close(TOO_MANY_INITS, "Too many initialisation requests"));
        };
        let bearer = match authorization {
            None => header,
            Some(Value::String(text)) => Bearer::read(&text),
            Some(_) => Bearer::Malformed,
        };
        self.phase = Phase::Judging(self.judge(bearer), Instant::now());
        // A client may use all its operations at once after the handshake.
        self.pace = Pace::new(self.heard);
        Ok(())
    }

    pub(super) fn judge(&self, bearer: Bearer) -> Judging {
        let state = self.state.clone();
        async move { state.identify(&bearer).await }.boxed()
    }

    pub(super) fn on_viewer(&mut self, viewer: Result<Viewer, Error>) -> Result<(), End> {
        let viewer = viewer.map_err(|error| match error {
            Error::Internal(internal) => {
                tracing::error!(cause = internal.chain(), "a socket's token could not be judged");
                close(SERVER_ERROR, "Internal error")
            }
            other => close(TRY_LATER, other.code()),
        })?;
        match viewer {
            Viewer::Anonymous(AuthReason::Missing) | Viewer::System => {}
            Viewer::Anonymous(reason) => return Err(close(FORBIDDEN, reason.as_str())),
            Viewer::User(who) => {
                self.watch = self.state.authenticator.watch(who);
                self.expires_at = Some((who.token_expires_at, self.instant(who.token_expires_at)));
            }
        }
        let asker = self.asker(viewer);
        self.permit = live::permit(&self.state, &asker).ok_or_else(|| close(POLICY, "TOO_MANY_SOCKETS"))?;
        self.phase = Phase::Ready(viewer);
        self.wire.queue.push_urgent(Message::text(message::ACK));
        Ok(())
    }

    /// A fresh token of the same session moves the deadline (G19); any other is ignored.
    pub(super) fn on_refresh(&mut self, viewer: Result<Viewer, Error>) {
        let Phase::Ready(Viewer::User(now)) = &self.phase else { return };
        let Ok(Viewer::User(fresh)) = viewer else { return };
        let is_same = fresh.user_id == now.user_id && fresh.session_id == now.session_id;
        if is_same && fresh.token_expires_at > now.token_expires_at {
            self.expires_at = Some((fresh.token_expires_at, self.instant(fresh.token_expires_at)));
            self.phase = Phase::Ready(Viewer::User(fresh));
        }
    }

    fn instant(&self, at: Micros) -> Instant {
        Instant::now() + until(&self.state, at)
    }
}

pub(super) async fn judged(phase: &mut Phase) -> Result<Viewer, Error> {
    match phase {
        Phase::Judging(judging, _) => judging.await,
        Phase::Waiting | Phase::Ready(_) => pending().await,
    }
}

pub(super) async fn refreshed(refresh: &mut Option<Judging>) -> Result<Viewer, Error> {
    match refresh {
        Some(judging) => judging.await,
        None => pending().await,
    }
}
