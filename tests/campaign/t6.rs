//! T6: PostgreSQL is killed while the ledger works, and started again. What was acknowledged is there once; what was not, once or
//! never, and its key finds out.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use inkledger::{
    clock::FixedClock,
    db::{Db, Location, Options, migrate::migrate},
    ledger::{Ledger, LedgerOptions, Refusal},
};
use sea_orm::ConnectionTrait as _;
use serde_json::json;
use tokio::sync::Mutex;

use crate::{
    crash::Cluster,
    crowd::{Crowd, pass},
    history::Answer,
    place::{forget, guard, open_ledger, verify_all},
    slice::{Dice, Outcome, Slice, Tally, Violation, demand},
    support::database::START,
};

const CLIENTS: usize = 8;

/// Commands of a client while one kill happens.
const EACH: usize = 12;

/// Of each process, beside those of its lanes.
const CONNECTIONS: u32 = 4;

/// Kills of one crowd, before others take its place.
const PER_CROWD: u64 = 4;

/// How long the ledger may take to find the database again.
const HEALED: Duration = Duration::from_secs(10);

pub async fn run(slice: &Slice) -> Outcome {
    let cluster = Cluster::init().await;
    let folder = cluster.folder().display().to_string();
    let options = Options { location: Location::Server(cluster.url().into()), connections: CONNECTIONS };
    let cluster = Arc::new(Mutex::new(cluster));
    let kept = Arc::clone(&cluster);
    guard(move || {
        std::mem::forget(kept);
        folder
    })
    .await;
    let (db, clock) = (Db::open(&options).await.unwrap(), Arc::new(FixedClock::new(START)));
    migrate(&db).await.unwrap();
    let second = Db::open(&options).await.unwrap();
    let settings = LedgerOptions::default();
    let ledgers = [open_ledger(&db, &clock, 2, settings).await, open_ledger(&second, &clock, 3, settings).await];
    let mut dice = Dice::new(slice.seed);
    let (mut tally, mut commands) = (Tally::default(), 0);
    // From when the database was back: until it could be used, and until all that was asked meanwhile had been answered.
    let (mut healed, mut answered) = (Duration::ZERO, Duration::ZERO);
    while slice.left(tally.count) > 0 {
        let accounts = 1 + dice.index(4);
        let crowd = Crowd::open(&ledgers[0], accounts, dice.roll(), now(&clock)).await;
        let mut asked = HashSet::new();
        for _ in 0..PER_CROWD.min(slice.left(tally.count)) {
            let moment = Duration::from_millis(dice.below(150));
            // Away for longer than a command is tried again, sometimes.
            let away = Duration::from_millis(if dice.once_in(3) { dice.below(800) } else { 0 });
            let signal = if dice.once_in(3) { "-QUIT" } else { "-KILL" };
            let cluster = Arc::clone(&cluster);
            let killing = async move {
                tokio::time::sleep(moment).await;
                let mut cluster = cluster.lock().await;
                cluster.kill(signal).await;
                tokio::time::sleep(away).await;
                cluster.start().await;
                Instant::now()
            };
            let wave = crowd.wave(&ledgers, CLIENTS, EACH, &mut dice, now(&clock));
            let ((), ready) = tokio::join!(wave, killing);
            answered = answered.max(ready.elapsed());
            for db in [&db, &second] {
                healed = healed.max(read_again(db).await?);
            }
            healed = healed.max(ask_again(&crowd, &ledgers, &mut asked, now(&clock)).await?);
            clock.advance(pass(&mut dice));
            tally.count += 1;
        }
        // The connections of the pool may be dead and not know it yet.
        let fresh = Db::open(&options).await.unwrap();
        let found = crowd.check(&fresh).await?;
        fresh.close().await;
        commands += found.calls;
        tally.unknown += found.unknown;
    }
    for ledger in &ledgers {
        ledger.close().await;
    }
    db.close().await;
    second.close().await;
    let fresh = Db::open(&options).await.unwrap();
    verify_all(&fresh, clock.as_ref()).await?;
    fresh.close().await;
    forget().await;
    tally.config = json!({"clients": CLIENTS, "accounts": "1-4", "processes": 2, "fsync": "on", "commands": commands,
        "healed_ms_max": healed.as_millis() as u64, "answered_ms_max": answered.as_millis() as u64});
    Ok(tally)
}

fn now(clock: &FixedClock) -> i64 {
    inkledger::clock::Clock::now(clock)
}

/// Reads until as many reads in a row as there are connections succeed; how long that took.
async fn read_again(db: &Db) -> Result<Duration, Violation> {
    let (began, mut good) = (Instant::now(), 0);
    while good < CONNECTIONS {
        let read = db.reader().execute_unprepared("SELECT 1").await;
        good = if read.is_ok() { good + 1 } else { 0 };
        demand(read.is_ok() || began.elapsed() < HEALED, || format!("the pool does not heal: {read:?}"))?;
    }
    Ok(began.elapsed())
}

/// Asks with every key that got no answer until it gets one; how long that took.
async fn ask_again(
    crowd: &Crowd,
    ledgers: &[Ledger],
    asked: &mut HashSet<String>,
    now: i64,
) -> Result<Duration, Violation> {
    let began = Instant::now();
    for (at, (command, why)) in crowd.history.unanswered().into_iter().enumerate() {
        if !asked.insert(command.key.as_str().to_owned()) {
            continue;
        }
        loop {
            let answer = crowd.history.submit(&ledgers[at % ledgers.len()], command.clone(), now).await;
            match &answer {
                Answer::Done(_) => break,
                Answer::Refused(Refusal::LedgerBusy { .. }) | Answer::Unknown(_) if began.elapsed() < HEALED => {}
                Answer::Refused(refusal) if !matches!(refusal, Refusal::LedgerBusy { .. }) => break,
                _ => {
                    let key = command.key.as_str();
                    return Err(format!("{key} got {why}, and after {HEALED:?} still {answer:?}").into());
                }
            }
        }
    }
    Ok(began.elapsed())
}
