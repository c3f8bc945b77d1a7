//! A place for one test's installation, and the real binary run in it.

use std::{
    process::{Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use inkledger::{
    clock::{Clock, SystemClock},
    db::{Db, Engine, Location, Options},
    ids::SystemIds,
};
use sea_orm::ConnectionTrait;
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;
use tokio::process::Command;

/// What a command answered.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A data folder, and a database without any tables.
pub struct Place {
    pub folder: TempDir,
    url: Option<String>,
    server: Option<(String, String)>,
}

fn server_url() -> String {
    std::env::var("INKLEDGER_TEST_POSTGRES_URL").unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432".to_owned())
}

async fn on_server(url: &str, sql: String) {
    let mut connection = PgConnection::connect(&crate::support::database::at(url, "postgres"))
        .await
        .unwrap_or_else(|error| panic!("this test needs PostgreSQL at {url} ({error})"));
    connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
}

impl Place {
    pub async fn new(engine: Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if engine == Engine::Sqlite {
            return Self { folder, url: None, server: None };
        }
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let url = server_url();
        let name = format!("inkledger_cli_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        on_server(&url, format!("CREATE DATABASE {name}")).await;
        Self { folder, url: Some(crate::support::database::at(&url, &name)), server: Some((url, name)) }
    }

    /// The same, after `inkledger migrate`.
    pub async fn migrated(engine: Engine) -> Self {
        let place = Self::new(engine).await;
        let answer = place.run("migrate").await;
        assert_eq!(answer.code, 0, "{answer:?}");
        place
    }

    /// The data folder, which nobody made yet.
    pub fn data_dir(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// The binary with this place's settings and no others.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inkledger"));
        command.args(arguments.split_whitespace()).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_clear().env("INKLEDGER_DATA_DIR", self.data_dir()).kill_on_drop(true);
        if let Some(url) = &self.url {
            command.env("INKLEDGER_DATABASE_URL", url);
        }
        command
    }

    pub async fn run(&self, arguments: &str) -> Answer {
        self.command(arguments).output().await.unwrap().into()
    }

    /// The database, as a server would have it.
    pub async fn open(&self) -> Db {
        let location = match &self.url {
            Some(url) => Location::Server(url.clone().into()),
            None => Location::File(self.data_dir().join("inkledger.sqlite3")),
        };
        Db::open(&Options { location, connections: 2 }).await.unwrap()
    }

    /// Runs statements behind the program's back.
    pub async fn execute(&self, statements: &[String]) {
        let db = self.open().await;
        for sql in statements {
            db.migration_connection().execute_unprepared(sql).await.unwrap();
        }
        db.close().await;
    }

    /// People `user0`, `user1` …
    pub async fn people(&self, count: u32) {
        let ids = SystemIds::new(Arc::new(SystemClock));
        let (now, mut statements) = (SystemClock.now(), Vec::new());
        for number in 0..count {
            let id = inkledger::ids::Ids::uuid(&ids);
            let name = format!("user{number}");
            let id = if self.url.is_none() { format!("x'{}'", id.simple()) } else { format!("'{id}'") };
            statements.push(format!(
                "INSERT INTO app_user (id, username, username_key, email, email_key, platform_role, created_at, updated_at) \
                 VALUES ({id}, '{name}', '{name}', '{name}@example.com', '{name}@example.com', 'USER', {now}, {now})"
            ));
        }
        self.execute(&statements).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((url, name)) = self.server.take() else { return };
        // A runtime of its own: this one may be ending, and a drop cannot wait.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(on_server(&url, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
        });
        let _ = dropping.join();
    }
}
