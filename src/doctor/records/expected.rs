//! What each query must answer, recomputed from the base tables in integers, never through a view.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult};

use super::{Cell, Row};
use crate::{
    ai::model::AiFunction,
    db::statement,
    error::{Failure, Internal, Never},
};

/// Sums are cast, because PostgreSQL adds big integers up to decimals.
const MODELS: &str = "SELECT m.name, p.input_nanousd_per_1k, p.output_nanousd_per_1k, p.credits_per_image \
    FROM ai_model m JOIN price_version p ON p.ai_model_id = m.id WHERE m.is_active = TRUE \
    AND NOT EXISTS (SELECT 1 FROM price_version q WHERE q.ai_model_id = m.id AND q.number > p.number)";

const IMAGE_TASKS: &str = "SELECT COUNT(*) AS n FROM ai_task WHERE ai_function = 'GENERATE_IMAGES'";

const IMAGE_COST: &str = "SELECT CAST(SUM(a.provider_cost_nanousd) AS bigint) AS cost FROM ai_attempt a \
    JOIN ai_task t ON t.id = a.ai_task_id WHERE t.ai_function = 'GENERATE_IMAGES'";

/// An image has the id of the attempt that made it; the price it was charged by is the quote's, or that of a cheaper model
/// that stood in.
const STORED_IMAGES: &str = "SELECT COUNT(*) AS n, CAST(SUM(p.credits_per_image) AS bigint) AS credits, \
    CAST(SUM(p.credits_per_image * p.credit_price_nanousd) AS bigint) AS worth FROM image i \
    JOIN ai_task t ON t.id = i.ai_task_id LEFT JOIN credit_usage u ON u.ai_attempt_id = i.id \
    JOIN price_version p ON p.id = COALESCE(u.price_version_id, t.price_version_id) WHERE t.ai_function = 'GENERATE_IMAGES'";

const ENDED_IMAGE_TASKS: &str = "SELECT CASE WHEN status = 'ERROR' THEN 'ai_image_failed' ELSE 'ai_image_success' END \
    AS kind, COUNT(*) AS n FROM ai_task WHERE ai_function = 'GENERATE_IMAGES' \
    AND status IN ('SUCCESS', 'PARTIAL', 'ERROR') \
    GROUP BY CASE WHEN status = 'ERROR' THEN 'ai_image_failed' ELSE 'ai_image_success' END";

const USAGE: &str = "SELECT ai_function, COUNT(*) AS n, CAST(SUM(credits) AS bigint) AS credits FROM credit_usage \
    GROUP BY ai_function";

/// The rows that query `number` must answer.
pub(super) async fn rows(tx: &DatabaseTransaction, number: usize) -> Result<Vec<Row>, Failure<Never>> {
    Ok(match number {
        1 => models(tx).await?,
        2 => image_tasks(tx).await?,
        3 => stored_images(tx).await?,
        4 => ended_image_tasks(tx).await?,
        5 => return usage(tx).await,
        _ => Vec::new(),
    })
}

async fn all(tx: &DatabaseTransaction, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
    tx.query_all_raw(statement(tx, sql, [])).await
}

fn whole(row: &QueryResult, column: &str) -> Result<Cell, DbErr> {
    Ok(row.try_get::<Option<i64>>("", column)?.map_or(Cell::Null, Cell::Whole))
}

fn dollars(row: &QueryResult, column: &str) -> Result<Cell, DbErr> {
    Ok(row.try_get::<Option<i64>>("", column)?.map_or(Cell::Null, Cell::Dollars))
}

async fn models(tx: &DatabaseTransaction) -> Result<Vec<Row>, DbErr> {
    let rows = all(tx, MODELS).await?;
    rows.iter()
        .map(|row| {
            Ok(vec![
                Cell::Text(row.try_get("", "name")?),
                dollars(row, "input_nanousd_per_1k")?,
                dollars(row, "output_nanousd_per_1k")?,
                whole(row, "credits_per_image")?,
            ])
        })
        .collect()
}

async fn image_tasks(tx: &DatabaseTransaction) -> Result<Vec<Row>, DbErr> {
    let (tasks, cost) = (all(tx, IMAGE_TASKS).await?, all(tx, IMAGE_COST).await?);
    let Some((tasks, cost)) = tasks.first().zip(cost.first()) else { return Ok(Vec::new()) };
    let count = whole(tasks, "n")?;
    if count == Cell::Whole(0) {
        return Ok(Vec::new());
    }
    Ok(vec![vec![Cell::Text("generate_images".to_owned()), count, dollars(cost, "cost")?]])
}

async fn stored_images(tx: &DatabaseTransaction) -> Result<Vec<Row>, DbErr> {
    let rows = all(tx, STORED_IMAGES).await?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let count = whole(row, "n")?;
    if count == Cell::Whole(0) {
        return Ok(Vec::new());
    }
    let operation = AiFunction::GenerateImages.operation_type().to_owned();
    Ok(vec![vec![Cell::Text(operation), count, whole(row, "credits")?, dollars(row, "worth")?]])
}

async fn ended_image_tasks(tx: &DatabaseTransaction) -> Result<Vec<Row>, DbErr> {
    let rows = all(tx, ENDED_IMAGE_TASKS).await?;
    rows.iter().map(|row| Ok(vec![Cell::Text(row.try_get("", "kind")?), whole(row, "n")?])).collect()
}

async fn usage(tx: &DatabaseTransaction) -> Result<Vec<Row>, Failure<Never>> {
    let mut expected = Vec::new();
    for row in all(tx, USAGE).await? {
        let name: String = row.try_get("", "ai_function")?;
        let function =
            AiFunction::parse(&name).ok_or_else(|| Internal::new("a usage row has no known function", name))?;
        expected.push(vec![
            Cell::Text(function.operation_type().to_owned()),
            whole(&row, "n")?,
            whole(&row, "credits")?,
        ]);
    }
    Ok(expected)
}
