//! Reading AI work, within an account.

use std::collections::HashMap;

use uuid::Uuid;

use super::Ai;
use crate::{
    ai::{
        model::{AiTask, Attempt, Gate, Item, PriceVersion, PricedModel, is_sandbox},
        store,
    },
    error::{Error, Failure, Never},
    page::{Page, PageArgs},
};

/// A task and its items at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// The task.
    pub task: AiTask,
    /// Its items by position.
    pub items: Vec<Item>,
}

impl Ai {
    /// An account's task. Another account's is `None`.
    pub async fn task(&self, account: Uuid, id: Uuid) -> Result<Option<AiTask>, Error> {
        Ok(store::find_task(self.parts.db.reader(), account, id).await?)
    }

    /// An account's task with its items, as they are at one moment.
    pub async fn task_view(&self, account: Uuid, id: Uuid) -> Result<Option<TaskView>, Error> {
        let view = self
            .parts
            .db
            .snapshot((account, id), |tx, (account, id)| {
                Box::pin(async move {
                    let Some(task) = store::find_task(tx, *account, *id).await? else { return Ok(None) };
                    let items = store::list_items(tx, *id).await?;
                    Ok::<_, Failure<Never>>(Some(TaskView { task, items }))
                })
            })
            .await?;
        Ok(view)
    }

    /// An account's tasks, newest first.
    pub async fn tasks(&self, account: Uuid, args: &PageArgs<Uuid>) -> Result<Page<AiTask>, Error> {
        Ok(store::list_tasks(self.parts.db.reader(), account, args).await?)
    }

    /// Those of `attempts` whose task has not ended. An image has the id of the attempt that made it.
    pub async fn unfinished_attempts(&self, attempts: &[Uuid]) -> Result<Vec<Uuid>, Error> {
        Ok(store::load_unfinished_attempts(self.parts.db.reader(), attempts).await?)
    }

    /// Tasks by id, of any account: the caller compares the account.
    pub async fn load_tasks(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, AiTask>, Error> {
        Ok(store::load_tasks(self.parts.db.reader(), ids).await?)
    }

    /// The items of tasks that the caller may see.
    pub async fn load_items(&self, tasks: &[Uuid]) -> Result<HashMap<Uuid, Vec<Item>>, Error> {
        Ok(store::load_items_of(self.parts.db.reader(), tasks).await?)
    }

    /// The attempts of a task that the caller may see.
    pub async fn attempts(&self, task: Uuid) -> Result<Vec<Attempt>, Error> {
        Ok(store::list_attempts(self.parts.db.reader(), task).await?)
    }

    /// Models with their current prices, by name, at most 100. Without `include_inactive`, only those that new work
    /// may use here.
    pub async fn models(&self, include_inactive: bool) -> Result<Vec<PricedModel>, Error> {
        let models = store::list_models(self.parts.db.reader(), !include_inactive).await?;
        if include_inactive {
            return Ok(models);
        }
        let setups = self.setups().await?;
        Ok(models.into_iter().filter(|model| setups.of(&self.parts, &model.model).is_ok()).collect())
    }

    /// Models by id.
    pub async fn load_models(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, PricedModel>, Error> {
        Ok(store::load_models(self.parts.db.reader(), ids).await?)
    }

    /// The price versions of models, newest first, at most 100 of each.
    pub async fn load_prices_of(&self, models: &[Uuid]) -> Result<HashMap<Uuid, Vec<PriceVersion>>, Error> {
        Ok(store::load_prices_of(self.parts.db.reader(), models, 100).await?)
    }

    /// The breakers before models that let nobody pass now, by model.
    pub async fn load_gates(&self, models: &[Uuid]) -> Result<HashMap<Uuid, Gate>, Error> {
        Ok(store::load_gates(self.parts.db.reader(), models, self.parts.clock.now()).await?)
    }

    /// Whether everything is made by the sandbox: no other provider's model can be used here.
    pub async fn is_sandbox_only(&self) -> Result<bool, Error> {
        Ok(self.models(false).await?.iter().all(|model| is_sandbox(&model.model)))
    }
}
