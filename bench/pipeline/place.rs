//! A database of its own for one measurement, gone at its end, and a look into it beside the server.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU32, Ordering},
};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support::server::Server;

/// Where one measurement's server keeps everything.
pub struct Place {
    folder: TempDir,
    /// The PostgreSQL server and the name of the database; none for SQLite.
    database: Option<(String, String)>,
}

/// The same server's database `name`; the parameters of `url` stay.
fn at(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').map_or((url, String::new()), |(a, p)| (a, format!("?{p}")));
    let host = address.find("://").map_or(0, |scheme| scheme + 3);
    let end = address[host..].find('/').map_or(address.len(), |slash| host + slash);
    format!("{}/{name}{parameters}", &address[..end])
}

async fn on_server(url: &str, sql: String) {
    let mut connection = PgConnection::connect(&at(url, "postgres")).await.expect("PostgreSQL answers");
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
}

impl Place {
    /// A new one: on the PostgreSQL server at `url`, else a SQLite file.
    pub async fn new(url: Option<&str>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let database = match url {
            Some(url) => {
                let name = format!("inkledger_bench_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
                on_server(url, format!("CREATE DATABASE {name}")).await;
                Some((url.to_owned(), name))
            }
            None => None,
        };
        Self { folder: tempfile::tempdir().unwrap(), database }
    }

    fn url(&self) -> Option<String> {
        self.database.as_ref().map(|(url, name)| at(url, name))
    }

    /// A server on it.
    pub fn start(&self, binary: &str) -> Server {
        Server::start(binary, self.folder.path(), self.url().as_deref())
    }

    /// A connection beside the server's.
    pub async fn sql(&self) -> Sql {
        match self.url() {
            Some(url) => Sql::Postgres(Box::new(PgConnection::connect(&url).await.unwrap())),
            None => {
                let path = self.folder.path().join("inkledger.sqlite3");
                let options = sqlx::sqlite::SqliteConnectOptions::new()
                    .filename(path)
                    .busy_timeout(std::time::Duration::from_secs(30));
                Sql::Sqlite(Box::new(SqliteConnection::connect_with(&options).await.unwrap()))
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((url, name)) = self.database.take() else { return };
        // A runtime of its own: this one may be ending, and a drop cannot wait.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(on_server(&url, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
        });
        let _ = dropping.join();
    }
}

/// A connection beside the server's.
pub enum Sql {
    /// To a file.
    Sqlite(Box<SqliteConnection>),
    /// To a server.
    Postgres(Box<PgConnection>),
}

impl Sql {
    /// Runs statements.
    pub async fn run(&mut self, sql: String) {
        let text: String = sql.chars().take(300).collect();
        let done = match self {
            Self::Sqlite(connection) => connection.execute(AssertSqlSafe(sql)).await.map(|_| ()),
            Self::Postgres(connection) => connection.execute(AssertSqlSafe(sql)).await.map(|_| ()),
        };
        done.unwrap_or_else(|error| panic!("{error}: {text}"));
    }

    /// The number that `sql` answers.
    pub async fn number(&mut self, sql: String) -> i64 {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite(connection) => sqlx::query_scalar(sql).fetch_one(&mut **connection).await.unwrap(),
            Self::Postgres(connection) => sqlx::query_scalar(sql).fetch_one(&mut **connection).await.unwrap(),
        }
    }

    /// When the events of runs were committed, microseconds, by run and number. Only PostgreSQL knows.
    pub async fn run_event_commits(&mut self) -> HashMap<(Uuid, i64), i64> {
        let Self::Postgres(connection) = self else { return HashMap::new() };
        let sql = "SELECT subject_id, seq, \
                   CAST(EXTRACT(EPOCH FROM pg_xact_commit_timestamp(xmin)) * 1000000 AS bigint) \
                   FROM run_event WHERE subject_kind = 'automation_run'";
        let rows: Vec<(Uuid, i64, i64)> = sqlx::query_as(sql).fetch_all(&mut **connection).await.unwrap();
        rows.into_iter().map(|(run, seq, at)| ((run, seq), at)).collect()
    }

    /// A UUID as a literal.
    pub fn uuid(&self, id: Uuid) -> String {
        match self {
            Self::Sqlite(_) => format!("x'{}'", id.simple()),
            Self::Postgres(_) => format!("CAST('{id}' AS uuid)"),
        }
    }

    /// Tells the engine what its tables hold by now, as a PostgreSQL server does by itself a little later.
    pub async fn settle(&mut self) {
        if matches!(self, Self::Postgres(_)) {
            self.run("VACUUM ANALYZE".to_owned()).await;
        }
    }
}
