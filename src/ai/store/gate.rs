//! Gates before models, and how much of a limit is used: shared by all processes.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::registry::broken;
use crate::{
    ai::model::{AiModel, Gate, GateState},
    clock::{Micros, SECOND},
    db::{engine_of, statement},
};

/// Over how long a rate is counted.
pub const RATE_WINDOW: Micros = 60 * SECOND;

/// Which gate: one per provider, model and credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateKey {
    /// The adapter's name.
    pub provider: String,
    /// The provider's own name for the model.
    pub model: String,
    /// As whom; says nothing about the key.
    pub credential_id: String,
}

impl GateKey {
    /// The gate of `model`, called with a credential.
    pub fn of(model: &AiModel, credential_id: &str) -> Self {
        Self {
            provider: model.provider.clone(),
            model: model.provider_model.clone(),
            credential_id: credential_id.to_owned(),
        }
    }

    fn values(&self) -> [Value; 3] {
        [self.provider.clone().into(), self.model.clone().into(), self.credential_id.clone().into()]
    }
}

const COLUMNS: &str = "state, failures_in_row, open_for, open_until, probe_attempt_id";
const KEY: &str = "provider = $1 AND model = $2 AND credential_id = $3";

fn gate_of(row: &QueryResult) -> Result<Gate, DbErr> {
    let state: String = row.try_get("", "state")?;
    Ok(Gate {
        state: GateState::parse(&state).ok_or_else(|| broken("state of a gate"))?,
        failures_in_row: row.try_get("", "failures_in_row")?,
        open_for: row.try_get("", "open_for")?,
        open_until: row.try_get("", "open_until")?,
        probe: row.try_get("", "probe_attempt_id")?,
    })
}

/// A gate as it stands; `None` where nothing was seen of it.
pub async fn find_gate(connection: &impl ConnectionTrait, key: &GateKey) -> Result<Option<Gate>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM provider_gate WHERE {KEY}");
    let row = connection.query_one_raw(statement(connection, sql, key.values())).await?;
    row.as_ref().map(gate_of).transpose()
}

/// Locks a gate that is there until the transaction ends.
pub async fn lock_gate(tx: &impl ConnectionTrait, key: &GateKey) -> Result<Option<Gate>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM provider_gate WHERE {KEY}{}", engine_of(tx).for_update());
    let row = tx.query_one_raw(statement(tx, sql, key.values())).await?;
    row.as_ref().map(gate_of).transpose()
}

/// Locks a gate, which is made where it is not there.
pub async fn lock_or_insert_gate(tx: &impl ConnectionTrait, key: &GateKey, now: Micros) -> Result<Gate, DbErr> {
    if let Some(gate) = lock_gate(tx, key).await? {
        return Ok(gate);
    }
    let sql = "INSERT INTO provider_gate (provider, model, credential_id, state, failures_in_row, open_for, open_until, \
               probe_attempt_id, created_at, updated_at) VALUES ($1, $2, $3, 'closed', 0, 0, 0, NULL, $4, $4) \
               ON CONFLICT DO NOTHING";
    let values = key.values().into_iter().chain([now.into()]);
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(lock_gate(tx, key).await?.unwrap_or(Gate::NEW))
}

/// Writes a gate that the caller has locked.
pub async fn update_gate(tx: &impl ConnectionTrait, key: &GateKey, gate: &Gate, now: Micros) -> Result<(), DbErr> {
    let sql = format!(
        "UPDATE provider_gate SET state = $4, failures_in_row = $5, open_for = $6, open_until = $7, \
         probe_attempt_id = $8, updated_at = $9 WHERE {KEY}"
    );
    let more: [Value; 6] = [
        gate.state.as_str().into(),
        gate.failures_in_row.into(),
        gate.open_for.into(),
        gate.open_until.into(),
        gate.probe.into(),
        now.into(),
    ];
    tx.execute_raw(statement(tx, sql, key.values().into_iter().chain(more))).await?;
    Ok(())
}

/// The gates that let nobody pass at `now`, with provider and model; at most 100. One whose time is over says nothing:
/// the next request probes, or its credential is no longer used.
pub async fn list_shut_gates(
    connection: &impl ConnectionTrait,
    now: Micros,
) -> Result<Vec<(String, String, Gate)>, DbErr> {
    let sql = format!(
        "SELECT provider, model, {COLUMNS} FROM provider_gate WHERE state <> 'closed' AND open_until > $1 \
         ORDER BY provider, model LIMIT 100"
    );
    let rows = connection.query_all_raw(statement(connection, sql, [now.into()])).await?;
    rows.iter().map(|row| Ok((row.try_get("", "provider")?, row.try_get("", "model")?, gate_of(row)?))).collect()
}

/// When a request to a model may leave by its limits: `None` is now. Attempt `own` is not counted. Requests under way
/// count until their deadline; since any of them may end before, the wait is then `look_again`. Those of the last minute
/// count from when they were sent.
pub async fn find_model_wait(
    connection: &impl ConnectionTrait,
    model: &AiModel,
    own: Uuid,
    now: Micros,
    look_again: Micros,
) -> Result<Option<Micros>, DbErr> {
    if let Some(limit) = model.capabilities.concurrency {
        let sql = "SELECT COUNT(*) AS n FROM ai_attempt \
                   WHERE ai_model_id = $1 AND state = 'sent' AND deadline_at > $2 AND id <> $3";
        let values: [Value; 3] = [model.id.into(), now.into(), own.into()];
        let row = connection.query_one_raw(statement(connection, sql, values)).await?;
        let count: i64 = row.map_or(Ok(0), |row| row.try_get("", "n"))?;
        if count >= i64::from(limit) {
            // Any of them may end at any moment.
            return Ok(Some(now.saturating_add(look_again)));
        }
    }
    let Some(limit) = model.capabilities.rate_per_minute else { return Ok(None) };
    // The request that has to leave the window before another one may begin.
    let sql = "SELECT sent_at FROM ai_attempt WHERE ai_model_id = $1 AND sent_at > $2 AND id <> $3 \
               ORDER BY sent_at DESC LIMIT 1 OFFSET $4";
    let since = now.saturating_sub(RATE_WINDOW);
    let values: [Value; 4] = [model.id.into(), since.into(), own.into(), i64::from(limit.saturating_sub(1)).into()];
    let row = connection.query_one_raw(statement(connection, sql, values)).await?;
    let sent: Option<Micros> = row.map(|row| row.try_get("", "sent_at")).transpose()?;
    Ok(sent.map(|sent| sent.saturating_add(RATE_WINDOW)))
}

/// When a retry with a credential may leave: `None` is now. Attempt `own` is not counted. Retries may be a tenth of the requests of the last
/// minute, and at least `least`.
pub async fn find_retry_wait(
    connection: &impl ConnectionTrait,
    credential_id: &str,
    least: i64,
    own: Uuid,
    now: Micros,
) -> Result<Option<Micros>, DbErr> {
    let sql = "SELECT COUNT(*) AS n, COALESCE(SUM(CASE WHEN is_retry THEN 1 ELSE 0 END), 0) AS retries, \
               MIN(CASE WHEN is_retry THEN sent_at END) AS first FROM ai_attempt \
               WHERE credential_id = $1 AND sent_at > $2 AND id <> $3";
    let values: [Value; 3] = [credential_id.into(), now.saturating_sub(RATE_WINDOW).into(), own.into()];
    let Some(row) = connection.query_one_raw(statement(connection, sql, values)).await? else { return Ok(None) };
    let (all, retries): (i64, i64) = (row.try_get("", "n")?, row.try_get("", "retries")?);
    if retries < least.max(all / 10) {
        return Ok(None);
    }
    let first: Option<Micros> = row.try_get("", "first")?;
    Ok(Some(first.unwrap_or(now).saturating_add(RATE_WINDOW)))
}

/// Which of `models` are behind a gate that lets nobody pass at `now`: by their id, the gate that opens last.
pub async fn load_gates(
    connection: &impl ConnectionTrait,
    models: &[Uuid],
    now: Micros,
) -> Result<HashMap<Uuid, Gate>, DbErr> {
    if models.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<String> = (2..=models.len() + 1).map(|at| format!("${at}")).collect();
    let sql = format!(
        "SELECT m.id, {COLUMNS} FROM provider_gate g JOIN ai_model m ON m.provider = g.provider \
         AND m.provider_model = g.model WHERE g.state <> 'closed' AND g.open_until > $1 AND m.id IN ({}) \
         ORDER BY g.open_until",
        places.join(", ")
    );
    let values = std::iter::once(now.into()).chain(models.iter().map(|id| (*id).into()));
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, gate_of(row)?))).collect()
}
