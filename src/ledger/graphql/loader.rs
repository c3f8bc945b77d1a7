//! Loads rows for many fields at once. Keys are plain ids: the caller has authorised by holding the parent.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use crate::{
    error::Error,
    graphql::loaders::loads,
    ledger::{
        Grant, Ledger, OwnedHold,
        model::{Account, Cap, Part, Threshold, Transaction},
    },
};

/// Loads by id.
pub struct LedgerLoader(pub Ledger);

loads! {
    LedgerLoader:
    /// An account whose totals are asked for.
    pub BalanceOf => Account, accounts;
    /// An account whose caps are asked for.
    pub CapsOf => Vec<Cap>, caps_of;
    /// An account whose low-balance levels are asked for.
    pub LevelsOf => Vec<Threshold>, thresholds_of;
    /// A grant.
    pub GrantOf => Grant, load_grants;
    /// A hold.
    pub HoldOf => OwnedHold, load_holds;
    /// A hold whose lots are asked for.
    pub PartsOf => Vec<Part>, load_hold_parts;
}

/// A transaction of an account, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransactionAt(pub Uuid, pub i64);

impl Loader<TransactionAt> for LedgerLoader {
    type Value = Transaction;
    type Error = Error;

    async fn load(&self, keys: &[TransactionAt]) -> Result<HashMap<TransactionAt, Transaction>, Error> {
        let wanted: Vec<(Uuid, i64)> = keys.iter().map(|key| (key.0, key.1)).collect();
        let found = self.0.load_by_sequence(&wanted).await?;
        Ok(found.into_iter().map(|((account, sequence), row)| (TransactionAt(account, sequence), row)).collect())
    }
}
