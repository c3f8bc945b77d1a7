//! Models with their capabilities, and the defaults.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use crate::{
    ai::model::{
        AiFunction, AiModel, Capabilities, ModelKind, PricedModel, functions_from, qualities_from, shapes_from,
    },
    clock::Micros,
    db::{engine_of, statement},
};

use super::price::{PRICE, insert_price, price_of};

const MODEL: &str = "m.id, m.name, m.provider, m.provider_model, m.kind, m.output_token_limit, m.prompt_length_limit, \
                     m.width, m.height, m.takes_seed, m.is_active, m.created_at, m.functions, m.aspect_ratios, \
                     m.qualities, m.settings, m.upscale_factors, m.rate_per_minute, m.concurrency, m.priority, m.version";

const CURRENT: &str = "FROM ai_model m JOIN price_version p ON p.ai_model_id = m.id \
                       AND p.number = (SELECT MAX(q.number) FROM price_version q WHERE q.ai_model_id = m.id)";

/// A model to be entered, with its first price.
#[derive(Debug, Clone)]
pub struct NewModel {
    /// The model.
    pub model: AiModel,
    /// Its price, number 1.
    pub price: crate::ai::model::PriceVersion,
    /// Which shipped model it is; `None` for one that an administrator enters.
    pub shipped: Option<String>,
}

pub(super) fn broken(what: &str) -> DbErr {
    DbErr::Type(format!("a stored {what} is not one we know"))
}

fn model_of(row: &QueryResult) -> Result<AiModel, DbErr> {
    let kind: String = row.try_get("", "kind")?;
    let size: (Option<i32>, Option<i32>) = (row.try_get("", "width")?, row.try_get("", "height")?);
    Ok(AiModel {
        id: row.try_get("", "id")?,
        name: row.try_get("", "name")?,
        provider: row.try_get("", "provider")?,
        provider_model: row.try_get("", "provider_model")?,
        kind: ModelKind::parse(&kind).ok_or_else(|| broken("kind of model"))?,
        output_token_limit: row.try_get("", "output_token_limit")?,
        prompt_length_limit: row.try_get("", "prompt_length_limit")?,
        size: size.0.zip(size.1),
        takes_seed: row.try_get("", "takes_seed")?,
        is_active: row.try_get("", "is_active")?,
        created_at: row.try_get("", "created_at")?,
        capabilities: capabilities_of(row)?,
        version: row.try_get("", "version")?,
    })
}

fn capabilities_of(row: &QueryResult) -> Result<Capabilities, DbErr> {
    let text = |column: &str| row.try_get::<String>("", column);
    let known = |column: &str, is_known: bool| {
        if is_known { Ok(()) } else { Err(broken(&format!("column {column} of an AI model"))) }
    };
    let functions = functions_from(&text("functions")?);
    let shapes = shapes_from(&text("aspect_ratios")?);
    let qualities = qualities_from(&text("qualities")?);
    let settings = serde_json::from_str(&text("settings")?).ok();
    let factors = serde_json::from_str(&text("upscale_factors")?).ok();
    known("functions", functions.is_some())?;
    known("aspect_ratios", shapes.is_some())?;
    known("qualities", qualities.is_some())?;
    known("settings", settings.is_some())?;
    known("upscale_factors", factors.is_some())?;
    Ok(Capabilities {
        functions: functions.unwrap_or_default(),
        shapes: shapes.unwrap_or_default(),
        qualities: qualities.unwrap_or_default(),
        settings: settings.unwrap_or_default(),
        upscale_factors: factors.unwrap_or_default(),
        rate_per_minute: row.try_get("", "rate_per_minute")?,
        concurrency: row.try_get("", "concurrency")?,
        priority: row.try_get("", "priority")?,
    })
}

async fn defaults(connection: &impl ConnectionTrait) -> Result<HashMap<Uuid, Vec<AiFunction>>, DbErr> {
    let sql = "SELECT ai_function, ai_model_id FROM ai_model_default ORDER BY ai_function";
    let mut map: HashMap<Uuid, Vec<AiFunction>> = HashMap::new();
    for row in connection.query_all_raw(statement(connection, sql, [])).await? {
        let name: String = row.try_get("", "ai_function")?;
        let function = AiFunction::parse(&name).ok_or_else(|| broken("AI function"))?;
        map.entry(row.try_get("", "ai_model_id")?).or_default().push(function);
    }
    Ok(map)
}

fn priced(row: &QueryResult, defaults: &HashMap<Uuid, Vec<AiFunction>>) -> Result<PricedModel, DbErr> {
    let model = model_of(row)?;
    let default_of = defaults.get(&model.id).cloned().unwrap_or_default();
    Ok(PricedModel { model, price: price_of(row)?, default_of })
}

/// Every model with its current price, by name; at most 100.
pub async fn list_models(connection: &impl ConnectionTrait, active_only: bool) -> Result<Vec<PricedModel>, DbErr> {
    let filter = if active_only { "WHERE m.is_active = TRUE" } else { "" };
    let sql = format!("SELECT {MODEL}, {PRICE} {CURRENT} {filter} ORDER BY m.name, m.id LIMIT 100");
    let defaults = defaults(connection).await?;
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    rows.iter().map(|row| priced(row, &defaults)).collect()
}

/// One model with its current price.
pub async fn find_model(connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<PricedModel>, DbErr> {
    Ok(load_models(connection, &[id]).await?.remove(&id))
}

/// Models by id with their current prices.
pub async fn load_models(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, PricedModel>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<String> = (1..=ids.len()).map(|at| format!("${at}")).collect();
    let sql = format!("SELECT {MODEL}, {PRICE} {CURRENT} WHERE m.id IN ({})", places.join(", "));
    let defaults = defaults(connection).await?;
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter()
        .map(|row| {
            let model = priced(row, &defaults)?;
            Ok((model.model.id, model))
        })
        .collect()
}

/// The model that serves `function` when none is named.
pub async fn find_default_model(
    connection: &impl ConnectionTrait,
    function: AiFunction,
) -> Result<Option<PricedModel>, DbErr> {
    let sql = "SELECT ai_model_id FROM ai_model_default WHERE ai_function = $1";
    let row = connection.query_one_raw(statement(connection, sql, [function.as_str().into()])).await?;
    match row {
        Some(row) => find_model(connection, row.try_get("", "ai_model_id")?).await,
        None => Ok(None),
    }
}

/// Locks every model until the transaction ends, by id.
pub async fn lock_models(tx: &impl ConnectionTrait) -> Result<Vec<Uuid>, DbErr> {
    let sql = format!("SELECT id FROM ai_model ORDER BY id{}", engine_of(tx).for_update());
    let rows = tx.query_all_raw(statement(tx, sql, [])).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

/// Locks a model until the transaction ends, and answers it with its current price.
pub async fn lock_model(tx: &impl ConnectionTrait, id: Uuid) -> Result<Option<PricedModel>, DbErr> {
    let sql = format!("SELECT id FROM ai_model WHERE id = $1{}", engine_of(tx).for_update());
    if tx.query_one_raw(statement(tx, sql, [id.into()])).await?.is_none() {
        return Ok(None);
    }
    find_model(tx, id).await
}

fn values_of(model: &AiModel) -> Vec<(&'static str, Value)> {
    let caps = &model.capabilities;
    vec![
        ("name", model.name.clone().into()),
        ("provider", model.provider.clone().into()),
        ("provider_model", model.provider_model.clone().into()),
        ("kind", model.kind.as_str().into()),
        ("output_token_limit", model.output_token_limit.into()),
        ("prompt_length_limit", model.prompt_length_limit.into()),
        ("width", model.size.map(|(width, _)| width).into()),
        ("height", model.size.map(|(_, height)| height).into()),
        ("takes_seed", model.takes_seed.into()),
        ("is_active", model.is_active.into()),
        ("functions", caps.functions_text().into()),
        ("aspect_ratios", caps.shapes_text().into()),
        ("qualities", caps.qualities_text().into()),
        ("settings", caps.settings_text().into()),
        ("upscale_factors", caps.factors_text().into()),
        ("rate_per_minute", caps.rate_per_minute.into()),
        ("concurrency", caps.concurrency.into()),
        ("priority", caps.priority.into()),
        ("version", model.version.into()),
    ]
}

/// Enters a model and its first price.
pub async fn insert_model(tx: &impl ConnectionTrait, new: &NewModel, now: Micros) -> Result<(), DbErr> {
    let mut cells = values_of(&new.model);
    cells.extend([
        ("id", new.model.id.into()),
        ("shipped", new.shipped.clone().into()),
        ("created_at", now.into()),
        ("updated_at", now.into()),
    ]);
    let names: Vec<&str> = cells.iter().map(|(name, _)| *name).collect();
    let places: Vec<String> = (1..=cells.len()).map(|at| format!("${at}")).collect();
    let sql = format!("INSERT INTO ai_model ({}) VALUES ({})", names.join(", "), places.join(", "));
    tx.execute_raw(statement(tx, sql, cells.into_iter().map(|(_, value)| value))).await?;
    insert_price(tx, &new.price, None, now).await
}

/// Writes a model as it is now. The caller has locked it, and `model.version` is the new one.
pub async fn update_model(tx: &impl ConnectionTrait, model: &AiModel, now: Micros) -> Result<(), DbErr> {
    let mut cells = values_of(model);
    cells.push(("updated_at", now.into()));
    let changes: Vec<String> =
        cells.iter().enumerate().map(|(at, (name, _))| format!("{name} = ${}", at + 1)).collect();
    let sql = format!("UPDATE ai_model SET {} WHERE id = ${}", changes.join(", "), cells.len() + 1);
    let values = cells.into_iter().map(|(_, value)| value).chain([model.id.into()]);
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Shipped models by their shipped name: the id, and whether nobody has edited it.
pub async fn list_shipped(connection: &impl ConnectionTrait) -> Result<HashMap<String, (Uuid, bool)>, DbErr> {
    let sql = "SELECT shipped, id, updated_at = created_at AS untouched FROM ai_model WHERE shipped IS NOT NULL";
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("", "shipped")?, (row.try_get("", "id")?, row.try_get("", "untouched")?))))
        .collect()
}

/// Whether another active model than `id` has the name.
pub async fn is_name_taken(connection: &impl ConnectionTrait, name: &str, id: Uuid) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS one FROM ai_model WHERE name = $1 AND is_active = TRUE AND id <> $2";
    Ok(connection.query_one_raw(statement(connection, sql, [name.into(), id.into()])).await?.is_some())
}

/// Writes the shipped capabilities of a model that nobody has edited; it stays unedited.
pub async fn refresh_shipped(tx: &impl ConnectionTrait, id: Uuid, model: &AiModel) -> Result<(), DbErr> {
    let kept = ["name", "is_active", "version"];
    let cells: Vec<(&'static str, Value)> =
        values_of(model).into_iter().filter(|(name, _)| !kept.contains(name)).collect();
    let changes: Vec<String> =
        cells.iter().enumerate().map(|(at, (name, _))| format!("{name} = ${}", at + 1)).collect();
    let place = cells.len() + 1;
    let sql = format!("UPDATE ai_model SET {} WHERE id = ${place} AND updated_at = created_at", changes.join(", "));
    tx.execute_raw(statement(tx, sql, cells.into_iter().map(|(_, value)| value).chain([id.into()]))).await?;
    Ok(())
}

/// Makes an active model the default of a function that has none.
pub async fn insert_default(
    tx: &impl ConnectionTrait,
    function: AiFunction,
    model: Uuid,
    now: Micros,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO ai_model_default (ai_function, ai_model_id, updated_at) \
               SELECT $1, m.id, $3 FROM ai_model m WHERE m.id = $2 AND m.is_active = TRUE ON CONFLICT DO NOTHING";
    tx.execute_raw(statement(tx, sql, [function.as_str().into(), model.into(), now.into()])).await?;
    Ok(())
}

/// Makes a model the default of a function, in place of any other. Answers the former one.
pub async fn set_default(
    tx: &impl ConnectionTrait,
    function: AiFunction,
    model: Uuid,
    now: Micros,
) -> Result<Option<Uuid>, DbErr> {
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT ai_model_id FROM ai_model_default WHERE ai_function = $1{lock}");
    let row = tx.query_one_raw(statement(tx, sql, [function.as_str().into()])).await?;
    let former = row.map(|row| row.try_get::<Uuid>("", "ai_model_id")).transpose()?;
    let sql = "INSERT INTO ai_model_default (ai_function, ai_model_id, updated_at) VALUES ($1, $2, $3) \
               ON CONFLICT (ai_function) DO UPDATE SET ai_model_id = excluded.ai_model_id, updated_at = excluded.updated_at";
    tx.execute_raw(statement(tx, sql, [function.as_str().into(), model.into(), now.into()])).await?;
    Ok(former)
}

/// Switches the shipped models of `provider` on or off where nobody has edited them since they were installed. A default
/// stays on, and one whose name an active model has stays off.
pub async fn activate_untouched_models(tx: &impl ConnectionTrait, provider: &str, active: bool) -> Result<u64, DbErr> {
    let exempt = if active {
        "EXISTS (SELECT 1 FROM ai_model o WHERE o.name = ai_model.name AND o.is_active = TRUE)"
    } else {
        "EXISTS (SELECT 1 FROM ai_model_default d WHERE d.ai_model_id = ai_model.id)"
    };
    let sql = format!(
        "UPDATE ai_model SET is_active = $1 WHERE provider = $2 AND shipped IS NOT NULL AND updated_at = created_at \
         AND is_active <> $1 AND NOT {exempt}"
    );
    let done = tx.execute_raw(statement(tx, sql, [active.into(), provider.into()])).await?;
    Ok(done.rows_affected())
}
