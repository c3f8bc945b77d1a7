//! The HTTP door on a real port of its own, with a scripted judge of tokens.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "in a test, a panic is how a failure is told")]

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt as _};
use inkledger::{
    clock::{Clock, SECOND, SystemClock},
    error::{AuthReason, Error},
    graphql::gate::{Gate, Limits, read_trusted},
    http::{
        Authenticator, HttpParts, HttpSettings, HttpState, ObjectDoor, Origins, Readiness, Report, SessionEnd, router,
        serve,
    },
    ids::SystemIds,
    viewer::{PlatformRole, SignedIn, Viewer},
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{cost::unmetered, schema};

/// Tokens say themselves who they are: `ROLE/user/session/expiry`.
pub fn token(role: PlatformRole, user: u128, session: u128, expires_at: i64) -> String {
    format!("{}/{user}/{session}/{expires_at}", role.as_str())
}

/// A token of an hour for user 1.
pub fn fresh(role: PlatformRole) -> String {
    token(role, 1, 1, SystemClock.now() + 3_600 * SECOND)
}

/// Judges the tokens above and ends sessions on command.
#[derive(Default)]
pub struct Judge {
    ends: Mutex<HashMap<Uuid, watch::Sender<Option<SessionEnd>>>>,
}

impl Judge {
    fn channel(&self, session: Uuid) -> watch::Receiver<Option<SessionEnd>> {
        self.ends.lock().unwrap().entry(session).or_insert_with(|| watch::channel(None).0).subscribe()
    }

    /// Ends every watch of this session.
    pub fn end(&self, session: u128, end: SessionEnd) {
        let session = Uuid::from_u128(session);
        drop(self.channel(session));
        self.ends.lock().unwrap()[&session].send_replace(Some(end));
    }

    fn viewer(token: &str) -> Viewer {
        let parts: Vec<&str> = token.split('/').collect();
        let [role, user, session, expires_at] = parts.as_slice() else {
            return Viewer::Anonymous(AuthReason::TokenInvalid);
        };
        let expires_at: i64 = expires_at.parse().unwrap();
        if SystemClock.now() >= expires_at {
            return Viewer::Anonymous(AuthReason::TokenExpired);
        }
        Viewer::User(SignedIn {
            scopes: None,
            user_id: Uuid::from_u128(user.parse().unwrap()),
            session_id: Uuid::from_u128(session.parse().unwrap()),
            role: PlatformRole::parse(role).unwrap(),
            access_version: 1,
            token_expires_at: expires_at,
        })
    }
}

impl Authenticator for Judge {
    fn authenticate<'a>(&'a self, token: Option<&'a str>) -> BoxFuture<'a, Result<Viewer, Error>> {
        let judged = match token {
            None => Ok(Viewer::Anonymous(AuthReason::Missing)),
            Some("broken") => Err(Error::DependencyUnavailable { which: "database" }),
            Some(token) => Ok(Self::viewer(token)),
        };
        async move { judged }.boxed()
    }

    fn watch(&self, who: SignedIn) -> BoxFuture<'static, SessionEnd> {
        let mut channel = self.channel(who.session_id);
        async move {
            let end = channel.wait_for(Option::is_some).await.map(|end| end.unwrap());
            match end {
                Ok(end) => end,
                Err(_) => std::future::pending().await,
            }
        }
        .boxed()
    }
}

struct Ready(Vec<String>);

impl Readiness for Ready {
    fn report(&self) -> BoxFuture<'_, Report> {
        async { Report { draining: false, degraded: self.0.clone() } }.boxed()
    }
}

/// A running server; it stops when dropped.
pub struct Server {
    pub address: SocketAddr,
    pub state: HttpState,
    pub judge: Arc<Judge>,
    pub shutdown: CancellationToken,
    pub task: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// How a test's server differs from the usual one.
#[derive(Default)]
pub struct Setup {
    pub settings: HttpSettings,
    pub limits: Limits,
    pub degraded: Vec<String>,
    pub objects: Option<Arc<dyn ObjectDoor>>,
    /// The machine's clock, unless a test holds its own.
    pub clock: Option<Arc<dyn Clock>>,
    /// Documents that are trusted, as a file has them.
    pub trusted: Option<&'static str>,
}

impl Setup {
    /// Settings as in production, with short waits where a test changes them.
    pub fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut setup = Self { limits: unmetered(Limits::default()), ..Self::default() };
        setup.settings.graphiql = true;
        setup.settings.docs = true;
        setup.settings.origins = Origins::parse([ORIGIN]).unwrap();
        // A panic or a hang in a test should not wait as long as an operator would.
        setup.settings.timing.shutdown_grace = Duration::from_secs(5);
        change(&mut setup);
        setup
    }

    pub async fn start(self) -> Server {
        let clock: Arc<dyn Clock> = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let judge = Arc::new(Judge::default());
        let shutdown = CancellationToken::new();
        let gate = Gate::new(schema::builder(), self.limits, Arc::clone(&clock)).unwrap();
        let gate = gate.trusting(self.trusted.map_or_else(Vec::new, |file| read_trusted(file).unwrap())).unwrap();
        let state = HttpState::new(HttpParts {
            gate,
            authenticator: judge.clone(),
            readiness: Arc::new(Ready(self.degraded)),
            ledger_keys: None,
            objects: self.objects,
            uploads: None,
            metrics: Some(Arc::new(|| Box::pin(async { "# nothing yet\n".to_owned() }))),
            ids: Arc::new(SystemIds::new(Arc::clone(&clock))),
            clock,
            settings: self.settings,
            shutdown: shutdown.clone(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(serve(listener, router(state.clone()), state.clone()));
        Server { address, state, judge, shutdown, task: Some(task) }
    }
}

/// The one origin on the usual allow-list.
pub const ORIGIN: &str = "https://app.example.com";

/// A server as in production.
pub async fn server() -> Server {
    Setup::with(|_| {}).start().await
}
