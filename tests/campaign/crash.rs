//! A PostgreSQL server of the campaign's own, with durable settings, to be killed (H4).

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The folder of the newest PostgreSQL's programs.
fn programs() -> PathBuf {
    let of_debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = of_debian
        .map(|entry| entry.path())
        .max_by_key(|path| path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<u32>().ok()));
    newest.map(|path| path.join("bin")).filter(|path| path.join("initdb").exists()).unwrap_or_default()
}

/// A data folder and the server on it.
pub struct Cluster {
    folder: TempDir,
    child: Option<Child>,
}

impl Cluster {
    pub async fn init() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        run(Command::new("chmod").args(["755", &path])).await;
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        if is_root().await {
            run(Command::new("chown").args(["-R", "nobody", &path])).await;
        }
        let mut initdb = program("initdb").await;
        initdb.arg("-D").arg(&data).args(["-U", "inkledger", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]);
        run(&mut initdb).await;
        let mut cluster = Self { folder, child: None };
        cluster.start().await;
        cluster
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn url(&self) -> String {
        format!("postgres://inkledger@localhost/postgres?host={}", self.folder.path().display())
    }

    /// Starts the server and waits until it has recovered. What is left of a killed one may keep it from that for a while.
    pub async fn start(&mut self) {
        for _ in 0..500 {
            let child = self.child.as_mut();
            let is_running = child.is_some_and(|child| child.try_wait().is_ok_and(|ended| ended.is_none()));
            if !is_running {
                self.child = Some(self.spawn().await);
            }
            if let Ok(connection) = PgConnection::connect(&self.url()).await {
                connection.close().await.unwrap();
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("PostgreSQL did not start in {}", self.folder.path().display());
    }

    async fn spawn(&self) -> Child {
        let path = self.folder.path().join("server.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        let mut server = program("postgres").await;
        server.arg("-D").arg(self.folder.path().join("data")).arg("-k").arg(self.folder.path());
        server.args(["-c", "listen_addresses=", "-c", "fsync=on", "-c", "max_connections=50"]);
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true).spawn().unwrap()
    }

    /// SIGKILL of the one process that watches over all others, or with SIGQUIT an immediate stop: nothing is written out.
    pub async fn kill(&mut self, signal: &str) {
        let mut child = self.child.take().unwrap();
        let id = child.id().unwrap().to_string();
        run(Command::new("kill").args([signal, &id])).await;
        child.wait().await.unwrap();
    }
}

async fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().await.unwrap();
    output.stdout.trim_ascii() == b"0"
}

/// A program of PostgreSQL, which refuses to run as root.
async fn program(name: &str) -> Command {
    let path = programs().join(name);
    if !is_root().await {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]).arg(path);
    command
}

async fn run(command: &mut Command) {
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
