//! T9: one key 2 to 32 times at once, part of the copies with a changed body, through two processes on PostgreSQL.

use std::collections::HashSet;

use futures_util::future::join_all;
use inkledger::{
    ids::{Ids as _, SeededIds},
    ledger::{
        Command, Posting, Refusal,
        model::{Actor, Operation},
    },
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    crowd::Crowd,
    history::Answer,
    ledger::support::{SECOND, command, grant, item},
    place::Place,
    slice::{Dice, Outcome, Slice, Tally, Violation, demand},
};

/// Keys that are asked at once; each account has one of them.
const AT_ONCE: usize = 4;

/// Keys of an account, before others take its place.
const PER_ACCOUNT: u64 = 40;

pub async fn run(slice: &Slice) -> Outcome {
    let place = Place::open(slice.engine).await;
    let mut dice = Dice::new(slice.seed);
    let (mut tally, mut copies) = (Tally::default(), 0);
    while slice.left(tally.count) > 0 {
        let crowd = Crowd::open(&place.ledgers[0], AT_ONCE, dice.roll(), place.now()).await;
        let ids = SeededIds::new(dice.roll());
        for round in 0..PER_ACCOUNT {
            if slice.left(tally.count) == 0 {
                break;
            }
            let keys = (0..AT_ONCE).map(|at| {
                let account = crowd.members[at].account;
                copies_of(&mut dice, &ids, account, &format!("the-key-{round}"), place.now())
            });
            let keys: Vec<Vec<Command>> = keys.collect();
            let asked = keys.iter().map(|copies| ask(&place, &crowd, copies));
            for (copies, answers) in keys.iter().zip(join_all(asked).await) {
                judge(copies, &answers)?;
            }
            copies += keys.iter().map(Vec::len).sum::<usize>();
            tally.count += AT_ONCE as u64;
        }
        tally.unknown += crowd.check(&place.db).await?.unknown;
    }
    place.check_sessions().await?;
    place.verify().await?;
    place.close().await;
    tally.config = json!({"copies": copies, "processes": if slice.is_sqlite() { 1 } else { 2 }});
    Ok(tally)
}

/// The same request many times, as clients repeat it: with a hold id of its own each. Half of the keys have copies that ask
/// for something else, or that somebody else asks.
fn copies_of(dice: &mut Dice, ids: &SeededIds, account: Uuid, key: &str, now: i64) -> Vec<Command> {
    let (work, is_mixed, is_grant) = (ids.uuid(), dice.once_in(2), dice.once_in(3));
    let count = 2 + dice.below(31);
    let one = |_| {
        let is_changed = is_mixed && dice.once_in(3);
        let amount = if is_changed && dice.once_in(2) { 2 } else { 1 };
        let operation = if is_grant {
            grant(amount)
        } else {
            Operation::Hold(vec![item(ids.uuid(), work, amount, now + 3_600 * SECOND)])
        };
        let sent = command(account, key, operation);
        if is_changed && amount == 1 { Command { actor: Actor::System, ..sent } } else { sent }
    };
    (0..count).map(one).collect()
}

async fn ask(place: &Place, crowd: &Crowd, copies: &[Command]) -> Vec<Answer> {
    let now = place.now();
    let running = copies.iter().enumerate().map(|(at, command)| {
        let ledger = place.ledgers[at % place.ledgers.len()].clone();
        let (history, command) = (crowd.history.clone(), command.clone());
        tokio::spawn(async move { history.submit(&ledger, command, now).await })
    });
    let running: Vec<_> = running.collect();
    join_all(running).await.into_iter().map(Result::unwrap).collect()
}

/// Who asks for what.
fn body(command: &Command) -> (Actor, i64) {
    let amount = match &command.operation {
        Operation::Hold(items) => items[0].amount,
        Operation::Grant(new) => new.amount,
        other => panic!("{other:?} is not asked here"),
    };
    (command.actor, amount.get())
}

fn judge(copies: &[Command], answers: &[Answer]) -> Result<(), Violation> {
    let seen = || format!("{:?}", copies.iter().map(body).zip(answers).collect::<Vec<_>>());
    let done: Vec<(&Command, &Posting)> = copies
        .iter()
        .zip(answers)
        .filter_map(
            |(command, answer)| if let Answer::Done(posting) = answer { Some((command, posting)) } else { None },
        )
        .collect();
    let bodies: HashSet<(Actor, i64)> = done.iter().map(|(command, _)| body(command)).collect();
    demand(bodies.len() == 1, || format!("{} bodies were carried out under one key: {}", bodies.len(), seen()))?;
    let firsts = done.iter().filter(|(_, posting)| !posting.replayed).count();
    demand(firsts == 1, || format!("it was carried out {firsts} times: {}", seen()))?;
    let texts: HashSet<&str> = done.iter().map(|(_, posting)| posting.result.as_str()).collect();
    demand(texts.len() == 1, || format!("the answers differ: {}", seen()))?;
    for (command, answer) in copies.iter().zip(answers) {
        let is_right = match answer {
            Answer::Done(_) => true,
            Answer::Refused(refusal) => *refusal == Refusal::IdempotencyKeyReused && !bodies.contains(&body(command)),
            Answer::Unknown(_) => false,
        };
        demand(is_right, || format!("a copy got {answer:?}: {}", seen()))?;
    }
    Ok(())
}
