//! Loads content tasks for many fields at once. The caller has authorised by holding the parent, or compares the account.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use crate::{
    content::task::{ContentTask, ContentTasks},
    error::Error,
};

/// Loads by id, and by idea.
pub struct ContentTaskLoader(pub ContentTasks);

/// A content task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TaskOf(pub(super) Uuid);

/// The content task that was made of an idea.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TaskOfIdea(pub(super) Uuid);

impl Loader<TaskOf> for ContentTaskLoader {
    type Value = ContentTask;
    type Error = Error;

    async fn load(&self, keys: &[TaskOf]) -> Result<HashMap<TaskOf, ContentTask>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_tasks(&ids).await?.into_iter().map(|(id, found)| (TaskOf(id), found)).collect())
    }
}

impl Loader<TaskOfIdea> for ContentTaskLoader {
    type Value = ContentTask;
    type Error = Error;

    async fn load(&self, keys: &[TaskOfIdea]) -> Result<HashMap<TaskOfIdea, ContentTask>, Error> {
        let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
        Ok(self.0.load_tasks_of(&ids).await?.into_iter().map(|(id, found)| (TaskOfIdea(id), found)).collect())
    }
}
