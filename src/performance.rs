//! How long things take in this process: the root fields of the API and the statements of the database, while the process watches
//! itself. While it does not, each of them costs a look at one switch. It must never know what is timed.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::clock::Micros;

/// Different names of one kind that are told apart; the others go together under [`OTHER`].
pub const NAMES_MAX: usize = 400;

/// What has no name of its own.
pub const OTHER: &str = "other";

/// Parts that each doubling of a time is told apart in.
const PARTS: u64 = 8;

/// Times are told apart up to 2^40 microseconds, which is twelve days.
const SLOTS: usize = 312;

/// What one name took, in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The name.
    pub name: String,
    /// How often.
    pub count: u64,
    /// Altogether.
    pub total: u64,
    /// What half of them did not exceed, at most an eighth too much; likewise the next two.
    pub p50: u64,
    /// What 95 in 100 did not exceed.
    pub p95: u64,
    /// What 99 in 100 did not exceed.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

/// What was timed since the process began to watch itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// When it began.
    pub since: Micros,
    /// Root fields, the ones that took most together first.
    pub fields: Vec<Timing>,
    /// Statements of the database, likewise.
    pub statements: Vec<Timing>,
}

/// Times of one name: how many fell into each slot.
#[derive(Debug, Clone)]
struct Spread {
    slots: Box<[u64]>,
    count: u64,
    total: u64,
    max: u64,
}

impl Default for Spread {
    fn default() -> Self {
        Self { slots: vec![0; SLOTS].into(), count: 0, total: 0, max: 0 }
    }
}

/// The slot of a time: below [`PARTS`] each has its own, above each doubling has as many.
fn slot(took: u64) -> usize {
    let Some(power) = took.checked_ilog2().filter(|power| *power >= 3) else {
        return usize::try_from(took).unwrap_or(0);
    };
    let part = (took >> (power - 3)) & (PARTS - 1);
    let slot = u64::from(power - 2) * PARTS + part;
    usize::try_from(slot).unwrap_or(SLOTS).min(SLOTS - 1)
}

/// The longest time of a slot.
fn longest(slot: usize) -> u64 {
    let slot = u64::try_from(slot).unwrap_or(u64::MAX);
    if slot < PARTS {
        return slot;
    }
    let (power, part) = (slot / PARTS + 2, slot % PARTS);
    ((PARTS + part + 1) << (power - 3)) - 1
}

impl Spread {
    fn add(&mut self, took: u64) {
        if let Some(slot) = self.slots.get_mut(slot(took)) {
            *slot += 1;
        }
        self.count += 1;
        self.total = self.total.saturating_add(took);
        self.max = self.max.max(took);
    }

    fn quantile(&self, percent: u64) -> u64 {
        let wanted = (self.count * percent).div_ceil(100);
        let mut seen = 0;
        for (slot, count) in self.slots.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return longest(slot).min(self.max);
            }
        }
        self.max
    }

    fn timing(&self, name: &str) -> Timing {
        Timing {
            name: name.to_owned(),
            count: self.count,
            total: self.total,
            p50: self.quantile(50),
            p95: self.quantile(95),
            p99: self.quantile(99),
            max: self.max,
        }
    }
}

#[derive(Debug, Default)]
struct Times(BTreeMap<String, Spread>);

impl Times {
    fn add(&mut self, name: &str, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        // Looked up first, so that only a new name is copied.
        if let Some(spread) = self.0.get_mut(name) {
            return spread.add(took);
        }
        let name = if self.0.len() < NAMES_MAX { name } else { OTHER };
        self.0.entry(name.to_owned()).or_default().add(took);
    }

    fn list(&self) -> Vec<Timing> {
        let mut all: Vec<Timing> = self.0.iter().map(|(name, spread)| spread.timing(name)).collect();
        all.sort_by(|one, other| other.total.cmp(&one.total).then_with(|| one.name.cmp(&other.name)));
        all
    }
}

#[derive(Debug, Default)]
struct Figures {
    since: Micros,
    fields: Times,
    statements: Times,
}

#[derive(Debug, Default)]
struct Inner {
    is_on: AtomicBool,
    figures: Mutex<Figures>,
}

/// The switch, and what was timed while it was on. Off at first. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct Monitoring(Arc<Inner>);

impl Monitoring {
    /// Turns it on or off. Turned on when it was off, it begins anew `now`; what it is already, it stays.
    pub fn switch(&self, on: bool, now: Micros) {
        let mut figures = self.lock();
        if on && !self.is_on() {
            *figures = Figures { since: now, ..Figures::default() };
        }
        self.0.is_on.store(on, Ordering::Relaxed);
    }

    /// Whether things are timed.
    pub fn is_on(&self) -> bool {
        self.0.is_on.load(Ordering::Relaxed)
    }

    /// A root field was resolved, with all below it; `root` is `query` or `mutation`.
    pub fn field(&self, root: &str, name: &str, took: Duration) {
        if self.is_on() {
            self.lock().fields.add(&format!("{root} {name}"), took);
        }
    }

    /// The database carried out a statement.
    pub fn statement(&self, sql: &str, took: Duration) {
        if self.is_on() {
            self.lock().statements.add(&kind_of(sql), took);
        }
    }

    /// What was timed; `None` while it is off.
    pub fn report(&self) -> Option<Report> {
        if !self.is_on() {
            return None;
        }
        let figures = self.lock();
        let (fields, statements) = (figures.fields.list(), figures.statements.list());
        Some(Report { since: figures.since, fields, statements })
    }

    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.0.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a statement does, and to which table: its first word, and the one after the first `FROM`, `INTO`, `UPDATE` or `TABLE`.
fn kind_of(sql: &str) -> String {
    let words = sql.split(|letter: char| letter.is_whitespace() || matches!(letter, '(' | ')' | ',' | ';'));
    let mut words = words.filter(|word| !word.is_empty());
    let Some(verb) = words.next() else { return OTHER.to_owned() };
    let verb = verb.to_ascii_uppercase();
    if !verb.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return OTHER.to_owned();
    }
    let names_table = |word: &str| ["FROM", "INTO", "TABLE"].iter().any(|known| word.eq_ignore_ascii_case(known));
    let is_name =
        |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    let table = match verb.as_str() {
        "UPDATE" => words.next(),
        // Of a nested look-up it is the first table inside.
        "SELECT" | "INSERT" | "DELETE" | "WITH" => loop {
            match words.next() {
                None => break None,
                Some(word) if names_table(word) => match words.next() {
                    Some(word) if word.eq_ignore_ascii_case("SELECT") => {}
                    found => break found,
                },
                Some(_) => {}
            }
        },
        _ => None,
    };
    match table.filter(is_name) {
        Some(table) => format!("{verb} {table}"),
        None => verb,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_lies_in_its_slot_and_at_most_an_eighth_below_its_end() {
        let mut last = None;
        for took in (0..5_000).chain((12..40).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1])) {
            let slot = slot(took);
            assert!(last.is_none_or(|(before, other)| before > took || other <= slot), "{took}");
            assert!(longest(slot) >= took && longest(slot) - took <= took / 8, "{took} in {slot}");
            last = Some((took, slot));
        }
        assert_eq!(slot(u64::MAX), SLOTS - 1);
    }

    #[test]
    fn quantiles_are_those_of_all_times_and_never_above_the_longest() {
        let mut spread = Spread::default();
        assert_eq!(spread.quantile(99), 0);
        (1..=1_000).for_each(|took| spread.add(took));
        let timing = spread.timing("x");
        assert_eq!((timing.count, timing.total, timing.max), (1_000, 500_500, 1_000));
        for (found, exact) in [(timing.p50, 500), (timing.p95, 950), (timing.p99, 990)] {
            assert!(found >= exact && found <= exact + exact / 8, "{found} for {exact}");
        }
        let mut one = Spread::default();
        one.add(1_000_001);
        assert_eq!(one.quantile(50), 1_000_001);
    }

    #[test]
    fn nothing_is_kept_while_it_is_off_and_turning_it_on_begins_anew() {
        let monitoring = Monitoring::default();
        let took = Duration::from_micros(5);
        monitoring.field("query", "viewer", took);
        assert_eq!(monitoring.report(), None);
        monitoring.switch(true, 7);
        assert_eq!(monitoring.report(), Some(Report { since: 7, fields: Vec::new(), statements: Vec::new() }));
        monitoring.field("query", "viewer", took);
        monitoring.switch(true, 9);
        let report = monitoring.report().unwrap();
        assert_eq!((report.since, report.fields[0].name.as_str(), report.fields[0].count), (7, "query viewer", 1));
        monitoring.switch(false, 10);
        assert_eq!(monitoring.report(), None);
        monitoring.switch(true, 11);
        assert_eq!(monitoring.report().unwrap().fields, []);
    }

    #[test]
    fn names_beyond_the_bound_go_together() {
        let monitoring = Monitoring::default();
        monitoring.switch(true, 0);
        for number in 0..NAMES_MAX * 2 {
            monitoring.field("query", &number.to_string(), Duration::from_micros(1));
        }
        let report = monitoring.report().unwrap();
        assert_eq!(report.fields.len(), NAMES_MAX + 1);
        assert_eq!(report.fields[0].name, OTHER);
        assert_eq!(report.fields[0].count, NAMES_MAX as u64);
    }

    #[test]
    fn a_statement_is_named_after_what_it_does_to_which_table() {
        for (sql, kind) in [
            ("SELECT id, name FROM app_user WHERE id = $1", "SELECT app_user"),
            ("\n  insert INTO job (id) VALUES ($1)", "INSERT job"),
            ("UPDATE ai_task SET fence = 1", "UPDATE ai_task"),
            ("DELETE FROM user_activity WHERE user_id = $1", "DELETE user_activity"),
            ("SELECT (SELECT COUNT(*) FROM image) AS images", "SELECT image"),
            ("SELECT COUNT(*) AS n FROM (SELECT 1 FROM job LIMIT 3) w", "SELECT job"),
            ("WITH v AS (VALUES (1)) UPDATE x SET y = 1", "WITH"),
            ("COMMIT", "COMMIT"),
            ("PRAGMA foreign_keys = ON; PRAGMA x", "PRAGMA"),
            ("", OTHER),
            ("'; DROP TABLE x", OTHER),
        ] {
            assert_eq!(kind_of(sql), kind, "{sql}");
        }
    }
}
