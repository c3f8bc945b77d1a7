//! Counting a site's rows, each table once: by sector and state, which an index has in order.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbErr, Value};
use uuid::Uuid;

use super::model::{Counts, OperationUsage, Usage};
use crate::{
    ai::model::AiFunction,
    calendar::Bounds,
    clock::Micros,
    db::{Engine, engine_of, statement},
};

/// What is counted in a table.
struct Source {
    table: &'static str,
    /// The time that says whether a row lies in the period.
    at: &'static str,
    /// The column of the state, where it matters: what is not asked for need not be in an index.
    state: Option<&'static str>,
    /// Adds so many rows of a state to what they count as.
    add: fn(&mut Counts, &str, i64),
}

const SOURCES: [Source; 7] = [
    Source {
        table: "keyword",
        at: "created_at",
        state: Some("state"),
        add: |counts, state, rows| {
            if state != "ARCHIVED" {
                counts.keywords += rows;
            }
            if matches!(state, "CLUSTERED" | "IN_USE") {
                counts.keywords_clustered += rows;
            }
        },
    },
    Source { table: "cluster", at: "created_at", state: None, add: |counts, _, rows| counts.clusters += rows },
    Source {
        table: "idea",
        at: "created_at",
        state: Some("state"),
        add: |counts, state, rows| {
            counts.ideas += rows;
            if matches!(state, "QUEUED" | "COMPLETED") {
                counts.ideas_queued += rows;
            }
        },
    },
    Source {
        table: "content_task",
        at: "created_at",
        state: Some("state"),
        add: |counts, state, rows| {
            counts.content_tasks += rows;
            if state == "COMPLETED" {
                counts.content_tasks_completed += rows;
            }
        },
    },
    Source {
        table: "content",
        at: "created_at",
        state: Some("state"),
        add: |counts, state, rows| {
            counts.content += rows;
            match state {
                "REVIEW" => counts.content_in_review += rows,
                "APPROVED" => counts.content_approved += rows,
                "SCHEDULED" => counts.content_scheduled += rows,
                "FAILED" => counts.content_failed += rows,
                _ => {}
            }
        },
    },
    Source {
        table: "content",
        at: "published_at",
        state: None,
        add: |counts, _, rows| counts.content_published += rows,
    },
    Source {
        table: "content_image",
        at: "created_at",
        state: Some("state"),
        add: |counts, state, rows| match state {
            "GENERATED" => counts.images_generated += rows,
            "PENDING" | "GENERATING" => counts.images_pending += rows,
            _ => {}
        },
    },
];

impl Source {
    /// The rows of a site by sector and state. Since ever, the index that has them in this order is read whole: SQLite is told so
    /// by the plus sign, which keeps it from the one by time. Published content has an index for itself.
    fn sql(&self, engine: Engine, since_ever: bool) -> String {
        let Self { table, at, state, .. } = self;
        let is_whole = since_ever && engine == Engine::Sqlite && *at == "created_at";
        let time = if is_whole { format!("+{at}") } else { (*at).to_owned() };
        let (column, group) = state.map_or(("''", String::new()), |state| (state, format!(", {state}")));
        format!(
            "SELECT sector_id, {column} AS state, COUNT(*) AS n FROM {table} \
             WHERE site_id = $1 AND {time} >= $2 AND {time} < $3 GROUP BY sector_id{group}"
        )
    }
}

/// Has what is counted in this transaction planned for the period that is asked for: a plan for any period at all expects few
/// rows, and sorts the many that there are.
pub async fn plan_for_period(tx: &impl ConnectionTrait) -> Result<(), DbErr> {
    if engine_of(tx) == Engine::Postgres {
        tx.execute_unprepared("SET LOCAL plan_cache_mode = force_custom_plan").await?;
    }
    Ok(())
}

/// The counts of a site's rows within `bounds` by sector, `None` for what has none; what has no rows has no entry. The caller
/// has authorised by holding the site, and reads in a snapshot of its own.
pub async fn load_counts(
    tx: &impl ConnectionTrait,
    site: Uuid,
    bounds: Bounds,
) -> Result<BTreeMap<Option<Uuid>, Counts>, DbErr> {
    let mut counts: BTreeMap<Option<Uuid>, Counts> = BTreeMap::new();
    for source in &SOURCES {
        let values: [Value; 3] = [site.into(), bounds.from.unwrap_or(Micros::MIN).into(), bounds.to.into()];
        for row in tx.query_all_raw(statement(tx, source.sql(engine_of(tx), bounds.from.is_none()), values)).await? {
            let (sector, state): (Option<Uuid>, String) = (row.try_get("", "sector_id")?, row.try_get("", "state")?);
            (source.add)(counts.entry(sector).or_default(), &state, row.try_get("", "n")?);
        }
    }
    Ok(counts)
}

/// What AI work for a site was charged, and how its tasks ended, within `bounds`: charges by the time of their transaction,
/// tasks by that of their end. The caller has authorised by holding the site, and reads in a snapshot.
pub async fn load_usage(tx: &impl ConnectionTrait, site: Uuid, bounds: Bounds) -> Result<Usage, DbErr> {
    let values = || -> [Value; 3] { [site.into(), bounds.from.unwrap_or(Micros::MIN).into(), bounds.to.into()] };
    let charged = "SELECT u.ai_function, CAST(SUM(u.credits) AS bigint) AS credits, \
                   CAST(SUM(u.provider_cost_nanousd) AS bigint) AS cost \
                   FROM credit_usage u WHERE u.site_id = $1 AND u.created_at >= $2 AND u.created_at < $3 \
                   GROUP BY u.ai_function";
    let mut usage = Usage::default();
    for row in tx.query_all_raw(statement(tx, charged, values())).await? {
        let function: String = row.try_get("", "ai_function")?;
        let function = AiFunction::parse(&function);
        usage.operations.push(OperationUsage {
            function: function.ok_or_else(|| DbErr::Type("a stored AI function is not one we know".to_owned()))?,
            credits: row.try_get("", "credits")?,
            provider_cost_nanousd: row.try_get("", "cost")?,
        });
    }
    usage.operations.sort_by_key(|one| AiFunction::ALL.iter().position(|function| *function == one.function));
    let ended = "SELECT COUNT(*) FILTER (WHERE status IN ('SUCCESS', 'PARTIAL')) AS succeeded, \
                 COUNT(*) FILTER (WHERE status = 'ERROR') AS failed \
                 FROM ai_task WHERE finished_at >= $2 AND finished_at < $3 \
                 AND id IN (SELECT ai_task_id FROM ai_task_item WHERE site_id = $1)";
    if let Some(row) = tx.query_one_raw(statement(tx, ended, values())).await? {
        usage.tasks_succeeded = row.try_get("", "succeeded")?;
        usage.tasks_failed = row.try_get("", "failed")?;
    }
    Ok(usage)
}

/// The sectors of a site, oldest first.
pub async fn list_sectors(tx: &impl ConnectionTrait, site: Uuid) -> Result<Vec<Uuid>, DbErr> {
    let sql = "SELECT id FROM sector WHERE site_id = $1 ORDER BY id";
    let rows = tx.query_all_raw(statement(tx, sql, [site.into()])).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}
