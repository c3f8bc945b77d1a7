//! Checks an installation and says what to do. Each check looks and never mends, makes or migrates; on a fresh folder it
//! says what `serve` will make. A part that is not set up is a warning at most; one that is set up and does not work is
//! a failure. `records` verifies what the records say.

mod ai;
mod audit;
mod auditor;
mod database;
mod flags;
pub mod graphql;
mod ledger;
mod model;
mod objects;
mod outside;
mod place;
mod prompts;
mod providers;
pub mod records;
pub mod work;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::{sync::OnceCell, time::Instant};

use crate::{
    clock::Clock,
    config::{Config, redact},
    db::Db,
    ids::Ids,
};

pub use auditor::EnvironmentAuditor;
pub use model::{Check, Finding, Report, Status};

/// How long one check may take.
const CHECK_MAX: Duration = Duration::from_secs(5);
/// How long all of them may take.
const ALL_MAX: Duration = Duration::from_secs(20);

/// What is examined.
pub struct Scene {
    config: Config,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    // Set by the check of the database, for those after it.
    db: OnceCell<Db>,
    // Set by the check of the schema, when the tables are this binary's.
    has_schema: OnceCell<()>,
}

impl Scene {
    /// The installation that `config` describes.
    pub fn new(config: Config, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { config, clock, ids, db: OnceCell::new(), has_schema: OnceCell::new() }
    }

    /// The database, when it could be opened.
    fn db(&self) -> Result<&Db, Finding> {
        self.db.get().ok_or_else(|| Finding::skipped("needs the database"))
    }

    /// The database, when its tables are there.
    fn tables(&self) -> Result<&Db, Finding> {
        let db = self.db()?;
        self.has_schema.get().map(|()| db).ok_or_else(|| Finding::skipped("needs a schema that is up to date"))
    }
}

/// A look under way. Both sides are findings, so that `?` ends a look early.
type Look<'a> = Pin<Box<dyn Future<Output = Result<Finding, Finding>> + Send + 'a>>;

/// A check's name and how it looks.
type Kind = (&'static str, for<'a> fn(&'a Scene) -> Look<'a>);

/// All checks; one that others need comes before them.
const KINDS: &[Kind] = &[
    ("configuration", |scene| Box::pin(place::settings(scene))),
    ("data_dir", |scene| Box::pin(place::data_dir(scene))),
    ("database", |scene| Box::pin(database::reach(scene))),
    ("database.lock", |scene| Box::pin(database::lock(scene))),
    ("database.schema", |scene| Box::pin(database::schema(scene))),
    ("clock", |scene| Box::pin(database::clock(scene))),
    ("users", |scene| Box::pin(database::users(scene))),
    ("prompts", |scene| Box::pin(prompts::shipped(scene))),
    ("ledger", |scene| Box::pin(ledger::invariants(scene))),
    ("audit", |scene| Box::pin(audit::chain(scene))),
    ("flags", |scene| Box::pin(flags::look(scene))),
    ("objects", |scene| Box::pin(objects::folder(scene))),
    ("objects.s3", |scene| Box::pin(objects::bucket(scene))),
    ("objects.rows", |scene| Box::pin(objects::rows(scene))),
    ("signing_key", |scene| Box::pin(place::signing_key(scene))),
    ("ai.models", |scene| Box::pin(ai::models(scene))),
    ("ai.keys", |scene| Box::pin(ai::keys(scene))),
    ("ai.breakers", |scene| Box::pin(ai::breakers(scene))),
    ("ai.providers", |scene| Box::pin(providers::look(scene))),
    ("mail", |scene| Box::pin(outside::mail(scene))),
    ("bus", |scene| Box::pin(outside::bus(scene))),
];

/// Carries out every check, one after the other: at most 5 s each and 20 s in all. No finding has a secret of the settings in it.
pub async fn examine(scene: &Scene) -> Report {
    let began = Instant::now();
    let mut checks = Vec::with_capacity(KINDS.len());
    for (id, look) in KINDS {
        let at = Instant::now();
        let left = ALL_MAX.saturating_sub(began.elapsed());
        let finding = if left.is_zero() {
            Finding::skipped("the 20 seconds for all checks are over")
        } else {
            match tokio::time::timeout(left.min(CHECK_MAX), look(scene)).await {
                Ok(Ok(finding) | Err(finding)) => finding,
                Err(_) => Finding::fail("no answer within 5 seconds", late(id)),
            }
        };
        let finding = finding.rewritten(|text| redact(&scene.config.settings, text));
        checks.push(Check { id, finding, took_ms: millis(at.elapsed()) });
    }
    Report { checks, took_ms: millis(began.elapsed()) }
}

fn late(id: &str) -> &'static str {
    match id {
        "bus" => "see that the server of INKLEDGER_NATS_URL runs and can be reached from here",
        "mail" => "see that the server of INKLEDGER_MAIL_SMTP_URL runs and can be reached from here",
        "ai.providers" => "see that the address of each configured provider can be reached from here",
        "objects.s3" => "see that the service of INKLEDGER_STORAGE_S3_ENDPOINT runs and can be reached from here",
        "data_dir" | "objects" | "signing_key" => "see what the disk of INKLEDGER_DATA_DIR waits for",
        _ => "see that the database of INKLEDGER_DATABASE_URL runs, can be reached from here and is not overloaded",
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Runs file work off the async threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Finding> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Finding::fail("the check broke off", "report this with the output of `inkledger doctor --json`"))
}
