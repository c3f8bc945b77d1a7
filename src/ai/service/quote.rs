//! Quotes: what a command would hold, and a token that binds it. The token holds nothing and reserves nothing: it is a signature over
//! the terms, so a command that brings it either holds exactly what was quoted, or learns that the quote is over.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::{Ai, Spender, prepare::Prepared};
use crate::{
    ai::model::{AcceptError, Order, PricedModel},
    clock::{Micros, SECOND},
    error::{Failure, Internal},
    ledger::model::Cap,
    prompt::Purpose,
};

/// How long a quote binds.
const LIFE: Micros = 15 * 60 * SECOND;

/// What a command would cost at most.
#[derive(Debug, Clone)]
pub struct Quote {
    /// Credits for all items.
    pub credits: i64,
    /// Credits for each item.
    pub holds: Vec<i64>,
    /// The model, and the price that binds.
    pub model: PricedModel,
    /// The stored prompt version that the hold would name.
    pub prompt_version_id: Option<Uuid>,
    /// What the command brings so that it holds exactly this.
    pub token: String,
    /// Until when it may.
    pub expires_at: Micros,
    /// What the account has available.
    pub available: i64,
    /// The caps that the hold would count against, in their present periods.
    pub caps: Vec<Cap>,
}

impl Quote {
    /// What would remain available; `None` when the balance does not cover it.
    pub fn remaining(&self) -> Option<i64> {
        self.available.checked_sub(self.credits).filter(|left| *left >= 0)
    }
}

impl Ai {
    /// What a command would hold, and with which model; nothing is held and no key is used.
    /// Refuses: what the command would refuse, lack of credits aside.
    pub async fn quote_task(&self, spender: Spender, order: &Order) -> Result<Quote, Failure<AcceptError>> {
        order.check().map_err(Failure::Refused)?;
        self.refuse_suspended(spender).await?;
        let prepared = self.prepare(spender.account_id, order, Purpose::Preview).await?;
        let holds = prepared.holds()?;
        let total = holds.iter().try_fold(0_i64, |sum, hold| sum.checked_add(*hold));
        let credits = total.ok_or_else(|| Internal::new("quoting a command", "the sum is out of range"))?;
        let now = self.parts.clock.now();
        let expires_at = now.saturating_add(LIFE);
        let signature = self.parts.vault.sign_quote(&terms(spender, order, &prepared, expires_at)?);
        let token = [expires_at.to_be_bytes().as_slice(), &signature].concat();
        let mut caps = self.parts.ledger.caps_of(&[spender.account_id]).await?;
        let caps = caps.remove(&spender.account_id).unwrap_or_default().into_iter();
        let caps = caps.filter(|cap| cap.limits(Some(spender.user_id)));
        Ok(Quote {
            credits,
            holds,
            prompt_version_id: prepared.prompt_version_id,
            model: prepared.model,
            token: URL_SAFE_NO_PAD.encode(token),
            expires_at,
            available: self.parts.ledger.usable(spender.account_id, now).await?,
            caps: caps.map(|cap| cap.as_of(now)).collect(),
        })
    }

    /// Sees that a command would hold exactly what `token` was given for. Refuses: `QuoteExpired` when its time is over, when prices or
    /// prompts have changed, or when it is for another command, person or account.
    pub(super) fn honour(
        &self,
        spender: Spender,
        order: &Order,
        prepared: &Prepared,
        token: &str,
    ) -> Result<(), Failure<AcceptError>> {
        let over = || Failure::Refused(AcceptError::QuoteExpired);
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| over())?;
        let (expires_at, signature) = bytes.split_first_chunk().ok_or_else(over)?;
        let expires_at = Micros::from_be_bytes(*expires_at);
        let terms = terms(spender, order, prepared, expires_at)?;
        if expires_at > self.parts.clock.now() && self.parts.vault.has_signed_quote(&terms, signature) {
            Ok(())
        } else {
            Err(over())
        }
    }
}

/// What a quote binds, as bytes: who, what, until when, and every part of the price.
fn terms(spender: Spender, order: &Order, prepared: &Prepared, expires_at: Micros) -> Result<Vec<u8>, Internal> {
    let mut terms = b"inkledger/quote/1".to_vec();
    terms.extend(expires_at.to_be_bytes());
    terms.extend(spender.account_id.as_bytes());
    terms.extend(spender.user_id.as_bytes());
    terms.extend(order.hash(spender.user_id));
    terms.extend(prepared.model.model.id.as_bytes());
    terms.extend(prepared.model.price.id.as_bytes());
    // While versions of a prompt are tried against each other, which of them it will be is decided with the command.
    let settled = prepared.uses.iter().filter(|one| one.split_id.is_none());
    terms.extend(settled.flat_map(|one| *one.version_id.as_bytes()));
    terms.extend(prepared.holds()?.iter().flat_map(|hold| hold.to_be_bytes()));
    Ok(terms)
}
