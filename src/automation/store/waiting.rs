//! What waits for a stage, and what stages came to before: read from the tables of the pipeline, never written.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::unknown;
use crate::{
    automation::model::{Stage, StageHistory},
    clock::Micros,
    db::statement,
};

/// From which table, which rows, and how they are grouped.
fn source(stage: Stage) -> (&'static str, &'static str, &'static str) {
    match stage {
        Stage::Cluster => ("keyword", "state IN ('NEW', 'ORPHANED')", "bucket_id"),
        Stage::Ideas => ("cluster", "state = 'NEW'", "NULL"),
        Stage::ContentTasks => ("idea", "state = 'NEW'", "NULL"),
        Stage::Content => ("content_task", "state = 'QUEUED'", "NULL"),
        Stage::ImagePrompts => ("content", "prompts_made_at IS NULL AND state IN ('DRAFT', 'REVIEW')", "NULL"),
        Stage::Images => ("content_image", "state = 'PENDING'", "NULL"),
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

/// What of a site waits for a stage, the most urgent and then the oldest first, group by group, at most `limit`: subjects with their groups. The
/// caller holds the site.
pub async fn list_waiting(
    connection: &impl ConnectionTrait,
    site: Uuid,
    stage: Stage,
    limit: i64,
) -> Result<Vec<(Uuid, Option<Uuid>)>, DbErr> {
    let (table, clause, group) = source(stage);
    let order = match stage {
        Stage::Cluster => "bucket_id, id",
        Stage::Content => "priority DESC, id",
        _ => "id",
    };
    let column = if group == "NULL" { "CAST(NULL AS uuid)" } else { group };
    let sql = format!(
        "SELECT id, {column} AS group_id FROM {table} WHERE site_id = $1 AND {clause} ORDER BY {order} LIMIT $2"
    );
    let rows = connection.query_all_raw(statement(connection, sql, [site.into(), limit.into()])).await?;
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
