//! Loads rows for many fields at once. Keys are plain ids: the caller has authorised by holding the parent.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use crate::{
    auth::{
        Auth,
        model::{Account, Member, User},
    },
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

/// A person whose images are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImageCountOf(pub Uuid);

impl Loader<ImageCountOf> for Auth {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[ImageCountOf]) -> Result<HashMap<ImageCountOf, i64>, Error> {
        let users: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.image_counts(&users).await?.into_iter().map(|(user, images)| (ImageCountOf(user), images)).collect())
    }
}

/// A person who is not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PersonOf(pub Uuid);

impl Loader<PersonOf> for Auth {
    type Value = User;
    type Error = Error;

    async fn load(&self, keys: &[PersonOf]) -> Result<HashMap<PersonOf, User>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.load_users(&ids).await?.into_iter().map(|user| (PersonOf(user.id), user)).collect())
    }
}

/// A member of an account, by account and person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemberOf(pub Uuid, pub Uuid);

impl Loader<MemberOf> for Auth {
    type Value = Member;
    type Error = Error;

    async fn load(&self, keys: &[MemberOf]) -> Result<HashMap<MemberOf, Member>, Error> {
        let wanted: Vec<(Uuid, Uuid)> = keys.iter().map(|key| (key.0, key.1)).collect();
        let found = self.load_members(&wanted).await?.into_iter();
        Ok(found.map(|member| (MemberOf(member.account_id, member.user_id), member)).collect())
    }
}
