//! A server process of its own.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A running server; it ends with this value.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub url: String,
    /// What claims its HERO; empty where there is one.
    pub claim: String,
    /// From its start to the ready line.
    pub started: Duration,
}

/// What callers may spend: a few clients stand for many.
const RATES: [&str; 6] = [
    "INKLEDGER_RATE_ANONYMOUS_BURST",
    "INKLEDGER_RATE_ANONYMOUS_PER_SECOND",
    "INKLEDGER_RATE_USER_BURST",
    "INKLEDGER_RATE_USER_PER_SECOND",
    "INKLEDGER_RATE_ADMIN_BURST",
    "INKLEDGER_RATE_ADMIN_PER_SECOND",
];

impl Server {
    /// Starts `binary` on a data folder, and on a PostgreSQL database where one is given.
    pub fn start(binary: &str, folder: &Path, database: Option<&str>) -> Self {
        let began = Instant::now();
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder)
            .env("INKLEDGER_AUTH_ARGON2_MEMORY_KIB", "1024")
            .env("INKLEDGER_AUTH_ARGON2_PASSES", "1")
            .env("INKLEDGER_AUTH_SIGNUPS_PER_HOUR", "1000000")
            .env("INKLEDGER_LOG_FILTER", "error")
            .envs(RATES.map(|name| (name, "1000000000")))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(url) = database {
            command.args(["--database-url", url]);
        }
        let mut child = command.spawn().expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let started = began.elapsed();
        let url = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        assert!(url.starts_with("http://"), "the server did not come up: {line}");
        let mut error = child.stderr.take().unwrap();
        let mut text = vec![0; 4096];
        let read = error.read(&mut text).unwrap_or(0);
        let text = String::from_utf8_lossy(&text[..read]).into_owned();
        // Whatever else it says is read away, so that it never waits for us.
        std::thread::spawn(move || std::io::copy(&mut error, &mut std::io::sink()));
        let claim = text.split("claim#").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
        Self { child, url, claim: claim.to_owned(), started }
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
    }
}

/// Verifies the ledger of a server that has ended.
pub fn verify(binary: &str, folder: &Path, database: Option<&str>) {
    let mut command = Command::new(binary);
    command.args(["ledger", "verify", "--json", "--data-dir"]).arg(folder);
    if let Some(url) = database {
        command.args(["--database-url", url]);
    }
    let done = command.output().expect("the command runs");
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{text}{}", String::from_utf8_lossy(&done.stderr));
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
