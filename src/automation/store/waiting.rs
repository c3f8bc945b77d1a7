//! What waits for a stage, and what stages came to before: read from the tables of the pipeline, never written.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use super::unknown;
use crate::{
    automation::model::{Stage, StageHistory},
    clock::Micros,
    content::model::ContentState,
    db::statement,
};

/// Which things of a site are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// Those that wait for this stage.
    pub stage: Stage,
    /// Nothing but what this stage of this run made.
    pub within: Option<(Uuid, Stage)>,
    /// Those that went through the stage as well, where it can be done again.
    pub is_redo: bool,
}

/// Of the table of a stage, the rows that went through it and may go through it again.
fn done(stage: Stage) -> Option<String> {
    let open = format!("('{}')", ContentState::REDONE.map(ContentState::as_str).join("', '"));
    Some(match stage {
        Stage::Ideas => "state = 'MAPPED'".to_owned(),
        Stage::ContentTasks => "state IN ('QUEUED', 'COMPLETED')".to_owned(),
        Stage::Content => format!(
            "state = 'COMPLETED' AND EXISTS (SELECT 1 FROM content c WHERE c.content_task_id = content_task.id \
             AND c.state IN {open})"
        ),
        Stage::ImagePrompts => format!("prompts_made_at IS NOT NULL AND state IN {open}"),
        Stage::Images => format!(
            "state = 'GENERATED' AND EXISTS (SELECT 1 FROM content c WHERE c.id = content_image.content_id \
             AND c.state IN {open})"
        ),
        Stage::Cluster | Stage::Review => return None,
    })
}

/// From which table, which rows, and how they are grouped.
fn source(stage: Stage) -> (&'static str, &'static str, &'static str) {
    match stage {
        Stage::Cluster => ("keyword", "state IN ('NEW', 'ORPHANED')", "bucket_id"),
        Stage::Ideas => ("cluster", "state = 'NEW'", "NULL"),
        Stage::ContentTasks => ("idea", "state = 'NEW'", "NULL"),
        Stage::Content => ("content_task", "state = 'QUEUED'", "NULL"),
        Stage::ImagePrompts => ("content", "prompts_made_at IS NULL AND state IN ('DRAFT', 'REVIEW')", "NULL"),
        Stage::Images => (
            "content_image",
            "state = 'PENDING' AND NOT EXISTS (SELECT 1 FROM content c WHERE c.id = content_image.content_id \
             AND c.state = 'ARCHIVED')",
            "NULL",
        ),
        Stage::Review => (
            "content",
            "state = 'REVIEW' AND NOT EXISTS (SELECT 1 FROM content_image i WHERE i.content_id = content.id \
             AND i.state IN ('PENDING', 'GENERATING', 'UNCERTAIN'))",
            "NULL",
        ),
    }
}

/// How many things of a site wait for a stage, counted up to `limit`. The caller holds the site.
pub async fn count_waiting(
    connection: &impl ConnectionTrait,
    site: Uuid,
    stage: Stage,
    limit: i64,
) -> Result<i64, DbErr> {
    let (table, clause, _) = source(stage);
    let sql =
        format!("SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM {table} WHERE site_id = $1 AND {clause} LIMIT $2) w");
    let row = connection.query_one_raw(statement(connection, sql, [site.into(), limit.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// What of a site waits for a stage, the most urgent and then the oldest first, group by group, at most `limit`: subjects
/// with their groups. Keywords that were left over by a clustering come after all others. The caller holds the site.
pub async fn list_waiting(
    connection: &impl ConnectionTrait,
    site: Uuid,
    wanted: &Wanted,
    limit: i64,
) -> Result<Vec<(Uuid, Option<Uuid>)>, DbErr> {
    let (table, waits, group) = source(wanted.stage);
    let again = if wanted.is_redo { done(wanted.stage) } else { None };
    let clause = again.map_or(waits.to_owned(), |again| format!("(({waits}) OR ({again}))"));
    let mut values: Vec<Value> = vec![site.into(), limit.into()];
    let mut within = "";
    if let Some((run, feed)) = wanted.within {
        values.extend([Value::from(run), feed.as_str().into()]);
        within = "AND id IN (SELECT subject_id FROM automation_product WHERE run_id = $3 AND stage = $4)";
    }
    let order = match wanted.stage {
        Stage::Cluster => "COALESCE(passed_over_at, 0), bucket_id, id",
        Stage::Content => "priority DESC, id",
        _ => "id",
    };
    let column = if group == "NULL" { "CAST(NULL AS uuid)" } else { group };
    let sql = format!(
        "SELECT id, {column} AS group_id FROM {table} WHERE site_id = $1 AND {clause} {within} ORDER BY {order} LIMIT $2"
    );
    let rows = connection.query_all_raw(statement(connection, sql, values)).await?;
    let has_group = group != "NULL";
    rows.iter()
        .map(|row| Ok((row.try_get("", "id")?, if has_group { row.try_get("", "group_id")? } else { None })))
        .collect()
}

/// What the stages of a site's runs came to that ended at `since` or later. A stage that none went through has no entry.
/// The caller holds the site.
pub async fn load_history(
    connection: &impl ConnectionTrait,
    site: Uuid,
    since: Micros,
) -> Result<HashMap<Stage, StageHistory>, DbErr> {
    let sql = "SELECT s.stage, COUNT(*) AS runs, CAST(SUM(s.succeeded + s.failed) AS bigint) AS items, \
               CAST(SUM(s.succeeded) AS bigint) AS succeeded, CAST(SUM(s.credits_used) AS bigint) AS credits \
               FROM automation_stage s JOIN automation_run r ON r.id = s.run_id \
               WHERE r.site_id = $1 AND r.finished_at >= $2 AND s.status IN ('COMPLETED', 'FAILED') GROUP BY s.stage";
    let rows = connection.query_all_raw(statement(connection, sql, [site.into(), since.into()])).await?;
    rows.iter()
        .map(|row| {
            let stage: String = row.try_get("", "stage")?;
            let history = StageHistory {
                runs: row.try_get("", "runs")?,
                items: row.try_get("", "items")?,
                succeeded: row.try_get("", "succeeded")?,
                credits: row.try_get("", "credits")?,
            };
            Ok((Stage::parse(&stage).ok_or_else(|| unknown("stage"))?, history))
        })
        .collect()
}
