//! What operations are judged by, read under the locks of their accounts: for all commands of a batch at once.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use crate::{
    clock::Micros,
    db::{Engine, engine_of, many, statement, to_power},
    ledger::model::{Account, Beyond, BurnKey, GrantKind, Hold, LOTS_MAX, Lot, Operation, Part, State, Transaction},
};

use super::{
    list,
    row::{
        ACCOUNT_COLUMNS, HOLD_COLUMNS, LOT_COLUMNS, TRANSACTION_COLUMNS, account_from, hold_from, lot_from,
        transaction_from,
    },
};

/// Ids in one list of a statement, far below the limit of values.
const IDS_MAX: usize = 8_192;

/// Opens an account's ledger and says whether it was not open before.
pub async fn insert_account(tx: &impl ConnectionTrait, account: Uuid, now: Micros) -> Result<bool, DbErr> {
    let sql = "INSERT INTO ledger_account (account_id, state, head_hash, ledger_now, created_at) \
               VALUES ($1, 'open', $2, $3, $3) ON CONFLICT DO NOTHING";
    let done = tx.execute_raw(statement(tx, sql, [account.into(), vec![0_u8; 32].into(), now.into()])).await?;
    Ok(done.rows_affected() == 1)
}

/// Closes an account's ledger: nothing is granted or held any more, while what is held can still be settled and given
/// back.
pub async fn close_account(tx: &impl ConnectionTrait, account: Uuid) -> Result<(), DbErr> {
    let sql = "UPDATE ledger_account SET state = 'closed' WHERE account_id = $1";
    tx.execute_raw(statement(tx, sql, [account.into()])).await?;
    Ok(())
}

/// Locks the rows of accounts, which serialises all operations on them, in the order of their ids: whoever locks several does
/// so in this order. One that has no ledger is left out.
pub async fn lock_accounts(tx: &impl ConnectionTrait, accounts: &[Uuid]) -> Result<HashMap<Uuid, Account>, DbErr> {
    let lock = engine_of(tx).for_update();
    let ids = to_power(accounts.to_vec());
    let sql = format!(
        "SELECT {ACCOUNT_COLUMNS} FROM ledger_account WHERE account_id IN ({}) ORDER BY account_id{lock}",
        list(engine_of(tx), ids.len())
    );
    let rows = tx.query_all_raw(statement(tx, sql, ids.into_iter().map(Value::from))).await?;
    rows.iter().map(|row| account_from(row).map(|account| (account.id, account))).collect()
}

/// The transactions that have these keys of these accounts. Only meaningful under the accounts' locks. One look-up for each key: left
/// to join, PostgreSQL may read an account's whole journal.
pub async fn load_by_key(tx: &impl ConnectionTrait, keys: &[(Uuid, &str)]) -> Result<Vec<Transaction>, DbErr> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let engine = engine_of(tx);
    let keys = if engine == Engine::Sqlite { to_power(keys.to_vec()) } else { keys.to_vec() };
    let (asked, values) =
        many::table(engine, keys.into_iter().map(|(account, key)| vec![account.into(), key.into()]).collect());
    let sql = match engine {
        Engine::Sqlite => format!(
            "SELECT {TRANSACTION_COLUMNS} FROM {asked} CROSS JOIN credit_transaction \
             WHERE account_id = v.column1 AND idem_key = v.column2"
        ),
        // As the index of migration 27 has it.
        Engine::Postgres => format!(
            "SELECT found.* FROM {asked} CROSS JOIN LATERAL (SELECT {TRANSACTION_COLUMNS} FROM credit_transaction \
             WHERE uuid_send(account_id) = uuid_send(v.column1) AND idem_key COLLATE \"C\" = v.column2 LIMIT 1) AS found"
        ),
    };
    let found = tx.query_all_raw(statement(tx, sql, values)).await?;
    found.iter().map(transaction_from).collect()
}

/// The first lots with available credits of an account, and what is known of the others.
pub type FirstLots = (Vec<Lot>, Option<Beyond>);

/// The first lots with available credits of each account in burn order, one more than an operation may touch.
pub async fn load_lots(tx: &impl ConnectionTrait, accounts: &[Uuid]) -> Result<HashMap<Uuid, FirstLots>, DbErr> {
    let some = |of: &str| {
        format!(
            "SELECT account_id, {LOT_COLUMNS} FROM credit_grant WHERE account_id = {of} AND available > 0 \
             ORDER BY priority, expires_at, id LIMIT {FIRST_LOTS}"
        )
    };
    let mut lots: HashMap<Uuid, FirstLots> = accounts.iter().map(|account| (*account, (Vec::new(), None))).collect();
    let mut keep = |row: &QueryResult| -> Result<(), DbErr> {
        let owner: Uuid = row.try_get("", "account_id")?;
        lots.entry(owner).or_default().0.push(lot_from(row)?);
        Ok(())
    };
    match engine_of(tx) {
        Engine::Sqlite => {
            for account in accounts {
                let rows = tx.query_all_raw(statement(tx, some("$1"), [(*account).into()])).await?;
                rows.iter().try_for_each(&mut keep)?;
            }
        }
        Engine::Postgres => {
            for part in crate::db::in_powers(accounts, IDS_MAX) {
                let (groups, values) =
                    many::groups(engine_of(tx), part.iter().map(|account| vec![(*account).into()]).collect());
                let sql = format!(
                    "SELECT g.* FROM (VALUES {groups}) AS a CROSS JOIN LATERAL ({}) AS g \
                     ORDER BY g.account_id, g.priority, g.expires_at, g.id",
                    some("a.column1")
                );
                let rows = tx.query_all_raw(statement(tx, sql, values)).await?;
                rows.iter().try_for_each(&mut keep)?;
            }
        }
    }
    for (account, (read, beyond)) in &mut lots {
        if let Some(last) = read.last().filter(|_| read.len() == FIRST_LOTS) {
            let after = last.burn_key();
            let next_due = load_next_due(tx, *account, after).await?;
            *beyond = next_due.map(|next_due| Beyond { after, next_due });
        }
    }
    Ok(lots)
}

/// How many lots of an account are read at once: an operation may touch all but one of them.
const FIRST_LOTS: usize = LOTS_MAX + 1;

/// The priorities that lots have, as a list of the index of lots in burn order: with them a time is looked for in that index alone.
fn priorities() -> String {
    GrantKind::ALL.iter().map(|kind| format!("({})", kind.priority())).collect::<Vec<_>>().join(", ")
}

/// When the first of the lots with available credits that come after `after` in burn order ends.
async fn load_next_due(tx: &impl ConnectionTrait, account: Uuid, after: BurnKey) -> Result<Option<Micros>, DbErr> {
    let sql = format!(
        "SELECT MIN(due) AS due FROM (SELECT (SELECT g.expires_at FROM credit_grant g WHERE g.account_id = $1 \
         AND g.available > 0 AND g.priority = p.column1 AND (g.priority, g.expires_at, g.id) > ($2, $3, $4) \
         ORDER BY g.priority, g.expires_at, g.id LIMIT 1) AS due FROM (VALUES {}) AS p) AS d",
        priorities()
    );
    let (priority, expires_at, id) = after;
    let values = [account.into(), priority.into(), expires_at.into(), id.into()];
    let row = tx.query_one_raw(statement(tx, sql, values)).await?;
    row.map_or(Ok(None), |row| row.try_get("", "due"))
}

/// Lots with available credits whose time is over, at most 500.
pub async fn load_due_lots(tx: &impl ConnectionTrait, account: Uuid, now: Micros) -> Result<Vec<Lot>, DbErr> {
    let sql = format!(
        "SELECT {LOT_COLUMNS} FROM credit_grant WHERE account_id = $1 AND available > 0 \
         AND priority IN (SELECT column1 FROM (VALUES {}) AS p) AND expires_at <= $2 ORDER BY expires_at, id LIMIT {LOTS_MAX}",
        priorities()
    );
    let rows = tx.query_all_raw(statement(tx, sql, [account.into(), now.into()])).await?;
    rows.iter().map(lot_from).collect()
}

/// Accounts that have lots with available credits whose time is over, by the first `most` such lots. A frozen account waits until
/// somebody has looked at it.
pub async fn list_accounts_with_due_lots(
    connection: &impl ConnectionTrait,
    now: Micros,
    most: u32,
) -> Result<Vec<Uuid>, DbErr> {
    let sql = format!(
        "SELECT DISTINCT account_id FROM (SELECT g.account_id FROM credit_grant g \
         JOIN ledger_account a ON a.account_id = g.account_id WHERE g.available > 0 AND g.expires_at <= $1 \
         AND a.state <> 'frozen' ORDER BY g.expires_at, g.account_id LIMIT {most}) AS due"
    );
    let rows = connection.query_all_raw(statement(connection, sql, [now.into()])).await?;
    rows.iter().map(|row| row.try_get("", "account_id")).collect()
}

/// Adds to `states` what `operations` touch beyond the lots: holds with their lots, open holds of works, used sources.
/// An operation on an account that has no state is passed over.
pub async fn load_touched(
    tx: &impl ConnectionTrait,
    states: &mut HashMap<Uuid, State>,
    operations: &[(Uuid, &Operation)],
) -> Result<(), DbErr> {
    let (mut works, mut holds, mut due, mut sources) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut refunded, mut lots) = (HashSet::new(), Vec::new());
    for (account, operation) in operations {
        match operation {
            Operation::Grant(grant) => {
                sources.extend(grant.source.outside().map(|reference| (*account, grant.source.kind(), reference)));
            }
            Operation::Hold(items) => works.extend(items.iter().map(|item| (*account, item.work_id))),
            Operation::Settle { hold, .. } => holds.push((*account, *hold)),
            Operation::Release(released) => holds.extend(released.iter().map(|hold| (*account, *hold))),
            Operation::ExpireHold(hold) => {
                holds.push((*account, *hold));
                due.push((*account, *hold));
            }
            Operation::Refund { hold, .. } => {
                holds.push((*account, *hold));
                refunded.insert(*hold);
            }
            Operation::Revoke { grant, .. } => lots.push((*account, *grant)),
            Operation::Adjust { .. } | Operation::ExpireLots => {}
        }
    }
    load_sources(tx, states, sources).await?;
    let condition = "account_id = k.column1 AND work_id = k.column2 AND state = 'held'";
    let mut seen = HashSet::new();
    load_holds(tx, states, works, (condition, ""), &mut seen).await?;
    // In the order of their ids, as every lock of several rows.
    let lock = match engine_of(tx) {
        Engine::Sqlite => "",
        Engine::Postgres => " ORDER BY id FOR UPDATE OF credit_hold",
    };
    load_holds(tx, states, holds, ("account_id = k.column1 AND id = k.column2", lock), &mut seen).await?;
    load_parts(tx, states).await?;
    load_paid_until(tx, states, &refunded).await?;
    load_named_lots(tx, states, lots).await?;
    for (account, hold) in due {
        if is_in_use(tx, hold).await?
            && let Some(state) = states.get_mut(&account)
        {
            state.holds_in_use.push(hold);
        }
    }
    Ok(())
}

/// Reads the holds that a condition finds for pairs of an account and another id, but for those seen before: a work and its
/// hold may be asked for in one batch.
async fn load_holds(
    tx: &impl ConnectionTrait,
    states: &mut HashMap<Uuid, State>,
    mut pairs: Vec<(Uuid, Uuid)>,
    (condition, lock): (&str, &str),
    seen: &mut HashSet<Uuid>,
) -> Result<(), DbErr> {
    pairs.sort_unstable();
    pairs.dedup();
    for part in pairs.chunks(IDS_MAX) {
        let pairs = to_power(part.to_vec());
        let (groups, values) = many::groups(
            engine_of(tx),
            pairs.into_iter().map(|(account, id)| vec![account.into(), id.into()]).collect(),
        );
        let sql = format!(
            "SELECT account_id, {HOLD_COLUMNS} FROM (VALUES {groups}) AS k CROSS JOIN credit_hold WHERE {condition}{lock}"
        );
        for row in tx.query_all_raw(statement(tx, sql, values)).await? {
            let (owner, hold): (Uuid, Hold) = (row.try_get("", "account_id")?, hold_from(&row)?);
            if seen.insert(hold.id())
                && let Some(state) = states.get_mut(&owner)
            {
                state.holds.push(hold);
            }
        }
    }
    Ok(())
}

/// Reads what open holds drew from which lots, and those of the lots that have no available credits any more.
async fn load_parts(tx: &impl ConnectionTrait, states: &mut HashMap<Uuid, State>) -> Result<(), DbErr> {
    let mut open: HashMap<Uuid, Vec<Part>> = HashMap::new();
    for hold in states.values().flat_map(|state| &state.holds) {
        if hold.state.closed_seq().is_none() {
            open.insert(hold.id(), Vec::new());
        }
    }
    let mut ids: Vec<Uuid> = open.keys().copied().collect();
    ids.sort_unstable();
    for part in ids.chunks(IDS_MAX) {
        let ids = to_power(part.to_vec());
        let sql = format!(
            "SELECT hold_id, grant_id, amount FROM credit_hold_lot WHERE hold_id IN ({}) ORDER BY hold_id, ord",
            list(engine_of(tx), ids.len())
        );
        for row in tx.query_all_raw(statement(tx, sql, ids.into_iter().map(Value::from))).await? {
            let part = Part { grant: row.try_get("", "grant_id")?, amount: row.try_get("", "amount")? };
            open.entry(row.try_get("", "hold_id")?).or_default().push(part);
        }
    }
    let mut missing = Vec::new();
    for state in states.values_mut() {
        let known: HashSet<Uuid> = state.lots.iter().map(|lot| lot.id).collect();
        for hold in &mut state.holds {
            if let Some(parts) = open.remove(&hold.id()) {
                hold.parts = parts;
            }
            missing.extend(hold.parts.iter().map(|part| part.grant).filter(|lot| !known.contains(lot)));
        }
    }
    missing.sort_unstable();
    missing.dedup();
    for part in missing.chunks(IDS_MAX) {
        let ids = to_power(part.to_vec());
        let sql = format!(
            "SELECT account_id, {LOT_COLUMNS} FROM credit_grant WHERE id IN ({})",
            list(engine_of(tx), ids.len())
        );
        add_lots(states, &tx.query_all_raw(statement(tx, sql, ids.into_iter().map(Value::from))).await?)?;
    }
    Ok(())
}

/// Until when the lots live that paid for settled holds.
async fn load_paid_until(
    tx: &impl ConnectionTrait,
    states: &mut HashMap<Uuid, State>,
    refunded: &HashSet<Uuid>,
) -> Result<(), DbErr> {
    let sql = "SELECT MAX(g.expires_at) AS until FROM credit_entry e JOIN credit_grant g ON g.id = e.grant_id \
               WHERE e.account_id = $1 AND e.seq = $2 AND e.to_bucket = 'spent'";
    for (account, state) in states {
        let settled = state.holds.iter().filter(|hold| refunded.contains(&hold.id()));
        let settled: Vec<_> = settled.filter_map(|hold| Some((hold.id(), hold.state.closed_seq()?))).collect();
        for (hold, sequence) in settled {
            let row = tx.query_one_raw(statement(tx, sql, [(*account).into(), sequence.into()])).await?;
            let until: Option<Micros> = row.map_or(Ok(None), |row| row.try_get("", "until"))?;
            state.paid_until.extend(until.map(|until| (hold, until)));
        }
    }
    Ok(())
}

/// Notes which sources of grants are used up already, by whom.
async fn load_sources(
    tx: &impl ConnectionTrait,
    states: &mut HashMap<Uuid, State>,
    sources: Vec<(Uuid, GrantKind, String)>,
) -> Result<(), DbErr> {
    let engine = engine_of(tx);
    for part in many::parts(engine, &sources, IDS_MAX) {
        let (asked, values) = many::table(
            engine,
            part.iter().map(|(_, kind, reference)| vec![kind.as_str().into(), reference.as_str().into()]).collect(),
        );
        let sql = format!(
            "SELECT kind, source_ref, account_id, granted_seq FROM {asked} CROSS JOIN credit_grant \
             WHERE kind = v.column1 AND source_ref = v.column2"
        );
        let mut used: HashMap<(String, String), (Uuid, i64)> = HashMap::new();
        for row in tx.query_all_raw(statement(tx, sql, values)).await? {
            let source = (row.try_get("", "kind")?, row.try_get("", "source_ref")?);
            used.insert(source, (row.try_get("", "account_id")?, row.try_get("", "granted_seq")?));
        }
        for (account, kind, reference) in part {
            let found = used.get(&(kind.as_str().to_owned(), reference.clone()));
            if let (Some((owner, sequence)), Some(state)) = (found, states.get_mut(account)) {
                state.used_sources.push((*kind, reference.clone(), (owner == account).then_some(*sequence)));
            }
        }
    }
    Ok(())
}

/// Reads lots of accounts by their ids, but for those that are known.
async fn load_named_lots(
    tx: &impl ConnectionTrait,
    states: &mut HashMap<Uuid, State>,
    mut named: Vec<(Uuid, Uuid)>,
) -> Result<(), DbErr> {
    let engine = engine_of(tx);
    let is_known = |(account, lot): &(Uuid, Uuid)| {
        states.get(account).is_none_or(|state| state.lots.iter().any(|known| known.id == *lot))
    };
    named.retain(|lot| !is_known(lot));
    named.sort_unstable();
    named.dedup();
    for part in many::parts(engine, &named, IDS_MAX) {
        let (asked, values) =
            many::table(engine, part.iter().map(|(account, lot)| vec![(*account).into(), (*lot).into()]).collect());
        let sql = format!(
            "SELECT account_id, {LOT_COLUMNS} FROM {asked} CROSS JOIN credit_grant \
             WHERE id = v.column2 AND account_id = v.column1"
        );
        add_lots(states, &tx.query_all_raw(statement(tx, sql, values)).await?)?;
    }
    Ok(())
}

/// Adds lots that were read to their accounts.
fn add_lots(states: &mut HashMap<Uuid, State>, rows: &[QueryResult]) -> Result<(), DbErr> {
    let mut found: HashMap<Uuid, Vec<Lot>> = HashMap::new();
    for row in rows {
        found.entry(row.try_get("", "account_id")?).or_default().push(lot_from(row)?);
    }
    for (account, lots) in found {
        if let Some(state) = states.get_mut(&account) {
            state.add_lots(lots);
        }
    }
    Ok(())
}

/// Whether a request to a provider is under way for a hold. With the hold's row locked no new one can begin, so the
/// answer stays true until the commit. This is the ledger's only look at another feature's table.
async fn is_in_use(tx: &impl ConnectionTrait, hold: Uuid) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM ai_attempt WHERE hold_id = $1 AND state IN ('sent', 'unknown') LIMIT 1";
    Ok(tx.query_one_raw(statement(tx, sql, [hold.into()])).await?.is_some())
}
