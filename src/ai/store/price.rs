//! Price versions: entered once, never changed.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use uuid::Uuid;

use super::registry::broken;
use crate::{
    ai::model::{ModelKind, PriceVersion, Rates},
    clock::Micros,
    db::statement,
};

pub(super) const PRICE: &str = "p.id AS price_id, p.ai_model_id, p.number, p.kind AS price_kind, \
                                p.input_nanousd_per_1k, p.output_nanousd_per_1k, p.tokens_per_credit, \
                                p.image_cost_nanousd, p.credits_per_image, p.credit_price_nanousd, \
                                p.created_at AS price_created_at";

pub(super) fn price_of(row: &QueryResult) -> Result<PriceVersion, DbErr> {
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
        created_at: row.try_get("", "price_created_at")?,
    })
}

/// One price version, current or not.
pub async fn find_price(connection: &impl ConnectionTrait, id: Uuid) -> Result<Option<PriceVersion>, DbErr> {
    Ok(load_prices(connection, &[id]).await?.remove(&id))
}

/// Price versions by id, current or not.
pub async fn load_prices(
    connection: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, PriceVersion>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<String> = (1..=ids.len()).map(|at| format!("${at}")).collect();
    let sql = format!("SELECT {PRICE} FROM price_version p WHERE p.id IN ({})", places.join(", "));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter()
        .map(|row| {
            let price = price_of(row)?;
            Ok((price.id, price))
        })
        .collect()
}

/// The latest price versions of models, newest first, at most `limit` of each.
pub async fn load_prices_of(
    connection: &impl ConnectionTrait,
    models: &[Uuid],
    limit: i64,
) -> Result<HashMap<Uuid, Vec<PriceVersion>>, DbErr> {
    if models.is_empty() {
        return Ok(HashMap::new());
    }
    let places: Vec<String> = (1..=models.len()).map(|at| format!("${at}")).collect();
    let sql = format!(
        "SELECT {PRICE} FROM price_version p WHERE p.ai_model_id IN ({}) AND p.number > \
         (SELECT MAX(q.number) FROM price_version q WHERE q.ai_model_id = p.ai_model_id) - ${} \
         ORDER BY p.ai_model_id, p.number DESC",
        places.join(", "),
        models.len() + 1
    );
    let values = models.iter().map(|id| (*id).into()).chain([limit.into()]);
    let mut map: HashMap<Uuid, Vec<PriceVersion>> = HashMap::new();
    for row in &connection.query_all_raw(statement(connection, sql, values)).await? {
        let price = price_of(row)?;
        map.entry(price.ai_model_id).or_default().push(price);
    }
    Ok(map)
}

/// What one credit is worth by the latest price of any model; `None` without models.
pub async fn find_credit_price(connection: &impl ConnectionTrait) -> Result<Option<i64>, DbErr> {
    let sql = "SELECT credit_price_nanousd FROM price_version ORDER BY created_at DESC, id DESC LIMIT 1";
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    row.map(|row| row.try_get("", "credit_price_nanousd")).transpose()
}

/// Enters a price version.
pub async fn insert_price(
    tx: &impl ConnectionTrait,
    price: &PriceVersion,
    author: Option<Uuid>,
    now: Micros,
) -> Result<(), DbErr> {
    let (text, image) = match price.rates {
        Rates::Text { input_nanousd_per_1k, output_nanousd_per_1k, tokens_per_credit } => {
            (Some((input_nanousd_per_1k, output_nanousd_per_1k, tokens_per_credit)), None)
        }
        Rates::Image { cost_nanousd, credits_per_image } => (None, Some((cost_nanousd, credits_per_image))),
    };
    let sql = "INSERT INTO price_version (id, ai_model_id, number, kind, input_nanousd_per_1k, output_nanousd_per_1k, \
               tokens_per_credit, image_cost_nanousd, credits_per_image, credit_price_nanousd, author_id, created_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
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
        author.into(),
        now.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}
