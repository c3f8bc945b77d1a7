//! What the transports share: the Gate, the seams, the settings and the count of open sockets; and who asks in one
//! request.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use async_graphql::Data;
use axum::http::{HeaderMap, header};
use futures_util::future::BoxFuture;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    address,
    clients::{ClientName, ClientNames},
    docs::Docs,
    objects::ObjectDoor,
    seams::{Authenticator, Readiness},
    settings::HttpSettings,
    sockets::Sockets,
};
use crate::{
    clock::{Clock, Micros},
    error::{AuthReason, Error},
    graphql::{
        context::{ClientName as ClientLabel, RequestContext},
        gate::{Caller, CallerKind, Gate, KindLimits, Payer},
    },
    ids::Ids,
    storage::Uploads,
    viewer::{PlatformRole, Viewer},
};

/// Writes the metrics page.
pub type WriteMetrics = Arc<dyn Fn() -> BoxFuture<'static, String> + Send + Sync>;

/// What `app` hands to the transports.
pub struct HttpParts {
    /// The only way to the schema.
    pub gate: Gate,
    /// Turns tokens into viewers.
    pub authenticator: Arc<dyn Authenticator>,
    /// Tells whether the process may get work.
    pub readiness: Arc<dyn Readiness>,
    /// The public keys of anchors and receipts, as a document; `None` answers 404 under `/.well-known/`.
    pub ledger_keys: Option<String>,
    /// Opens signed objects; `None` answers 404 under `/files/`.
    pub objects: Option<Arc<dyn ObjectDoor>>,
    /// Takes files that are sent to signed addresses; `None` answers 404 under `/files/uploads/`.
    pub uploads: Option<Uploads>,
    /// Writes the metrics page; `None` answers 404.
    pub metrics: Option<WriteMetrics>,
    /// Time for error stamps and token deadlines.
    pub clock: Arc<dyn Clock>,
    /// Request ids and jitter.
    pub ids: Arc<dyn Ids>,
    /// How the transports behave.
    pub settings: HttpSettings,
    /// Cancelled when shutdown begins: sockets start to close and `/readyz` answers 503.
    pub shutdown: CancellationToken,
}

/// Shared by every handler; clones are cheap.
#[derive(Clone)]
pub struct HttpState(Arc<Shared>);

struct Shared {
    parts: HttpParts,
    sockets: Arc<Sockets>,
    clients: ClientNames,
    /// Made when somebody first asks for one.
    docs: OnceLock<Docs>,
    tasks: TaskTracker,
}

impl std::ops::Deref for HttpState {
    type Target = HttpParts;

    fn deref(&self) -> &HttpParts {
        &self.0.parts
    }
}

impl HttpState {
    /// Takes the parts; nothing runs yet.
    pub fn new(parts: HttpParts) -> Self {
        let (clients, tasks) = (ClientNames::default(), TaskTracker::new());
        Self(Arc::new(Shared { parts, sockets: Arc::default(), clients, docs: OnceLock::new(), tasks }))
    }

    /// Sockets and streams open now.
    pub fn open_sockets(&self) -> usize {
        self.0.sockets.count()
    }

    /// Who holds how many sockets.
    pub(super) fn sockets(&self) -> &Arc<Sockets> {
        &self.0.sockets
    }

    /// The pages of the documentation, by `make` when they are not there yet.
    pub(super) fn docs(&self, make: fn(&Gate) -> Docs) -> &Docs {
        self.0.docs.get_or_init(|| make(&self.gate))
    }

    /// The programs that are told apart in metrics.
    pub(super) fn clients(&self) -> &ClientNames {
        &self.0.clients
    }

    /// Sockets and streams that shutdown waits for.
    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    /// Who asks with this bearer credential.
    pub(super) async fn identify(&self, bearer: &Bearer) -> Result<Viewer, Error> {
        match bearer {
            Bearer::None => self.authenticator.authenticate(None).await,
            Bearer::Token(token) => self.authenticator.authenticate(Some(token)).await,
            Bearer::Malformed => Ok(Viewer::Anonymous(AuthReason::TokenInvalid)),
        }
    }

    /// The limits of `viewer`'s kind.
    pub(super) fn limits(&self, viewer: &Viewer) -> &KindLimits {
        self.gate.limits().of(kind(viewer))
    }
}

/// The column of the limits table for `viewer`. The system never comes by HTTP and gets the least.
pub(super) fn kind(viewer: &Viewer) -> CallerKind {
    match viewer.user().map(|who| who.role) {
        Some(PlatformRole::Admin | PlatformRole::Hero) => CallerKind::Admin,
        Some(PlatformRole::User) => CallerKind::User,
        None => CallerKind::Anonymous,
    }
}

/// Tokens longer than this are none of ours.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// What stood in `Authorization`. Its text is never logged or shown.
pub(super) enum Bearer {
    /// Nothing.
    None,
    /// A token, as yet unchecked.
    Token(String),
    /// Another scheme, several headers, or no token.
    Malformed,
}

impl Bearer {
    /// Reads the header's value, `Bearer TOKEN`.
    pub(super) fn read(value: &str) -> Self {
        match value.trim().split_once(' ') {
            Some((scheme, token))
                if scheme.eq_ignore_ascii_case("bearer")
                    && !token.trim().is_empty()
                    && token.len() <= TOKEN_BYTES_MAX =>
            {
                Self::Token(token.trim().to_owned())
            }
            _ => Self::Malformed,
        }
    }

    /// Reads the request's header (G5: and nothing else, no cookie).
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::None,
            (Some(value), None) => value.to_str().map_or(Self::Malformed, Self::read),
            (Some(_), Some(_)) => Self::Malformed,
        }
    }
}

/// Who asks, in one operation.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) viewer: Viewer,
    pub(super) address: IpAddr,
    /// What the client calls itself, for its session.
    pub(super) client: Option<Arc<str>>,
    /// Which program asks, by its own word.
    pub(super) program: ClientName,
    pub(super) request_id: Arc<str>,
}

impl Asker {
    /// As the Gate sees the caller. Introspection is for ADMIN and HERO, and for everyone in development (G29).
    pub(super) fn caller(&self, state: &HttpState) -> Caller {
        let kind = kind(&self.viewer);
        let payer = match self.viewer.user() {
            Some(who) => Payer::User(who.user_id),
            None => Payer::Address(address::subscriber(self.address)),
        };
        Caller {
            kind,
            payer,
            introspection: state.settings.introspection || kind == CallerKind::Admin,
            request_id: Arc::clone(&self.request_id),
        }
    }

    /// What resolvers find in their context.
    pub(super) fn data(&self) -> Data {
        let mut data = Data::default();
        data.insert(RequestContext {
            viewer: self.viewer,
            request_id: Arc::clone(&self.request_id),
            address: self.address,
        });
        if let Some(client) = &self.client {
            data.insert(ClientLabel(Arc::clone(client)));
        }
        data
    }

    /// When the token ends, if there is one.
    pub(super) fn expires_at(&self) -> Option<Micros> {
        self.viewer.user().map(|who| who.token_expires_at)
    }
}
