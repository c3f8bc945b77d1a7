//! T17: callers that go away while their command is under way. What they sent is carried out, their key fetches the answer later,
//! and nothing is left open.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::future::join_all;
use inkledger::ledger::{Command, Ledger, model::Operation};
use serde_json::json;

use crate::{
    crowd::{Crowd, Member, pass},
    history::{Answer, Call, History, answer_of},
    place::Place,
    slice::{Dice, Outcome, Slice, Tally, Violation, demand},
};

const CLIENTS: usize = 24;
const EACH: usize = 6;

/// Waves of one crowd, before others take its place.
const WAVES: usize = 5;

/// A command that somebody sent and did not wait for.
type Dropped = (usize, Command);

pub async fn run(slice: &Slice) -> Outcome {
    let place = Place::open(slice.engine).await;
    let mut dice = Dice::new(slice.seed);
    let (mut tally, mut commands) = (Tally::default(), 0);
    while slice.left(tally.count) > 0 {
        let crowd = Crowd::open(&place.ledgers[0], 1 + dice.index(4), dice.roll(), place.now()).await;
        for _ in 0..WAVES {
            let dropped = wave(&place, &crowd, &mut dice).await;
            tally.count += dropped.len() as u64;
            fetch(&place, &crowd, dropped).await?;
            place.clock.advance(pass(&mut dice));
        }
        let found = crowd.check(&place.db).await?;
        commands += found.calls;
    }
    place.check_sessions().await?;
    for ledger in &place.ledgers {
        demand(ledger.hub().watched() == 0, || "an account is watched by nobody".to_owned())?;
    }
    place.verify().await?;
    place.close().await;
    tally.config = json!({"clients": CLIENTS, "accounts": "1-4", "commands": commands});
    Ok(tally)
}

/// Every client sends its commands, and waits for each no longer than up to two milliseconds.
async fn wave(place: &Place, crowd: &Crowd, dice: &mut Dice) -> Vec<Dropped> {
    let now = place.now();
    let running = (0..CLIENTS).map(|client| {
        let at = client % place.ledgers.len();
        let (ledger, history) = (place.ledgers[at].clone(), Arc::clone(&crowd.history));
        let commands: Vec<(Arc<Member>, Command, Duration)> = (0..EACH)
            .map(|_| {
                let (member, command) = crowd.next(dice, now);
                (member, command, Duration::from_micros(dice.below(2_000)))
            })
            .collect();
        tokio::spawn(async move {
            let mut dropped = Vec::new();
            for (member, command, patience) in commands {
                let answer = send(&ledger, &history, &command, patience, now).await;
                member.learn(&answer);
                if matches!(answer, Answer::Unknown(_)) {
                    dropped.push((at, command));
                }
            }
            dropped
        })
    });
    let running: Vec<_> = running.collect();
    join_all(running).await.into_iter().flat_map(Result::unwrap).collect()
}

async fn send(ledger: &Ledger, history: &History, command: &Command, patience: Duration, now: i64) -> Answer {
    let sent = history.moment();
    let result = tokio::select! {
        // Asked first, so that it is on its way before anybody can leave.
        biased;
        result = ledger.submit(command.clone()) => Some(result),
        () = tokio::time::sleep(patience) => None,
    };
    let received = history.moment();
    let (answer, received) = match result {
        Some(result) => (answer_of(result), received),
        None => (Answer::Unknown("its caller went away".to_owned()), u64::MAX),
    };
    history.add(Call { command: command.clone(), now, sent, received, answer: answer.clone() });
    answer
}

/// Asks with the keys of those who went away. What nothing could refuse must have been carried out by then.
async fn fetch(place: &Place, crowd: &Crowd, dropped: Vec<Dropped>) -> Result<(), Violation> {
    let mut asked = HashSet::new();
    for (at, command) in dropped {
        if !asked.insert((command.account, command.key.as_str().to_owned())) {
            continue;
        }
        let is_certain = matches!(&command.operation, Operation::Grant(_)) && command.effects.is_empty();
        let answer = crowd.history.submit(&place.ledgers[at], command.clone(), place.now()).await;
        match answer {
            Answer::Done(posting) if is_certain && !posting.replayed => {
                return Err(format!("{} was dropped with its caller", command.key.as_str()).into());
            }
            Answer::Unknown(why) => return Err(format!("{} got no answer: {why}", command.key.as_str()).into()),
            Answer::Done(_) | Answer::Refused(_) => {}
        }
    }
    Ok(())
}
