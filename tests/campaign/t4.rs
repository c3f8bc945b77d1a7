//! T4: 16 clients on one to eight hot accounts, with rows attached to part of their commands.

use serde_json::json;

use crate::{
    crowd::{Crowd, pass},
    place::Place,
    slice::{Dice, Outcome, Slice, Tally, demand},
};

const CLIENTS: usize = 16;

/// Clients run side by side so many times; between, the clock goes on.
const WAVES: u64 = 6;

/// Commands of an account in one round: the naive model sums over all of them again and again.
const PER_ACCOUNT: u64 = 160;

pub async fn run(slice: &Slice) -> Outcome {
    let place = Place::open(slice.engine).await;
    let mut dice = Dice::new(slice.seed);
    let (mut tally, mut written) = (Tally::default(), 0);
    while slice.left(tally.count) > 0 {
        let accounts = 1 + dice.below(8);
        let wanted = slice.left(tally.count).min(accounts * PER_ACCOUNT);
        let each = wanted.div_ceil(WAVES * CLIENTS as u64);
        let accounts = usize::try_from(accounts).unwrap();
        let crowd = Crowd::open(&place.ledgers[0], accounts, dice.roll(), place.now()).await;
        for _ in 0..WAVES {
            crowd.wave(&place.ledgers, CLIENTS, usize::try_from(each).unwrap(), &mut dice, place.now()).await;
            place.clock.advance(pass(&mut dice));
        }
        let found = crowd.check(&place.db).await?;
        tally.count += found.calls;
        written += found.written;
        tally.unknown += found.unknown;
    }
    demand(tally.unknown * 100 <= tally.count, || {
        format!("{} of {} commands got no answer, though nothing broke", tally.unknown, tally.count)
    })?;
    place.check_sessions().await?;
    place.verify().await?;
    place.close().await;
    let processes = if slice.is_sqlite() { 1 } else { 2 };
    tally.config = json!({"clients": CLIENTS, "accounts": "1-8", "processes": processes, "transactions": written});
    Ok(tally)
}
