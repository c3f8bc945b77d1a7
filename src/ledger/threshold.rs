//! Low-balance levels of an account: an owner sets them, the ledger watches them with every transaction.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    Ledger,
    model::{ISSUED_MAX, THRESHOLDS_MAX, Threshold},
    store,
    tenant::OwnedAccount,
};
use crate::{
    audit::{Actor, Entry, store::insert_entry},
    clock::Micros,
    error::{Error, Failure, Internal},
    ids::Ids,
};

/// The command: the levels that an account has from now on.
#[derive(Debug, Clone)]
pub struct SetThresholds {
    /// Whose, and who asks.
    pub owned: OwnedAccount,
    /// In credits, in any order.
    pub levels: Vec<i64>,
    /// The request, for the audit row.
    pub request_id: String,
    /// When it was asked.
    pub now: Micros,
}

/// Why the levels stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// More than ten.
    #[error("An account has at most {} levels. Leave some out.", THRESHOLDS_MAX)]
    TooMany,
    /// Level number `position`, counted from 0, is below 1 or above what an account can hold.
    #[error("A level is from 1 to {} credits.", ISSUED_MAX)]
    OutOfRange {
        /// Which.
        position: usize,
        /// What it is.
        level: i64,
    },
    /// Level number `position` is there before.
    #[error("Each level is named once.")]
    Twice {
        /// Which.
        position: usize,
    },
}

fn judge(levels: &[i64]) -> Result<BTreeSet<i64>, ThresholdError> {
    if levels.len() > THRESHOLDS_MAX {
        return Err(ThresholdError::TooMany);
    }
    let mut seen = BTreeSet::new();
    for (position, level) in levels.iter().enumerate() {
        if !(1..=ISSUED_MAX).contains(level) {
            return Err(ThresholdError::OutOfRange { position, level: *level });
        }
        if !seen.insert(*level) {
            return Err(ThresholdError::Twice { position });
        }
    }
    Ok(seen)
}

fn words(levels: impl Iterator<Item = i64>) -> String {
    levels.map(|level| level.to_string()).collect::<Vec<_>>().join(", ")
}

/// Replaces an account's levels and answers them, highest first. One that stays keeps whether it was told already; a new one is
/// told at the next crossing from above, not for being above the balance now. The same again writes nothing.
pub async fn set_thresholds(
    ledger: &Ledger,
    ids: &dyn Ids,
    command: SetThresholds,
) -> Result<Vec<Threshold>, Failure<ThresholdError>> {
    let levels = judge(&command.levels).map_err(Failure::Refused)?;
    let audit_id = ids.uuid();
    let new: Vec<(i64, Uuid)> = levels.into_iter().map(|level| (level, ids.uuid())).collect();
    ledger
        .db()
        .write((command, new), move |tx, (command, new)| {
            Box::pin(async move {
                let account = command.owned.account();
                let mut found = store::lock_accounts(tx, &[account]).await?;
                let found = found.remove(&account).ok_or(Failure::Fault(Error::NotFound))?;
                let mut known = store::load_thresholds(tx, &[account]).await?;
                let known = known.remove(&account).unwrap_or_default();
                let is_wanted = |threshold: &&Threshold| new.iter().any(|(level, _)| *level == threshold.level);
                let gone: Vec<Uuid> = known.iter().filter(|one| !is_wanted(one)).map(|one| one.id).collect();
                let mut after: Vec<Threshold> = known.iter().filter(is_wanted).copied().collect();
                let missing: Vec<_> =
                    new.iter().filter(|(level, _)| known.iter().all(|one| one.level != *level)).collect();
                if gone.is_empty() && missing.is_empty() {
                    return Ok(after);
                }
                store::delete_thresholds(tx, &gone).await?;
                for (level, id) in missing {
                    let threshold = Threshold { id: *id, level: *level, is_armed: found.balance.available >= *level };
                    store::insert_threshold(tx, account, threshold, command.now).await?;
                    after.push(threshold);
                }
                store::mark_thresholds(tx, account, !after.is_empty()).await?;
                after.sort_by_key(|threshold| std::cmp::Reverse(threshold.level));
                let entry = Entry {
                    id: audit_id,
                    account_id: Some(account),
                    actor: Actor::User(command.owned.owner()),
                    action: "credits.thresholds",
                    target_kind: "account",
                    target_id: Some(account),
                    before: Some(words(known.iter().map(|one| one.level))),
                    after: Some(words(after.iter().map(|one| one.level))),
                    request_id: Some(command.request_id.clone()),
                    at: command.now,
                };
                insert_entry(tx, &entry).await.map_err(Internal::from)?;
                Ok(after)
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_levels() {
        assert_eq!(judge(&[]), Ok(BTreeSet::new()));
        assert_eq!(judge(&[100, 1, ISSUED_MAX]).map(|levels| levels.len()), Ok(3));
        assert_eq!(judge(&[5, 0]), Err(ThresholdError::OutOfRange { position: 1, level: 0 }));
        let level = ISSUED_MAX + 1;
        assert_eq!(judge(&[level]), Err(ThresholdError::OutOfRange { position: 0, level }));
        assert_eq!(judge(&[5, 6, 5]), Err(ThresholdError::Twice { position: 2 }));
        assert_eq!(judge(&(1..=11).collect::<Vec<_>>()), Err(ThresholdError::TooMany));
    }
}
