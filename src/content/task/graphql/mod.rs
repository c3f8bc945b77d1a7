//! Content tasks in the API.

mod input;
mod loader;
mod mutation;
mod query;
mod types;

pub use loader::ContentTaskLoader;
pub use mutation::ContentTaskMutation;
pub use query::ContentTaskQuery;
pub use types::ContentTask;
