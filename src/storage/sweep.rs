//! What removes bytes: of objects that were deleted, and of objects that no row ever named.
//!
//! Deletion is durable: whoever deletes rows marks their objects in the same transaction, and the bytes go when their
//! store lets them. An object without a row is only removed when it is a day old, its account is one of this database,
//! and the work it may belong to has ended; so a store shared with another installation loses nothing.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{TryStreamExt as _, future::BoxFuture};
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{ObjectKey, Place, Storage, StoreName, chain, store, upload::Uploads};
use crate::{
    clock::{Clock, Micros, SECOND},
    db::Db,
    error::{Error, Failure, Internal, Never},
    jobs::{HandlerFuture, Sweep},
};

/// How old an object without a row must be.
const ORPHAN_AGE: Micros = 86_400 * SECOND;
/// Rows and objects handled at a time.
const BATCH: usize = 200;
/// How long a store that failed is left alone.
const PAUSE: Duration = Duration::from_secs(60);
/// How long after the start the stores are first read through, and how long between two times.
const FIRST_SCAN: Duration = Duration::from_secs(300);
const SCAN_EVERY: Duration = Duration::from_secs(6 * 3_600);

/// Says which objects without a row must stay; whoever owns accounts and work answers.
pub trait StillNeeded: Send + Sync + 'static {
    /// Those of `objects`, pairs of account and image of which each occurs once, that must stay: their work has not
    /// ended, or their account is not of this database.
    fn still_needed<'a>(&'a self, objects: &'a [(Uuid, Uuid)]) -> BoxFuture<'a, Result<HashSet<Uuid>, Error>>;
}

/// What one reading of a store came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scan {
    /// Objects seen.
    pub seen: u64,
    /// Objects removed.
    pub removed: u64,
}

/// What the sweep works with.
#[derive(Clone)]
pub struct SweepParts {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The stores.
    pub storage: Storage,
    /// Files on their way in.
    pub uploads: Uploads,
    /// Which objects must stay.
    pub needed: Arc<dyn StillNeeded>,
    /// Ends work under way.
    pub stop: CancellationToken,
}

struct State {
    failed: HashMap<StoreName, Instant>,
    scan_at: Instant,
}

/// Removes bytes. Cloning is cheap.
#[derive(Clone)]
pub struct ObjectSweep {
    parts: SweepParts,
    // Held while it works: one at a time, however long a store takes.
    state: Arc<Mutex<State>>,
}

impl Sweep for ObjectSweep {
    fn name(&self) -> &'static str {
        "stored_object"
    }

    // A store may be slow, and other sweeps wait for this answer: so the work goes on beside them.
    fn sweep(&self) -> HandlerFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            self.parts.uploads.remove_old().await?;
            let Ok(mut state) = Arc::clone(&self.state).try_lock_owned() else { return Ok(()) };
            let sweep = self.clone();
            tokio::spawn(async move {
                let work = async {
                    let outcome = sweep.work(&mut state).await;
                    if let Err(error) = outcome {
                        tracing::warn!(error = ?error, "removing stored objects failed");
                    }
                };
                tokio::select! {
                    () = work => {}
                    () = sweep.parts.stop.cancelled() => {}
                }
            });
            Ok(())
        })
    }
}

impl ObjectSweep {
    /// Puts the parts together.
    pub fn new(parts: SweepParts) -> Self {
        let state = State { failed: HashMap::new(), scan_at: Instant::now() + FIRST_SCAN };
        Self { parts, state: Arc::new(Mutex::new(state)) }
    }

    async fn work(&self, state: &mut State) -> Result<(), Error> {
        state.failed.retain(|_, at| at.elapsed() < PAUSE);
        let places: Vec<Place> =
            self.parts.storage.places().filter(|place| !state.failed.contains_key(&place.name())).cloned().collect();
        for name in self.purge_from(&places).await? {
            state.failed.insert(name, Instant::now());
        }
        if Instant::now() >= state.scan_at {
            state.scan_at = Instant::now() + SCAN_EVERY;
            for place in places {
                self.scan(&place).await?;
            }
        }
        Ok(())
    }

    /// Removes the bytes of objects that were deleted, from every store that works. Repeating it is safe.
    pub async fn purge(&self) -> Result<(), Error> {
        let places: Vec<Place> = self.parts.storage.places().cloned().collect();
        self.purge_from(&places).await.map(|_| ())
    }

    /// Answers the stores that failed.
    async fn purge_from(&self, places: &[Place]) -> Result<Vec<StoreName>, Error> {
        let mut failed = Vec::new();
        loop {
            let working: Vec<&Place> = places.iter().filter(|place| !failed.contains(&place.name())).collect();
            let names: Vec<&str> = working.iter().map(|place| place.name().as_str()).collect();
            let rows = store::list_purges(self.parts.db.reader(), &names, BATCH as u64).await?;
            if rows.is_empty() {
                return Ok(failed);
            }
            let mut gone = Vec::with_capacity(rows.len());
            for row in rows {
                let Some(place) = working.iter().find(|place| place.name().as_str() == row.store) else { continue };
                if failed.contains(&place.name()) {
                    continue;
                }
                match remove(place, &row.object_key).await {
                    Ok(()) => gone.push(row.object_key),
                    Err(()) => failed.push(place.name()),
                }
            }
            self.forget(gone).await?;
        }
    }

    async fn forget(&self, keys: Vec<String>) -> Result<(), Error> {
        let forgotten = self.parts.db.write(keys, |tx, keys| {
            Box::pin(async move { Ok::<_, Failure<Never>>(store::delete_purges(tx, keys).await?) })
        });
        Ok(forgotten.await?)
    }

    /// Reads `place` through, page by page, and removes what no row names. Repeating it is safe.
    pub async fn scan(&self, place: &Place) -> Result<Scan, Error> {
        let before = self.parts.clock.now() - ORPHAN_AGE;
        let staged = place.remove_staged(before).await;
        let staged = staged.map_err(|error| Internal::new("removing what cut writes left", error))?;
        let mut scan = Scan { seen: 0, removed: staged };
        let mut listed = place.list_images();
        let mut old: Vec<ObjectKey> = Vec::with_capacity(BATCH);
        loop {
            let next = listed.try_next().await.map_err(|error| Internal::new("listing stored objects", error))?;
            let is_last = next.is_none();
            if let Some(object) = next {
                scan.seen += 1;
                let is_old = object.written_at <= before;
                old.extend(object.key.filter(|_| is_old));
            }
            if old.len() >= BATCH || is_last {
                scan.removed += self.remove_orphans(place, &std::mem::take(&mut old)).await?;
            }
            if is_last {
                break;
            }
        }
        if scan.removed > 0 {
            let Scan { seen, removed } = scan;
            tracing::info!(store = place.name().as_str(), seen, removed, "objects that no row names were removed");
        }
        Ok(scan)
    }

    async fn remove_orphans(&self, place: &Place, keys: &[ObjectKey]) -> Result<u64, Error> {
        let texts: Vec<&str> = keys.iter().map(ObjectKey::as_str).collect();
        let known = store::load_known(self.parts.db.reader(), place.name().as_str(), &texts).await?;
        let orphans: Vec<&ObjectKey> = keys.iter().filter(|key| !known.contains(key.as_str())).collect();
        if orphans.is_empty() {
            return Ok(0);
        }
        let images: HashMap<Uuid, Uuid> = orphans.iter().map(|key| (key.image_id(), key.account_id())).collect();
        let pairs: Vec<(Uuid, Uuid)> = images.into_iter().map(|(image, account)| (account, image)).collect();
        let needed = self.parts.needed.still_needed(&pairs).await?;
        let mut removed = 0;
        for key in orphans {
            if !needed.contains(&key.image_id()) {
                place.delete(key).await.map_err(|error| Internal::new("removing a stored object", error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// `Err`: the store failed, which is logged.
async fn remove(place: &Place, key: &str) -> Result<(), ()> {
    let Ok(key) = key.parse::<ObjectKey>() else {
        // No object can lie under it, so there is nothing to remove and the row may go.
        tracing::error!(store = place.name().as_str(), "an object to be removed has no key of ours");
        return Ok(());
    };
    place.delete(&key).await.map_err(|error| {
        tracing::warn!(store = place.name().as_str(), error = %chain(&error), "an object store does not delete");
    })
}
