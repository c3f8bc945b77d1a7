//! T1, T2 and T3: random stories told to the naive model and to the core in memory, or to the writer on a real database. The stories
//! and the comparison are those of the tests of the ledger.

use inkledger::db::Engine;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

use crate::{
    ledger::{core, writer},
    slice::{Dice, Outcome, Slice, Tally},
};

/// Commands of a story, on average: `Wait` is none of them.
const OF_CORE: u64 = 64;
const OF_WRITER: u64 = 40;

/// Stories between two looks at the clock.
const AT_ONCE: u64 = 100;

fn runner(seed: u64, cases: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let config = Config { cases: u32::try_from(cases).unwrap(), failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

pub async fn run_core(slice: &Slice) -> Outcome {
    let (mut dice, mut tally) = (Dice::new(slice.seed), Tally::default());
    while slice.left(tally.count) > 0 {
        let cases = slice.left(tally.count).div_ceil(OF_CORE).min(AT_ONCE);
        let first = [1, 3, usize::MAX][dice.index(3)];
        core::tell_stories(runner(dice.roll(), cases), first);
        tally.count += cases * OF_CORE;
    }
    tally.config = json!({"lots_read_at_once": [1, 3, "all"], "commands_per_story": OF_CORE});
    Ok(tally)
}

pub async fn run_writer(slice: &Slice) -> Outcome {
    let (mut dice, mut tally) = (Dice::new(slice.seed), Tally::default());
    while slice.left(tally.count) > 0 {
        let stories = slice.left(tally.count).min(if slice.engine == Engine::Sqlite { AT_ONCE } else { AT_ONCE / 4 });
        let at_once = [1, 4, 40][dice.index(3)];
        let runner = runner(dice.roll(), stories);
        writer::tell_stories(runner, slice.engine, usize::try_from(stories).unwrap(), at_once).await;
        tally.count += stories;
    }
    tally.config = json!({"commands_per_story": OF_WRITER, "sent_at_once": [1, 4, 40]});
    Ok(tally)
}
