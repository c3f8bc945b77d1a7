//! Writes what was decided for a whole batch: few multi-row statements per table.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use crate::{
    clock::Micros,
    db::{engine_of, many, statement},
    ledger::model::{Cap, Decision, Entry, Hold, HoldState, Lot, Part, Transaction},
};

use super::{TRANSACTION_COLUMNS, cap::save_caps};

/// Writes the row that names the database, unless it is there.
pub async fn insert_meta(tx: &impl ConnectionTrait, database_id: Uuid, now: Micros) -> Result<(), DbErr> {
    let sql = "INSERT INTO ledger_meta (id, database_id, epoch, created_at) VALUES (1, $1, 1, $2) \
               ON CONFLICT DO NOTHING";
    tx.execute_raw(statement(tx, sql, [database_id.into(), now.into()])).await?;
    Ok(())
}

/// An administrator's words, with what salts their hash.
pub struct NewNote<'a> {
    /// Whose.
    pub account: Uuid,
    /// Of which transaction.
    pub sequence: i64,
    /// The salt.
    pub salt: &'a [u8; 16],
    /// The words.
    pub body: &'a str,
}

/// The most rows of one statement: the widest has 22 columns, and SQLite takes 32,766 values.
const ROWS_MAX: usize = 1_024;

/// Rows that are changed by several decisions and written once, as the last one leaves them.
struct Latest<T> {
    rows: Vec<(Uuid, T)>,
    places: HashMap<Uuid, usize>,
}

impl<T> Latest<T> {
    fn new() -> Self {
        Self { rows: Vec::new(), places: HashMap::new() }
    }

    fn has(&self, id: Uuid) -> bool {
        self.places.contains_key(&id)
    }

    fn put(&mut self, id: Uuid, account: Uuid, row: T) {
        let place = *self.places.entry(id).or_insert(self.rows.len());
        match self.rows.get_mut(place) {
            Some(known) => *known = (account, row),
            None => self.rows.push((account, row)),
        }
    }
}

/// Writes what was decided, one operation after the other, each row once: an account, a lot or a hold as the last of them
/// left it. Errors: `DbErr::Custom` when a row is not as it was read, so that nothing may be committed.
pub async fn save(tx: &impl ConnectionTrait, decisions: &[&Decision], notes: &[NewNote<'_>]) -> Result<(), DbErr> {
    let (mut granted, mut lots) = (Latest::new(), Latest::new());
    let (mut opened, mut closed, mut refunded) = (Latest::new(), Latest::new(), Latest::new());
    let mut caps: Latest<&Cap> = Latest::new();
    for decision in decisions {
        let account = decision.transaction.account_id;
        if let Some(lot) = &decision.granted {
            granted.put(lot.id, account, lot);
        }
        for lot in &decision.lots {
            if granted.has(lot.id) { &mut granted } else { &mut lots }.put(lot.id, account, lot);
        }
        for cap in &decision.caps {
            caps.put(cap.id, account, cap);
        }
        for hold in &decision.opened {
            opened.put(hold.id(), account, hold);
        }
        for hold in &decision.closed {
            if opened.has(hold.id()) { &mut opened } else { &mut closed }.put(hold.id(), account, hold);
        }
        if let Some(hold) = &decision.refunded {
            let is_new = opened.has(hold.id());
            let rows = if is_new {
                &mut opened
            } else if closed.has(hold.id()) {
                &mut closed
            } else {
                &mut refunded
            };
            rows.put(hold.id(), account, hold);
        }
    }
    insert(tx, "credit_transaction", TRANSACTION_COLUMNS, decisions, |decision| {
        transaction_values(&decision.transaction)
    })
    .await?;
    insert(tx, "credit_note", "account_id, seq, salt, body", notes, |note| {
        vec![note.account.into(), note.sequence.into(), note.salt.to_vec().into(), note.body.into()]
    })
    .await?;
    insert(tx, "credit_grant", NEW_LOT, &granted.rows, |(account, lot)| lot_values(*account, lot)).await?;
    update_lots(tx, &lots.rows).await?;
    insert(tx, "credit_hold", NEW_HOLD, &opened.rows, |(account, hold)| hold_values(*account, hold)).await?;
    let parts: Vec<(Uuid, i32, &Part)> = opened
        .rows
        .iter()
        .flat_map(|(_, hold)| (0_i32..).zip(&hold.parts).map(|(ord, part)| (hold.id(), ord, part)))
        .collect();
    insert(tx, "credit_hold_lot", "hold_id, grant_id, ord, amount", &parts, |(hold, ord, part)| {
        vec![(*hold).into(), part.grant.into(), (*ord).into(), part.amount.into()]
    })
    .await?;
    save_caps(tx, &caps.rows, ROWS_MAX).await?;
    let counted: Vec<(Uuid, Uuid)> =
        opened.rows.iter().flat_map(|(_, hold)| hold.caps.iter().map(|cap| (hold.id(), *cap))).collect();
    insert(tx, "credit_hold_cap", "hold_id, cap_id", &counted, |(hold, cap)| vec![(*hold).into(), (*cap).into()])
        .await?;
    update_holds(tx, &closed.rows).await?;
    update_refunded(tx, &refunded.rows).await?;
    let entries: Vec<(&Transaction, i32, &Entry)> = decisions
        .iter()
        .flat_map(|decision| (1_i32..).zip(&decision.entries).map(|(line, entry)| (&decision.transaction, line, entry)))
        .collect();
    insert(tx, "credit_entry", NEW_ENTRY, &entries, |(row, line, entry)| entry_values(row, *line, entry)).await?;
    update_thresholds(tx, decisions).await?;
    update_accounts(tx, decisions).await
}

const NEW_LOT: &str = "id, account_id, kind, source_ref, priority, expires_at, granted_seq, refunds_seq, amount, available, held, \
                       spent, expired, revoked, created_at";

const NEW_HOLD: &str = "id, account_id, work_kind, work_id, run_id, user_id, price_version_id, prompt_version_id, amount, \
                        state, settled, shortfall, refunded, expires_at, opened_seq, closed_seq, created_at";

const NEW_ENTRY: &str = "account_id, seq, line, grant_id, hold_id, from_bucket, to_bucket, amount";

async fn insert<T>(
    tx: &impl ConnectionTrait,
    table: &str,
    columns: &str,
    items: &[T],
    values_of: impl Fn(&T) -> Vec<Value>,
) -> Result<(), DbErr> {
    let engine = engine_of(tx);
    for part in many::parts(engine, items, ROWS_MAX) {
        let (source, values) = many::source(engine, part.iter().map(&values_of).collect());
        tx.execute_raw(statement(tx, format!("INSERT INTO {table} ({columns}) {source}"), values)).await?;
    }
    Ok(())
}

fn transaction_values(row: &Transaction) -> Vec<Value> {
    let [issued, available, held, spent, expired, revoked] = row.balance.six();
    vec![
        row.account_id.into(),
        row.sequence.into(),
        row.id.into(),
        row.epoch.into(),
        row.kind.as_str().into(),
        row.key.as_str().into(),
        row.request_hash.to_vec().into(),
        row.actor.kind().into(),
        row.actor.id().into(),
        row.amount.into(),
        row.result.as_str().into(),
        row.refers.into(),
        row.note_hash.map(|hash| hash.to_vec()).into(),
        row.at.into(),
        issued.into(),
        available.into(),
        held.into(),
        spent.into(),
        expired.into(),
        revoked.into(),
        row.prev_hash.to_vec().into(),
        row.hash.to_vec().into(),
    ]
}

fn lot_values(account: Uuid, lot: &Lot) -> Vec<Value> {
    let [issued, available, held, spent, expired, revoked] = lot.balance.six();
    vec![
        lot.id.into(),
        account.into(),
        lot.kind.as_str().into(),
        lot.source_ref.as_str().into(),
        lot.priority.into(),
        lot.expires_at.into(),
        lot.granted_seq.into(),
        lot.refunds_seq.into(),
        issued.into(),
        available.into(),
        held.into(),
        spent.into(),
        expired.into(),
        revoked.into(),
        lot.created_at.into(),
    ]
}

fn hold_values(account: Uuid, hold: &Hold) -> Vec<Value> {
    let item = &hold.item;
    let (settled, shortfall, refunded) = charged(hold);
    vec![
        item.hold_id.into(),
        account.into(),
        item.work_kind.as_str().into(),
        item.work_id.into(),
        item.run_id.into(),
        item.user_id.into(),
        item.price_version_id.into(),
        item.prompt_version_id.into(),
        item.amount.get().into(),
        hold.state.as_str().into(),
        settled.into(),
        shortfall.into(),
        refunded.into(),
        item.expires_at.into(),
        hold.opened_seq.into(),
        hold.state.closed_seq().into(),
        hold.created_at.into(),
    ]
}

/// What a hold was charged, what of it could not be, and what was given back.
fn charged(hold: &Hold) -> (i64, i64, i64) {
    match hold.state {
        HoldState::Settled { settled, shortfall, refunded, .. } => (settled, shortfall, refunded),
        _ => (0, 0, 0),
    }
}

fn entry_values(row: &Transaction, line: i32, entry: &Entry) -> Vec<Value> {
    vec![
        row.account_id.into(),
        row.sequence.into(),
        line.into(),
        entry.grant.into(),
        entry.hold.into(),
        entry.way.from().as_str().into(),
        entry.way.to().as_str().into(),
        entry.amount.into(),
    ]
}

async fn update_lots(tx: &impl ConnectionTrait, lots: &[(Uuid, &Lot)]) -> Result<(), DbErr> {
    for part in many::parts(engine_of(tx), lots, ROWS_MAX) {
        let (changed, values) = many::table(
            engine_of(tx),
            part.iter()
                .map(|(_, lot)| {
                    let [_, available, held, spent, expired, revoked] = lot.balance.six();
                    vec![lot.id.into(), available.into(), held.into(), spent.into(), expired.into(), revoked.into()]
                })
                .collect(),
        );
        // Both engines name the columns of a VALUES list column1, column2, …
        let sql = format!(
            "UPDATE credit_grant SET available = v.column2, held = v.column3, spent = v.column4, expired = v.column5, \
             revoked = v.column6 FROM {changed} WHERE credit_grant.id = v.column1"
        );
        expect_rows(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected(), part.len())?;
    }
    Ok(())
}

async fn update_holds(tx: &impl ConnectionTrait, holds: &[(Uuid, &Hold)]) -> Result<(), DbErr> {
    for part in many::parts(engine_of(tx), holds, ROWS_MAX) {
        let (changed, values) = many::table(
            engine_of(tx),
            part.iter()
                .map(|(_, hold)| {
                    let ((settled, shortfall, refunded), closed) = (charged(hold), hold.state.closed_seq());
                    let (id, state) = (hold.id().into(), hold.state.as_str().into());
                    vec![id, state, settled.into(), shortfall.into(), closed.into(), refunded.into()]
                })
                .collect(),
        );
        // The state in the condition is the wall behind the decision: a hold ends once.
        let sql = format!(
            "UPDATE credit_hold SET state = v.column2, settled = v.column3, shortfall = v.column4, closed_seq = v.column5, \
             refunded = v.column6 FROM {changed} WHERE credit_hold.id = v.column1 AND credit_hold.state = 'held'"
        );
        expect_rows(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected(), part.len())?;
    }
    Ok(())
}

/// Writes down what has been given back of what settled holds were charged.
async fn update_refunded(tx: &impl ConnectionTrait, holds: &[(Uuid, &Hold)]) -> Result<(), DbErr> {
    for part in many::parts(engine_of(tx), holds, ROWS_MAX) {
        let (changed, values) = many::table(
            engine_of(tx),
            part.iter()
                .map(|(_, hold)| {
                    let (_, _, refunded) = charged(hold);
                    vec![hold.id().into(), refunded.into()]
                })
                .collect(),
        );
        let sql = format!(
            "UPDATE credit_hold SET refunded = v.column2 FROM {changed} \
             WHERE credit_hold.id = v.column1 AND credit_hold.state = 'settled' AND credit_hold.refunded < v.column2"
        );
        expect_rows(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected(), part.len())?;
    }
    Ok(())
}

/// Disarms the low-balance levels that were crossed, with the transaction that did it last, and arms those that were reached again.
async fn update_thresholds(tx: &impl ConnectionTrait, decisions: &[&Decision]) -> Result<(), DbErr> {
    let mut thresholds: Latest<(bool, Option<i64>)> = Latest::new();
    for decision in decisions {
        let row = &decision.transaction;
        for threshold in &decision.thresholds {
            let known = thresholds.places.get(&threshold.id).and_then(|place| thresholds.rows.get(*place));
            let fired = if threshold.is_armed { known.and_then(|(_, (_, fired))| *fired) } else { Some(row.sequence) };
            thresholds.put(threshold.id, row.account_id, (threshold.is_armed, fired));
        }
    }
    let places = &thresholds.places;
    let mut changed: Vec<(Uuid, (bool, Option<i64>))> =
        places.iter().filter_map(|(id, place)| Some((*id, thresholds.rows.get(*place)?.1))).collect();
    changed.sort_unstable();
    for part in many::parts(engine_of(tx), &changed, ROWS_MAX) {
        let (changed, values) = many::table(
            engine_of(tx),
            part.iter()
                .map(|(id, (is_armed, fired))| vec![(*id).into(), i32::from(*is_armed).into(), (*fired).into()])
                .collect(),
        );
        let sql = format!(
            "UPDATE credit_threshold SET armed = v.column2, fired_seq = COALESCE(v.column3, fired_seq) \
             FROM {changed} WHERE credit_threshold.id = v.column1"
        );
        expect_rows(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected(), part.len())?;
    }
    Ok(())
}

/// Brings each account from the number before its first decision to that of its last.
async fn update_accounts(tx: &impl ConnectionTrait, decisions: &[&Decision]) -> Result<(), DbErr> {
    let mut accounts: Latest<(i64, &Transaction)> = Latest::new();
    for decision in decisions {
        let row = &decision.transaction;
        let known = accounts.places.get(&row.account_id).and_then(|place| accounts.rows.get(*place));
        let before = known.map_or(row.sequence - 1, |(_, (before, _))| *before);
        accounts.put(row.account_id, row.account_id, (before, row));
    }
    for part in many::parts(engine_of(tx), &accounts.rows, ROWS_MAX) {
        let (changed, values) = many::table(
            engine_of(tx),
            part.iter()
                .map(|(account, (before, row))| {
                    let [issued, available, held, spent, expired, revoked] = row.balance.six();
                    vec![
                        (*account).into(),
                        (*before).into(),
                        row.sequence.into(),
                        row.hash.to_vec().into(),
                        issued.into(),
                        available.into(),
                        held.into(),
                        spent.into(),
                        expired.into(),
                        revoked.into(),
                        row.at.into(),
                    ]
                })
                .collect(),
        );
        let sql = format!(
            "UPDATE ledger_account SET seq = v.column3, head_hash = v.column4, issued = v.column5, available = v.column6, \
             held = v.column7, spent = v.column8, expired = v.column9, revoked = v.column10, ledger_now = v.column11 \
             FROM {changed} WHERE ledger_account.account_id = v.column1 AND ledger_account.seq = v.column2"
        );
        expect_rows(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected(), part.len())?;
    }
    Ok(())
}

/// Rows that changed under the lock mean that the lock failed: nothing may be written then.
fn expect_rows(changed: u64, expected: usize) -> Result<(), DbErr> {
    if usize::try_from(changed) == Ok(expected) {
        Ok(())
    } else {
        Err(DbErr::Custom("the ledger's rows changed under the account's lock".to_owned()))
    }
}
