//! T32: defects planted in the ledger, each of which the test named for it must find. A build with the feature `planted-defects`
//! runs itself once for each, so that nothing of one reaches another.

use std::process::{Command, Stdio};

/// Number, what it is, and which test on which database finds it in how many trials.
const DEFECTS: [(u32, &str, &str, &str, u64); 6] = [
    (2, "key looked up before the lock", "T9", "postgres", 200),
    (3, "key check removed", "T9", "sqlite", 40),
    (9, "a hold settles twice", "T1", "sqlite", 20_000),
    (10, "due lot given back as available", "T1", "sqlite", 20_000),
    (20, "refund limit removed", "T1", "sqlite", 20_000),
    (27, "remembered state used though the number differs", "T9", "postgres", 200),
];

/// Runs every defect; whether all were found.
pub fn run() -> bool {
    if !cfg!(feature = "planted-defects") {
        eprintln!("this build has no defects: script/campaign --defects builds one that has");
        return false;
    }
    let mut missed = 0;
    for (number, what, test, database, count) in DEFECTS {
        let results = std::env::temp_dir().join(format!("inkledger-defect-{}.jsonl", std::process::id()));
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--test", test, "--database", database, "--count", &count.to_string(), "--seed", "1", "--results"])
            .arg(&results)
            .env("INKLEDGER_PLANTED_DEFECT", number.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let lines = crate::results::read(&results);
        let _ = std::fs::remove_file(&results);
        // Not by a death of its own, but by a rule that did not hold.
        let is_found = !status.success() && lines.iter().any(|line| line.violations > 0);
        missed += u32::from(!is_found);
        println!("{number:>2} {what}: {} by {test}", if is_found { "found" } else { "NOT FOUND" });
    }
    println!("{} of {} planted defects found", DEFECTS.len() - missed as usize, DEFECTS.len());
    missed == 0
}
