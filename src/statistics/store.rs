//! Counting a site's rows. Each table is read once, whether by sector or not.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::model::{Counts, OperationUsage, Usage};
use crate::{ai::model::AiFunction, calendar::Bounds, clock::Micros, db::statement};

type Field = fn(&mut Counts) -> &mut i64;

/// What is counted in a table.
struct Source {
    /// The rows `t`, and what has their sector where that is something else.
    from: &'static str,
    /// The time that says whether a row lies in the period.
    at: &'static str,
    /// Which rows count as what.
    counts: &'static [(&'static str, Field)],
}

const SOURCES: [Source; 7] = [
    Source {
        from: "keyword t",
        at: "t.created_at",
        counts: &[
            ("t.state <> 'ARCHIVED'", |counts| &mut counts.keywords),
            ("t.state IN ('CLUSTERED', 'IN_USE')", |counts| &mut counts.keywords_clustered),
        ],
    },
    Source { from: "cluster t", at: "t.created_at", counts: &[("TRUE", |counts| &mut counts.clusters)] },
    Source {
        from: "idea t",
        at: "t.created_at",
        counts: &[
            ("TRUE", |counts| &mut counts.ideas),
            ("t.state IN ('QUEUED', 'COMPLETED')", |counts| &mut counts.ideas_queued),
        ],
    },
    Source {
        from: "content_task t",
        at: "t.created_at",
        counts: &[
            ("TRUE", |counts| &mut counts.content_tasks),
            ("t.state = 'COMPLETED'", |counts| &mut counts.content_tasks_completed),
        ],
    },
    Source {
        from: "content t",
        at: "t.created_at",
        counts: &[
            ("TRUE", |counts| &mut counts.content),
            ("t.state = 'REVIEW'", |counts| &mut counts.content_in_review),
            ("t.state = 'APPROVED'", |counts| &mut counts.content_approved),
            ("t.state = 'SCHEDULED'", |counts| &mut counts.content_scheduled),
            ("t.state = 'FAILED'", |counts| &mut counts.content_failed),
        ],
    },
    Source { from: "content t", at: "t.published_at", counts: &[("TRUE", |counts| &mut counts.content_published)] },
    Source {
        // By site too: an index with the sector answers.
        from: "content_image t JOIN content c ON c.site_id = t.site_id AND c.id = t.content_id",
        at: "t.created_at",
        counts: &[
            ("t.state = 'GENERATED'", |counts| &mut counts.images_generated),
            ("t.state IN ('PENDING', 'GENERATING')", |counts| &mut counts.images_pending),
        ],
    },
];

impl Source {
    /// The column of the sector: images are in that of their content.
    fn sector(&self) -> &'static str {
        if self.from.contains(" JOIN content c ") { "c.sector_id" } else { "t.sector_id" }
    }

    fn sql(&self, by_sector: bool) -> String {
        let counts = self.counts.iter().enumerate();
        let counts = counts.map(|(at, (rows, _))| format!("COUNT(*) FILTER (WHERE {rows}) AS n{at}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        let (at, sector) = (self.at, self.sector());
        let (column, from, group) = if by_sector {
            (format!("{sector} AS sector_id, "), self.from, format!(" GROUP BY {sector}"))
        } else {
            let rows = self.from.split_once(" JOIN ").map_or(self.from, |(rows, _)| rows);
            (String::new(), rows, String::new())
        };
        format!("SELECT {column}{counts} FROM {from} WHERE t.site_id = $1 AND {at} >= $2 AND {at} < $3{group}")
    }

    fn read(&self, row: &QueryResult, into: &mut Counts) -> Result<(), DbErr> {
        for (at, (_, field)) in self.counts.iter().enumerate() {
            *field(into) = row.try_get("", &format!("n{at}"))?;
        }
        Ok(())
    }
}

/// The counts of a site's rows within `bounds`, by sector where that is asked for, else under `None` alone; what has no rows
/// has no entry. The caller has authorised by holding the site, and reads in a snapshot.
pub async fn load_counts(
    tx: &impl ConnectionTrait,
    site: Uuid,
    bounds: Bounds,
    by_sector: bool,
) -> Result<BTreeMap<Option<Uuid>, Counts>, DbErr> {
    let mut counts: BTreeMap<Option<Uuid>, Counts> = BTreeMap::new();
    for source in &SOURCES {
        let values: [Value; 3] = [site.into(), bounds.from.unwrap_or(Micros::MIN).into(), bounds.to.into()];
        for row in tx.query_all_raw(statement(tx, source.sql(by_sector), values)).await? {
            let sector = if by_sector { row.try_get("", "sector_id")? } else { None };
            source.read(&row, counts.entry(sector).or_default())?;
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
                   FROM ai_task_item i JOIN credit_usage u ON u.item_id = i.id \
                   WHERE i.site_id = $1 AND u.created_at >= $2 AND u.created_at < $3 GROUP BY u.ai_function";
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
    let ended = "SELECT COUNT(DISTINCT t.id) FILTER (WHERE t.status IN ('SUCCESS', 'PARTIAL')) AS succeeded, \
                 COUNT(DISTINCT t.id) FILTER (WHERE t.status = 'ERROR') AS failed \
                 FROM ai_task_item i JOIN ai_task t ON t.id = i.ai_task_id \
                 WHERE i.site_id = $1 AND t.finished_at >= $2 AND t.finished_at < $3";
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
