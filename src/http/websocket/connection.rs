//! One socket's life: who it is, what it runs, when it must end. All in one task, so an idle subscriber costs no more
//! than its buffers.

use std::{borrow::Cow, net::IpAddr, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use async_graphql::Value;
use axum::{body::Bytes, extract::ws::Message};
use futures_util::future::{BoxFuture, FutureExt as _, pending};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{
    BAD_REQUEST, FORBIDDEN, GOING_AWAY, ID_TAKEN, INIT_TIMEOUT, MESSAGE_MAX, POLICY, RESTART, SERVER_ERROR, TOO_BIG,
    TRY_LATER, UNAUTHORIZED,
    message::{self, ClientMessage},
    operations::{Operations, Output},
    pace::Pace,
    session::{JUDGING, Judging, Phase, judged, refreshed},
    wire::{Wire, Wired},
};
use crate::{
    clock::Micros,
    error::Internal,
    graphql::gate::{Fault, Params},
    http::{
        clients::ClientName,
        fault,
        live::{self, until},
        seams::SessionEnd,
        sockets::Permit,
        state::{Asker, Bearer, HttpState},
        telemetry,
    },
    viewer::Viewer,
};

/// Why a socket ends.
pub(super) enum End {
    /// The client left.
    Gone,
    /// We close with this code and reason.
    Close(u16, Cow<'static, str>),
}

pub(super) fn close(code: u16, reason: &'static str) -> End {
    End::Close(code, Cow::Borrowed(reason))
}

/// What the upgrade said.
pub(super) struct Greeting {
    pub(super) bearer: Bearer,
    pub(super) address: IpAddr,
    pub(super) client: Option<Arc<str>>,
    pub(super) program: ClientName,
}

/// One socket.
pub(super) struct Connection {
    pub(super) state: HttpState,
    pub(super) wire: Wire,
    pub(super) address: IpAddr,
    /// What the client calls itself, for its session.
    client: Option<Arc<str>>,
    /// Which program asks, by its own word.
    pub(super) program: ClientName,
    /// From the upgrade's header; taken by `connection_init`.
    pub(super) bearer: Option<Bearer>,
    pub(super) phase: Phase,
    pub(super) permit: Permit,
    operations: Operations,
    pub(super) watch: BoxFuture<'static, SessionEnd>,
    pub(super) refresh: Option<Judging>,
    pub(super) pace: Pace,
    opened: Instant,
    pub(super) heard: Instant,
    ping_at: Instant,
    full_since: Option<Instant>,
    pub(super) expires_at: Option<(Micros, Instant)>,
    shutdown_at: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
}

impl Connection {
    pub(super) fn new(state: HttpState, wire: Wire, greeting: Greeting, permit: Permit) -> Self {
        let Greeting { bearer, address, client, program } = greeting;
        let now = Instant::now();
        Self {
            ping_at: now + jittered(&state),
            state,
            wire,
            address,
            client,
            program,
            bearer: Some(bearer),
            phase: Phase::Waiting,
            permit,
            operations: Operations::default(),
            watch: pending().boxed(),
            refresh: None,
            pace: Pace::new(now),
            opened: now,
            heard: now,
            full_since: None,
            expires_at: None,
            shutdown_at: None,
            alarm: Box::pin(sleep_until(now)),
        }
    }

    /// Talks until either side ends, then closes; `_task` is held meanwhile. A panic in here is the connection's own failure (G20).
    pub(super) async fn run(mut self, _task: TaskTrackerToken) {
        let talked = AssertUnwindSafe(self.talk()).catch_unwind().await;
        let end = talked.unwrap_or_else(|_| {
            tracing::error!("a socket panicked");
            close(SERVER_ERROR, "Internal error")
        });
        // Nothing may be said after the reason was found, and operations must not run on while we say goodbye.
        self.operations.clear();
        self.wire.queue.clear();
        match end {
            // Boxed, here and in other places that a subscriber seldom comes to: else each would keep room for them all its life.
            End::Gone => Box::pin(self.wire.finish()).await,
            End::Close(code, reason) => {
                metrics::counter!("inkledger_graphql_socket_closes_total", "code" => code.to_string()).increment(1);
                Box::pin(self.wire.close(code, &reason)).await;
            }
        }
        drop(self.permit);
    }

    async fn talk(&mut self) -> End {
        loop {
            if let Err(end) = self.step().await {
                return end;
            }
        }
    }

    /// Waits for the next thing to happen and deals with it.
    async fn step(&mut self) -> Result<(), End> {
        let has_room = self.wire.queue.has_room();
        if has_room {
            self.full_since = None;
        } else {
            self.full_since.get_or_insert_with(Instant::now);
        }
        let deadline = self.deadline();
        if self.alarm.deadline() != deadline || self.alarm.is_elapsed() {
            self.alarm.as_mut().reset(deadline);
        }
        tokio::select! {
            biased;
            () = self.alarm.as_mut() => self.on_alarm(),
            end = &mut self.watch => Err(close(FORBIDDEN, end.as_str())),
            () = self.state.shutdown.cancelled(), if self.shutdown_at.is_none() => {
                self.shutdown_at = Some(Instant::now() + live::spread(&self.state));
                Ok(())
            }
            viewer = judged(&mut self.phase) => self.on_viewer(viewer),
            viewer = refreshed(&mut self.refresh) => {
                self.refresh = None;
                self.on_refresh(viewer);
                Ok(())
            }
            wired = self.wire.next() => match wired {
                Wired::Incoming(frame) => self.on_frame(frame),
                Wired::Room => Ok(()),
                Wired::Gone => Err(End::Gone),
                Wired::Broken(code, reason) => Err(close(code, reason)),
            },
            (id, serial, output) = self.operations.next(), if has_room => {
                // An event that became ready after the token's end must not go out (G19).
                self.check_expiry()?;
                let text = match output {
                    Output::Answer(answer) => message::next(&id, &answer),
                    Output::Failed(answer) => message::error(&id, &answer.errors),
                    Output::Panicked => message::error(&id, &[self.internal()]),
                    Output::End => message::complete(&id),
                };
                self.wire.queue.push(text, serial);
                Ok(())
            }
        }
    }

    /// The next instant at which something is due.
    fn deadline(&self) -> Instant {
        let timing = &self.state.settings.timing;
        let phase = match &self.phase {
            Phase::Waiting => Some(self.opened + timing.init),
            Phase::Judging(_, since) => Some(*since + JUDGING),
            Phase::Ready(_) => None,
        };
        let dues = [
            phase,
            Some(self.ping_at),
            Some(self.heard + timing.silence),
            self.full_since.map(|since| since + timing.stall),
            self.expires_at.map(|(_, at)| at),
            self.shutdown_at,
        ];
        dues.into_iter().flatten().min().unwrap_or(self.ping_at)
    }

    fn on_alarm(&mut self) -> Result<(), End> {
        let now = Instant::now();
        let timing = &self.state.settings.timing;
        if self.shutdown_at.is_some_and(|at| now >= at) {
            return Err(close(RESTART, "SHUTTING_DOWN"));
        }
        self.check_expiry()?;
        // The timer follows the machine's clock and the deadline ours; aim again if they differ.
        if let Some((expiry, at)) = self.expires_at
            && now >= at
        {
            self.expires_at = Some((expiry, now + until(&self.state, expiry)));
        }
        match &self.phase {
            Phase::Waiting if now >= self.opened + timing.init => {
                return Err(close(INIT_TIMEOUT, "Connection initialisation timeout"));
            }
            Phase::Judging(_, since) if now >= *since + JUDGING => return Err(close(TRY_LATER, "TIMEOUT")),
            _ => {}
        }
        if now >= self.heard + timing.silence {
            return Err(close(GOING_AWAY, "No sign of life"));
        }
        if self.full_since.is_some_and(|since| now >= since + timing.stall) {
            return Err(close(TRY_LATER, "Too slow; resume from your cursor"));
        }
        if now >= self.ping_at {
            self.ping_at = now + jittered(&self.state);
            self.wire.queue.push_urgent(Message::Ping(Bytes::new()));
        }
        Ok(())
    }

    fn check_expiry(&self) -> Result<(), End> {
        match self.expires_at {
            Some((expiry, _)) if self.state.clock.now() >= expiry => {
                Err(close(FORBIDDEN, SessionEnd::TokenExpired.as_str()))
            }
            _ => Ok(()),
        }
    }

    fn on_frame(&mut self, frame: Message) -> Result<(), End> {
        self.heard = Instant::now();
        if let Message::Close(_) = frame {
            return Err(End::Gone);
        }
        if !self.pace.allows(self.heard) {
            return Err(close(POLICY, "More than 20 messages a second"));
        }
        match frame {
            Message::Text(text) if text.len() > MESSAGE_MAX => Err(close(TOO_BIG, "A message exceeds 64 KiB.")),
            Message::Text(text) => match message::read(&text) {
                Ok(message) => self.on_message(message),
                Err(unreadable) => Err(close(BAD_REQUEST, unreadable.0)),
            },
            Message::Binary(_) => Err(close(BAD_REQUEST, "Send text messages of JSON.")),
            // The library answers ping frames; pong frames have done their work by arriving.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => Ok(()),
        }
    }

    fn on_message(&mut self, message: ClientMessage) -> Result<(), End> {
        match message {
            ClientMessage::Init { authorization } => self.on_init(authorization),
            ClientMessage::Ping { payload } => {
                self.wire.queue.push_urgent(Message::text(message::pong(payload.as_ref())));
                if let Some(Value::Object(mut payload)) = payload
                    && let Some(Value::String(text)) = message::authorization(&mut payload)
                    && matches!(self.phase, Phase::Ready(Viewer::User(_)))
                    && self.refresh.is_none()
                {
                    self.refresh = Some(self.judge(Bearer::read(&text)));
                }
                Ok(())
            }
            ClientMessage::Pong => Ok(()),
            ClientMessage::Subscribe { id, params } => self.on_subscribe(id, params),
            ClientMessage::Complete { id } => {
                if let Some(serial) = self.operations.stop(&id) {
                    self.wire.queue.forget(serial);
                }
                Ok(())
            }
        }
    }

    fn on_subscribe(&mut self, id: String, params: Params) -> Result<(), End> {
        let Phase::Ready(viewer) = self.phase else { return Err(close(UNAUTHORIZED, "Unauthorized")) };
        if self.operations.is_live(&id) {
            return Err(close(ID_TAKEN, "Subscriber for this id already exists"));
        }
        self.check_expiry()?;
        let asker = self.asker(viewer);
        let maximum = self.state.limits(&viewer).operations_per_socket;
        if self.operations.count() >= maximum {
            let fault = Fault::new("DOCUMENT_LIMIT_EXCEEDED", "Too many operations run on this socket.")
                .with("limit", "operationsPerSocket")
                .with("maximum", maximum as u64)
                .with("actual", maximum as u64 + 1);
            self.refuse(&id, &[fault::stamp(fault, &self.state, &asker.request_id)]);
            return Ok(());
        }
        let started = Instant::now();
        let name = params.operation_name.clone();
        let caller = asker.caller(&self.state);
        let gate = &self.state.gate;
        let begun = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let admitted = gate.admit(&caller, params)?;
            telemetry::deprecated(self.state.clients(), &asker, &admitted);
            let log = telemetry::Operation::new("websocket", &asker, &admitted, name, started);
            Ok((gate.subscribe(admitted, &caller, asker.data()), log))
        }));
        match begun {
            Ok(Ok((answers, log))) => self.operations.start(id, answers, log),
            Ok(Err(refused)) => {
                telemetry::refused("websocket", &asker, &refused, started);
                self.refuse(&id, &refused.errors);
            }
            Err(_) => self.refuse(&id, &[self.internal()]),
        }
        Ok(())
    }

    /// Tells the client that operation `id` never started.
    fn refuse(&mut self, id: &str, faults: &[Fault]) {
        let serial = self.operations.serial();
        self.wire.queue.push(message::error(id, faults), serial);
    }

    fn internal(&self) -> Fault {
        let request_id = self.state.ids.uuid().to_string();
        tracing::error!(request.id = request_id, "an operation panicked");
        let fault = Fault::new("INTERNAL", Internal::new("", "").to_string());
        fault::stamp(fault, &self.state, &request_id)
    }

    pub(super) fn asker(&self, viewer: Viewer) -> Asker {
        let (client, program) = (self.client.clone(), self.program.clone());
        let request_id = self.state.ids.uuid().to_string().into();
        Asker { viewer, address: self.address, client, program, request_id }
    }
}

/// Time to the next ping: the setting, give or take a fifth, so that sockets opened together do not ping together.
fn jittered(state: &HttpState) -> Duration {
    let part = u32::from(u16::from_be_bytes(crate::ids::random(&*state.ids)));
    let ping = state.settings.timing.ping;
    ping * 4 / 5 + ping * 2 / 5 * part / u32::from(u16::MAX)
}
