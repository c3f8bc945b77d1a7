//! The models that a database starts with, and that an upgrade adds. They are data from then on: nothing here overwrites
//! an edit.

mod defaults;
mod shipped;

use uuid::Uuid;

use self::shipped::{Shipped, shipped};
use super::{
    Ai,
    model::{AiFunction, AiModel, ModelKind, PriceVersion, Rates},
    setup::set_up,
    store::{self, NewModel},
};
use crate::{
    clock::Micros,
    db::constraint::violated,
    error::{Error, Failure, Never},
};

/// What one credit is worth at first: $0.01.
pub const CREDIT_PRICE_NANOUSD: i64 = 10_000_000;

struct Installation {
    models: Vec<(NewModel, Vec<AiFunction>)>,
    // Each provider, and whether it is set up.
    providers: Vec<(String, bool)>,
    now: Micros,
}

impl Ai {
    /// Adds the shipped models that the database does not have, brings those that nobody has edited up to date, and
    /// switches them on or off by whether their provider is set up. Repeating is safe, in several processes at once too.
    pub async fn install_models(&self) -> Result<(), Error> {
        let now = self.parts.clock.now();
        let setups = self.setups().await?;
        let models: Vec<_> = shipped().into_iter().map(|shipped| self.row(shipped, now)).collect();
        let mut providers: Vec<(String, bool)> = Vec::new();
        for (new, _) in &models {
            let name = &new.model.provider;
            if !providers.iter().any(|(known, _)| known == name) {
                let has_adapter = self.parts.providers.names().contains(&name.as_str());
                let is_set_up = set_up(&self.parts.providers, &self.parts.vault, &setups.row(name)).is_ok();
                providers.push((name.clone(), has_adapter && is_set_up));
            }
        }
        let installation = Installation { models, providers, now };
        let written =
            self.parts.db.write(installation, |tx, installation| Box::pin(install_in(tx, installation))).await;
        match written.map_err(Error::from) {
            // Another process installed them at the same moment: all of ours was rolled back.
            Err(Error::Internal(internal)) if is_taken(&internal) => Ok(()),
            result => result,
        }
    }

    fn row(&self, shipped: Shipped, now: Micros) -> (NewModel, Vec<AiFunction>) {
        let ids = &self.parts.ids;
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
            size: shipped.capabilities.usual_size(),
            takes_seed: shipped.takes_seed,
            is_active: false,
            created_at: now,
            capabilities: shipped.capabilities,
            version: 1,
        };
        let price = PriceVersion {
            id: ids.uuid(),
            ai_model_id: model_id,
            number: 1,
            rates: shipped.rates,
            credit_price_nanousd: CREDIT_PRICE_NANOUSD,
            created_at: now,
        };
        let variant = if shipped.variant.is_empty() { String::new() } else { format!("#{}", shipped.variant) };
        let name = format!("{}/{}{variant}", shipped.provider, shipped.provider_model);
        (NewModel { model, price, shipped: Some(name) }, shipped.default_of)
    }
}

fn is_taken(internal: &crate::error::Internal) -> bool {
    internal
        .source
        .downcast_ref::<sea_orm::DbErr>()
        .and_then(violated)
        .is_some_and(|name| name == "ai_model_shipped_key" || name == "ai_model_name_key")
}

async fn install_in(tx: &sea_orm::DatabaseTransaction, installation: &Installation) -> Result<(), Failure<Never>> {
    let there = store::list_shipped(tx).await?;
    // A model that is added to a database in use costs what a credit costs there.
    let credit_price = store::find_credit_price(tx).await?;
    let mut ids = Vec::with_capacity(installation.models.len());
    let mut added = Vec::new();
    for (new, functions) in &installation.models {
        let known = new.shipped.as_ref().and_then(|name| there.get(name)).copied();
        ids.push(match known {
            Some((id, is_untouched)) => {
                if is_untouched {
                    store::refresh_shipped(tx, id, &new.model).await?;
                }
                id
            }
            None => {
                let mut new = new.clone();
                new.price.credit_price_nanousd = credit_price.unwrap_or(CREDIT_PRICE_NANOUSD);
                store::insert_model(tx, &new, installation.now).await?;
                added.push((new.model.id, functions));
                new.model.id
            }
        });
    }
    for (provider, is_set_up) in &installation.providers {
        store::activate_untouched_models(tx, provider, *is_set_up).await?;
    }
    for (id, functions) in added {
        for function in functions {
            defaults::take_over(tx, *function, id, installation.now).await?;
        }
    }
    for ((_, functions), id) in installation.models.iter().zip(ids) {
        for function in functions {
            store::insert_default(tx, *function, id, installation.now).await?;
        }
    }
    Ok(())
}
