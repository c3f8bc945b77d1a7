//! One slice of a test: what it is told, and what it tells.

use std::time::{Duration, Instant};

use inkledger::db::Engine;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

/// No slice begins anything new after so long.
pub const LONGEST: Duration = Duration::from_secs(270);

/// What a slice is told.
#[derive(Debug, Clone)]
pub struct Slice {
    pub engine: Engine,
    pub seed: u64,
    /// How many trials there are to be.
    pub count: u64,
    pub until: Instant,
}

impl Slice {
    pub fn is_sqlite(&self) -> bool {
        self.engine == Engine::Sqlite
    }

    /// How many more trials there are to be after `done` of them.
    pub fn left(&self, done: u64) -> u64 {
        if Instant::now() < self.until { self.count.saturating_sub(done) } else { 0 }
    }
}

/// What a slice tells.
#[derive(Debug, Clone)]
pub struct Tally {
    pub count: u64,
    pub unknown: u64,
    pub skipped: u64,
    /// What was run, and figures that are no claim.
    pub config: Value,
}

impl Default for Tally {
    fn default() -> Self {
        Self { count: 0, unknown: 0, skipped: 0, config: json!({}) }
    }
}

/// A rule that did not hold.
#[derive(Debug)]
pub struct Violation {
    pub what: String,
    /// What led to it, in full.
    pub history: String,
}

impl From<String> for Violation {
    fn from(what: String) -> Self {
        Self { what, history: String::new() }
    }
}

pub type Outcome = Result<Tally, Violation>;

/// Fails with what is wrong.
pub fn demand(holds: bool, what: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(what().into()) }
}

/// The seed of slice number `number`; no two have the same.
pub fn seed_of(test: &str, engine: &str, number: usize) -> u64 {
    let hash = digest(&SHA256, format!("{test}/{engine}/{number}").as_bytes());
    // What every reader of JSON can hold.
    u64::from_be_bytes(hash.as_ref()[..8].try_into().unwrap()) >> 11
}

/// A small generator of the campaign's own.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `end` - 1.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    pub fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }

    /// Once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}
