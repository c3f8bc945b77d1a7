//! A migrated database of its own for one test, gone at its end. Without a PostgreSQL server the test fails: a test
//! that is skipped would look like one that passed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use inkledger::{
    clock::FixedClock,
    db::{Db, Engine, Location, Options, migrate::migrate},
    ids::SeededIds,
};
use ring::digest::{Context, SHA256};
use sea_orm::ConnectionTrait;
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

/// The first instant of tests: 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600_000_000;

/// One test's database, clock and ids.
pub struct TestDb {
    pub db: Db,
    pub clock: Arc<FixedClock>,
    pub ids: Arc<SeededIds>,
    options: Options,
    _folder: Option<TempDir>,
    server: Option<(String, String)>,
}

fn server_url() -> String {
    env::var("INKLEDGER_TEST_POSTGRES_URL").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432".to_owned())
}

/// The same server's database `name`, whatever database `url` names; its parameters stay.
pub fn at(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').map_or((url, String::new()), |(a, p)| (a, format!("?{p}")));
    let host = address.find("://").map_or(0, |scheme| scheme + 3);
    let end = address[host..].find('/').map_or(address.len(), |slash| host + slash);
    format!("{}/{name}{parameters}", &address[..end])
}

async fn admin(url: &str) -> PgConnection {
    match PgConnection::connect(&at(url, "postgres")).await {
        Ok(connection) => connection,
        Err(error) => panic!(
            "this test needs PostgreSQL 15 or newer at {url} ({error}). Start one, or set INKLEDGER_TEST_POSTGRES_URL"
        ),
    }
}

async fn run(connection: &mut PgConnection, sql: String) {
    connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
}

/// Names what migrations make by the text of all their files.
fn schema_hash() -> String {
    fn feed(folder: &Path, into: &mut Context) {
        let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                feed(&path, into);
            } else {
                into.update(&fs::read(&path).unwrap());
            }
        }
    }
    let mut context = Context::new(&SHA256);
    feed(&Path::new(env!("CARGO_MANIFEST_DIR")).join("migration/src"), &mut context);
    hex::encode(&context.finish().as_ref()[..8])
}

/// A migrated database to be copied, made once per schema. It has the foreign keys that production leaves out.
async fn template(url: &str, connection: &mut PgConnection) -> String {
    let name = format!("inkledger_template_{}", schema_hash());
    // Every test is a process of its own; the first one builds, the others wait.
    run(connection, "SELECT pg_advisory_lock(7235410)".to_owned()).await;
    let found: Option<i32> = sqlx::query_scalar("SELECT 1 FROM pg_database WHERE datname = $1")
        .bind(&name)
        .fetch_optional(&mut *connection)
        .await
        .unwrap();
    if found.is_none() {
        let building = format!("{name}_building");
        run(connection, format!("DROP DATABASE IF EXISTS {building} WITH (FORCE)")).await;
        run(connection, format!("CREATE DATABASE {building}")).await;
        let location = Location::Server(at(url, &building).into());
        let db = Db::open(&Options { location, connections: 2 }).await.unwrap();
        migrate(&db).await.unwrap();
        for key in migration::hot_foreign_keys() {
            db.migration_connection().execute_unprepared(&key).await.unwrap();
        }
        db.close().await;
        run(connection, format!("ALTER DATABASE {building} RENAME TO {name}")).await;
    }
    run(connection, "SELECT pg_advisory_unlock(7235410)".to_owned()).await;
    name
}

impl TestDb {
    pub async fn open(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::sqlite().await,
            Engine::Postgres => Self::postgres().await,
        }
    }

    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { location: Location::File(folder.path().join("test.db")), connections: 4 };
        let db = Db::open(&options).await.unwrap();
        migrate(&db).await.unwrap();
        Self::with(db, options, Some(folder), None)
    }

    pub async fn postgres() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let url = server_url();
        let mut connection = admin(&url).await;
        let template = template(&url, &mut connection).await;
        let name = format!("inkledger_it_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        run(&mut connection, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        run(&mut connection, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        let options = Options { location: Location::Server(at(&url, &name).into()), connections: 6 };
        let db = Db::open(&options).await.unwrap();
        Self::with(db, options, None, Some((url, name)))
    }

    fn with(db: Db, options: Options, folder: Option<TempDir>, server: Option<(String, String)>) -> Self {
        Self {
            db,
            clock: Arc::new(FixedClock::new(START)),
            ids: Arc::new(SeededIds::new(1)),
            options,
            _folder: folder,
            server,
        }
    }

    /// Where the PostgreSQL database is; `None` for SQLite.
    pub fn url(&self) -> Option<String> {
        self.server.as_ref().map(|(url, name)| at(url, name))
    }

    /// Leaves everything where it is, for whoever looks into what went wrong, and says where.
    #[allow(dead_code, reason = "only the test programme keeps what went wrong")]
    pub fn keep(self) -> String {
        let place = match &self.options.location {
            Location::File(path) => path.display().to_string(),
            Location::Server(_) => self.url().unwrap_or_default(),
        };
        std::mem::forget(self);
        place
    }

    /// A second pool on the same PostgreSQL database, as another process would have.
    pub async fn second(&self) -> Db {
        Db::open(&self.options).await.unwrap()
    }

    /// Runs a statement outside the ledger.
    pub async fn execute(&self, sql: &str) -> Result<u64, sea_orm::DbErr> {
        Ok(self.db.migration_connection().execute_unprepared(sql).await?.rows_affected())
    }

    /// The first column of every row, sorted here: databases sort texts differently.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.db.reader().query_all_raw(self.db.statement(sql, [])).await.unwrap();
        let mut texts: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        texts.sort_unstable();
        texts
    }

    /// The single number that `sql` answers.
    pub async fn number(&self, sql: &str) -> i64 {
        let row = self.db.reader().query_one_raw(self.db.statement(sql, [])).await.unwrap().unwrap();
        // PostgreSQL tells apart what SQLite does not: an `integer` column is not a `bigint`.
        row.try_get_by_index::<i64>(0).or_else(|_| row.try_get_by_index::<i32>(0).map(i64::from)).unwrap()
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let Some((url, name)) = self.server.take() else { return };
        // A runtime of its own: this one may be ending, and a drop cannot wait.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let mut connection = admin(&url).await;
                run(&mut connection, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
            });
        });
        let _ = dropping.join();
    }
}
