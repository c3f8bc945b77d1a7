//! Loads rows for many fields at once. The caller has authorised by holding the parent.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use crate::{
    ai::{
        Ai,
        model::{AiTask, Gate, Item, PriceVersion, PricedModel},
    },
    error::Error,
    graphql::loaders::loads,
};

/// Loads by id.
pub struct AiLoader(pub Ai);

loads! {
    AiLoader:
    /// A model whose breaker is asked for.
    pub(super) GateOf => Gate, load_gates;
    /// A model.
    pub(super) ModelOf => PricedModel, load_models;
    /// A model whose prices are asked for.
    pub(super) PricesOf => Vec<PriceVersion>, load_prices_of;
    /// A task.
    pub(super) TaskOf => AiTask, load_tasks;
}

/// A task whose items are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ItemsOf(pub(super) Uuid);

impl Loader<ItemsOf> for AiLoader {
    // Shared: every field that asks for a task's items is given them, and texts are long.
    type Value = Vec<Arc<Item>>;
    type Error = Error;

    async fn load(&self, keys: &[ItemsOf]) -> Result<HashMap<ItemsOf, Vec<Arc<Item>>>, Error> {
        let tasks: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.0.load_items(&tasks).await?;
        let shared = |items: Vec<Item>| items.into_iter().map(Arc::new).collect();
        Ok(found.into_iter().map(|(task, items)| (ItemsOf(task), shared(items))).collect())
    }
}
