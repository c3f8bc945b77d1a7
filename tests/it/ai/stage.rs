//! A small server without doors: ledger, workers, AI work on the sandbox provider, and the checks after each scenario.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use inkledger::{
    ai::{
        Ai, AiConfig, AiParts, Spender,
        maker::Makers,
        model::{AiTask, AspectRatio, GenerateImages, GenerateText, Picture, Quality},
        points::{FailPoints, Point},
        provider::sandbox::{BillingOutcome, Sandbox, SandboxScript},
        routing::Providers,
        run::RunAiTask,
        service::TaskView,
        sweep::AiSweep,
        vault::Vault,
    },
    bus::local::LocalBus,
    clock::{Clock, FixedClock},
    db::{Db, Engine},
    doctor::work::audit_work,
    flag::{Environment, Switches},
    ids::{Ids, SeededIds},
    image::Gallery,
    jobs::{Jobs, JobsConfig, Role, Workers},
    ledger::{
        Command, Ledger, LedgerOptions,
        model::{Actor, Credits, GrantSource, IdemKey, NewGrant, Operation},
        verify::verify,
    },
    notification::service::Notifications,
    prompt::{Prompts, PromptsParts},
    storage::{Storage, UrlSigner},
};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::support::database::TestDb;

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// One process's parts.
pub struct Process {
    pub ai: Ai,
    pub jobs: Jobs,
    pub ledger: Ledger,
    pub gallery: Gallery,
    pub db: Db,
}

/// A database, an object store, a provider with its books, and one process; more can be added on PostgreSQL.
pub struct Stage {
    pub test: TestDb,
    pub script: SandboxScript,
    pub process: Process,
    pub notifications: Notifications,
    folder: tempfile::TempDir,
    keys: Mutex<u32>,
}

/// Quick to look, with leases that outlast a busy machine.
pub fn quick_jobs() -> JobsConfig {
    JobsConfig {
        workers: 4,
        heartbeat: Duration::from_secs(1),
        poll_min: Duration::from_millis(50),
        poll_max: Duration::from_millis(200),
        sweep: Duration::from_millis(200),
        grace: Duration::from_millis(500),
        ..JobsConfig::default()
    }
}

/// Leases that lapse soon after their process has died.
pub fn short_leases() -> JobsConfig {
    JobsConfig {
        lease: Duration::from_millis(2000),
        heartbeat: Duration::from_millis(250),
        heartbeat_limit: Duration::from_millis(1500),
        ..quick_jobs()
    }
}

pub fn quick_ai() -> AiConfig {
    AiConfig {
        retry_base: Duration::from_millis(20),
        retry_max: Duration::from_millis(100),
        throttle_max: Duration::from_millis(200),
        cancel_grace: Duration::from_millis(300),
        watch: Duration::from_millis(50),
        look_again: Duration::from_millis(50),
        // The clock stands still, so no retry ever leaves the minute that is counted.
        retries_least: 1_000_000,
        ..AiConfig::default()
    }
}

impl Process {
    pub async fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        providers: Providers,
        folder: &std::path::Path,
        ai: AiConfig,
        jobs: JobsConfig,
    ) -> Self {
        let name = ids.uuid().to_string();
        let bus = Arc::new(LocalBus::new(name));
        let options = LedgerOptions::default();
        let ledger = Ledger::open(db.clone(), clock.clone(), ids.clone(), bus.clone(), options).await.unwrap();
        let jobs = Jobs::new(db.clone(), clock.clone(), ids.clone(), bus.clone(), jobs);
        let storage = Storage::local(folder).unwrap();
        let switches = Switches::new(clock.clone(), &Environment::default());
        let signer = Arc::new(UrlSigner::new(&[7; 32]));
        let gallery = Gallery::new(db.clone(), clock.clone(), ids.clone(), storage, signer, switches.clone());
        let prompts = Prompts::new(PromptsParts { db: db.clone(), clock: clock.clone(), ids: ids.clone() });
        let ai = Ai::new(AiParts {
            db: db.clone(),
            clock,
            ids,
            bus,
            ledger: ledger.clone(),
            jobs: jobs.clone(),
            providers,
            vault: Arc::new(Vault::new(&[[5; 32]]).unwrap()),
            shelf: Arc::new(gallery.clone()),
            prompts,
            makers: Makers::default(),
            switches,
            config: ai,
        });
        Self { ai, jobs, ledger, gallery, db }
    }

    pub async fn start(&self) -> Workers {
        self.start_with(self.ai.clone()).await
    }

    /// Workers whose runs pass `ai`'s fail points.
    pub async fn start_with(&self, ai: Ai) -> Workers {
        let handlers: Vec<Arc<dyn inkledger::jobs::Handler>> = vec![Arc::new(RunAiTask(ai.clone()))];
        let sweeps: Vec<Arc<dyn inkledger::jobs::Sweep>> = vec![Arc::new(AiSweep(ai))];
        Workers::start(self.jobs.clone(), Role::All, handlers, sweeps).await.unwrap()
    }
}

impl Stage {
    pub async fn open(engine: Engine) -> Self {
        Self::with(engine, quick_ai(), quick_jobs()).await
    }

    pub async fn with(engine: Engine, ai: AiConfig, jobs: JobsConfig) -> Self {
        let test = TestDb::open(engine).await;
        let folder = tempfile::tempdir().unwrap();
        let script = SandboxScript::new();
        let clock: Arc<FixedClock> = test.clock.clone();
        let ids: Arc<dyn Ids> = test.ids.clone();
        let providers = Providers::new().with(Sandbox::new(script.clone()));
        let process = Process::new(test.db.clone(), clock.clone(), ids, providers, folder.path(), ai, jobs).await;
        process.ai.install_models().await.unwrap();
        let notifications = Notifications::new(test.db.clone(), clock);
        Self { test, script, process, notifications, folder, keys: Mutex::new(0) }
    }

    /// Another process on the same database, with identifiers of its own.
    pub async fn second(&self, seed: u64) -> Process {
        let ids = Arc::new(SeededIds::new(seed));
        let db = self.test.second().await;
        let clock = self.test.clock.clone();
        let providers = Providers::new().with(Sandbox::new(self.script.clone()));
        Process::new(db, clock, ids, providers, self.folder.path(), quick_ai(), quick_jobs()).await
    }

    /// The same process with other providers.
    pub async fn process_with(&self, providers: Providers) -> Process {
        let (db, clock, ids) = (self.test.db.clone(), self.test.clock.clone(), self.test.ids.clone());
        Process::new(db, clock, ids, providers, self.folder.path(), quick_ai(), quick_jobs()).await
    }

    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A person with a personal account that has `credits`.
    pub async fn spender(&self, credits: i64) -> Spender {
        let (user, account) = (self.test.ids.uuid(), self.test.ids.uuid());
        let name = user.simple().to_string();
        let connection = self.test.db.migration_connection();
        let statements = [
            (
                "INSERT INTO app_user (id, username, username_key, email, email_key, platform_role, created_at, updated_at) \
                 VALUES ($1, $2, $2, $2, $2, 'USER', 0, 0)",
                vec![user.into(), name.clone().into()],
            ),
            (
                "INSERT INTO account (id, name, personal_user_id, time_zone, state, version, created_at, updated_at) \
                 VALUES ($1, $2, $3, 'UTC', 'ACTIVE', 1, 0, 0)",
                vec![account.into(), name.into(), user.into()],
            ),
            (
                "INSERT INTO account_member (account_id, user_id, role, created_at) VALUES ($1, $2, 'OWNER', 0)",
                vec![account.into(), user.into()],
            ),
        ];
        for (sql, values) in statements {
            connection.execute_raw(self.test.db.statement(sql, values)).await.unwrap();
        }
        if credits > 0 {
            self.grant(account, credits, true).await;
        } else {
            let ledger = self.process.ledger.clone();
            let now = self.test.clock.now();
            self.test
                .db
                .write((), move |tx, ()| {
                    let ledger = ledger.clone();
                    Box::pin(async move {
                        ledger.open_in(tx, account, now).await?;
                        Ok::<_, inkledger::error::Failure<inkledger::error::Never>>(())
                    })
                })
                .await
                .unwrap();
        }
        Spender { account_id: account, user_id: user }
    }

    pub async fn grant(&self, account: Uuid, credits: i64, open_account: bool) {
        let command = Command {
            account,
            key: IdemKey::client(&self.key()).unwrap(),
            actor: Actor::Admin(account),
            operation: Operation::Grant(NewGrant {
                source: GrantSource::Admin,
                amount: Credits::new(credits).unwrap(),
                expires_at: None,
                note: None,
            }),
            open_account,
            effects: Vec::new(),
            otherwise: Vec::new(),
        };
        self.process.ledger.submit(command).await.unwrap();
    }

    pub fn key(&self) -> String {
        let mut count = self.keys.lock().unwrap();
        *count += 1;
        format!("test-key-{count:06}")
    }

    pub fn images(&self, count: i32) -> GenerateImages {
        GenerateImages {
            idempotency_key: self.key(),
            picture: Picture::Prompt("a red fox in the snow".to_owned()),
            count,
            ratio: AspectRatio::default(),
            quality: Quality::default(),
            ai_model_id: None,
            seed: Some(7),
        }
    }

    pub fn text(&self) -> GenerateText {
        GenerateText {
            idempotency_key: self.key(),
            prompts: vec!["Write about a red fox.".to_owned()],
            kind: None,
            ai_model_id: None,
            seed: Some(7),
        }
    }

    pub async fn view(&self, task: &AiTask) -> TaskView {
        self.process.ai.task_view(task.account_id, task.id).await.unwrap().unwrap()
    }

    /// Waits until the task has ended.
    pub async fn ended(&self, task: &AiTask) -> TaskView {
        let waiting = async {
            loop {
                let view = self.view(task).await;
                if view.task.status.is_final() {
                    return view;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(view) => view,
            Err(_) => panic!("the task did not end: {:?}", self.view(task).await),
        }
    }

    /// Available, held and spent credits.
    pub async fn balance(&self, account: Uuid) -> (i64, i64, i64) {
        let balance = self.process.ledger.account(account).await.unwrap().unwrap().balance;
        (balance.available, balance.held, balance.spent)
    }

    /// The texts of the account's notifications, newest first, with type and severity.
    pub async fn messages(&self, spender: Spender) -> Vec<(String, String, String)> {
        let args = inkledger::page::PageArgs::first(100);
        let page = self.notifications.list(spender.account_id, spender.user_id, false, &args).await.unwrap();
        page.items.into_iter().map(|one| (one.kind, one.severity.as_str().to_owned(), one.message)).collect()
    }

    /// How many provider calls were billed, by the provider's own books.
    pub fn billed(&self) -> usize {
        self.script.billing().iter().filter(|line| matches!(line.outcome, BillingOutcome::Billed)).count()
    }

    /// How many calls reached the provider.
    pub fn calls(&self) -> usize {
        self.script.billing().len()
    }

    /// Waits until no job is unfinished, then checks every rule of the ledger and of work.
    pub async fn check(&self) {
        let waiting = async {
            while self.test.number("SELECT COUNT(*) FROM job WHERE state IN ('ready', 'running')").await > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("a job was left over");
        }
        self.check_rules().await;
    }

    /// Checks every rule of the ledger and of work as things stand.
    pub async fn check_rules(&self) {
        let report = verify(&self.test.db, self.test.clock.as_ref(), None).await.unwrap();
        assert!(report.violations.is_empty(), "{:?}", report.violations);
        let work = audit_work(&self.test.db).await.unwrap();
        assert!(work.findings.len() >= 9, "{work:?}");
        assert!(work.passes(false), "{:?}", work.lines());
    }
}

/// Stops every run for ever the first time it passes a point.
pub struct StopAt {
    point: Point,
    reached: tokio::sync::Semaphore,
    seen: Mutex<HashSet<Point>>,
}

impl StopAt {
    pub fn new(point: Point) -> Arc<Self> {
        Arc::new(Self { point, reached: tokio::sync::Semaphore::new(0), seen: Mutex::new(HashSet::new()) })
    }

    /// Returns once a run stands at the point.
    pub async fn stopped(&self) {
        tokio::time::timeout(PATIENCE, self.reached.acquire())
            .await
            .expect("the point was not reached")
            .unwrap()
            .forget();
    }
}

impl FailPoints for StopAt {
    fn reach(&self, point: Point) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            self.seen.lock().unwrap().insert(point);
            if point == self.point {
                self.reached.add_permits(1);
                std::future::pending::<()>().await;
            }
        })
    }
}
