//! `graphql-transport-ws` from the upgrade up (G9–G20): one task per socket, small buffers, a bounded outgoing queue.
//! Our own because the library's service hides buffer sizes and answers misuse with the wrong close codes.

mod connection;
mod message;
mod operations;
mod pace;
mod queue;
mod session;
mod wire;

use axum::{
    body::Body,
    extract::{FromRequestParts as _, ws::WebSocketUpgrade},
    http::{HeaderMap, Response, StatusCode, header, request::Parts},
};

use super::{
    accept::Media,
    address,
    clients::ClientName,
    fault::HttpFault,
    router::RequestMeta,
    sockets::Holder,
    state::{Bearer, HttpState},
};
use connection::{Connection, Greeting};
use wire::Wire;

/// The one protocol.
const PROTOCOL: &str = "graphql-transport-ws";

/// Bytes read at once. With axum's 128 KiB a subscriber cost 144 kB (G18). Clients say little.
const READ_BUFFER: usize = 128;

/// Bytes of a message (G17).
const MESSAGE_MAX: usize = 64 * 1024;

/// A message a little too long is still read, so that the close frame is not lost behind unread input.
const MESSAGE_MARGIN: usize = 1024;

/// Sockets of one address that have not said who they are, per socket it may hold anonymously: many users behind one
/// address come back at once after a restart.
const ARRIVING_FACTOR: usize = 10;

// Close codes of WebSocket itself and of the protocol.
const GOING_AWAY: u16 = 1001;
const POLICY: u16 = 1008;
const TOO_BIG: u16 = 1009;
const RESTART: u16 = 1012;
const TRY_LATER: u16 = 1013;
const BAD_REQUEST: u16 = 4400;
const UNAUTHORIZED: u16 = 4401;
const FORBIDDEN: u16 = 4403;
const NO_PROTOCOL: u16 = 4406;
const INIT_TIMEOUT: u16 = 4408;
const ID_TAKEN: u16 = 4409;
const TOO_MANY_INITS: u16 = 4429;
const SERVER_ERROR: u16 = 4500;

/// Does this GET ask for a WebSocket?
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Upgrades, unless the origin is foreign (403), too many wait at this address (429) or the process ends (503).
pub(super) async fn upgrade(state: HttpState, meta: RequestMeta, mut parts: Parts) -> Response<Body> {
    match judge(&state, &meta, &parts.headers) {
        Err(fault) => fault.answer(&state, &meta.request_id, Media::Json),
        Ok(permit) => match WebSocketUpgrade::from_request_parts(&mut parts, &state).await {
            Err(_) => HttpFault::bad_request("The upgrade to a WebSocket is malformed.").answer(
                &state,
                &meta.request_id,
                Media::Json,
            ),
            Ok(upgrade) => {
                let upgrade = upgrade
                    .protocols([PROTOCOL])
                    .read_buffer_size(READ_BUFFER)
                    .write_buffer_size(0)
                    .max_message_size(MESSAGE_MAX + MESSAGE_MARGIN)
                    .max_frame_size(MESSAGE_MAX + MESSAGE_MARGIN);
                let (bearer, program) = (Bearer::of(&parts.headers), ClientName::of(&parts.headers));
                let greeting = Greeting { bearer, address: meta.address, client: meta.client.clone(), program };
                let task = state.tasks().token();
                // In a task of its own: the upgrade's would keep room for all that upgrading takes.
                upgrade.on_upgrade(move |socket| {
                    if let Some(link) = &meta.link {
                        link.leave_pacing();
                    }
                    let is_ours = socket.protocol().is_some();
                    let wire = Wire::new(socket);
                    if is_ours {
                        tokio::spawn(Connection::new(state, wire, greeting, permit).run(task));
                    } else {
                        tokio::spawn(async move {
                            wire.close(NO_PROTOCOL, "Offer the subprotocol graphql-transport-ws.").await;
                            drop((task, permit));
                        });
                    }
                    std::future::ready(())
                })
            }
        },
    }
}

fn judge(state: &HttpState, meta: &RequestMeta, headers: &HeaderMap) -> Result<super::sockets::Permit, HttpFault> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    if !origins.all(|origin| state.settings.origins.allow(origin)) {
        return Err(HttpFault::new(StatusCode::FORBIDDEN, "FORBIDDEN", "Pages of this origin may not open sockets."));
    }
    if state.shutdown.is_cancelled() {
        return Err(HttpFault::shutting_down());
    }
    let maximum = state.gate.limits().anonymous.sockets.saturating_mul(ARRIVING_FACTOR);
    let holder = Holder::Arriving(address::subscriber(meta.address));
    state.sockets().take(holder, maximum).ok_or_else(|| HttpFault::rate_limited(1_000))
}
