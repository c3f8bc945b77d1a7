//! The limit on failed tries. It is judged in the transaction that decides the try, under a lock on the address: of any
//! number that come at once, only so many are told that they were wrong, whatever was hashed meanwhile.

use sea_orm::ConnectionTrait;

use super::{Auth, TryLimits};
use crate::{
    auth::{model::Origin, store, token::sha256},
    clock::Micros,
    error::{Error, Failure},
};

/// What a try is about and where it comes from.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub identity_key: Vec<u8>,
    pub address: String,
}

impl Attempt {
    /// About `identity` as typed: case and blanks around it do not make another one.
    pub fn new(identity: &str, origin: &Origin) -> Self {
        let identity_key = sha256(identity.trim().to_lowercase().as_bytes());
        Self { identity_key, address: origin.address.clone() }
    }

    /// A try to sign up. It has an address of its own, so that it does not count as a failed sign-in.
    pub fn sign_up(origin: &Origin) -> Self {
        Self { identity_key: sha256(b"sign-up"), address: format!("sign-up {}", origin.address) }
    }

    /// Refuses: `RateLimited`, with the time until the oldest failure that counts is forgotten.
    pub async fn refuse_limited(
        &self,
        connection: &impl ConnectionTrait,
        limits: TryLimits,
        now: Micros,
    ) -> Result<(), Error> {
        let since = now.saturating_sub(limits.window);
        let scopes = [(Some(self.identity_key.as_slice()), limits.per_identity), (None, limits.per_address)];
        for (identity, most) in scopes {
            let failures = store::tries::list_failures(connection, identity, &self.address, since, most).await?;
            let full = u32::try_from(failures.len()).is_ok_and(|count| count >= most);
            if let (true, Some(oldest)) = (full, failures.last()) {
                let wait = oldest.saturating_add(limits.window).saturating_sub(now);
                let retry_after_ms = u64::try_from(wait / 1000).unwrap_or(0).max(1);
                return Err(Error::RateLimited { retry_after_ms });
            }
        }
        Ok(())
    }
}

impl Auth {
    /// Counts a failed try. Refuses: `RateLimited` when there were too many before it.
    pub(super) async fn record_failure<R: Send + 'static>(&self, attempt: &Attempt) -> Result<(), Failure<R>> {
        self.record(attempt, self.0.settings.tries).await
    }

    /// Judges a right try by the count of the wrong ones, as it stands under the lock that they are counted under.
    pub(super) async fn judge<R: Send + 'static>(&self, attempt: &Attempt) -> Result<(), Failure<R>> {
        let (limits, now) = (self.0.settings.tries, self.0.clock.now());
        self.0
            .db
            .write(attempt.clone(), move |tx, attempt| {
                Box::pin(async move {
                    store::tries::lock_address(tx, &attempt.address).await?;
                    Ok(attempt.refuse_limited(tx, limits, now).await?)
                })
            })
            .await
    }

    /// Counts a try to sign up, whatever comes of it: names cannot be tried out without end, nor sign-up credits
    /// collected. Refuses: `RateLimited` when there were too many before it.
    pub(super) async fn record_sign_up<R: Send + 'static>(&self, origin: &Origin) -> Result<(), Failure<R>> {
        let (attempt, limits) = (Attempt::sign_up(origin), self.0.settings.sign_ups);
        // Spares the transaction of those who are over the limit already; the transaction below decides.
        attempt.refuse_limited(self.0.db.reader(), limits, self.0.clock.now()).await?;
        self.record(&attempt, limits).await
    }

    /// Counts a try. Refuses: `RateLimited` when there were too many before it.
    pub(super) async fn record<R: Send + 'static>(
        &self,
        attempt: &Attempt,
        limits: TryLimits,
    ) -> Result<(), Failure<R>> {
        let (id, now) = (self.0.ids.uuid(), self.0.clock.now());
        self.0
            .db
            .write(attempt.clone(), move |tx, attempt| {
                Box::pin(async move {
                    store::tries::lock_address(tx, &attempt.address).await?;
                    attempt.refuse_limited(tx, limits, now).await?;
                    let failure = store::tries::failure_effect(id, &attempt.identity_key, &attempt.address, now);
                    store::write_effects(tx, &[failure], now).await.map_err(crate::error::Internal::from)?;
                    Ok(())
                })
            })
            .await
    }

    /// Forgets failures that no limit counts any more; for a job that sweeps. Answers how many there were.
    pub async fn forget_old_failures(&self) -> Result<u64, Error> {
        let window = self.0.settings.tries.window.max(self.0.settings.sign_ups.window);
        let until = self.0.clock.now().saturating_sub(window);
        let forgotten = self
            .0
            .db
            .write((), move |tx, ()| {
                Box::pin(async move {
                    Ok::<_, Failure<crate::error::Never>>(store::tries::delete_failures_until(tx, until).await?)
                })
            })
            .await;
        Ok(forgotten?)
    }
}
