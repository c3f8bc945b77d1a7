//! What an operation is judged by, read under the account's lock.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use crate::{
    clock::Micros,
    db::{engine_of, statement},
    ledger::model::{Account, Hold, LOTS_MAX, Lot, Operation, Part, State, Transaction},
};

use super::{
    places,
    row::{
        ACCOUNT_COLUMNS, HOLD_COLUMNS, LOT_COLUMNS, TRANSACTION_COLUMNS, account_from, hold_from, lot_from,
        transaction_from,
    },
};

/// Opens an account's ledger and says whether it was not open before.
pub async fn insert_account(tx: &impl ConnectionTrait, account: Uuid, now: Micros) -> Result<bool, DbErr> {
    let sql = "INSERT INTO ledger_account (account_id, state, head_hash, ledger_now, created_at) \
               VALUES ($1, 'open', $2, $3, $3) ON CONFLICT DO NOTHING";
    let done = tx.execute_raw(statement(tx, sql, [account.into(), vec![0_u8; 32].into(), now.into()])).await?;
    Ok(done.rows_affected() == 1)
}

/// Closes an account's ledger: nothing is granted or held any more, while what is held can still be settled and given
/// back. A frozen one stays frozen.
pub async fn close_account(tx: &impl ConnectionTrait, account: Uuid) -> Result<(), DbErr> {
    let sql = "UPDATE ledger_account SET state = 'closed' WHERE account_id = $1 AND state = 'open'";
    tx.execute_raw(statement(tx, sql, [account.into()])).await?;
    Ok(())
}

/// Locks the account's row, which serialises all operations on it.
pub async fn lock_account(tx: &impl ConnectionTrait, account: Uuid, epoch: i64) -> Result<Option<Account>, DbErr> {
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT {ACCOUNT_COLUMNS} FROM ledger_account WHERE account_id = $1{lock}");
    let row = tx.query_one_raw(statement(tx, sql, [account.into()])).await?;
    row.map(|row| account_from(&row, epoch)).transpose()
}

/// The transaction that has `key`. Only meaningful under the account's lock.
pub async fn find_by_key(tx: &impl ConnectionTrait, account: Uuid, key: &str) -> Result<Option<Transaction>, DbErr> {
    let sql = format!("SELECT {TRANSACTION_COLUMNS} FROM credit_transaction WHERE account_id = $1 AND idem_key = $2");
    let row = tx.query_one_raw(statement(tx, sql, [account.into(), key.into()])).await?;
    row.map(|row| transaction_from(&row)).transpose()
}

/// Lots with available credits in burn order, one more than an operation may touch, and whether these are all.
pub async fn load_lots(tx: &impl ConnectionTrait, account: Uuid) -> Result<(Vec<Lot>, bool), DbErr> {
    let sql = format!(
        "SELECT {LOT_COLUMNS} FROM credit_grant WHERE account_id = $1 AND available > 0 \
         ORDER BY priority, expires_at, id LIMIT {}",
        LOTS_MAX + 1
    );
    let rows = tx.query_all_raw(statement(tx, sql, [account.into()])).await?;
    let lots = rows.iter().map(lot_from).collect::<Result<Vec<_>, _>>()?;
    let complete = lots.len() <= LOTS_MAX;
    Ok((lots, complete))
}

/// Lots with available credits whose time is over, at most 500.
pub async fn load_due_lots(tx: &impl ConnectionTrait, account: Uuid, now: Micros) -> Result<Vec<Lot>, DbErr> {
    let sql = format!(
        "SELECT {LOT_COLUMNS} FROM credit_grant WHERE account_id = $1 AND available > 0 AND expires_at <= $2 \
         ORDER BY expires_at, id LIMIT {LOTS_MAX}"
    );
    let rows = tx.query_all_raw(statement(tx, sql, [account.into(), now.into()])).await?;
    rows.iter().map(lot_from).collect()
}

/// Adds to `state` what `operation` touches beyond the lots: holds with their lots, open holds of works, used sources.
pub async fn load_touched(tx: &impl ConnectionTrait, state: &mut State, operation: &Operation) -> Result<(), DbErr> {
    match operation {
        Operation::Grant(grant) => {
            if let Some(reference) = grant.source.outside() {
                let kind = grant.source.kind();
                let sql = "SELECT account_id, granted_seq FROM credit_grant WHERE kind = $1 AND source_ref = $2";
                let values = [kind.as_str().into(), reference.clone().into()];
                if let Some(row) = tx.query_one_raw(statement(tx, sql, values)).await? {
                    let owner: Uuid = row.try_get("", "account_id")?;
                    let sequence: i64 = row.try_get("", "granted_seq")?;
                    let own = owner == state.account.id;
                    state.used_sources.push((kind, reference, own.then_some(sequence)));
                }
            }
            Ok(())
        }
        Operation::Hold(items) => {
            let works: Vec<Uuid> = items.iter().map(|item| item.work_id).collect();
            state.holds = open_holds_of(tx, state.account.id, &works).await?;
            Ok(())
        }
        Operation::Settle { hold, .. } => load_holds(tx, state, &[*hold]).await,
        Operation::Release(holds) => load_holds(tx, state, holds).await,
        Operation::ExpireHold(hold) => {
            load_holds(tx, state, &[*hold]).await?;
            state.holds_in_use = holds_in_use(tx, *hold).await?;
            Ok(())
        }
    }
}

async fn open_holds_of(tx: &impl ConnectionTrait, account: Uuid, works: &[Uuid]) -> Result<Vec<Hold>, DbErr> {
    if works.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {HOLD_COLUMNS} FROM credit_hold WHERE account_id = $1 AND state = 'held' AND work_id IN ({})",
        places(2, works.len())
    );
    let values = std::iter::once(account).chain(works.iter().copied()).map(Value::from);
    let rows = tx.query_all_raw(statement(tx, sql, values)).await?;
    rows.iter().map(hold_from).collect()
}

/// Locks the account's own among `ids`, in the order of their ids, and reads the lots they drew from.
async fn load_holds(tx: &impl ConnectionTrait, state: &mut State, ids: &[Uuid]) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    let lock = engine_of(tx).for_update();
    let list = places(2, ids.len());
    let sql =
        format!("SELECT {HOLD_COLUMNS} FROM credit_hold WHERE account_id = $1 AND id IN ({list}) ORDER BY id{lock}");
    let values = std::iter::once(state.account.id).chain(ids.iter().copied()).map(Value::from);
    let rows = tx.query_all_raw(statement(tx, sql, values)).await?;
    state.holds = rows.iter().map(hold_from).collect::<Result<_, _>>()?;
    let open: Vec<Uuid> = state.holds.iter().filter(|hold| hold.state.closed_seq().is_none()).map(Hold::id).collect();
    if open.is_empty() {
        return Ok(());
    }
    let list = places(1, open.len());
    let sql = format!(
        "SELECT hold_id, grant_id, amount FROM credit_hold_lot WHERE hold_id IN ({list}) ORDER BY hold_id, ord"
    );
    let rows = tx.query_all_raw(statement(tx, sql, open.iter().copied().map(Value::from))).await?;
    let known: HashSet<Uuid> = state.lots.iter().map(|lot| lot.id).collect();
    let mut missing = Vec::new();
    for row in &rows {
        let owner: Uuid = row.try_get("", "hold_id")?;
        let part = Part { grant: row.try_get("", "grant_id")?, amount: row.try_get("", "amount")? };
        if !known.contains(&part.grant) && !missing.contains(&part.grant) {
            missing.push(part.grant);
        }
        if let Some(hold) = state.holds.iter_mut().find(|hold| hold.id() == owner) {
            hold.parts.push(part);
        }
    }
    let lots = lots_by_id(tx, state.account.id, &missing).await?;
    state.add_lots(lots);
    Ok(())
}

async fn lots_by_id(tx: &impl ConnectionTrait, account: Uuid, ids: &[Uuid]) -> Result<Vec<Lot>, DbErr> {
    let mut lots = Vec::with_capacity(ids.len());
    for some in ids.chunks(LOTS_MAX) {
        let sql = format!(
            "SELECT {LOT_COLUMNS} FROM credit_grant WHERE account_id = $1 AND id IN ({})",
            places(2, some.len())
        );
        let values = std::iter::once(account).chain(some.iter().copied()).map(Value::from);
        for row in tx.query_all_raw(statement(tx, sql, values)).await? {
            lots.push(lot_from(&row)?);
        }
    }
    Ok(lots)
}

/// The hold, if a request to a provider is under way for it. With the hold's row locked no new one can begin, so the
/// answer stays true until the commit. This is the ledger's only look at another feature's table.
async fn holds_in_use(tx: &impl ConnectionTrait, hold: Uuid) -> Result<Vec<Uuid>, DbErr> {
    let sql = "SELECT 1 AS one FROM ai_attempt WHERE hold_id = $1 AND state IN ('sent', 'unknown') LIMIT 1";
    let row = tx.query_one_raw(statement(tx, sql, [hold.into()])).await?;
    Ok(row.map(|_| hold).into_iter().collect())
}
