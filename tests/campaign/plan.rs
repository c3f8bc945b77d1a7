//! The tests of the ledger, and how often each is to run: A at every push, B in one pass, C for the whole claim.

use std::pin::Pin;

use inkledger::db::Engine;

use crate::{
    results::{Line, code_of},
    slice::{Outcome, Slice},
    stories, t4, t5, t6, t8, t9, t16, t17, t24, t25, t26,
};

/// One test on one engine.
pub struct Test {
    pub id: &'static str,
    pub engine: Engine,
    /// What its trials are.
    pub trials: &'static str,
    pub a: u64,
    pub b: u64,
    pub c: u64,
    /// The sources it depends on, besides those of the ledger.
    own: &'static [&'static str],
    pub run: fn(Slice) -> Pin<Box<dyn Future<Output = Outcome> + Send>>,
}

impl Test {
    pub fn code(&self) -> String {
        code_of(self.id == "T1", self.own)
    }

    /// Trials that count, and violations among them.
    pub fn done(&self, lines: &[Line]) -> (u64, u64) {
        let code = self.code();
        let own = lines.iter().filter(|line| line.test == self.id && line.engine == self.engine.as_str());
        let counted = own.filter(|line| line.code == code);
        counted.fold((0, 0), |(count, violations), line| (count + line.count, violations + line.violations))
    }
}

const HISTORY: &str = "tests/campaign/history.rs";
const CROWD: &str = "tests/campaign/crowd.rs";
const MODEL: &str = "tests/it/ledger/model.rs";
const STORIES: &str = "tests/it/ledger/support.rs";
const CAP: &str = "tests/it/ledger/cap.rs";

macro_rules! test {
    ($id:literal, $engine:ident, $trials:literal, [$a:literal, $b:literal, $c:literal], $run:path, $own:expr) => {
        Test {
            id: $id,
            engine: Engine::$engine,
            trials: $trials,
            a: $a,
            b: $b,
            c: $c,
            own: $own,
            run: |slice| Box::pin(async move { $run(&slice).await }),
        }
    };
}

const T4: &[&str] = &["tests/campaign/t4.rs", HISTORY, CROWD, MODEL, STORIES, CAP];

const T5: &[&str] =
    &["tests/campaign/t5.rs", "tests/it/support/server.rs", "src/ledger/admin", "src/ledger/graphql/mutation.rs"];
const T9: &[&str] = &["tests/campaign/t9.rs", HISTORY, CROWD, MODEL, STORIES, CAP];

const T8: &[&str] = &["tests/campaign/t8.rs", "tests/campaign/proxy.rs", HISTORY, CROWD, MODEL, STORIES, CAP];

const T6: &[&str] = &["tests/campaign/t6.rs", "tests/campaign/crash.rs", HISTORY, CROWD, MODEL, STORIES, CAP];

const T16: &[&str] = &["tests/campaign/t16.rs", HISTORY, CROWD, MODEL, STORIES, CAP];
const T24: &[&str] = &["tests/campaign/t24.rs", HISTORY, CROWD, MODEL, STORIES, CAP];
const T25: &[&str] = &["tests/campaign/t25.rs", HISTORY, CROWD, MODEL, STORIES, CAP];
const T26: &[&str] = &[
    "tests/campaign/t26.rs",
    "tests/it/support/server.rs",
    "src/cli/backup",
    "src/cli/ledger/restore.rs",
    "src/ledger/proof/restore.rs",
];
const T17: &[&str] = &["tests/campaign/t17.rs", HISTORY, CROWD, MODEL, STORIES, CAP];
const T1: &[&str] = &["tests/campaign/stories.rs", "tests/it/ledger/core.rs", MODEL, STORIES];
const T2: &[&str] = &["tests/campaign/stories.rs", "tests/it/ledger/writer.rs", MODEL, STORIES, CAP];

pub const TESTS: &[Test] = &[
    test!("T1", Sqlite, "commands in memory", [0, 1_000_000, 10_000_000], stories::run_core, T1),
    test!("T2", Sqlite, "stories of 40 commands", [0, 50_000, 500_000], stories::run_writer, T2),
    test!("T3", Postgres, "stories of 40 commands", [0, 5_000, 50_000], stories::run_writer, T2),
    test!("T4", Sqlite, "concurrent commands", [6_000, 1_000_000, 20_000_000], t4::run, T4),
    test!("T4", Postgres, "concurrent commands", [1_500, 200_000, 2_000_000], t4::run, T4),
    test!("T5", Sqlite, "kills under load", [5, 200, 10_000], t5::run, T5),
    test!("T5", Postgres, "kills under load", [5, 200, 10_000], t5::run, T5),
    test!("T6", Postgres, "kills of PostgreSQL", [1, 40, 1_000], t6::run, T6),
    test!("T8", Postgres, "broken connections", [50, 3_000, 50_000], t8::run, T8),
    test!("T9", Sqlite, "keys asked 2–32 times at once", [250, 25_000, 500_000], t9::run, T9),
    test!("T9", Postgres, "keys asked 2–32 times at once", [250, 25_000, 500_000], t9::run, T9),
    test!("T16", Sqlite, "live events", [0, 500_000, 5_000_000], t16::run, T16),
    test!("T16", Postgres, "live events", [0, 500_000, 5_000_000], t16::run, T16),
    test!("T17", Sqlite, "callers that left", [0, 20_000, 200_000], t17::run, T17),
    test!("T17", Postgres, "callers that left", [0, 20_000, 200_000], t17::run, T17),
    test!("T24", Sqlite, "full disks", [5, 100, 2_000], t24::run, T24),
    test!("T25", Sqlite, "jumps of the clock", [100, 1_000, 10_000], t25::run, T25),
    test!("T25", Postgres, "jumps of the clock", [0, 1_000, 10_000], t25::run, T25),
    test!("T26", Sqlite, "backups under load, restored", [1, 5, 200], t26::run, T26),
    test!("T26", Postgres, "backups under load, restored", [1, 5, 200], t26::run, T26),
];
