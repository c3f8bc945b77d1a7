//! T8: the ledger's connections to PostgreSQL break with COMMIT on its way, and at any byte of either direction. Every command
//! gets a determined answer; none is doubled or lost. A second process, whose connections are whole, comes between.

use inkledger::{
    db::{Db, Location, Options},
    ledger::{Ledger, LedgerOptions},
};
use serde_json::json;

use crate::{
    crowd::{Crowd, pass},
    place::{Place, open_ledger},
    proxy::{Fault, Proxy},
    slice::{Dice, Outcome, Slice, Tally, Violation},
};

const CLIENTS: usize = 9;

/// Faults of one crowd, before others take its place.
const PER_CROWD: u64 = 12;

pub async fn run(slice: &Slice) -> Outcome {
    let place = Place::open(slice.engine).await;
    let proxy = Proxy::start(place.url.as_deref().unwrap()).await;
    let db = Db::open(&Options { location: Location::Server(proxy.url.clone().into()), connections: 4 }).await.unwrap();
    let broken = open_ledger(&db, &place.clock, 7, LedgerOptions::default()).await;
    let ledgers = [broken.clone(), broken.clone(), place.ledgers[0].clone()];
    let mut dice = Dice::new(slice.seed);
    let (mut tally, mut commands) = (Tally::default(), 0);
    while slice.left(tally.count) > 0 {
        let accounts = 1 + dice.index(4);
        let crowd = Crowd::open(&place.ledgers[0], accounts, dice.roll(), place.now()).await;
        let most = (tally.count + PER_CROWD).min(slice.count);
        // Questions without an answer that have been looked into.
        let (mut waves, mut seen) = (0, 0);
        while tally.count < most && waves < 4 * PER_CROWD {
            let faults = (0..1 + u64::from(dice.once_in(4))).map(|_| fault(&mut dice)).collect();
            proxy.arm(faults);
            // With no way back, there may be no answer; then there must be one afterwards.
            let is_shut = dice.once_in(8);
            proxy.shut(is_shut);
            crowd.wave(&ledgers, CLIENTS, 2, &mut dice, place.now()).await;
            let fired = proxy.disarm();
            proxy.shut(false);
            seen = check_answers(&crowd, &broken, seen, is_shut, place.now()).await?;
            tally.count += fired;
            // A cut further away than the traffic goes.
            tally.skipped += u64::from(fired == 0);
            waves += 1;
        }
        place.clock.advance(pass(&mut dice));
        let found = crowd.check(&place.db).await?;
        commands += found.calls;
        tally.unknown += found.unknown;
    }
    broken.close().await;
    db.close().await;
    place.check_sessions().await?;
    place.verify().await?;
    place.close().await;
    tally.config = json!({"clients": CLIENTS, "accounts": "1-4", "processes": 2, "commands": commands});
    Ok(tally)
}

/// Every question must have been answered; where there was no way back, it is now. How many were not.
async fn check_answers(
    crowd: &Crowd,
    ledger: &Ledger,
    seen: usize,
    is_shut: bool,
    now: i64,
) -> Result<usize, Violation> {
    let unknown = crowd.history.unanswered();
    let allowed = if is_shut { unknown.len() } else { seen };
    for (command, _) in unknown.iter().take(allowed).skip(seen) {
        crowd.history.submit(ledger, command.clone(), now).await;
    }
    match crowd.history.unanswered().get(allowed) {
        None => Ok(allowed),
        Some((command, why)) => {
            let what = format!("{} got no determined answer: {why}", command.key.as_str());
            Err(Violation { what, history: format!("{unknown:#?}") })
        }
    }
}

fn fault(dice: &mut Dice) -> Fault {
    // Near and far alike.
    let bytes = |dice: &mut Dice| {
        let most = 1 << dice.below(15);
        usize::try_from(dice.below(most)).unwrap()
    };
    match dice.below(7) {
        0 | 1 => Fault::LoseCommitAnswer,
        2 => Fault::CutAfterCommit,
        3 => Fault::CutBeforeCommit,
        4 => Fault::CutRequests(bytes(dice)),
        _ => Fault::CutAnswers(bytes(dice)),
    }
}
