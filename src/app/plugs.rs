//! Implementations of traits that one part owns and another part fills.

use std::{collections::HashSet, sync::Arc};

use futures_util::future::{BoxFuture, FutureExt};
use sea_orm::ConnectionTrait;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Look;
use crate::{
    ai::{Ai, maker::Makers},
    auth::{AccessWatch, Activity, Auth, model::CloseReason},
    automation::{Prices, WorkFuture, model::Stage},
    clock::Clock,
    content::{ArticleMaker, ContentImageMaker, Contents, ImagePromptMaker, OptimizeMaker},
    db::Db,
    error::Error,
    http::{Authenticator, ContentTypes, Readiness, Report, SessionEnd, StoredAs},
    idea::IdeaMaker,
    ids::Ids,
    image::Gallery,
    keyword::ClusterMaker,
    storage::{ObjectKey, StillNeeded, Storage},
    viewer::{SignedIn, Viewer},
};

/// Identity, as the transports ask for it.
pub(super) struct SessionAuthenticator {
    pub(super) auth: Auth,
    pub(super) watch: AccessWatch,
    /// Where it is noted who came.
    pub(super) seen: Activity,
    pub(super) clock: Arc<dyn Clock>,
}

impl Authenticator for SessionAuthenticator {
    fn authenticate<'a>(&'a self, token: Option<&'a str>) -> BoxFuture<'a, Result<Viewer, Error>> {
        async move {
            let viewer = self.auth.authenticate(token).await?;
            if let Some(who) = viewer.user() {
                self.seen.note(who.user_id, self.clock.now());
            }
            Ok(viewer)
        }
        .boxed()
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

/// Ready while the process is not ending; degraded while the database or an object store does not answer.
pub(super) struct PartsReadiness {
    pub(super) db: Db,
    pub(super) storage: Storage,
    pub(super) shutdown: CancellationToken,
}

impl Readiness for PartsReadiness {
    fn report(&self) -> BoxFuture<'_, Report> {
        async move {
            let patience = std::time::Duration::from_millis(900);
            let probe = self.db.reader().query_one_raw(self.db.statement("SELECT 1 AS one", []));
            let (probed, stores) = tokio::join!(tokio::time::timeout(patience, probe), self.storage.degraded());
            let database = (!matches!(probed, Ok(Ok(Some(_))))).then(|| "database".to_owned());
            let degraded = database.into_iter().chain(stores).collect();
            Report { draining: self.shutdown.is_cancelled(), degraded }
        }
        .boxed()
    }
}

/// What stored objects are, by the database.
pub(super) struct DatabaseContentTypes(pub(super) Gallery);

impl ContentTypes for DatabaseContentTypes {
    fn stored_as<'a>(&'a self, key: &'a ObjectKey) -> BoxFuture<'a, Result<Option<StoredAs>, Error>> {
        async move {
            let found = self.0.stored_as(key.as_str()).await?;
            Ok(found.map(|(content_type, store)| StoredAs { content_type, store }))
        }
        .boxed()
    }
}

/// Objects of work that has not ended, and of accounts of other databases.
pub(super) struct WorkInHand {
    pub(super) ai: Ai,
    pub(super) auth: Auth,
}

impl StillNeeded for WorkInHand {
    fn still_needed<'a>(&'a self, objects: &'a [(Uuid, Uuid)]) -> BoxFuture<'a, Result<HashSet<Uuid>, Error>> {
        async move {
            let accounts: HashSet<Uuid> = objects.iter().map(|(account, _)| *account).collect();
            let accounts: Vec<Uuid> = accounts.into_iter().collect();
            let ours: HashSet<Uuid> = self.auth.existing_accounts(&accounts).await?.into_iter().collect();
            let images: Vec<Uuid> = objects.iter().map(|(_, image)| *image).collect();
            let mut needed: HashSet<Uuid> = self.ai.unfinished_attempts(&images).await?.into_iter().collect();
            needed.extend(objects.iter().filter(|(account, _)| !ours.contains(account)).map(|(_, image)| *image));
            Ok(needed)
        }
        .boxed()
    }
}

/// Who makes the things of the pipeline.
pub(super) fn makers(db: &Db, ids: &Arc<dyn Ids>, contents: &Contents) -> Makers {
    Makers::new(vec![
        Arc::new(ClusterMaker::new(db.clone(), ids.clone())),
        Arc::new(IdeaMaker::new(db.clone(), ids.clone())),
        Arc::new(ArticleMaker::new(db.clone(), ids.clone())),
        Arc::new(ImagePromptMaker::new(db.clone(), ids.clone())),
        Arc::new(ContentImageMaker::new(db.clone(), ids.clone(), contents.clone())),
        Arc::new(OptimizeMaker::new(db.clone(), ids.clone())),
    ])
}

/// What the stages of a run would hold, by the models as they are now.
pub(super) struct ModelPrices(pub(super) Ai);

impl Prices for ModelPrices {
    fn hold_of(&self, _: Uuid, stage: Stage) -> WorkFuture<'_, Option<i64>> {
        async move {
            match stage.function() {
                Some(function) => self.0.typical_hold(function).await,
                None => Ok(Some(0)),
            }
        }
        .boxed()
    }
}

/// Whether all AI output comes from the sandbox.
pub(super) fn sandbox_mark(ai: Ai) -> Look<bool> {
    Arc::new(move || {
        let ai = ai.clone();
        async move { ai.is_sandbox_only().await }.boxed()
    })
}
