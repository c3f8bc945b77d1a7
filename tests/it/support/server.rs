//! The whole server: in this process on a real port, built as `main` builds it; and as the real binary, for what only a
//! process can suffer.

use std::{
    net::SocketAddr,
    ops::Deref,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use inkledger::{
    ai::{
        Ai, AiConfig,
        provider::sandbox::{Sandbox, SandboxScript},
        routing::Providers,
    },
    app::{App, Seams, build, run},
    audit::AuditChain,
    auth::{Auth, keys::KeyRing},
    automation::Automation,
    clock::SystemClock,
    config::{Config, resolve},
    db::{Db, Engine},
    doctor::records::audit_records,
    flag::Flags,
    ids::SystemIds,
    jobs::{Jobs, JobsConfig},
    ledger::{proof::Anchors, verify::verify},
    performance::Monitoring,
    storage::{ObjectSweep, Uploads},
};
use sea_orm::ConnectionTrait as _;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpListener,
    process::{Child, Command},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{builders::Api, cost::POINTS, database::TestDb};

/// How long a test waits for a server to start or end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Settings of what callers may spend.
const RATES: [&str; 6] = [
    "rate.anonymous_burst",
    "rate.anonymous_per_second",
    "rate.user_burst",
    "rate.user_per_second",
    "rate.admin_burst",
    "rate.admin_per_second",
];

/// A data folder and a database, which outlive the servers that use them.
pub struct Home {
    pub engine: Engine,
    folder: TempDir,
    database: Option<TestDb>,
}

impl Home {
    pub async fn open(engine: Engine) -> Arc<Self> {
        let database = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(TestDb::postgres().await),
        };
        Arc::new(Self { engine, folder: tempfile::tempdir().unwrap(), database })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the PostgreSQL database is; `None` for SQLite.
    pub fn url(&self) -> Option<String> {
        self.database.as_ref().and_then(TestDb::url)
    }

    /// The key that signs addresses of files.
    pub fn url_key(&self) -> [u8; 32] {
        *KeyRing::open_or_create(&self.folder().join("signing_key.pk8"), &SystemIds::new(Arc::new(SystemClock)))
            .unwrap()
            .url_key()
    }

    /// The settings of this place.
    pub fn flags(&self) -> Vec<(String, String)> {
        let mut flags = vec![
            ("listen", "127.0.0.1:0".to_owned()),
            ("data_dir", self.folder().display().to_string()),
            ("auth.signup_credits", "0".to_owned()),
            // No test is to meet a line that it did not ask for.
            ("ledger.anchor_seconds", "3600".to_owned()),
            ("audit.seal_seconds", "3600".to_owned()),
            ("auth.argon2_memory_kib", "1024".to_owned()),
            ("auth.signups_per_hour", "1000000".to_owned()),
            ("auth.argon2_passes", "1".to_owned()),
            ("database.connections", "6".to_owned()),
        ];
        // Many requests come from one address and by one user; tests of the rate set it themselves.
        for key in RATES {
            flags.push((key, POINTS.to_string()));
        }
        flags.extend(self.url().map(|url| ("database.url", url)));
        flags.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// A server in this process, with the usual settings.
    pub async fn start(self: &Arc<Self>) -> Server {
        self.start_with(|_, _| {}).await
    }

    /// A server in this process.
    pub async fn start_with(self: &Arc<Self>, change: impl FnOnce(&mut Config, &mut Seams)) -> Server {
        let mut config = Config::from_resolved(&resolve(&self.flags(), None).unwrap()).unwrap();
        config.auth.argon2_memory_kib = 8;
        let script = SandboxScript::new();
        let mut seams = Seams::system(&config);
        seams.providers = Some(Providers::new().with(Sandbox::new(script.clone())));
        seams.jobs = quick_jobs();
        seams.ai = quick_ai();
        seams.timing.shutdown_spread = Duration::from_millis(100);
        seams.timing.shutdown_grace = Duration::from_secs(5);
        change(&mut config, &mut seams);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Box::pin(build(config, seams, address)).await.unwrap();
        let (db, auth, shutdown) = (app.db.clone(), app.auth.clone(), app.shutdown.clone());
        let (ai, automation, jobs) = (app.ai.clone(), app.automation.clone(), app.jobs.clone());
        let (objects, uploads, anchors) = (app.objects.clone(), app.uploads.clone(), app.anchors.clone());
        let monitoring = app.monitoring.clone();
        let (audit_chain, flags) = (app.audit_chain.clone(), app.flags.clone());
        let task = spawn_run(app, listener);
        let home = Arc::clone(self);
        let (api, task) = (Api::new(address), Some(task));
        Server {
            api,
            home,
            script,
            db,
            auth,
            ai,
            automation,
            jobs,
            anchors,
            audit_chain,
            flags,
            shutdown,
            objects,
            uploads,
            monitoring,
            task,
        }
    }

    /// The real binary on this folder and database; `more` are settings.
    pub async fn process(&self, more: &[(&str, &str)]) -> Process {
        let mut flags = self.flags();
        flags.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        Process::start(&flags).await
    }

    /// A process died, and its leases' time went by; on PostgreSQL that clock is the database's own.
    pub async fn lapse_leases(&self) {
        if self.engine == Engine::Postgres {
            let db = self.look().await;
            let sql = "UPDATE job SET lease_until = 0 WHERE lease_until IS NOT NULL";
            db.migration_connection().execute_unprepared(sql).await.unwrap();
            db.close().await;
        }
    }

    /// Looks at the database while no server of this process has it open.
    pub async fn look(&self) -> Db {
        let config = Config::from_resolved(&resolve(&self.flags(), None).unwrap()).unwrap();
        Db::open(&config.database.options).await.unwrap()
    }
}

fn spawn_run(app: App, listener: TcpListener) -> JoinHandle<()> {
    tokio::spawn(async move { run(app, listener).await.unwrap() })
}

/// The engine's timings, shortened where a test waits for them.
fn quick_jobs() -> JobsConfig {
    JobsConfig {
        poll_min: Duration::from_millis(20),
        poll_max: Duration::from_millis(100),
        sweep: Duration::from_millis(500),
        grace: Duration::from_secs(5),
        ..JobsConfig::default()
    }
}

fn quick_ai() -> AiConfig {
    AiConfig {
        retry_base: Duration::from_millis(5),
        retry_max: Duration::from_millis(20),
        throttle_max: Duration::from_millis(50),
        cancel_grace: Duration::from_millis(500),
        watch: Duration::from_millis(50),
        look_again: Duration::from_millis(50),
        retries_least: 1_000_000,
        ..AiConfig::default()
    }
}

/// A running server in this process. Dropped, it is cut off; `stop` ends it in order.
pub struct Server {
    pub api: Api,
    pub home: Arc<Home>,
    /// What the sandbox does, and the provider's books.
    pub script: SandboxScript,
    pub db: Db,
    pub auth: Auth,
    pub ai: Ai,
    pub automation: Automation,
    pub jobs: Jobs,
    /// Anchors, to be written by hand.
    pub anchors: Anchors,
    /// The audit trail's chain, to be sealed by hand.
    pub audit_chain: AuditChain,
    /// Switches of the product.
    pub flags: Flags,
    pub shutdown: CancellationToken,
    /// What removes bytes, to be run by hand.
    pub objects: ObjectSweep,
    /// Files on their way in.
    pub uploads: Uploads,
    /// Whether things are timed.
    pub monitoring: Monitoring,
    task: Option<JoinHandle<()>>,
}

impl Deref for Server {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Server {
    pub async fn open(engine: Engine) -> Self {
        Home::open(engine).await.start().await
    }

    pub fn address(&self) -> SocketAddr {
        self.api.address
    }

    /// The token of the link that the first HERO claims.
    pub async fn claim_token(&self) -> String {
        let link = self.auth.offer_hero_claim(&self.api.client.base).await.unwrap().unwrap();
        token_of(&link)
    }

    /// The first HERO, by the link.
    pub async fn hero(&self) -> super::builders::Person {
        let token = self.claim_token().await;
        self.claim(&token, "hero").await
    }

    /// The single number that `sql` answers.
    pub async fn number(&self, sql: &str) -> i64 {
        number(&self.db, sql).await
    }

    /// Runs a statement behind the server's back.
    pub async fn execute(&self, sql: &str) {
        self.db.migration_connection().execute_unprepared(sql).await.unwrap();
    }

    /// Fails unless every rule of the ledger holds, its chains included.
    pub async fn check_ledger(&self) {
        check_ledger(&self.db).await;
    }

    /// Fails unless the verification queries and checks of the records pass, and those of work find data.
    pub async fn check_records(&self) {
        let report = audit_records(&self.db).await.unwrap();
        assert!(report.passes(false), "{}", report.lines().join("\n"));
    }

    /// Ends it in order, within reason.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        let task = self.task.take().unwrap();
        timeout(PATIENCE, task).await.expect("the server did not end").unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// The single number that `sql` answers.
pub async fn number(db: &Db, sql: &str) -> i64 {
    let row = db.reader().query_one_raw(db.statement(sql, [])).await.unwrap().unwrap();
    row.try_get_by_index::<i64>(0).or_else(|_| row.try_get_by_index::<i32>(0).map(i64::from)).unwrap()
}

/// Fails unless every rule of the ledger holds, its chains included.
pub async fn check_ledger(db: &Db) {
    let report = verify(db, &SystemClock, None).await.unwrap();
    assert!(report.clean(), "{:?}", report.violations);
}

/// The token at the end of a claim link.
pub fn token_of(link: &str) -> String {
    link.trim().rsplit('#').next().unwrap().to_owned()
}

/// The real binary, running.
pub struct Process {
    pub api: Api,
    child: Child,
    errors: watch::Receiver<String>,
}

impl Deref for Process {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Process {
    async fn start(flags: &[(String, String)]) -> Self {
        let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_inkledger")));
        for (key, value) in flags {
            command.arg(inkledger::config::flag_of(key)).arg(value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let (sender, errors) = watch::channel(String::new());
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|text| {
                    text.push_str(&line);
                    text.push('\n');
                });
            }
        });
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = timeout(PATIENCE, out.next_line()).await.ok().and_then(|line| line.ok().flatten());
        let ready = ready.unwrap_or_else(|| panic!("it did not start: {}", *errors.borrow()));
        let address = ready.rsplit("http://").next().unwrap().trim().parse().unwrap();
        Self { api: Api::new(address), child, errors }
    }

    /// The token of the link it printed for the first HERO.
    pub async fn claim_token(&mut self) -> String {
        let printed = timeout(PATIENCE, self.errors.wait_for(|text| text.contains("/claim#"))).await.unwrap().unwrap();
        let line = printed.lines().find(|line| line.contains("/claim#")).unwrap();
        token_of(line)
    }

    /// SIGKILL, as power or the kernel would: nothing is finished or handed back.
    pub async fn kill(mut self) {
        self.halt().await;
    }

    /// The same, where what is left of it is kept.
    pub async fn halt(&mut self) {
        self.child.start_kill().unwrap();
        self.child.wait().await.unwrap();
    }

    /// SIGSTOP: it stands still, with everything that it has in its hands.
    pub async fn freeze(&self) {
        self.signal("-STOP").await;
    }

    /// SIGCONT: it goes on as if no time had passed.
    pub async fn thaw(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().await.unwrap().success());
    }

    /// What it has told its operator so far.
    pub fn log(&self) -> String {
        self.errors.borrow().clone()
    }
}
