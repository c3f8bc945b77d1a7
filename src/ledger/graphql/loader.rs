//! Loads rows for many fields at once. Keys are plain ids: the caller has authorised by holding the parent.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use crate::{
    error::Error,
    ledger::{Ledger, model::Account},
};

/// Loads by id.
pub struct LedgerLoader(pub Ledger);

/// An account whose totals are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BalanceOf(pub Uuid);

impl Loader<BalanceOf> for LedgerLoader {
    type Value = Account;
    type Error = Error;

    async fn load(&self, keys: &[BalanceOf]) -> Result<HashMap<BalanceOf, Account>, Error> {
        let accounts: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.0.accounts(&accounts).await?;
        Ok(found.into_iter().map(|(id, account)| (BalanceOf(id), account)).collect())
    }
}
