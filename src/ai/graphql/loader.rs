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
};

/// Loads by id.
pub struct AiLoader(pub Ai);

/// A model whose breaker is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct GateOf(pub(super) Uuid);

/// A task whose items are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ItemsOf(pub(super) Uuid);

/// A model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ModelOf(pub(super) Uuid);

/// A model whose prices are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct PricesOf(pub(super) Uuid);

/// A task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TaskOf(pub(super) Uuid);

impl Loader<GateOf> for AiLoader {
    type Value = Gate;
    type Error = Error;

    async fn load(&self, keys: &[GateOf]) -> Result<HashMap<GateOf, Gate>, Error> {
        let models: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.0.load_gates(&models).await?;
        Ok(found.into_iter().map(|(id, gate)| (GateOf(id), gate)).collect())
    }
}

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

impl Loader<ModelOf> for AiLoader {
    type Value = PricedModel;
    type Error = Error;

    async fn load(&self, keys: &[ModelOf]) -> Result<HashMap<ModelOf, PricedModel>, Error> {
        let models: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.0.load_models(&models).await?;
        Ok(found.into_iter().map(|(id, model)| (ModelOf(id), model)).collect())
    }
}

impl Loader<PricesOf> for AiLoader {
    type Value = Vec<PriceVersion>;
    type Error = Error;

    async fn load(&self, keys: &[PricesOf]) -> Result<HashMap<PricesOf, Vec<PriceVersion>>, Error> {
        let models: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.0.load_prices_of(&models).await?;
        Ok(found.into_iter().map(|(id, prices)| (PricesOf(id), prices)).collect())
    }
}

impl Loader<TaskOf> for AiLoader {
    type Value = AiTask;
    type Error = Error;

    async fn load(&self, keys: &[TaskOf]) -> Result<HashMap<TaskOf, AiTask>, Error> {
        let tasks: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        let found = self.0.load_tasks(&tasks).await?;
        Ok(found.into_iter().map(|(id, task)| (TaskOf(id), task)).collect())
    }
}
