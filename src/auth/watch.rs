//! Tells live connections when they must close: their session ended, or what their person may do has changed. Hints from
//! the bus make it quick; a look at all watched sessions together, every two seconds, makes it sure. The token's own end
//! is the transport's to watch.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::{broadcast::error::RecvError, oneshot},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    model::CloseReason,
    service::ACCESS_TOPIC,
    store::session::{Standing, load_standings},
};
use crate::{
    bus::{Bus, Hint},
    db::Db,
    viewer::SignedIn,
};

/// How often all watched sessions are looked at without a hint.
const PERIOD: Duration = Duration::from_secs(2);
/// Sessions in one statement.
const BATCH: usize = 500;

/// One connection.
struct Watched {
    who: SignedIn,
    close: oneshot::Sender<CloseReason>,
}

#[derive(Default)]
struct Table {
    next: u64,
    watched: HashMap<u64, Watched>,
}

struct Inner {
    db: Db,
    bus: Arc<dyn Bus>,
    table: Mutex<Table>,
}

/// Watches the sessions behind live connections. Cloning is cheap. Its memory is one small entry per connection, and
/// how many of those there are is the transport's limit.
#[derive(Clone)]
pub struct AccessWatch(Arc<Inner>);

/// Takes the entry away when the connection is gone.
struct Entry {
    inner: Weak<Inner>,
    id: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.upgrade() {
            inner.table.lock().unwrap_or_else(PoisonError::into_inner).watched.remove(&self.id);
        }
    }
}

impl AccessWatch {
    /// Nothing is told until [`Self::run`] runs.
    pub fn new(db: Db, bus: Arc<dyn Bus>) -> Self {
        Self(Arc::new(Inner { db, bus, table: Mutex::default() }))
    }

    /// Resolves when a connection of `who` must close, within five seconds of the change, counted from
    /// `who.access_version`; never otherwise. Watching begins with the call and ends when the future is dropped.
    pub fn watch(&self, who: SignedIn) -> impl Future<Output = CloseReason> + Send + use<> {
        let (close, closed) = oneshot::channel();
        let entry = {
            let mut table = self.0.table.lock().unwrap_or_else(PoisonError::into_inner);
            let id = table.next;
            table.next += 1;
            table.watched.insert(id, Watched { who, close });
            Entry { inner: Arc::downgrade(&self.0), id }
        };
        async move {
            let reason = closed.await;
            drop(entry);
            match reason {
                Ok(reason) => reason,
                // The watch itself is gone; the process is ending and closes its connections by other means.
                Err(_) => std::future::pending().await,
            }
        }
    }

    /// How many connections are watched.
    pub fn len(&self) -> usize {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner).watched.len()
    }

    /// Whether none is watched.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Looks and tells until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut hints = self.0.bus.subscribe();
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                hint = hints.recv() => match hint {
                    Ok(hint) => self.look_after(&hint).await,
                    Err(RecvError::Lagged(_)) => self.look(None).await,
                    // The bus is gone; the period goes on.
                    Err(RecvError::Closed) => { period.tick().await; self.look(None).await; }
                },
                _ = period.tick() => self.look(None).await,
            }
        }
    }

    async fn look_after(&self, hint: &Hint) {
        if hint.topic == ACCESS_TOPIC
            && let Ok(user) = Uuid::parse_str(&hint.key)
        {
            self.look(Some(user)).await;
        }
    }

    /// The sessions watched, of `user` alone or of all.
    fn sessions(&self, user: Option<Uuid>) -> Vec<Uuid> {
        let table = self.0.table.lock().unwrap_or_else(PoisonError::into_inner);
        let of_interest = table.watched.values().filter(|one| user.is_none_or(|user| one.who.user_id == user));
        let sessions: HashSet<Uuid> = of_interest.map(|one| one.who.session_id).collect();
        sessions.into_iter().collect()
    }

    /// Reads how the sessions stand and tells those that must close. What cannot be read is looked at next time.
    async fn look(&self, user: Option<Uuid>) {
        for batch in self.sessions(user).chunks(BATCH) {
            match load_standings(self.0.db.reader(), batch).await {
                Ok(living) => self.tell(batch, &living),
                Err(error) => tracing::warn!(error = %error, "looking at watched sessions failed"),
            }
        }
    }

    fn tell(&self, looked_at: &[Uuid], living: &HashMap<Uuid, Standing>) {
        let looked_at: HashSet<&Uuid> = looked_at.iter().collect();
        let mut table = self.0.table.lock().unwrap_or_else(PoisonError::into_inner);
        let ends: Vec<(u64, CloseReason)> = table
            .watched
            .iter()
            .filter(|(_, one)| looked_at.contains(&one.who.session_id))
            .filter_map(|(id, one)| match living.get(&one.who.session_id) {
                None => Some((*id, CloseReason::SessionEnded)),
                Some(standing) if standing.access_version != one.who.access_version => {
                    Some((*id, CloseReason::RightsChanged))
                }
                Some(_) => None,
            })
            .collect();
        for (id, reason) in ends {
            if let Some(one) = table.watched.remove(&id) {
                // A connection that is gone needs no telling.
                let _ = one.close.send(reason);
            }
        }
    }
}
