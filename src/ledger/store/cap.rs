//! Caps on spending.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use crate::{
    db::{engine_of, in_powers, many, statement, to_power},
    ledger::model::{Cap, CapPeriod, CapScope, Hold, Operation, State, UNCAPPED},
};

use super::{broken, list};

const COLUMNS: &str = "id, scope, subject_id, period, period_start, amount, held, spent, created_at";

/// Whose caps, of which period, are looked for in one statement: four values each.
const KINDS_MAX: usize = 2_048;

/// Holds whose caps are looked for in one statement.
const HOLDS_MAX: usize = 8_192;

fn cap_from(row: &QueryResult) -> Result<Cap, DbErr> {
    let (scope, period): (String, String) = (row.try_get("", "scope")?, row.try_get("", "period")?);
    Ok(Cap {
        id: row.try_get("", "id")?,
        scope: CapScope::parse(&scope).ok_or_else(|| broken("an unknown scope of a cap"))?,
        subject: row.try_get("", "subject_id")?,
        period: CapPeriod::parse(&period).ok_or_else(|| broken("an unknown period of a cap"))?,
        period_start: row.try_get("", "period_start")?,
        limit: row.try_get("", "amount")?,
        held: row.try_get("", "held")?,
        spent: row.try_get("", "spent")?,
        created_at: row.try_get("", "created_at")?,
    })
}

fn cap_values(account: Uuid, cap: &Cap) -> Vec<Value> {
    vec![
        cap.id.into(),
        cap.scope.as_str().into(),
        cap.subject.into(),
        cap.period.as_str().into(),
        cap.period_start.into(),
        cap.limit.into(),
        cap.held.into(),
        cap.spent.into(),
        cap.created_at.into(),
        account.into(),
    ]
}

/// Adds to `states` the caps that `operations` and the holds that were read are judged by: of those that a new hold would
/// count against the rows of the last periods, and those that open holds count against.
pub async fn load_caps(
    tx: &impl ConnectionTrait,
    states: &mut HashMap<Uuid, State>,
    operations: &[(Uuid, &Operation)],
) -> Result<(), DbErr> {
    if !states.values().any(|state| state.account.has_caps) {
        return Ok(());
    }
    let mut subjects = Vec::new();
    for (account, operation) in operations {
        let Operation::Hold(items) = operation else { continue };
        if states.get(account).is_some_and(|state| state.account.has_caps) {
            subjects.push((*account, CapScope::Account, *account));
            let users = items.iter().filter_map(|item| item.user_id);
            subjects.extend(users.map(|user| (*account, CapScope::Member, user)));
        }
    }
    subjects.sort_unstable();
    subjects.dedup();
    let kinds: Vec<_> =
        subjects.into_iter().flat_map(|subject| CapPeriod::ALL.iter().map(move |period| (subject, *period))).collect();
    for part in in_powers(&kinds, KINDS_MAX) {
        let values = part.iter().map(|((account, scope, subject), period)| {
            vec![(*account).into(), scope.as_str().into(), (*subject).into(), period.as_str().into()]
        });
        let (groups, values) = many::groups(engine_of(tx), values.collect());
        let sql = format!(
            "SELECT account_id, {COLUMNS} FROM (VALUES {groups}) AS k CROSS JOIN credit_cap WHERE id = \
             (SELECT last.id FROM credit_cap last WHERE last.account_id = k.column1 AND last.scope = k.column2 \
             AND last.subject_id = k.column3 AND last.period = k.column4 ORDER BY last.period_start DESC LIMIT 1)"
        );
        for row in tx.query_all_raw(statement(tx, sql, values)).await? {
            if let Some(state) = states.get_mut(&row.try_get::<Uuid>("", "account_id")?) {
                add(state, cap_from(&row)?);
            }
        }
    }
    load_linked(tx, states).await
}

/// Adds the caps that open holds count against.
async fn load_linked(tx: &impl ConnectionTrait, states: &mut HashMap<Uuid, State>) -> Result<(), DbErr> {
    let open = |hold: &&mut Hold| hold.state.closed_seq().is_none();
    let holds = states.values_mut().filter(|state| state.account.has_caps).flat_map(|state| &mut state.holds);
    let mut ids: Vec<Uuid> = holds.filter(open).map(|hold| hold.id()).collect();
    ids.sort_unstable();
    let mut caps: HashMap<Uuid, Vec<Cap>> = HashMap::new();
    for part in ids.chunks(HOLDS_MAX) {
        let ids = to_power(part.to_vec());
        let sql = format!(
            "SELECT hold_id, {COLUMNS} FROM credit_hold_cap JOIN credit_cap ON id = cap_id WHERE hold_id IN ({})",
            list(engine_of(tx), ids.len())
        );
        for row in tx.query_all_raw(statement(tx, sql, ids.into_iter().map(Value::from))).await? {
            caps.entry(row.try_get("", "hold_id")?).or_default().push(cap_from(&row)?);
        }
    }
    for state in states.values_mut() {
        let mut linked = Vec::new();
        for hold in &mut state.holds {
            let Some(caps) = caps.remove(&hold.id()) else { continue };
            hold.caps = caps.iter().map(|cap| cap.id).collect();
            linked.extend(caps);
        }
        linked.into_iter().for_each(|cap| add(state, cap));
    }
    Ok(())
}

fn add(state: &mut State, cap: Cap) {
    if !state.caps.iter().any(|known| known.id == cap.id) {
        state.caps.push(cap);
    }
}

/// Writes the rows of caps as they are now, new ones too. Their limits stay.
pub(super) async fn save_caps(tx: &impl ConnectionTrait, caps: &[(Uuid, &Cap)], most: usize) -> Result<(), DbErr> {
    for part in in_powers(caps, most) {
        let (groups, values) =
            many::groups(engine_of(tx), part.iter().map(|(account, cap)| cap_values(*account, cap)).collect());
        let sql = format!(
            "INSERT INTO credit_cap ({COLUMNS}, account_id) VALUES {groups} \
             ON CONFLICT (id) DO UPDATE SET held = excluded.held, spent = excluded.spent"
        );
        tx.execute_raw(statement(tx, sql, values)).await?;
    }
    Ok(())
}

/// The row of the last period of a cap, whatever its limit.
pub async fn find_cap(
    connection: &impl ConnectionTrait,
    account: Uuid,
    (scope, subject, period): (CapScope, Uuid, CapPeriod),
) -> Result<Option<Cap>, DbErr> {
    let sql = format!(
        "SELECT {COLUMNS} FROM credit_cap WHERE account_id = $1 AND scope = $2 AND subject_id = $3 AND period = $4 \
         ORDER BY period_start DESC LIMIT 1"
    );
    let values = [account.into(), scope.as_str().into(), subject.into(), period.as_str().into()];
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    row.map(|row| cap_from(&row)).transpose()
}

/// The caps that accounts have, each in its last period: the account's own first, then by member.
pub async fn list_caps(connection: &impl ConnectionTrait, accounts: &[Uuid]) -> Result<HashMap<Uuid, Vec<Cap>>, DbErr> {
    let mut found: HashMap<Uuid, Vec<Cap>> = HashMap::new();
    if accounts.is_empty() {
        return Ok(found);
    }
    let ids = to_power(accounts.to_vec());
    let sql = format!(
        "SELECT account_id, {COLUMNS} FROM credit_cap c WHERE account_id IN ({}) AND amount < {UNCAPPED} AND period_start = \
         (SELECT MAX(last.period_start) FROM credit_cap last WHERE last.account_id = c.account_id AND last.scope = c.scope \
         AND last.subject_id = c.subject_id AND last.period = c.period) ORDER BY account_id, scope, subject_id, period",
        list(engine_of(connection), ids.len())
    );
    for row in connection.query_all_raw(statement(connection, sql, ids.into_iter().map(Value::from))).await? {
        found.entry(row.try_get("", "account_id")?).or_default().push(cap_from(&row)?);
    }
    Ok(found)
}

/// Adds a cap in its first period. Called under the account's lock.
pub async fn insert_cap(tx: &impl ConnectionTrait, account: Uuid, cap: &Cap) -> Result<(), DbErr> {
    let (groups, values) = many::groups(engine_of(tx), vec![cap_values(account, cap)]);
    tx.execute_raw(statement(tx, format!("INSERT INTO credit_cap ({COLUMNS}, account_id) VALUES {groups}"), values))
        .await?;
    let sql = "UPDATE ledger_account SET has_caps = 1 WHERE account_id = $1 AND has_caps = 0";
    tx.execute_raw(statement(tx, sql, [account.into()])).await?;
    Ok(())
}

/// Gives a cap another limit. Called under the account's lock.
pub async fn update_limit(tx: &impl ConnectionTrait, cap: Uuid, limit: i64) -> Result<(), DbErr> {
    let sql = "UPDATE credit_cap SET amount = $2 WHERE id = $1";
    tx.execute_raw(statement(tx, sql, [cap.into(), limit.into()])).await?;
    Ok(())
}
