//! T24: the disk under SQLite has no room in the middle of a crowd's commands, and later has some again. What was not carried out says
//! so, reads go on, and everything works again by itself, without a start.

use inkledger::{
    db::{Db, statement},
    error::{Failure, Never},
};
use sea_orm::ConnectionTrait as _;
use serde_json::json;

use crate::{
    crowd::{Crowd, pass},
    history::Answer,
    place::Place,
    slice::{Dice, Outcome, Slice, Tally, Violation, demand},
};

const CLIENTS: usize = 16;
const EACH: usize = 4;

/// Times that the disk of one crowd fills up, before others take its place.
const FILLS: u64 = 5;

pub async fn run(slice: &Slice) -> Outcome {
    let place = Place::open(slice.engine).await;
    let mut dice = Dice::new(slice.seed);
    let (mut tally, mut commands, mut met) = (Tally::default(), 0, 0);
    while slice.left(tally.count) > 0 {
        let crowd = Crowd::open(&place.ledgers[0], 1 + dice.index(4), dice.roll(), place.now()).await;
        let mut asked_again = 0;
        for _ in 0..FILLS.min(slice.left(tally.count)) {
            crowd.wave(&place.ledgers, CLIENTS, 1, &mut dice, place.now()).await;
            allow(&place.db, Some(dice.below(8))).await;
            crowd.wave(&place.ledgers, CLIENTS, EACH, &mut dice, place.now()).await;
            demand(place.number("SELECT COUNT(*) FROM credit_transaction").await > 0, || "nothing is read".to_owned())?;
            allow(&place.db, None).await;
            asked_again += ask_again(&place, &crowd, asked_again).await?;
            place.clock.advance(pass(&mut dice));
            tally.count += 1;
        }
        let found = crowd.check(&place.db).await?;
        commands += found.calls;
        tally.unknown += found.unknown;
        met += asked_again;
    }
    demand(met > 0, || "the disk was never full".to_owned())?;
    place.verify().await?;
    place.close().await;
    tally.config = json!({"clients": CLIENTS, "accounts": "1-4", "commands": commands, "met": met});
    Ok(tally)
}

/// Asks what met the full disk once more, all but the first `skipped`, now that there is room. How many they were.
async fn ask_again(place: &Place, crowd: &Crowd, skipped: usize) -> Result<usize, Violation> {
    let unanswered: Vec<_> = crowd.history.unanswered().into_iter().skip(skipped).collect();
    for (command, why) in &unanswered {
        demand(why.contains("full"), || {
            format!("{} met something else than a full disk: {why}", command.key.as_str())
        })?;
        let answer = crowd.history.submit(&place.ledgers[0], command.clone(), place.now()).await;
        if let Answer::Unknown(why) = answer {
            return Err(format!("{} got no answer though there is room: {why}", command.key.as_str()).into());
        }
    }
    Ok(unanswered.len())
}

/// Lets the file grow by so many pages, or by any number.
async fn allow(db: &Db, pages: Option<u64>) {
    let done = db.write(pages, |tx, pages| {
        Box::pin(async move {
            let most = match pages {
                Some(pages) => {
                    let now = tx.query_one_raw(statement(tx, "PRAGMA page_count", [])).await?;
                    now.map_or(Ok(0), |row| row.try_get_by_index::<i64>(0))?.unsigned_abs() + pages
                }
                None => 1 << 30,
            };
            tx.execute_unprepared(&format!("PRAGMA max_page_count = {most}")).await?;
            Ok::<_, Failure<Never>>(())
        })
    });
    done.await.unwrap();
}
