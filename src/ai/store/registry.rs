//! Models, their price versions and the defaults.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use uuid::Uuid;

use crate::{
    ai::model::{AiFunction, AiModel, ModelKind, PriceVersion, PricedModel, Rates},
    clock::Micros,
    db::statement,
};

const MODEL: &str = "m.id, m.name, m.provider, m.provider_model, m.kind, m.output_token_limit, m.prompt_length_limit, \
                     m.width, m.height, m.takes_seed, m.is_active, m.created_at";

const PRICE: &str = "p.id AS price_id, p.ai_model_id, p.number, p.kind AS price_kind, p.input_nanousd_per_1k, \
                     p.output_nanousd_per_1k, p.tokens_per_credit, p.image_cost_nanousd, p.credits_per_image, \
                     p.credit_price_nanousd";

const CURRENT: &str = "FROM ai_model m JOIN price_version p ON p.ai_model_id = m.id \
                       AND p.number = (SELECT MAX(q.number) FROM price_version q WHERE q.ai_model_id = m.id)";

/// A model to be entered, with its first price.
#[derive(Debug, Clone)]
pub struct NewModel {
    /// The model.
    pub model: AiModel,
    /// Its price, number 1.
    pub price: PriceVersion,
}

fn broken(what: &str) -> DbErr {
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
    })
}

fn price_of(row: &QueryResult) -> Result<PriceVersion, DbErr> {
    let kind: String = row.try_get("", "price_kind")?;
    let rates = match ModelKind::parse(&kind).ok_or_else(|| broken("kind of price"))? {
        ModelKind::Text => Rates::Text {
            input_nanousd_per_1k: row.try_get("", "input_nanousd_per_1k")?,
            output_nanousd_per_1k: row.try_get("", "output_nanousd_per_1k")?,
            tokens_per_credit: row.try_get("", "tokens_per_credit")?,
        },
        ModelKind::Image => Rates::Image {
            cost_nanousd: row.try_get("", "image_cost_nanousd")?,
            credits_per_image: row.try_get("", "credits_per_image")?,
        },
    };
    Ok(PriceVersion {
        id: row.try_get("", "price_id")?,
        ai_model_id: row.try_get("", "ai_model_id")?,
        number: row.try_get("", "number")?,
        rates,
        credit_price_nanousd: row.try_get("", "credit_price_nanousd")?,
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

/// One price version, current or not.
pub async fn find_price(connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<PriceVersion>, DbErr> {
    let sql = format!("SELECT {PRICE} FROM price_version p WHERE p.id = $1");
    let row = connection.query_one_raw(statement(connection, sql, [id.into()])).await?;
    row.as_ref().map(price_of).transpose()
}

/// How many models there are, active or not.
pub async fn count_models(connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let row = connection.query_one_raw(statement(connection, "SELECT COUNT(*) AS n FROM ai_model", [])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// Enters a model and its first price.
pub async fn insert_model(tx: &impl ConnectionTrait, new: &NewModel, now: Micros) -> Result<(), DbErr> {
    let model = &new.model;
    let sql = "INSERT INTO ai_model (id, name, provider, provider_model, kind, output_token_limit, \
               prompt_length_limit, width, height, takes_seed, is_active, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)";
    let values = [
        model.id.into(),
        model.name.clone().into(),
        model.provider.clone().into(),
        model.provider_model.clone().into(),
        model.kind.as_str().into(),
        model.output_token_limit.into(),
        model.prompt_length_limit.into(),
        model.size.map(|(width, _)| width).into(),
        model.size.map(|(_, height)| height).into(),
        model.takes_seed.into(),
        model.is_active.into(),
        now.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    insert_price(tx, &new.price, now).await
}

async fn insert_price(tx: &impl ConnectionTrait, price: &PriceVersion, now: Micros) -> Result<(), DbErr> {
    let (text, image) = match price.rates {
        Rates::Text { input_nanousd_per_1k, output_nanousd_per_1k, tokens_per_credit } => {
            (Some((input_nanousd_per_1k, output_nanousd_per_1k, tokens_per_credit)), None)
        }
        Rates::Image { cost_nanousd, credits_per_image } => (None, Some((cost_nanousd, credits_per_image))),
    };
    let sql = "INSERT INTO price_version (id, ai_model_id, number, kind, input_nanousd_per_1k, output_nanousd_per_1k, \
               tokens_per_credit, image_cost_nanousd, credits_per_image, credit_price_nanousd, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values = [
        price.id.into(),
        price.ai_model_id.into(),
        price.number.into(),
        price.kind().as_str().into(),
        text.map(|rates| rates.0).into(),
        text.map(|rates| rates.1).into(),
        text.map(|rates| rates.2).into(),
        image.and_then(|rates| rates.0).into(),
        image.map(|rates| rates.1).into(),
        price.credit_price_nanousd.into(),
        now.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Makes a model the default of a function that has none.
pub async fn insert_default(
    tx: &impl ConnectionTrait,
    function: AiFunction,
    model: Uuid,
    now: Micros,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO ai_model_default (ai_function, ai_model_id, updated_at) VALUES ($1, $2, $3) \
               ON CONFLICT DO NOTHING";
    tx.execute_raw(statement(tx, sql, [function.as_str().into(), model.into(), now.into()])).await?;
    Ok(())
}

/// Switches the shipped models of `provider` on or off where nobody has edited them since they were installed.
pub async fn activate_untouched_models(tx: &impl ConnectionTrait, provider: &str, active: bool) -> Result<u64, DbErr> {
    let sql = "UPDATE ai_model SET is_active = $1 WHERE provider = $2 AND updated_at = created_at AND is_active <> $1";
    let done = tx.execute_raw(statement(tx, sql, [active.into(), provider.into()])).await?;
    Ok(done.rows_affected())
}
