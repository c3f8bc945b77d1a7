//! Loads content tasks for many fields at once. The caller has authorised by holding the parent, or compares the account.

use crate::{
    content::task::{ContentTask, ContentTasks},
    graphql::loaders::loads,
};

/// Loads by id, and by idea.
pub struct ContentTaskLoader(pub ContentTasks);

loads! {
    ContentTaskLoader:
    /// A content task.
    pub(super) TaskOf => ContentTask, load_tasks;
    /// The content task that was made of an idea.
    pub(super) TaskOfIdea => ContentTask, load_tasks_of;
}
