//! The figures of the metrics page that are looked at when it is read. Those of the database are asked for again after two seconds at the
//! earliest, so that whoever reads the page again and again does not become a load.

use std::{sync::Arc, time::Duration};

use futures_util::future::FutureExt as _;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::{
    clock::Clock,
    config::Role,
    db::Db,
    error::Error,
    http::WriteMetrics,
    jobs::Lane,
    ledger::{Health, Ledger},
    metric::{self, Page, store::Queued},
};

/// How long figures of the database are good for.
const FRESH: Duration = Duration::from_secs(2);

/// How long the database may take; Prometheus itself waits ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// What only the database knows.
#[derive(Clone)]
struct Stored {
    health: Health,
    queued: Vec<Queued>,
    transactions: i64,
}

/// What the page is made of.
pub(super) struct ScrapeParts {
    pub(super) db: Db,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ledger: Ledger,
    pub(super) role: Role,
}

struct Scrape {
    parts: ScrapeParts,
    handle: Option<PrometheusHandle>,
    started: Instant,
    started_at: i64,
    stored: Mutex<Option<(Instant, Option<Stored>)>>,
}

/// Begins to count, and answers what writes the page.
pub(super) fn metrics(parts: ScrapeParts) -> WriteMetrics {
    let started_at = parts.clock.now();
    let scrape =
        Scrape { handle: metric::recorder(), started: Instant::now(), started_at, stored: Mutex::new(None), parts };
    let scrape = Arc::new(scrape);
    Arc::new(move || {
        let scrape = Arc::clone(&scrape);
        async move { scrape.page().await }.boxed()
    })
}

/// Microseconds in seconds.
fn seconds(micros: i64) -> f64 {
    // Exact up to the year 2255.
    let micros = micros as f64;
    micros / 1e6
}

impl Scrape {
    async fn page(&self) -> String {
        let mut page = Page::default();
        metric::process::look(&mut page);
        page.put("inkledger_uptime_seconds", &[], self.started.elapsed().as_secs_f64());
        page.put("process_start_time_seconds", &[], seconds(self.started_at));
        let engine = self.parts.db.engine().as_str();
        page.count("inkledger_build_info", &[env!("CARGO_PKG_VERSION"), self.parts.role.as_str(), engine], 1);
        for pool in metric::store::pools(&self.parts.db) {
            for (state, connections) in [("used", pool.used), ("idle", pool.idle)] {
                page.count("inkledger_database_connections", &[pool.name, state], i64::from(connections));
            }
            page.count("inkledger_database_connections_max", &[pool.name], i64::from(pool.most));
        }
        self.put_lanes(&mut page);
        let stored = self.stored().await;
        page.count("inkledger_database_up", &[], i64::from(stored.is_some()));
        if let Some(stored) = &stored {
            self.put_stored(&mut page, stored);
        }
        page.write(&self.handle.as_ref().map(PrometheusHandle::render).unwrap_or_default())
    }

    /// As it was within the last two seconds; `None` while the database does not answer.
    async fn stored(&self) -> Option<Stored> {
        let mut known = self.stored.lock().await;
        if let Some((at, stored)) = known.as_ref()
            && at.elapsed() < FRESH
        {
            return stored.clone();
        }
        let stored = match timeout(PATIENCE, self.look()).await {
            Ok(Ok(stored)) => Some(stored),
            Ok(Err(error)) => {
                tracing::warn!(error = ?error, "the figures of the metrics page could not be read");
                None
            }
            Err(_) => None,
        };
        *known = Some((Instant::now(), stored.clone()));
        stored
    }

    async fn look(&self) -> Result<Stored, Error> {
        let reader = self.parts.db.reader();
        Ok(Stored {
            health: self.parts.ledger.health().await?,
            queued: metric::store::count_jobs(reader, self.parts.clock.now()).await?,
            transactions: metric::store::count_transactions(reader).await?,
        })
    }

    fn put_lanes(&self, page: &mut Page) {
        for (number, lane) in self.parts.ledger.lanes().iter().enumerate() {
            let name = number.to_string();
            let name = name.as_str();
            let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            page.count("inkledger_ledger_queued_commands", &[name], i64::try_from(lane.queued).unwrap_or(i64::MAX));
            let wait = lane.oldest_wait.unwrap_or_default();
            page.put("inkledger_ledger_oldest_wait_seconds", &[name], wait.as_secs_f64());
            for (metric, counter) in [
                ("inkledger_ledger_busy_total", lane.busy),
                ("inkledger_ledger_fallbacks_total", lane.fallbacks),
                ("inkledger_ledger_unknown_commits_total", lane.unknown_commits),
            ] {
                page.count(metric, &[name], whole(counter));
            }
            if let Some((half, most)) = lane.batch_size {
                page.count("inkledger_ledger_batch_commands", &[name, "0.5"], whole(half));
                page.count("inkledger_ledger_batch_commands", &[name, "0.99"], whole(most));
            }
            if let Some((half, most)) = lane.commit_time {
                page.put("inkledger_ledger_commit_seconds", &[name, "0.5"], half.as_secs_f64());
                page.put("inkledger_ledger_commit_seconds", &[name, "0.99"], most.as_secs_f64());
            }
        }
    }

    fn put_stored(&self, page: &mut Page, stored: &Stored) {
        let (health, now) = (&stored.health, self.parts.clock.now());
        page.count("inkledger_ledger_transactions_total", &[], stored.transactions);
        page.count("inkledger_ledger_frozen_accounts", &[], health.frozen_count);
        page.count("inkledger_ledger_gap_fills_total", &[], i64::try_from(health.gap_fills).unwrap_or(i64::MAX));
        page.count("inkledger_ledger_overdue", &["grants"], health.overdue_grants);
        page.count("inkledger_ledger_overdue", &["holds"], health.overdue_holds);
        page.count("inkledger_ledger_shortfall_credits", &[], health.shortfall);
        if let Some((_, at)) = health.last_anchor {
            page.put("inkledger_ledger_last_anchor_timestamp_seconds", &[], seconds(at));
        }
        if let Some(check) = &health.last_check {
            page.put("inkledger_ledger_last_check_timestamp_seconds", &[], seconds(check.finished_at));
            page.count("inkledger_ledger_last_check_violations", &[], check.violations);
        }
        for lane in Lane::ALL {
            let found = stored.queued.iter().find(|queued| queued.lane == lane.as_str()).cloned().unwrap_or_default();
            for (state, jobs) in [("due", found.due), ("later", found.later), ("running", found.running)] {
                page.count("inkledger_jobs_queued", &[lane.as_str(), state], jobs);
            }
            let waited = found.oldest.map_or(0, |oldest| now.saturating_sub(oldest).max(0));
            page.put("inkledger_jobs_oldest_due_seconds", &[lane.as_str()], seconds(waited));
        }
    }
}
