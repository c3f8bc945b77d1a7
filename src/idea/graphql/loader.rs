//! Loads ideas for many fields at once. The caller has authorised by holding the parent, or compares the account.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use crate::{
    error::Error,
    idea::{Idea, Ideas},
};

/// Loads by id.
pub struct IdeaLoader(pub Ideas);

/// An idea.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct IdeaOf(pub(super) Uuid);

impl Loader<IdeaOf> for IdeaLoader {
    type Value = Idea;
    type Error = Error;

    async fn load(&self, keys: &[IdeaOf]) -> Result<HashMap<IdeaOf, Idea>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_ideas(&ids).await?.into_iter().map(|(id, found)| (IdeaOf(id), found)).collect())
    }
}
