//! A server whose workers can be stopped dead between any two of their steps, and others that take over.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use inkledger::{
    ai::{self, run::RunAiTask, sweep::AiSweep},
    automation::{self, run::RunAutomation, sweep::AutomationSweep},
    config::Role,
    db::Engine,
    jobs::{self, Handler, Sweep, Workers},
};
use tokio::sync::Semaphore;

use super::twin::{PATIENCE, price_models};
use crate::support::{
    builders::Person,
    server::{Home, Server},
};

/// A point of either kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// Of an item of AI work.
    Ai(ai::points::Point),
    /// Of a turn of a run.
    Run(automation::points::Point),
}

impl Place {
    /// Every point that there is.
    pub fn all() -> Vec<Self> {
        let runs = automation::points::Point::ALL.into_iter().map(Self::Run);
        ai::points::Point::OF_STAGES.into_iter().map(Self::Ai).chain(runs).collect()
    }
}

#[derive(Default)]
struct Passed {
    counts: HashMap<Place, usize>,
    armed: Option<(Place, usize)>,
    is_down: bool,
}

/// Stops work at a chosen passage of a chosen point. From then on everything that passes any point stops with it, as it
/// would with its process, until the next process begins.
pub struct Killer {
    passed: Mutex<Passed>,
    stopped: Semaphore,
}

impl Killer {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { passed: Mutex::default(), stopped: Semaphore::new(0) })
    }

    /// Begins to count anew; the `number`th passage of `place` will be the last.
    pub fn arm(&self, place: Place, number: usize) {
        *self.passed.lock().unwrap() = Passed { armed: Some((place, number)), ..Passed::default() };
    }

    /// Begins to count anew, and stops nothing.
    pub fn watch(&self) {
        *self.passed.lock().unwrap() = Passed::default();
    }

    /// How often each point was passed since counting began.
    pub fn counts(&self) -> HashMap<Place, usize> {
        self.passed.lock().unwrap().counts.clone()
    }

    /// Returns once work stands still.
    pub async fn stopped(&self) {
        let reached = tokio::time::timeout(PATIENCE, self.stopped.acquire()).await;
        let armed = self.passed.lock().unwrap().armed;
        reached.unwrap_or_else(|_| panic!("{armed:?} was not reached")).unwrap().forget();
    }

    fn is_over(&self, place: Place) -> bool {
        let mut passed = self.passed.lock().unwrap();
        if passed.is_down {
            return true;
        }
        let count = passed.counts.get(&place).copied().unwrap_or(0) + 1;
        passed.counts.insert(place, count);
        let is_hit = passed.armed == Some((place, count));
        if is_hit {
            passed.is_down = true;
            self.stopped.add_permits(1);
        }
        is_hit
    }

    async fn pass(&self, place: Place) {
        if self.is_over(place) {
            std::future::pending::<()>().await;
        }
    }
}

impl ai::points::FailPoints for Killer {
    fn reach(&self, point: ai::points::Point) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.pass(Place::Ai(point)))
    }
}

impl automation::points::FailPoints for Killer {
    fn reach(&self, point: automation::points::Point) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.pass(Place::Run(point)))
    }
}

/// The doors of a server, and workers that come and go. Its models have prices.
pub struct Mortal {
    pub server: Server,
    pub killer: Arc<Killer>,
    pub hero: Person,
    engine: Engine,
}

impl Mortal {
    pub async fn open(engine: Engine) -> Self {
        let killer = Killer::new();
        let home = Home::open(engine).await;
        let server = home.start_with(|config, seams| {
            // Its own workers would not die with those of the test.
            config.role = Role::Api;
            seams.ai_points = killer.clone();
            seams.automation_points = killer.clone();
        });
        let server = server.await;
        let hero = server.hero().await;
        price_models(&server, &hero, "sandbox").await;
        Self { server, killer, hero, engine }
    }

    /// The workers of a new process.
    pub async fn workers(&self) -> Workers {
        let (ai, automation) = (self.server.ai.clone(), self.server.automation.clone());
        let handlers: Vec<Arc<dyn Handler>> =
            vec![Arc::new(RunAiTask(ai.clone())), Arc::new(RunAutomation(automation.clone()))];
        let sweeps: Vec<Arc<dyn Sweep>> = vec![Arc::new(AiSweep(ai)), Arc::new(AutomationSweep(automation))];
        Workers::start(self.server.jobs.clone(), jobs::Role::All, handlers, sweeps).await.unwrap()
    }

    /// Waits until the workers stand still, ends them as a crash would, and answers those that take over.
    pub async fn die(&self, workers: Workers) -> Workers {
        self.killer.stopped().await;
        workers.abort().await;
        self.killer.watch();
        self.release_leases().await;
        self.workers().await
    }

    /// The time of a dead process's leases goes by; on PostgreSQL that clock is the database's own.
    pub async fn release_leases(&self) {
        if self.engine == Engine::Postgres {
            self.server.execute("UPDATE job SET lease_until = 0 WHERE lease_until IS NOT NULL").await;
        }
    }
}
