//! What work under a version came to. The figures are counted from the records of AI tasks, never kept beside them, so
//! they cannot drift; which task was composed from which version is the only thing written here.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::places;
use crate::{
    db::{effect::Effect, statement},
    prompt::model::split::Usage,
};

/// Records that an AI task was composed from a version, as a write of the command that accepts the task. Each version
/// once per task. `split_id` is what the look-up answered.
pub fn use_effect(ai_task_id: Uuid, version_id: Uuid, split_id: Option<Uuid>) -> Effect {
    Effect::Insert {
        table: "prompt_use",
        cells: vec![
            ("ai_task_id", ai_task_id.into()),
            ("system_prompt_version_id", version_id.into()),
            ("prompt_split_id", split_id.into()),
        ],
        if_absent: true,
    }
}

/// The table of splits, which names the refusal of [`take_effect`].
pub const SPLIT: &str = "prompt_split";

/// Takes `credits` for work composed from `version_id` out of the split's budget. A version that the split does not try
/// takes nothing; a split that has ended, or has not enough left, refuses the command with the table's name.
pub fn take_effect(split_id: Uuid, version_id: Uuid, credits: i64) -> Effect {
    Effect::Take {
        table: SPLIT,
        key: vec![("id", split_id.into()), ("new_version_id", version_id.into())],
        open: ("state", "RUNNING".into()),
        taken: "credits_taken",
        amount: credits,
        limit: "credit_budget",
    }
}

/// Which uses are counted.
#[derive(Debug, Clone, Copy)]
pub enum Uses<'a> {
    /// All of these versions.
    Versions(&'a [Uuid]),
    /// Those that this split gave out.
    Split(Uuid),
}

/// Usage by version. A version nobody used has no entry. A task counts for each version it was composed from.
pub async fn load_usage(connection: &impl ConnectionTrait, uses: Uses<'_>) -> Result<HashMap<Uuid, Usage>, DbErr> {
    let (clause, values): (String, Vec<sea_orm::Value>) = match uses {
        Uses::Versions([]) => return Ok(HashMap::new()),
        Uses::Versions(ids) => (
            format!("u.system_prompt_version_id IN ({})", places(1, ids.len())),
            ids.iter().map(|id| (*id).into()).collect(),
        ),
        Uses::Split(id) => ("u.prompt_split_id = $1".to_owned(), vec![id.into()]),
    };
    let sum = |column: &str| format!("CAST(COALESCE(SUM({column}), 0) AS bigint)");
    let of_tasks = format!(
        "SELECT u.system_prompt_version_id AS version_id, COUNT(*) AS tasks, {} AS delivered, {} AS failed, {} AS credits, \
         CAST(SUM(t.provider_cost_nanousd) AS bigint) AS cost FROM prompt_use u JOIN ai_task t ON t.id = u.ai_task_id \
         WHERE {clause} GROUP BY u.system_prompt_version_id",
        sum("t.items_delivered"),
        sum("t.items_failed"),
        sum("t.credits_used"),
    );
    let of_holds = format!(
        "SELECT u.system_prompt_version_id AS version_id, {} AS refunded, {} AS held FROM prompt_use u \
         JOIN ai_task_item i ON i.ai_task_id = u.ai_task_id JOIN credit_hold h ON h.id = i.hold_id \
         WHERE {clause} GROUP BY u.system_prompt_version_id",
        sum("h.refunded"),
        sum("CASE WHEN h.state = 'held' THEN h.amount ELSE 0 END"),
    );
    let mut found: HashMap<Uuid, Usage> = HashMap::new();
    for row in connection.query_all_raw(statement(connection, of_tasks, values.clone())).await? {
        let usage = found.entry(row.try_get("", "version_id")?).or_default();
        usage.tasks = row.try_get("", "tasks")?;
        usage.items_delivered = row.try_get("", "delivered")?;
        usage.items_failed = row.try_get("", "failed")?;
        usage.credits_charged = row.try_get("", "credits")?;
        usage.cost_nanousd = row.try_get("", "cost")?;
    }
    for row in connection.query_all_raw(statement(connection, of_holds, values)).await? {
        let usage = found.entry(row.try_get("", "version_id")?).or_default();
        usage.credits_refunded = row.try_get("", "refunded")?;
        usage.credits_held = row.try_get("", "held")?;
    }
    Ok(found)
}
