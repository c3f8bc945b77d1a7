//! New prices: always new versions, never edits. What was quoted keeps its own.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{Ai, models::Act};
use crate::{
    ai::{
        model::{PriceEntry, PriceFault, PriceVersion, PricedModel, Rates, credit_price},
        store,
    },
    error::{Error, Failure, Internal},
    viewer::FeatureRight,
};

/// Why a price was not entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// There is no such model.
    #[error("There is no such AI model. Choose one of `aiModels`.")]
    NotFound,
    /// The price itself.
    #[error(transparent)]
    Price(#[from] PriceFault),
}

/// A price in the words of the audit trail.
fn described(price: &PriceVersion) -> String {
    let value = match price.rates {
        Rates::Text { input_nanousd_per_1k, output_nanousd_per_1k, tokens_per_credit } => serde_json::json!({
            "inputNanousdPer1k": input_nanousd_per_1k, "outputNanousdPer1k": output_nanousd_per_1k,
            "tokensPerCredit": tokens_per_credit, "creditPriceNanousd": price.credit_price_nanousd,
            "number": price.number,
        }),
        Rates::Image { cost_nanousd, credits_per_image } => serde_json::json!({
            "imageCostNanousd": cost_nanousd, "creditsPerImage": credits_per_image,
            "creditPriceNanousd": price.credit_price_nanousd, "number": price.number,
        }),
    };
    value.to_string()
}

async fn next_version(
    tx: &DatabaseTransaction,
    act: &Act,
    id: Uuid,
    change: impl Fn(&mut PriceVersion),
    new_id: Uuid,
) -> Result<Option<(PriceVersion, PriceVersion)>, Error> {
    let Some(model) = store::find_model(tx, id).await? else { return Ok(None) };
    let before = model.price;
    let mut after = before;
    change(&mut after);
    if (after.rates, after.credit_price_nanousd) == (before.rates, before.credit_price_nanousd) {
        return Ok(Some((before, before)));
    }
    let number =
        before.number.checked_add(1).ok_or_else(|| Internal::new("numbering a price", "there are too many"))?;
    let after = PriceVersion { id: new_id, number, created_at: act.now, ..after };
    store::insert_price(tx, &after, act.right.who.map(|who| who.user_id), act.now).await?;
    Ok(Some((before, after)))
}

impl Ai {
    /// Gives a model a new price, in force with the next quote. The same price again changes nothing.
    /// Refuses: any [`PriceError`].
    pub async fn add_price(
        &self,
        right: FeatureRight,
        id: Uuid,
        entry: &PriceEntry,
        request_id: Option<String>,
    ) -> Result<PricedModel, Failure<PriceError>> {
        let found = store::find_model(self.parts.db.reader(), id).await?;
        let model = found.ok_or(Failure::Refused(PriceError::NotFound))?;
        let rates = entry.rates(model.model.kind).map_err(|fault| Failure::Refused(fault.into()))?;
        let (act, new_id) = (self.act(right, request_id), self.parts.ids.uuid());
        self.parts
            .db
            .write(act, move |tx, act| {
                Box::pin(async move {
                    store::lock_model(tx, id).await?.ok_or(Failure::Refused(PriceError::NotFound))?;
                    let done = next_version(tx, act, id, |price| price.rates = rates, new_id).await?;
                    let (before, after) = done.ok_or(Failure::Refused(PriceError::NotFound))?;
                    if before.number != after.number {
                        let change = (Some(described(&before)), Some(described(&after)));
                        act.audit(tx, "price_version.add", ("ai_model", Some(id)), change).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        let found = store::find_model(self.parts.db.reader(), id).await?;
        Ok(found.ok_or_else(|| Internal::new("reading a model back", "it is not there"))?)
    }

    /// Changes what one credit is worth: a new price version of every model, all or none. Answers how many there are.
    /// Refuses: `Price`.
    pub async fn set_credit_price(
        &self,
        right: FeatureRight,
        text: &str,
        request_id: Option<String>,
    ) -> Result<(i64, usize), Failure<PriceError>> {
        let price = credit_price(text).map_err(|fault| Failure::Refused(fault.into()))?;
        let (act, ids) = (self.act(right, request_id), self.parts.ids.clone());
        let made = self
            .parts
            .db
            .write((act, ids), move |tx, (act, ids)| {
                Box::pin(async move {
                    let (mut made, mut before) = (0_usize, None);
                    for id in store::lock_models(tx).await? {
                        let change = |version: &mut PriceVersion| version.credit_price_nanousd = price;
                        if let Some((old, new)) = next_version(tx, act, id, change, ids.uuid()).await? {
                            made += usize::from(old.number != new.number);
                            before = before.or(Some(old.credit_price_nanousd));
                        }
                    }
                    if made > 0 {
                        let said = |price: i64| serde_json::json!({"creditPriceNanousd": price}).to_string();
                        act.audit(tx, "credit_price.set", ("ai_model", None), (before.map(said), Some(said(price))))
                            .await?;
                    }
                    Ok::<_, Failure<PriceError>>(made)
                })
            })
            .await?;
        Ok((price, made))
    }
}
