//! Implementations of traits that one part owns and another part fills.

use std::sync::{Arc, OnceLock};

use futures_util::future::{BoxFuture, FutureExt};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use sea_orm::ConnectionTrait;
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{AccessWatch, Auth, model::CloseReason},
    db::Db,
    error::Error,
    http::{Authenticator, ContentTypes, Readiness, Report, SessionEnd},
    image::Gallery,
    storage::ObjectKey,
    viewer::{SignedIn, Viewer},
};

/// Identity, as the transports ask for it.
pub(super) struct SessionAuthenticator {
    pub(super) auth: Auth,
    pub(super) watch: AccessWatch,
}

impl Authenticator for SessionAuthenticator {
    fn authenticate<'a>(&'a self, token: Option<&'a str>) -> BoxFuture<'a, Result<Viewer, Error>> {
        self.auth.authenticate(token).boxed()
    }

    fn watch(&self, who: SignedIn) -> BoxFuture<'static, SessionEnd> {
        let watching = self.watch.watch(who);
        async move {
            match watching.await {
                CloseReason::SessionEnded => SessionEnd::SessionEnded,
                CloseReason::RightsChanged => SessionEnd::RightsChanged,
            }
        }
        .boxed()
    }
}

/// Ready while the process is not ending; degraded while the database does not answer.
pub(super) struct DatabaseReadiness {
    pub(super) db: Db,
    pub(super) shutdown: CancellationToken,
}

impl Readiness for DatabaseReadiness {
    fn report(&self) -> BoxFuture<'_, Report> {
        async move {
            let patience = std::time::Duration::from_millis(900);
            let probe = self.db.reader().query_one_raw(self.db.statement("SELECT 1 AS one", []));
            let answers = matches!(tokio::time::timeout(patience, probe).await, Ok(Ok(Some(_))));
            let degraded = if answers { Vec::new() } else { vec!["database".to_owned()] };
            Report { draining: self.shutdown.is_cancelled(), degraded }
        }
        .boxed()
    }
}

/// What stored objects are, by the database.
pub(super) struct DatabaseContentTypes(pub(super) Gallery);

impl ContentTypes for DatabaseContentTypes {
    fn content_type<'a>(&'a self, key: &'a ObjectKey) -> BoxFuture<'a, Result<Option<String>, Error>> {
        self.0.content_type(key.as_str()).boxed()
    }
}

/// Writes the metrics page.
pub(super) fn metrics() -> Option<Arc<dyn Fn() -> String + Send + Sync>> {
    // The recorder is the process's own; a second server in the same process, as in tests, shares it.
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let handle = HANDLE.get_or_init(|| PrometheusBuilder::new().install_recorder().ok()).clone()?;
    Some(Arc::new(move || handle.render()))
}
