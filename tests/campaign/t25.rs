//! T25: clocks that jump by up to ten years, ahead and back, or stand still. What was written off stays written off, no period of a
//! cap is counted twice, and every time in a journal is at or after the one before.

use serde_json::json;

use crate::{
    crowd::Crowd,
    ledger::support::SECOND,
    place::Place,
    slice::{Dice, Outcome, Slice, Tally},
};

const CLIENTS: usize = 8;
const EACH: usize = 3;

/// Jumps of one crowd, before others take its place.
const JUMPS: u64 = 10;

const DAY: i64 = 86_400 * SECOND;

pub async fn run(slice: &Slice) -> Outcome {
    let place = Place::open(slice.engine).await;
    let mut dice = Dice::new(slice.seed);
    let (mut tally, mut commands) = (Tally::default(), 0);
    let present = place.now();
    while slice.left(tally.count) > 0 {
        place.clock.set(present);
        let crowd = Crowd::open(&place.ledgers[0], 1 + dice.index(3), dice.roll(), place.now()).await;
        for _ in 0..JUMPS.min(slice.left(tally.count)) {
            crowd.wave(&place.ledgers, CLIENTS, EACH, &mut dice, place.now()).await;
            place.clock.set(present.max(place.now()) + jump(&mut dice));
            tally.count += 1;
        }
        // Last at a time that is past for some of them.
        crowd.wave(&place.ledgers, CLIENTS, EACH, &mut dice, place.now()).await;
        let found = crowd.check(&place.db).await?;
        commands += found.calls;
        tally.unknown += found.unknown;
    }
    place.check_sessions().await?;
    place.verify().await?;
    place.close().await;
    tally.config = json!({"clients": CLIENTS, "accounts": "1-3", "commands": commands});
    Ok(tally)
}

/// Nothing, seconds, about a day, or years; as often back as ahead.
fn jump(dice: &mut Dice) -> i64 {
    let most = [0, 60 * SECOND, 2 * DAY, 3_650 * DAY][dice.index(4)];
    i64::try_from(dice.below(2 * u64::try_from(most).unwrap() + 1)).unwrap() - most
}
