//! The results file: one line of JSON for each slice, and what may be claimed by them.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One slice.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    pub test: String,
    pub tier: String,
    pub slice: usize,
    pub seed: u64,
    pub commit: String,
    /// A hash over the sources the test depends on; only lines with the present one count.
    pub code: String,
    pub engine: String,
    pub config: Value,
    pub count: u64,
    pub violations: u64,
    pub unknown: u64,
    pub skipped: u64,
    pub seconds: f64,
    pub machine: String,
    pub replay: String,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All lines. One that cannot be read, cut off by a death, is none.
pub fn read(path: &Path) -> Vec<Line> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

pub fn append(path: &Path, line: &Line) {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).unwrap();
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(format!("{}\n", serde_json::to_string(line).unwrap()).as_bytes()).unwrap();
    file.sync_data().unwrap();
}

/// What is judged, without a database: T1 depends on nothing else.
const CORE: &str = "src/ledger/model";

/// What decides, writes, checks and tells of commands. Proofs, exports and the API over it are not among it: T5 alone goes through a
/// door, and names what is behind it itself.
const WRITER: [&str; 12] = [
    "src/ledger/writer",
    "src/ledger/store",
    "src/ledger/hub",
    "src/ledger/service.rs",
    "src/ledger/cap.rs",
    "src/ledger/threshold.rs",
    "src/ledger/check.rs",
    "src/ledger/verify.rs",
    "src/ledger/sweep.rs",
    "src/db.rs",
    "src/db",
    "migration/src/script.rs",
];

/// Where the tables are made; of these files, those that name a table of the ledger.
const MIGRATIONS: &str = "migration/src/sql";

fn names_a_table_of_the_ledger(path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap();
    ["ledger_", "credit_"].iter().any(|prefix| text.contains(prefix))
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let mut inside: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inside.sort();
    inside
}

/// The hash over what a test depends on: the core, the writer under it unless the test runs `in_memory`, and its `own` files.
pub fn code_of(in_memory: bool, own: &[&str]) -> String {
    fn feed(path: &Path, into: &mut Context) {
        if path.is_dir() {
            list(path).iter().for_each(|path| feed(path, into));
        } else {
            into.update(&fs::read(path).unwrap());
        }
    }
    let mut context = Context::new(&SHA256);
    for path in [CORE].iter().chain(own) {
        feed(&root().join(path), &mut context);
    }
    if !in_memory {
        WRITER.iter().for_each(|path| feed(&root().join(path), &mut context));
        let migrations = list(&root().join(MIGRATIONS));
        migrations.iter().filter(|path| names_a_table_of_the_ledger(path)).for_each(|path| feed(path, &mut context));
    }
    hex::encode(&context.finish().as_ref()[..8])
}

/// The commit that is tested, marked when a source was changed after it.
pub fn commit() -> String {
    let git = |arguments: &[&str]| Command::new("git").args(arguments).current_dir(root()).output().ok();
    let head =
        git(&["rev-parse", "--short=8", "HEAD"]).map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let changed = git(&["diff", "--quiet", "HEAD", "--", "src", "entity", "migration", "tests"]);
    let mark = if changed.is_some_and(|output| output.status.success()) { "" } else { "-dirty" };
    head.filter(|head| !head.is_empty()).map_or_else(|| "unknown".to_owned(), |head| head.trim().to_owned() + mark)
}

pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    format!("{} {}, {cores} cores, {} GiB", std::env::consts::OS, std::env::consts::ARCH, kib.div_ceil(1 << 20))
}
