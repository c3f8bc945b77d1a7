//! The checker checked: a right history passes, and one with each rule broken once does not. Runs before every campaign.

use inkledger::ledger::{
    Posting, Refusal,
    model::{Actor, Kind, Transaction},
};
use uuid::Uuid;

use super::history::{Answer, Call, Journal, Opened, Row, check};
use crate::ledger::{
    model::Naive,
    support::{command, grant, item},
};

const NOW: i64 = 1_767_225_600_000_000;
const OPENED: Opened = Opened { at: NOW, limits: Vec::new() };

/// A grant of 100, a hold of 30, its charge of 20, a repeat of the charge and a refusal, one after the other.
fn right() -> (Vec<Call>, Journal) {
    use inkledger::ledger::model::Operation;
    let (account, hold) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let mut naive = Naive::opened(NOW);
    let (mut calls, mut rows): (Vec<Call>, Vec<Row>) = (Vec::new(), Vec::new());
    let held = |amount| Operation::Hold(vec![item(hold, Uuid::from_u128(3), amount, NOW + 1_000_000)]);
    let asked = [
        ("the-grant", Kind::Grant, grant(100)),
        ("the-hold", Kind::Hold, held(30)),
        ("the-charge", Kind::Settle, Operation::Settle { hold, actual: 20 }),
        ("the-charge", Kind::Settle, Operation::Settle { hold, actual: 20 }),
        ("too-much", Kind::Hold, held(1_000)),
    ];
    for (at, (key, kind, operation)) in asked.into_iter().enumerate() {
        let command = command(account, key, operation);
        let lot = Uuid::from_u128(4);
        let told = naive.carry_out(command.key.as_str(), command.actor, &command.operation, NOW, lot);
        let answer = match told {
            Err(refusal) => Answer::Refused(refusal),
            Ok(told) => {
                let id = Uuid::from_u128(100 + u128::try_from(told.sequence).unwrap());
                let result = format!("{told:?}").replace("replayed: true", "replayed: false");
                let (sequence, amount, balance) = (told.sequence, told.amount, told.balance);
                if !told.replayed {
                    let lines = naive.moves.iter().filter(|line| line.sequence == sequence).cloned().collect();
                    rows.push(Row { transaction: transaction(account, id, kind, &command, &told, &result), lines });
                }
                Answer::Done(Posting {
                    sequence,
                    transaction_id: id,
                    kind,
                    amount,
                    at: NOW,
                    balance,
                    holds: Vec::new(),
                    grant: None,
                    shortfall: told.shortfall,
                    untouched: None,
                    result,
                    replayed: told.replayed,
                })
            }
        };
        let sent = 2 * at as u64;
        calls.push(Call { command, now: NOW, sent, received: sent + 1, answer });
    }
    (calls, Journal { head: 3, rows })
}

fn transaction(
    account: Uuid,
    id: Uuid,
    kind: Kind,
    command: &inkledger::ledger::Command,
    told: &crate::ledger::model::Expected,
    result: &str,
) -> Transaction {
    Transaction {
        account_id: account,
        sequence: told.sequence,
        id,
        epoch: 1,
        kind,
        key: command.key.as_str().to_owned(),
        request_hash: [0; 32],
        actor: Actor::System,
        amount: told.amount,
        result: result.to_owned(),
        refers: None,
        note_hash: None,
        at: NOW,
        balance: told.balance,
        prev_hash: [0; 32],
        hash: [0; 32],
    }
}

fn posting(call: &mut Call) -> &mut Posting {
    if let Answer::Done(posting) = &mut call.answer { posting } else { panic!("it was carried out") }
}

type Break = fn(&mut Vec<Call>, &mut Journal);

const BROKEN: [(&str, Break); 12] = [
    ("was answered (", |calls, _| posting(&mut calls[1]).balance.available += 1),
    ("was answered (", |calls, _| posting(&mut calls[1]).sequence = 3),
    ("stored is", |calls, _| posting(&mut calls[3]).result.push(' ')),
    ("was carried out 2 times", |calls, _| posting(&mut calls[3]).replayed = false),
    ("was answered before", |calls, _| (calls[0].sent, calls[0].received) = (20, 21)),
    ("is missing", |_, journal| drop(journal.rows.remove(1))),
    ("its journal at", |_, journal| journal.head = 4),
    ("not in the journal", |calls, journal| {
        calls.pop();
        journal.rows.pop();
        journal.head = 2;
    }),
    ("nobody asked", |calls, _| calls.truncate(1)),
    ("moves", |_, journal| journal.rows[1].lines[0].amount = 29),
    ("leaves", |_, journal| journal.rows[0].transaction.balance.available = 99),
    ("was refused", |calls, _| {
        calls[4].answer = Answer::Refused(Refusal::InsufficientCredits { required: 1_000, available: 81, short: 919 });
    }),
];

/// Fails unless the checker accepts what is right and refuses each kind of wrong for its own reason.
pub fn check_itself() -> Result<(), String> {
    let (calls, journal) = right();
    check(&OPENED, &calls, &journal)?;
    // A lost answer is decided by the journal, either way.
    let mut lost = calls.clone();
    (lost[1].answer, lost[1].received) = (Answer::Unknown(String::new()), u64::MAX);
    let found = check(&OPENED, &lost, &journal)?;
    if (found.calls, found.unknown) != (5, 1) {
        return Err(format!("{found:?}"));
    }
    lost.remove(3);
    lost.pop();
    (lost[2].answer, lost[2].received) = (Answer::Unknown(String::new()), u64::MAX);
    check(&OPENED, &lost, &Journal { head: 2, rows: journal.rows[..2].to_vec() })?;
    for (reason, break_it) in BROKEN {
        let (mut calls, mut journal) = right();
        break_it(&mut calls, &mut journal);
        match check(&OPENED, &calls, &journal) {
            Err(why) if why.contains(reason) => {}
            other => return Err(format!("a history that is wrong ({reason}) gave {other:?}")),
        }
    }
    Ok(())
}
