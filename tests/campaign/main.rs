//! The test programme of the ledger: the tests whose trials are counted, in slices, with a results file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a trial that meets the unexpected fails by panicking, and a programme prints"
)]

mod crash;
mod crowd;
mod defects;
mod history;
mod history_check;
#[allow(dead_code, unused_imports, reason = "shared with the tests through the doors, which use all of it")]
mod ledger;
mod place;
mod plan;
mod proxy;
mod report;
mod results;
mod slice;
mod stories;
#[allow(dead_code, unused_imports, reason = "shared with the tests through the doors, which use all of it")]
mod support;
mod t16;
mod t17;
mod t24;
mod t25;
mod t26;
mod t4;
mod t5;
mod t6;
mod t8;
mod t9;

use std::{
    fs,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use plan::{TESTS, Test};
use results::{Line, append, read};
use slice::{LONGEST, Outcome, Slice, Tally, Violation, seed_of};

fn arguments() -> Command {
    let number = |name: &'static str| Arg::new(name).long(name).value_parser(value_parser!(u64));
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    Command::new("campaign")
        .about("Runs the ledger's test programme in slices and appends a line for each to the results file")
        .arg(Arg::new("test").long("test").help("Only this test, such as T5"))
        .arg(Arg::new("database").long("database").value_parser(["sqlite", "postgres", "both"]).default_value("both"))
        .arg(Arg::new("tier").long("tier").value_parser(["a", "b", "c"]).default_value("c"))
        .arg(flag("pass").help("The same as --tier b: every test once, with the counts of a nightly pass"))
        .arg(number("count").help("So many trials of each test, whatever its tier"))
        .arg(number("seed").help("The seed of the first slice"))
        .arg(Arg::new("hours").long("hours").value_parser(value_parser!(f64)).help("Begins no slice after so long"))
        .arg(Arg::new("results").long("results").value_parser(value_parser!(PathBuf)))
        .arg(
            flag("defects")
                .help("Runs every planted defect and demands that it is found; wants the feature planted-defects"),
        )
        .arg(flag("report").help("Prints what the results file proves, and runs nothing"))
}

/// What is to be run.
struct Orders {
    tests: Vec<&'static Test>,
    tier: String,
    count: Option<u64>,
    seed: Option<u64>,
    until: Option<Instant>,
    results: PathBuf,
}

impl Orders {
    fn of(given: &ArgMatches) -> Self {
        let text = |name: &str| given.get_one::<String>(name).cloned();
        let (id, database) = (text("test"), text("database").unwrap_or_default());
        let is_asked = |test: &&Test| {
            id.as_ref().is_none_or(|id| test.id.eq_ignore_ascii_case(id))
                && (database == "both" || test.engine.as_str().starts_with(&database))
        };
        let hours = given.get_one::<f64>("hours").copied();
        Self {
            tests: TESTS.iter().filter(is_asked).collect(),
            tier: if given.get_flag("pass") { "b".to_owned() } else { text("tier").unwrap_or_default() },
            count: given.get_one("count").copied(),
            seed: given.get_one("seed").copied(),
            until: hours.map(|hours| Instant::now() + Duration::from_secs_f64(hours * 3600.0)),
            results: given
                .get_one("results")
                .cloned()
                .unwrap_or_else(|| results::root().join("docs/campaign/results.jsonl")),
        }
    }

    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Every test up to its own count; `false` when a rule did not hold.
    async fn all_once(&self) -> bool {
        let mut is_clean = true;
        for test in &self.tests {
            let all = self.count.unwrap_or(if self.tier == "a" { test.a } else { test.b });
            let (mut done, mut slices) = (0, 0);
            while done < all && !self.is_over() {
                match self.one(test, all - done, slices).await {
                    Some(count) => done += count.max(1),
                    None => {
                        is_clean = false;
                        break;
                    }
                }
                slices += 1;
            }
        }
        is_clean
    }

    /// The test that is furthest from its whole count, again and again; a violation ends a test's part in it.
    async fn furthest_first(&self) -> bool {
        let mut is_clean = true;
        while !self.is_over() {
            let lines = read(&self.results);
            let share = |test: &&&Test| test.done(&lines).0 as f64 / test.c as f64;
            let open = self.tests.iter().filter(|test| test.done(&lines).1 == 0 && share(test) < 1.0);
            let Some(test) = open.min_by(|left, right| share(left).total_cmp(&share(right))) else { break };
            let left = test.c - test.done(&lines).0;
            is_clean &= self.one(test, left, 0).await.is_some();
        }
        is_clean
    }

    /// Runs one slice and writes its line; how many trials there were, or none when a rule did not hold.
    async fn one(&self, test: &'static Test, count: u64, nth: u64) -> Option<u64> {
        let engine = test.engine.as_str();
        let of_test = |line: &&Line| line.test == test.id && line.engine == engine;
        let number = read(&self.results).iter().filter(of_test).count();
        let seed = self.seed.map_or_else(|| seed_of(test.id, engine, number), |seed| seed + nth);
        let (began, code) = (Instant::now(), test.code());
        let slice = Slice { engine: test.engine, seed, count, until: began + LONGEST };
        let outcome: Outcome = match tokio::spawn((test.run)(slice)).await {
            Ok(outcome) => outcome,
            Err(panicked) => Err(Violation::from(panicked.to_string())),
        };
        let seconds = began.elapsed().as_secs_f64();
        let (tally, violation) = match outcome {
            Ok(tally) => (tally, None),
            Err(violation) => (Tally { count, ..Tally::default() }, Some(violation)),
        };
        let database = if engine == "sqlite" { engine } else { "postgres" };
        let replay =
            format!("script/campaign --test {} --database {database} --seed {seed} --count {}", test.id, tally.count);
        let line = Line {
            test: test.id.to_owned(),
            tier: self.tier.clone(),
            slice: number,
            seed,
            commit: results::commit(),
            code,
            engine: engine.to_owned(),
            config: tally.config,
            count: if violation.is_some() { 0 } else { tally.count },
            violations: u64::from(violation.is_some()),
            unknown: tally.unknown,
            skipped: tally.skipped,
            seconds: (seconds * 10.0).round() / 10.0,
            machine: results::machine(),
            replay,
        };
        append(&self.results, &line);
        println!("{}", serde_json::to_string(&line).unwrap());
        match violation {
            None => Some(line.count),
            Some(violation) => {
                self.tell(&line, &violation).await;
                None
            }
        }
    }

    /// Keeps what led to a violation, and says how to see it again.
    async fn tell(&self, line: &Line, violation: &Violation) {
        if defects::is_one_planted() {
            return place::forget().await;
        }
        let folder = results::root().join("target/campaign");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{}-{}-{}.txt", line.test, line.engine, line.seed));
        fs::write(&path, format!("{}\n\n{}", violation.what, violation.history)).unwrap();
        eprintln!("VIOLATION in {} on {}: {}", line.test, line.engine, violation.what);
        eprintln!("  history: {}", path.display());
        if let Some(place) = place::keep().await {
            eprintln!("  data: {place}");
        }
        eprintln!("  again: {}", line.replay);
    }
}

fn main() -> ExitCode {
    let given = arguments().get_matches();
    let orders = Orders::of(&given);
    if given.get_flag("report") {
        print!("{}", report::table(&read(&orders.results)));
        return ExitCode::SUCCESS;
    }
    if orders.tests.is_empty() {
        eprintln!("there is no such test on this database");
        return ExitCode::FAILURE;
    }
    if given.get_flag("defects") {
        return if defects::run() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    if let Err(why) = history_check::check_itself() {
        eprintln!("the checker of histories is wrong: {why}");
        return ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let all_once = orders.count.is_some() || orders.tier != "c";
    let is_clean =
        runtime.block_on(async { if all_once { orders.all_once().await } else { orders.furthest_first().await } });
    if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
