//! T8: the ledger's connections to PostgreSQL break with COMMIT on its way, and at any byte of either direction. Every command
//! gets a determined answer; none is doubled or lost. A second process, whose connections are whole, comes between.

use inkledger::{
    db::{Db, Location, Options},
    ledger::LedgerOptions,
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
        let mut waves = 0;
        while tally.count < most && waves < 4 * PER_CROWD {
            let faults = (0..1 + u64::from(dice.once_in(4))).map(|_| fault(&mut dice)).collect();
            proxy.arm(faults);
            crowd.wave(&ledgers, CLIENTS, 2, &mut dice, place.now()).await;
            let fired = proxy.disarm();
            tally.count += fired;
            // A cut further away than the traffic goes.
            tally.skipped += u64::from(fired == 0);
            waves += 1;
        }
        place.clock.advance(pass(&mut dice));
        let unknown = crowd.history.unanswered();
        if let Some((command, why)) = unknown.first() {
            let what = format!("{} commands got no determined answer: {} {why}", unknown.len(), command.key.as_str());
            return Err(Violation { what, history: format!("{unknown:#?}") });
        }
        commands += crowd.check(&place.db).await?.calls;
    }
    broken.close().await;
    db.close().await;
    place.check_sessions().await?;
    place.verify().await?;
    place.close().await;
    tally.config = json!({"clients": CLIENTS, "accounts": "1-4", "processes": 2, "commands": commands});
    Ok(tally)
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
