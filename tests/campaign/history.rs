//! What was asked and answered, and whether one order of the journal explains all of it (H6).
//!
//! Per account: replaying the journal in sequence order with the naive model gives every answer; what was answered before
//! something else was asked comes before it; no number is missing; calls without an answer are decided by the journal; a
//! refusal was true at a moment between its question and its answer. Because answers carry their number, no search is
//! needed. Must never know the ledger's own rules: they are the model's.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use inkledger::{
    db::Db,
    error::Failure,
    ledger::{
        Command, Ledger, Posting, Refusal,
        model::{Bucket, Transaction},
        store::{self, Order, Slice, TransactionFilter},
    },
};
use uuid::Uuid;

use crate::ledger::model::{Moved, Naive};

/// What came back.
#[derive(Debug, Clone)]
pub enum Answer {
    Done(Posting),
    Refused(Refusal),
    /// Nothing, or a fault: it is not known whether it was carried out.
    Unknown(String),
}

/// One question and its answer, by the order of the observer's own counter.
#[derive(Debug, Clone)]
pub struct Call {
    pub command: Command,
    /// The clock while it ran.
    pub now: i64,
    pub sent: u64,
    /// `u64::MAX` when it never was.
    pub received: u64,
    pub answer: Answer,
}

impl Call {
    fn key(&self) -> &str {
        self.command.key.as_str()
    }

    fn posting(&self) -> Option<&Posting> {
        if let Answer::Done(posting) = &self.answer { Some(posting) } else { None }
    }
}

/// All calls of some clients, as they saw them.
#[derive(Default)]
pub struct History {
    counter: AtomicU64,
    calls: Mutex<Vec<Call>>,
}

impl History {
    /// The observer's next moment.
    pub fn moment(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::SeqCst)
    }

    pub fn add(&self, call: Call) {
        self.calls.lock().unwrap().push(call);
    }

    /// Carries `command` out and notes what was seen of it.
    pub async fn submit(&self, ledger: &Ledger, command: Command, now: i64) -> Answer {
        let sent = self.moment();
        let result = ledger.submit(command.clone()).await;
        let received = self.moment();
        let answer = answer_of(result);
        // Without an answer, it may take effect at any later time.
        let received = if matches!(answer, Answer::Unknown(_)) { u64::MAX } else { received };
        self.add(Call { command, now, sent, received, answer: answer.clone() });
        answer
    }

    /// What was asked and got no determined answer, with what came instead.
    pub fn unanswered(&self) -> Vec<(Command, String)> {
        let calls = self.calls.lock().unwrap();
        let of = |call: &Call| match &call.answer {
            Answer::Unknown(why) => Some((call.command.clone(), why.clone())),
            Answer::Done(_) | Answer::Refused(_) => None,
        };
        calls.iter().filter_map(of).collect()
    }

    /// The calls of each account; the history is empty afterwards.
    pub fn take(&self) -> HashMap<Uuid, Vec<Call>> {
        let mut accounts: HashMap<Uuid, Vec<Call>> = HashMap::new();
        for call in self.calls.lock().unwrap().drain(..) {
            accounts.entry(call.command.account).or_default().push(call);
        }
        accounts
    }
}

pub fn answer_of(result: Result<Posting, Failure<Refusal>>) -> Answer {
    match result {
        Ok(posting) => Answer::Done(posting),
        Err(Failure::Refused(refusal)) => Answer::Refused(refusal),
        Err(Failure::Fault(error)) => Answer::Unknown(format!("{error:?}")),
    }
}

/// One transaction with its entries.
#[derive(Debug, Clone)]
pub struct Row {
    pub transaction: Transaction,
    pub lines: Vec<Moved>,
}

/// An account's whole journal, and the number its row says it has reached.
#[derive(Debug, Clone)]
pub struct Journal {
    pub head: i64,
    pub rows: Vec<Row>,
}

pub async fn read_journal(db: &Db, account: Uuid) -> Journal {
    let head = store::list_sequences(db.reader(), &[account]).await.unwrap().first().map_or(0, |found| found.1);
    let slice = Slice { above: Some(0), below: None, order: Order::OldestFirst, limit: 1_000_000 };
    let all = TransactionFilter::default();
    let transactions = store::list_transactions(db.reader(), account, &all, slice).await.unwrap();
    let entries = store::list_journal_entries(db.reader(), account, (0, 0), i64::MAX, 10_000_000).await.unwrap();
    let mut lines: HashMap<i64, Vec<Moved>> = HashMap::new();
    for found in entries {
        let (sequence, entry) = (found.sequence, found.entry);
        let (from, to) = (entry.way.from(), entry.way.to());
        let line = Moved { sequence, grant: entry.grant, hold: entry.hold, from, to, amount: entry.amount };
        lines.entry(sequence).or_default().push(line);
    }
    let rows = transactions.into_iter().map(|transaction| {
        let lines = lines.remove(&transaction.sequence).unwrap_or_default();
        Row { transaction, lines }
    });
    Journal { head, rows: rows.collect() }
}

/// What a check looked at.
#[derive(Debug, Default, Clone, Copy)]
pub struct Checked {
    pub calls: u64,
    /// Transactions in the journal.
    pub written: u64,
    pub unknown: u64,
}

const WRITE_OFF: &str = "expire_lot";

/// How an account began: without credits, at this time, with these caps.
pub struct Opened {
    pub at: i64,
    pub limits: Vec<Limit>,
}

/// A cap, of the account or of one user, for a day or for ever.
pub struct Limit {
    pub user: Option<Uuid>,
    pub is_daily: bool,
    pub limit: i64,
}

/// Judges an account from its beginning on.
pub fn check(opened: &Opened, calls: &[Call], journal: &Journal) -> Result<Checked, String> {
    let mut groups: HashMap<&str, Vec<&Call>> = HashMap::new();
    for call in calls {
        groups.entry(call.key()).or_default().push(call);
    }
    check_numbers(journal)?;
    check_order(journal, &groups)?;
    let mut naive = Naive::opened(opened.at);
    for Limit { user, is_daily, limit } in &opened.limits {
        naive.limit(*user, *is_daily, Some(*limit), opened.at);
    }
    let mut refused = Refusals::waiting(calls, journal, &groups);
    refused.look(0, &naive)?;
    for row in &journal.rows {
        replay(&mut naive, row, &groups)?;
        refused.look(row.transaction.sequence, &naive)?;
    }
    let written: HashSet<&str> = journal.rows.iter().map(|row| row.transaction.key.as_str()).collect();
    for call in calls {
        if call.posting().is_some() && !written.contains(call.key()) {
            return Err(format!("{} was acknowledged and is not in the journal", call.key()));
        }
    }
    let unknown = calls.iter().filter(|call| matches!(call.answer, Answer::Unknown(_))).count();
    Ok(Checked { calls: calls.len() as u64, written: journal.rows.len() as u64, unknown: unknown as u64 })
}

fn check_numbers(journal: &Journal) -> Result<(), String> {
    for (expected, row) in (1..).zip(&journal.rows) {
        let found = row.transaction.sequence;
        if found != expected {
            return Err(format!("number {expected} is missing: {found} stands there"));
        }
    }
    let last = i64::try_from(journal.rows.len()).unwrap();
    if last == journal.head {
        Ok(())
    } else {
        Err(format!("the account is at {}, its journal at {last}", journal.head))
    }
}

/// Between which moments a key took effect: after it was first asked, before it was first answered.
fn span(group: &[&Call]) -> (u64, u64) {
    let sent = group.iter().map(|call| call.sent).min().unwrap_or(0);
    let done = group.iter().filter(|call| call.posting().is_some());
    (sent, done.map(|call| call.received).min().unwrap_or(u64::MAX))
}

fn span_of(row: &Row, groups: &HashMap<&str, Vec<&Call>>) -> (u64, u64) {
    groups.get(row.transaction.key.as_str()).map_or((0, u64::MAX), |group| span(group))
}

fn check_order(journal: &Journal, groups: &HashMap<&str, Vec<&Call>>) -> Result<(), String> {
    let (mut first_answer, mut whose) = (u64::MAX, 0);
    for row in journal.rows.iter().rev() {
        let (sent, received) = span_of(row, groups);
        let sequence = row.transaction.sequence;
        if first_answer < sent {
            return Err(format!("number {whose} was answered before number {sequence} was asked"));
        }
        if received < first_answer {
            (first_answer, whose) = (received, sequence);
        }
    }
    Ok(())
}

/// Carries one transaction out with the model and compares whatever was said of it.
fn replay(naive: &mut Naive, row: &Row, groups: &HashMap<&str, Vec<&Call>>) -> Result<(), String> {
    let stored = &row.transaction;
    if stored.kind.as_str() == WRITE_OFF {
        naive.write_off(stored.at);
        return compare(naive, row);
    }
    let group = groups.get(stored.key.as_str()).ok_or(format!("nobody asked for number {}", stored.sequence))?;
    let mut able: Vec<&&Call> = group.iter().filter(|call| !matches!(call.answer, Answer::Refused(_))).collect();
    // The one that did it, or if its answer was lost, one that may have.
    able.sort_by_key(|call| call.posting().is_none_or(|posting| posting.replayed));
    let lot = row.lines.iter().find(|line| line.from == Bucket::Issued).map(|line| line.grant).unwrap_or_default();
    let mut why = format!("all who asked for number {} were refused", stored.sequence);
    for call in able {
        let mut tried = naive.clone();
        let command = &call.command;
        match tried.carry_out(call.key(), command.actor, &command.operation, stored.at, lot) {
            Err(refusal) => why = format!("number {} would be refused: {refusal:?}", stored.sequence),
            Ok(_) => match compare(&tried, row) {
                Err(reason) => why = reason,
                Ok(()) => {
                    *naive = tried;
                    return compare_answers(naive, row, group);
                }
            },
        }
    }
    Err(why)
}

fn compare(naive: &Naive, row: &Row) -> Result<(), String> {
    let stored = &row.transaction;
    let last = i64::try_from(naive.kinds.len()).unwrap();
    if last != stored.sequence {
        return Err(format!("number {} is number {last} of the model", stored.sequence));
    }
    let told = naive.kinds.last().copied();
    if told != Some((stored.kind.as_str(), stored.amount)) {
        return Err(format!("number {} is {} of {}: {told:?}", stored.sequence, stored.kind.as_str(), stored.amount));
    }
    let first = naive.moves.partition_point(|line| line.sequence < stored.sequence);
    if naive.moves[first..] != row.lines {
        return Err(format!("number {} moves {:?}: {:?}", stored.sequence, row.lines, &naive.moves[first..]));
    }
    let balance = naive.balance();
    if balance == stored.balance {
        Ok(())
    } else {
        Err(format!("number {} leaves {:?}: {balance:?}", stored.sequence, stored.balance))
    }
}

/// Every answer under the key must be the model's, and the stored one byte for byte.
fn compare_answers(naive: &mut Naive, row: &Row, group: &[&Call]) -> Result<(), String> {
    let stored = &row.transaction;
    let mut firsts = 0;
    for call in group {
        let Some(posting) = call.posting() else { continue };
        firsts += u32::from(!posting.replayed);
        let command = &call.command;
        let told = naive.carry_out(call.key(), command.actor, &command.operation, stored.at, Uuid::nil());
        let told = told.map_err(|refusal| format!("{} was answered, not refused: {refusal:?}", call.key()))?;
        let untouched = posting.untouched.map(|left| (left.held, left.spent));
        let said = (posting.sequence, posting.amount, posting.balance, posting.shortfall, untouched);
        let want = (told.sequence, told.amount, told.balance, told.shortfall, told.untouched);
        if said != want {
            return Err(format!("{} was answered {said:?}: {want:?}", call.key()));
        }
        if posting.result != stored.result || posting.transaction_id != stored.id || posting.at != stored.at {
            return Err(format!("{} was answered {:?}, stored is {:?}", call.key(), posting.result, stored.result));
        }
    }
    if firsts <= 1 { Ok(()) } else { Err(format!("{} was carried out {firsts} times", stored.key)) }
}

/// Refusals that were not yet found true, each with the numbers between which it was said.
struct Refusals<'a> {
    /// By the first number, last first.
    coming: Vec<(i64, i64, &'a Call)>,
    open: Vec<(i64, &'a Call)>,
}

impl<'a> Refusals<'a> {
    fn waiting(calls: &'a [Call], journal: &Journal, groups: &HashMap<&str, Vec<&Call>>) -> Self {
        let spans = journal.rows.iter().map(|row| (row.transaction.sequence, span_of(row, groups)));
        let (mut answered, mut asked): (Vec<_>, Vec<_>) =
            spans.map(|(sequence, (sent, received))| ((received, sequence), (sent, sequence))).unzip();
        answered.sort_unstable();
        asked.sort_unstable();
        let mut highest = 0;
        for (_, sequence) in &mut answered {
            highest = highest.max(*sequence);
            *sequence = highest;
        }
        let mut lowest = i64::MAX;
        for (_, sequence) in asked.iter_mut().rev() {
            lowest = lowest.min(*sequence);
            *sequence = lowest;
        }
        let between = |call: &'a Call| {
            let Answer::Refused(refusal) = &call.answer else { return None };
            if is_outside(refusal) {
                return None;
            }
            let before = answered.partition_point(|(received, _)| *received < call.sent);
            let first = before.checked_sub(1).map_or(0, |at| answered[at].1);
            let after = asked.partition_point(|(sent, _)| *sent <= call.received);
            let last = asked.get(after).map_or(journal.head, |found| found.1 - 1);
            Some((first, last, call))
        };
        let mut coming: Vec<_> = calls.iter().filter_map(between).collect();
        coming.sort_by_key(|(first, ..)| std::cmp::Reverse(*first));
        Self { coming, open: Vec::new() }
    }

    /// Tries them on the account as it is after number `at`.
    fn look(&mut self, at: i64, naive: &Naive) -> Result<(), String> {
        while let Some((_, last, call)) = self.coming.pop_if(|(first, ..)| *first <= at) {
            self.open.push((last, call));
        }
        let mut wrong = None;
        self.open.retain(|(last, call)| {
            let command = &call.command;
            let told =
                naive.clone().carry_out(call.key(), command.actor, &command.operation, call.now, Uuid::nil()).err();
            let is_true = matches!(&call.answer, Answer::Refused(refusal) if told.as_ref() == Some(refusal));
            if !is_true && *last <= at {
                wrong = Some(format!("{} was refused {:?}; after number {at} it is {told:?}", call.key(), call.answer));
            }
            !is_true
        });
        wrong.map_or(Ok(()), Err)
    }
}

/// What the model cannot know: the state of the queue, and of rows beside the ledger.
fn is_outside(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::LedgerBusy { .. }
            | Refusal::LedgerClosing
            | Refusal::EffectRefused { .. }
            | Refusal::EffectConflict { .. }
            | Refusal::HoldInUse
    )
}
