//! What may be claimed: a table over the lines of the results file whose sources are the present ones.

use std::{collections::BTreeSet, fmt::Write as _};

use crate::{plan::TESTS, results::Line};

/// The table, as it stands in `docs/reliability.md`.
pub fn table(lines: &[Line]) -> String {
    let mut text = String::from(
        "| test | engine | trials | run | violations | unknown | 95 % bound per trial | commits | of the whole |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for test in TESTS {
        let code = test.code();
        let own = lines.iter().filter(|line| line.test == test.id && line.engine == test.engine.as_str());
        let own: Vec<&Line> = own.filter(|line| line.code == code).collect();
        let sum = |of: fn(&Line) -> u64| own.iter().map(|line| of(line)).sum::<u64>();
        let (count, violations, unknown) =
            (sum(|line| line.count), sum(|line| line.violations), sum(|line| line.unknown));
        let commits: BTreeSet<&str> = own.iter().map(|line| line.commit.as_str()).collect();
        let commits = commits.into_iter().collect::<Vec<_>>().join(", ");
        // Without a violation, three in as many trials bounds the rate.
        let bound = match (count, violations) {
            (0, _) => "–".to_owned(),
            (_, 0) => format!("below {}", percent(3.0 / count as f64)),
            _ => "none".to_owned(),
        };
        let share = percent(count as f64 / test.c as f64);
        let engine = test.engine.as_str();
        let _ = writeln!(
            text,
            "| {} | {engine} | {} | {} | {violations} | {} | {bound} | {commits} | {share} |",
            test.id,
            test.trials,
            grouped(count),
            grouped(unknown)
        );
    }
    text
}

/// As a percentage with two digits that say something.
fn percent(share: f64) -> String {
    let value = share * 100.0;
    let digits = if value > 0.0 { usize::try_from((1.0 - value.log10().floor()).max(0.0) as u64).unwrap() } else { 0 };
    format!("{value:.digits$} %")
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
