//! Where a slice runs in process: a database of its own, and the ledgers on it.

use std::{sync::Arc, time::Duration};

use inkledger::{
    bus::{Bus, local::LocalBus},
    clock::{Clock, FixedClock},
    db::{Db, Engine},
    ids::SeededIds,
    ledger::{Ledger, LedgerOptions, verify::verify},
};
use tokio::sync::Mutex;

use crate::{
    slice::Violation,
    support::{database::TestDb, server::number},
};

/// The data of the slice that runs, until it has ended well: called, it is left where it is and says where.
type Kept = Option<Box<dyn FnOnce() -> String + Send>>;

static KEPT: Mutex<Kept> = Mutex::const_new(None);

/// A database of its own and the ledgers on it: on PostgreSQL two, each with its own pool, as two processes have.
pub struct Place {
    pub db: Db,
    pub clock: Arc<FixedClock>,
    pub ledgers: Vec<Ledger>,
    pub second: Option<Db>,
    pub url: Option<String>,
}

impl Place {
    pub async fn open(engine: Engine) -> Self {
        Self::open_with(engine, LedgerOptions::default()).await
    }

    pub async fn open_with(engine: Engine, options: LedgerOptions) -> Self {
        let test = TestDb::open(engine).await;
        let (db, clock, url) = (test.db.clone(), Arc::clone(&test.clock), test.url());
        let mut ledgers = vec![open_ledger(&db, &clock, 2, options).await];
        let mut second = None;
        if engine == Engine::Postgres {
            let db = test.second().await;
            ledgers.push(open_ledger(&db, &clock, 3, options).await);
            second = Some(db);
        }
        guard(move || test.keep()).await;
        Self { db, clock, ledgers, second, url }
    }

    pub fn now(&self) -> i64 {
        Clock::now(self.clock.as_ref())
    }

    /// Fails unless every rule of the ledger holds, its chains included.
    pub async fn verify(&self) -> Result<(), Violation> {
        verify_all(&self.db, self.clock.as_ref()).await
    }

    /// The single number that `sql` answers.
    pub async fn number(&self, sql: &str) -> i64 {
        number(&self.db, sql).await
    }

    /// Fails when a transaction was left open by somebody who does nothing, or two waited for each other.
    pub async fn check_sessions(&self) -> Result<(), Violation> {
        if self.db.engine() == Engine::Sqlite {
            return Ok(());
        }
        let idle = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND \
                    state LIKE 'idle in transaction%'";
        // What is open for good stays open: a moment's one is seen gone.
        let mut tries = 0;
        while self.number(idle).await > 0 {
            tries += 1;
            if tries > 100 {
                return Err("a connection stays idle in a transaction".to_owned().into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        match self.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").await {
            0 => Ok(()),
            count => Err(format!("{count} deadlocks").into()),
        }
    }

    /// Ends it in order; the database goes.
    pub async fn close(self) {
        for ledger in &self.ledgers {
            ledger.close().await;
        }
        if let Some(second) = &self.second {
            second.close().await;
        }
        self.db.close().await;
        forget().await;
    }
}

/// Names what is to be kept should the slice go wrong.
pub async fn guard(keep: impl FnOnce() -> String + Send + 'static) {
    *KEPT.lock().await = Some(Box::new(keep));
}

/// The slice ended well: its data goes.
pub async fn forget() {
    drop(KEPT.lock().await.take());
}

/// Where the data of a slice that went wrong is.
pub async fn keep() -> Option<String> {
    KEPT.lock().await.take().map(|keep| keep())
}

pub async fn open_ledger(db: &Db, clock: &Arc<FixedClock>, seed: u64, options: LedgerOptions) -> Ledger {
    let bus: Arc<dyn Bus> = Arc::new(LocalBus::new(format!("process-{seed}")));
    let clock: Arc<FixedClock> = Arc::clone(clock);
    Ledger::open(db.clone(), clock, Arc::new(SeededIds::new(seed)), bus, options).await.unwrap()
}

pub async fn verify_all(db: &Db, clock: &dyn Clock) -> Result<(), Violation> {
    let report = verify(db, clock, None).await.map_err(|error| format!("it could not be verified: {error:?}"))?;
    if report.rules == 18 && report.clean() {
        Ok(())
    } else {
        Err(format!("{} rules, {:?}", report.rules, report.violations).into())
    }
}
