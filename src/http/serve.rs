//! The accept loop. Our own because axum's has no limit on the time that headers take and none on unread answers.
//!
//! Shutdown: sockets and streams close over the spread while the loop still accepts, so that `/readyz` can say 503;
//! then nothing more is accepted and requests in flight get the grace.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, http::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

use super::{settings::Timing, stall::Stall, state::HttpState};

/// One connection, as its requests see it.
#[derive(Debug)]
pub(super) struct Link {
    /// The other end's address.
    pub(super) peer: IpAddr,
    paces_itself: AtomicBool,
}

impl Link {
    fn new(peer: IpAddr) -> Self {
        Self { peer, paces_itself: AtomicBool::new(false) }
    }

    /// From now on whoever holds the connection judges slow readers itself.
    pub(super) fn leave_pacing(&self) {
        self.paces_itself.store(true, Ordering::Relaxed);
    }

    pub(super) fn paces_itself(&self) -> bool {
        self.paces_itself.load(Ordering::Relaxed)
    }
}

/// The least time between the start of shutdown and the last accepted connection, so that a load balancer can see 503.
const LAST_CALL: Duration = Duration::from_millis(500);

/// After an accept that failed for want of file descriptors, wait before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bytes buffered per connection in each direction: the most that headers may take, and that an unread answer holds.
const BUFFER_BYTES: usize = 64 * 1024;

/// Serves `router` on `listener` until `state.shutdown` is cancelled and everything in flight is done or out of time.
pub async fn serve(listener: TcpListener, router: Router, state: HttpState) {
    let connections = TaskTracker::new();
    let last_call = CancellationToken::new();
    let closing = close_sockets(&state);
    tokio::pin!(closing);
    loop {
        tokio::select! {
            () = &mut closing => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let link = Arc::new(Link::new(peer.ip()));
                    let timing = state.settings.timing.clone();
                    connections.spawn(connection(stream, link, router.clone(), timing, last_call.clone()));
                }
                Err(error) => {
                    tracing::warn!(cause = %error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    last_call.cancel();
    connections.close();
    if timeout(state.settings.timing.shutdown_grace, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests were still in flight at the end");
    }
}

/// Resolves when shutdown has begun and sockets and streams are closed.
async fn close_sockets(state: &HttpState) {
    state.shutdown.cancelled().await;
    state.tasks().close();
    // Each closes by itself somewhere within the spread; one that does not is left behind.
    let patience = state.settings.timing.shutdown_spread + Duration::from_secs(5);
    let ((), closed) = tokio::join!(sleep(LAST_CALL), timeout(patience, state.tasks().wait()));
    if closed.is_err() {
        tracing::warn!(sockets = state.open_sockets(), "sockets were still open at the end");
    }
}

async fn connection(stream: TcpStream, link: Arc<Link>, router: Router, timing: Timing, last_call: CancellationToken) {
    // Small frames are events that somebody waits for.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Stall::new(stream, Arc::clone(&link), timing.stall));
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&link));
        request.map(Body::new)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timing.headers)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(io, TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(connection);
    // Errors here are the peer's: resets, time-outs, garbage. There is nobody to tell.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = last_call.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
