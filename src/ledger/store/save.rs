//! Writes what was decided: one multi-row statement per table.

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use crate::{
    clock::Micros,
    db::statement,
    ledger::model::{Decision, Entry, Hold, HoldState, Lot, Transaction},
};

use super::{broken, rows};

/// Writes the row that names the database, unless it is there.
pub async fn insert_meta(tx: &impl ConnectionTrait, database_id: Uuid, now: Micros) -> Result<(), DbErr> {
    let sql = "INSERT INTO ledger_meta (id, database_id, epoch, created_at) VALUES (1, $1, 1, $2) \
               ON CONFLICT DO NOTHING";
    tx.execute_raw(statement(tx, sql, [database_id.into(), now.into()])).await?;
    Ok(())
}

/// Writes `decision` with the note it may carry (salt and words).
pub async fn save(
    tx: &impl ConnectionTrait,
    decision: &Decision,
    note: Option<(&[u8; 16], &str)>,
) -> Result<(), DbErr> {
    let row = &decision.transaction;
    insert_transaction(tx, row).await?;
    if let Some((salt, body)) = note {
        let sql = "INSERT INTO credit_note (account_id, seq, salt, body) VALUES ($1, $2, $3, $4)";
        let values = [row.account_id.into(), row.sequence.into(), salt.to_vec().into(), body.into()];
        tx.execute_raw(statement(tx, sql, values)).await?;
    }
    if let Some(lot) = &decision.granted {
        insert_lot(tx, row.account_id, lot).await?;
    }
    update_lots(tx, &decision.lots).await?;
    insert_holds(tx, row.account_id, &decision.opened).await?;
    update_holds(tx, &decision.closed).await?;
    insert_entries(tx, row, &decision.entries).await?;
    update_account(tx, row).await
}

async fn insert_transaction(tx: &impl ConnectionTrait, row: &Transaction) -> Result<(), DbErr> {
    let sql =
        format!("INSERT INTO credit_transaction ({}) VALUES ({})", super::TRANSACTION_COLUMNS, super::places(1, 22));
    let [issued, available, held, spent, expired, revoked] = row.balance.six();
    let values: [Value; 22] = [
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
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

async fn insert_lot(tx: &impl ConnectionTrait, account: Uuid, lot: &Lot) -> Result<(), DbErr> {
    let sql = "INSERT INTO credit_grant (id, account_id, kind, source_ref, priority, expires_at, granted_seq, amount, \
               available, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let values: [Value; 10] = [
        lot.id.into(),
        account.into(),
        lot.kind.as_str().into(),
        lot.source_ref.as_str().into(),
        lot.priority.into(),
        lot.expires_at.into(),
        lot.granted_seq.into(),
        lot.balance.issued.into(),
        lot.balance.available.into(),
        lot.created_at.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

async fn update_lots(tx: &impl ConnectionTrait, lots: &[Lot]) -> Result<(), DbErr> {
    if lots.is_empty() {
        return Ok(());
    }
    let (groups, values) = rows(
        lots.iter()
            .map(|lot| {
                let [_, available, held, spent, expired, revoked] = lot.balance.six();
                vec![lot.id.into(), available.into(), held.into(), spent.into(), expired.into(), revoked.into()]
            })
            .collect(),
    );
    // Both engines name the columns of a VALUES list column1, column2, …
    let sql = format!(
        "UPDATE credit_grant SET available = v.column2, held = v.column3, spent = v.column4, expired = v.column5, \
         revoked = v.column6 FROM (VALUES {groups}) AS v WHERE credit_grant.id = v.column1"
    );
    expect_rows(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected(), lots.len())
}

async fn insert_holds(tx: &impl ConnectionTrait, account: Uuid, holds: &[Hold]) -> Result<(), DbErr> {
    if holds.is_empty() {
        return Ok(());
    }
    let (groups, values) = rows(holds.iter().map(|hold| hold_values(account, hold)).collect());
    let sql = format!(
        "INSERT INTO credit_hold (id, account_id, work_kind, work_id, run_id, user_id, price_version_id, \
         prompt_version_id, amount, state, expires_at, opened_seq, created_at) VALUES {groups}"
    );
    tx.execute_raw(statement(tx, sql, values)).await?;
    let mut parts = Vec::new();
    for hold in holds {
        for (ord, part) in (0_i32..).zip(&hold.parts) {
            parts.push(vec![hold.id().into(), part.grant.into(), ord.into(), part.amount.into()]);
        }
    }
    let (groups, values) = rows(parts);
    let sql = format!("INSERT INTO credit_hold_lot (hold_id, grant_id, ord, amount) VALUES {groups}");
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

fn hold_values(account: Uuid, hold: &Hold) -> Vec<Value> {
    let item = &hold.item;
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
        item.expires_at.into(),
        hold.opened_seq.into(),
        hold.created_at.into(),
    ]
}

async fn update_holds(tx: &impl ConnectionTrait, holds: &[Hold]) -> Result<(), DbErr> {
    if holds.is_empty() {
        return Ok(());
    }
    let (groups, values) = rows(
        holds
            .iter()
            .map(|hold| {
                let (settled, shortfall) = match hold.state {
                    HoldState::Settled { settled, shortfall, .. } => (settled, shortfall),
                    _ => (0, 0),
                };
                let closed = hold.state.closed_seq();
                let state = hold.state.as_str();
                vec![hold.id().into(), state.into(), settled.into(), shortfall.into(), closed.into()]
            })
            .collect(),
    );
    // The state in the condition is the wall behind the decision: a hold ends once.
    let sql = format!(
        "UPDATE credit_hold SET state = v.column2, settled = v.column3, shortfall = v.column4, closed_seq = v.column5 \
         FROM (VALUES {groups}) AS v WHERE credit_hold.id = v.column1 AND credit_hold.state = 'held'"
    );
    expect_rows(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected(), holds.len())
}

async fn insert_entries(tx: &impl ConnectionTrait, row: &Transaction, entries: &[Entry]) -> Result<(), DbErr> {
    // Bound values per statement stay far below the limit of either engine.
    for (chunk, some) in entries.chunks(1000).enumerate() {
        let first = i32::try_from(chunk * 1000 + 1).map_err(|_| broken("too many entries"))?;
        let (groups, values) = rows(
            (first..)
                .zip(some)
                .map(|(line, entry)| {
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
                })
                .collect(),
        );
        let sql = format!(
            "INSERT INTO credit_entry (account_id, seq, line, grant_id, hold_id, from_bucket, to_bucket, amount) \
             VALUES {groups}"
        );
        tx.execute_raw(statement(tx, sql, values)).await?;
    }
    Ok(())
}

async fn update_account(tx: &impl ConnectionTrait, row: &Transaction) -> Result<(), DbErr> {
    let sql = "UPDATE ledger_account SET seq = $1, head_hash = $2, issued = $3, available = $4, held = $5, spent = $6, \
               expired = $7, revoked = $8, ledger_now = $9 WHERE account_id = $10 AND seq = $11";
    let [issued, available, held, spent, expired, revoked] = row.balance.six();
    let values: [Value; 11] = [
        row.sequence.into(),
        row.hash.to_vec().into(),
        issued.into(),
        available.into(),
        held.into(),
        spent.into(),
        expired.into(),
        revoked.into(),
        row.at.into(),
        row.account_id.into(),
        (row.sequence - 1).into(),
    ];
    expect_rows(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected(), 1)
}

/// Rows that changed under the lock mean that the lock failed: nothing may be written then.
fn expect_rows(changed: u64, expected: usize) -> Result<(), DbErr> {
    if usize::try_from(changed) == Ok(expected) {
        Ok(())
    } else {
        Err(DbErr::Custom("the ledger's rows changed under the account's lock".to_owned()))
    }
}
