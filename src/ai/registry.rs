//! The models that a fresh database starts with. They are data from then on: nothing here overwrites an edit.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    model::{AiFunction, AiModel, ModelKind, PriceVersion, Rates},
    store::{self, NewModel},
};
use crate::{
    clock::Micros,
    db::{Db, constraint::violated},
    error::{Error, Failure, Never},
    ids::Ids,
};

/// What one credit is worth at first: $0.01.
pub const CREDIT_PRICE_NANOUSD: i64 = 10_000_000;

struct Shipped {
    name: &'static str,
    provider: &'static str,
    provider_model: &'static str,
    output_token_limit: Option<i64>,
    prompt_length_limit: i64,
    size: Option<(i32, i32)>,
    rates: Rates,
    default_of: &'static [AiFunction],
}

const SANDBOX: &str = "sandbox";
const OPENAI: &str = "openai";

fn shipped() -> [Shipped; 4] {
    let text = |input, output| Rates::Text {
        input_nanousd_per_1k: input,
        output_nanousd_per_1k: output,
        tokens_per_credit: 1000,
    };
    [
        Shipped {
            name: "Sandbox Text",
            provider: SANDBOX,
            provider_model: "sandbox-text",
            output_token_limit: Some(1000),
            prompt_length_limit: 10_000,
            size: None,
            rates: text(0, 0),
            default_of: &[AiFunction::GenerateText],
        },
        Shipped {
            name: "Sandbox Image",
            provider: SANDBOX,
            provider_model: "sandbox-image",
            output_token_limit: None,
            prompt_length_limit: 1000,
            size: Some((512, 512)),
            rates: Rates::Image { cost_nanousd: Some(0), credits_per_image: 1 },
            default_of: &[AiFunction::GenerateImages],
        },
        Shipped {
            name: "GPT-4o mini",
            provider: OPENAI,
            provider_model: "gpt-4o-mini",
            output_token_limit: Some(4096),
            prompt_length_limit: 100_000,
            size: None,
            rates: text(150_000, 600_000),
            default_of: &[],
        },
        Shipped {
            name: "GPT Image 1",
            provider: OPENAI,
            provider_model: "gpt-image-1",
            output_token_limit: None,
            prompt_length_limit: 32_000,
            size: Some((1024, 1024)),
            rates: Rates::Image { cost_nanousd: Some(42_000_000), credits_per_image: 5 },
            default_of: &[],
        },
    ]
}

/// Installs the shipped models into a database that has none, and switches the OpenAI ones on or off by whether a key is
/// configured, unless somebody has edited them. Repeating is safe, in several processes at once too.
pub async fn install_models(db: &Db, ids: &Arc<dyn Ids>, now: Micros, has_openai_key: bool) -> Result<(), Error> {
    let rows: Vec<(NewModel, &'static [AiFunction])> =
        shipped().into_iter().map(|shipped| row(shipped, ids.as_ref(), now, has_openai_key)).collect();
    let written = db
        .write((rows, now, has_openai_key), |tx, (rows, now, has_openai_key)| {
            Box::pin(async move {
                if store::count_models(tx).await? == 0 {
                    for (model, functions) in rows {
                        store::insert_model(tx, model, *now).await?;
                        for function in *functions {
                            store::insert_default(tx, *function, model.model.id, *now).await?;
                        }
                    }
                }
                store::activate_untouched_models(tx, OPENAI, *has_openai_key).await?;
                Ok::<_, Failure<Never>>(())
            })
        })
        .await;
    match written.map_err(Error::from) {
        // Another process installed them at the same moment: all of ours was rolled back.
        Err(Error::Internal(internal))
            if internal
                .source
                .downcast_ref::<sea_orm::DbErr>()
                .and_then(violated)
                .is_some_and(|name| name == "ai_model_name_key") =>
        {
            Ok(())
        }
        result => result,
    }
}

fn row(shipped: Shipped, ids: &dyn Ids, now: Micros, has_openai_key: bool) -> (NewModel, &'static [AiFunction]) {
    let model_id: Uuid = ids.uuid();
    let kind = match shipped.rates {
        Rates::Text { .. } => ModelKind::Text,
        Rates::Image { .. } => ModelKind::Image,
    };
    let model = AiModel {
        id: model_id,
        name: shipped.name.to_owned(),
        provider: shipped.provider.to_owned(),
        provider_model: shipped.provider_model.to_owned(),
        kind,
        output_token_limit: shipped.output_token_limit,
        prompt_length_limit: shipped.prompt_length_limit,
        size: shipped.size,
        // The adapter for OpenAI would pass one on, and its image API refuses what it does not know.
        takes_seed: shipped.provider == SANDBOX,
        is_active: shipped.provider == SANDBOX || has_openai_key,
        created_at: now,
    };
    let price = PriceVersion {
        id: ids.uuid(),
        ai_model_id: model_id,
        number: 1,
        rates: shipped.rates,
        credit_price_nanousd: CREDIT_PRICE_NANOUSD,
    };
    (NewModel { model, price }, shipped.default_of)
}
