//! T32: defects planted in the ledger, each of which the test named for it must find. A build with the feature `planted-defects`
//! runs itself once for each, so that nothing of one reaches another.

use std::process::{Command, Stdio};

/// What `src/defect.rs` reads.
const NAMED: &str = "INKLEDGER_TEST_DEFECT";

/// Number, what it is, and which test on which database finds it in how many trials.
const DEFECTS: [(u32, &str, &str, &str, u64); 10] = [
    (2, "key looked up before the lock", "T9", "postgres", 200),
    (3, "key check removed", "T9", "sqlite", 40),
    (9, "a hold settles twice", "T1", "sqlite", 20_000),
    (10, "due lot given back as available", "T1", "sqlite", 20_000),
    (13, "a broken COMMIT is taken for one that did nothing", "T8", "postgres", 60),
    (20, "refund limit removed", "T1", "sqlite", 20_000),
    (25, "attached rows in a transaction of their own", "T5", "postgres", 40),
    (26, "caps are read before the lock", "T4", "postgres", 6_000),
    (27, "remembered state used though the number differs", "T9", "postgres", 200),
    (30, "a batch that is carried out in parts drops an answer", "T4", "sqlite", 3_000),
];

/// Whether a defect is looked for, whose traces nobody wants.
pub fn is_one_planted() -> bool {
    cfg!(feature = "planted-defects") && std::env::var_os(NAMED).is_some()
}

/// Runs every defect; whether all were found.
pub fn run() -> bool {
    if !cfg!(feature = "planted-defects") {
        eprintln!("this build has no defects: script/campaign --defects builds one that has");
        return false;
    }
    let mut missed = 0;
    for (number, what, test, database, count) in DEFECTS {
        let trials = ["--test", test, "--database", database, "--count", &count.to_string(), "--seed", "1"];
        // The same trials without the defect, so that it is the defect that is found.
        let is_found = violations(&trials, 0) == Some(0) && violations(&trials, number).is_some_and(|found| found > 0);
        missed += usize::from(!is_found);
        println!("{number:>2} {what}: {} by {test}", if is_found { "found" } else { "NOT FOUND" });
    }
    println!("{} of {} planted defects found", DEFECTS.len() - missed, DEFECTS.len());
    missed == 0
}

/// Runs this programme with a defect; how many rules did not hold, or none when it died of something else.
fn violations(trials: &[&str], defect: u32) -> Option<u64> {
    let results = std::env::temp_dir().join(format!("inkledger-defect-{}.jsonl", std::process::id()));
    let status = Command::new(std::env::current_exe().unwrap())
        .args(trials)
        .arg("--results")
        .arg(&results)
        .env(NAMED, defect.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    let lines = crate::results::read(&results);
    let _ = std::fs::remove_file(&results);
    let found = lines.iter().map(|line| line.violations).sum();
    (!lines.is_empty() && status.success() == (found == 0)).then_some(found)
}
