//! Holds for readers.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use crate::{
    db::statement,
    ledger::model::{Hold, HoldState, Part},
};

use super::{
    Slice,
    condition::{Conditions, direction, limit},
    places,
    row::{HOLD_COLUMNS, hold_from},
};

crate::words::words! {
    /// Where a hold is in its life, without what it came to.
    HoldStage {
        /// Reserved.
        Held "held",
        /// Charged.
        Settled "settled",
        /// Given back.
        Released "released",
        /// Given back because its time was over.
        Expired "expired",
    }
}

impl From<HoldState> for HoldStage {
    fn from(state: HoldState) -> Self {
        match state {
            HoldState::Held => Self::Held,
            HoldState::Settled { .. } => Self::Settled,
            HoldState::Released { .. } => Self::Released,
            HoldState::Expired { .. } => Self::Expired,
        }
    }
}

/// A hold with its owner, without its lots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedHold {
    /// Whose.
    pub account_id: Uuid,
    /// The hold itself; its parts are empty.
    pub hold: Hold,
}

impl OwnedHold {
    /// Where it stands in a list: one transaction may open many.
    pub fn place(&self) -> HoldPlace {
        (self.hold.opened_seq, self.hold.id())
    }
}

/// The transaction that opened a hold, and the hold.
pub type HoldPlace = (i64, Uuid);

/// Which holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoldFilter {
    /// Only these; empty is all.
    pub stages: Vec<HoldStage>,
    /// Only those of this automation run.
    pub run: Option<Uuid>,
}

fn owned_from(row: &QueryResult) -> Result<OwnedHold, DbErr> {
    Ok(OwnedHold { account_id: row.try_get("", "account_id")?, hold: hold_from(row)? })
}

fn matching(account: Uuid, filter: &HoldFilter) -> Conditions {
    let mut conditions = Conditions::of(account);
    match filter.stages.as_slice() {
        // As the index of open holds has it.
        [HoldStage::Held] => conditions.and("state = 'held'"),
        stages => conditions.one_of("state", &stages.iter().map(|stage| stage.as_str()).collect::<Vec<_>>()),
    }
    conditions.compare("run_id =", filter.run);
    conditions
}

/// One account's holds that match `filter`, by the transaction that opened them and then by id.
pub async fn list_holds(
    connection: &impl ConnectionTrait,
    account: Uuid,
    filter: &HoldFilter,
    slice: Slice<HoldPlace>,
) -> Result<Vec<OwnedHold>, DbErr> {
    let mut conditions = matching(account, filter);
    for (end, sign) in [(slice.above, '>'), (slice.below, '<')] {
        if let Some((sequence, id)) = end {
            let (sequence, id) = (conditions.place(sequence.into()), conditions.place(id.into()));
            conditions.and(&format!("(opened_seq, id) {sign} ({sequence}, {id})"));
        }
    }
    let most = conditions.place(limit(slice.limit));
    let (condition, values) = conditions.into_parts();
    let way = direction(slice.order);
    let sql = format!(
        "SELECT account_id, {HOLD_COLUMNS} FROM credit_hold WHERE {condition} \
         ORDER BY opened_seq {way}, id {way} LIMIT {most}"
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(owned_from).collect()
}

/// How many of one account's holds match `filter`.
pub async fn count_holds(connection: &impl ConnectionTrait, account: Uuid, filter: &HoldFilter) -> Result<i64, DbErr> {
    let (condition, values) = matching(account, filter).into_parts();
    let sql = format!("SELECT COUNT(*) AS n FROM credit_hold WHERE {condition}");
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// Many holds by id, for a loader. The caller authorises.
pub async fn load_by_hold(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, OwnedHold>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!("SELECT account_id, {HOLD_COLUMNS} FROM credit_hold WHERE id IN ({})", places(1, ids.len()));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().copied().map(Value::from))).await?;
    rows.iter().map(|row| owned_from(row).map(|found| (found.hold.id(), found))).collect()
}

/// What many holds drew from which lots, in burn order, for a loader. The caller authorises.
pub async fn load_parts_by_hold(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Vec<Part>>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT hold_id, grant_id, amount FROM credit_hold_lot WHERE hold_id IN ({}) ORDER BY hold_id, ord",
        places(1, ids.len())
    );
    let mut parts: HashMap<Uuid, Vec<Part>> = HashMap::new();
    for row in connection.query_all_raw(statement(connection, sql, ids.iter().copied().map(Value::from))).await? {
        let part = Part { grant: row.try_get("", "grant_id")?, amount: row.try_get("", "amount")? };
        parts.entry(row.try_get("", "hold_id")?).or_default().push(part);
    }
    Ok(parts)
}
