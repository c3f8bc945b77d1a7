//! Configs, runs and commands to them. The member's right was checked; the row is decided here.

mod command;
mod config;
mod estimate;
mod schedule;
mod start;

use std::{collections::HashMap, sync::Arc};

use uuid::Uuid;

use super::{
    Prices, StageWork,
    model::{AutomationConfig, AutomationRun, RunState, StageProgress},
    points::{FailPoints, NoFailPoints},
    run::JOB_KIND,
    store,
};
use crate::{
    audit::{Actor, Trace},
    auth::MemberRight,
    bus::Bus,
    clock::{Clock, Micros},
    db::Db,
    error::Error,
    ids::Ids,
    jobs::{Jobs, Lane, NewJob, event},
    ledger::{Ledger, model::IdemKey},
    page::{Page, PageArgs},
};

pub use command::Asked;
pub use config::ConfigView;
pub use estimate::NoModel;
pub use start::{ForkAutomationRun, StartAutomationRun};

/// How many failed turns end a run's job.
const JOB_ATTEMPTS_MAX: i32 = 6;

/// How often a command that met another one with its key looks again.
const TRIES: u32 = 5;

/// What automation is made of.
#[derive(Clone)]
pub struct AutomationParts {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New identifiers.
    pub ids: Arc<dyn Ids>,
    /// Hints to readers.
    pub bus: Arc<dyn Bus>,
    /// Credits.
    pub ledger: Ledger,
    /// Durable work.
    pub jobs: Jobs,
    /// What stages do.
    pub work: Arc<dyn StageWork>,
    /// What stages would hold.
    pub prices: Arc<dyn Prices>,
}

/// Runs of the pipeline. Cloning is cheap.
#[derive(Clone)]
pub struct Automation {
    pub(in crate::automation) parts: Arc<AutomationParts>,
    pub(in crate::automation) points: Arc<dyn FailPoints>,
}

/// Who commands, and the key that makes it happen once.
#[derive(Debug, Clone)]
pub(in crate::automation) struct Order {
    account: Uuid,
    actor: Actor,
    key: Option<IdemKey>,
    hash: Vec<u8>,
    request_id: Option<String>,
}

impl Automation {
    /// Puts the parts together.
    pub fn new(parts: AutomationParts) -> Self {
        Self { parts: Arc::new(parts), points: Arc::new(NoFailPoints) }
    }

    /// The same, with someone who looks on; for tests.
    #[must_use]
    pub fn with_fail_points(mut self, points: Arc<dyn FailPoints>) -> Self {
        self.points = points;
        self
    }

    /// The restore epoch, part of every cursor.
    pub fn epoch(&self) -> i64 {
        self.parts.ledger.epoch()
    }

    /// Runs by id; the caller compares the account.
    pub async fn load_runs(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, AutomationRun>, Error> {
        Ok(store::run::load_runs(self.parts.db.reader(), ids).await?)
    }

    /// The stages of runs that the caller holds, in order.
    pub async fn load_stages(&self, runs: &[Uuid]) -> Result<HashMap<Uuid, Vec<StageProgress>>, Error> {
        Ok(store::stage::load_stages(self.parts.db.reader(), runs).await?)
    }

    /// A site's runs, newest first. The caller has authorised by holding the site.
    pub async fn list_runs(
        &self,
        site: Uuid,
        state: Option<RunState>,
        args: &PageArgs<Uuid>,
    ) -> Result<Page<AutomationRun>, Error> {
        Ok(store::run::list_runs(self.parts.db.reader(), site, state, args).await?)
    }

    /// Sites' configs as they were saved; the caller holds the sites.
    pub async fn load_configs(&self, sites: &[Uuid]) -> Result<HashMap<Uuid, AutomationConfig>, Error> {
        Ok(store::config::load_configs(self.parts.db.reader(), sites).await?)
    }

    /// When sites' next runs start by themselves; the caller holds the sites.
    pub async fn load_next(&self, sites: &[Uuid]) -> Result<HashMap<Uuid, Micros>, Error> {
        Ok(store::schedule::load_next(self.parts.db.reader(), sites).await?)
    }

    /// Sites' newest runs; the caller holds the sites.
    pub async fn load_last_runs(&self, sites: &[Uuid]) -> Result<HashMap<Uuid, AutomationRun>, Error> {
        Ok(store::run::load_last_runs(self.parts.db.reader(), sites).await?)
    }

    /// What an account may spend now.
    pub async fn available(&self, account: Uuid) -> Result<i64, Error> {
        let found = self.parts.ledger.account(account).await?;
        Ok(found.map_or(0, |account| account.balance.available))
    }

    /// Tells readers that a run has a new event.
    pub(in crate::automation) fn hint(&self, run: Uuid) {
        event::hint(self.parts.bus.as_ref(), run);
    }

    /// The job that carries a run out.
    pub(in crate::automation) fn job(&self, run: Uuid, account: Uuid, now: Micros) -> NewJob {
        NewJob {
            id: self.parts.ids.uuid(),
            kind: JOB_KIND,
            lane: Lane::Bulk,
            account_id: account,
            subject_kind: store::SUBJECT,
            subject_id: run,
            payload: "{}".to_owned(),
            ready_at: now,
            attempts_max: JOB_ATTEMPTS_MAX,
            created_at: now,
        }
    }

    /// A member's command. Refuses: `BadUserInput` for an ill-formed key.
    fn order(&self, right: MemberRight, key: &str, hash: Vec<u8>, request_id: Option<String>) -> Result<Order, Error> {
        let account = crate::site::service::demand_editor(right)?;
        let key = IdemKey::client(key).map_err(Error::from)?;
        Ok(Order { account, actor: Actor::User(right.user_id()), key: Some(key), hash, request_id })
    }
}

impl Order {
    /// The server's own command, which needs no key.
    fn of_system(account: Uuid) -> Self {
        Self { account, actor: Actor::System, key: None, hash: Vec::new(), request_id: None }
    }

    fn trace(&self, at: Micros) -> Trace {
        Trace { account_id: self.account, actor: self.actor, request_id: self.request_id.clone(), at }
    }
}

/// Why a command is judged again.
enum Again<R> {
    /// Another command with the key was first.
    KeyTaken,
    /// A refusal.
    Refused(R),
}
