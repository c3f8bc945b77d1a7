//! Loads rows for many fields at once. Keys are plain ids: the caller has authorised by holding the parent.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use crate::{
    auth::{Auth, model::Account},
    error::Error,
};

/// A person whose personal account is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PersonalAccountOf(pub Uuid);

impl Loader<PersonalAccountOf> for Auth {
    type Value = Account;
    type Error = Error;

    async fn load(&self, keys: &[PersonalAccountOf]) -> Result<HashMap<PersonalAccountOf, Account>, Error> {
        let users: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.personal_accounts_of(&users).await?;
        Ok(found
            .into_iter()
            .filter_map(|account| Some((PersonalAccountOf(account.personal_user_id?), account)))
            .collect())
    }
}
