//! Ideas in the API. `queueIdeas` stands with content tasks, which it makes.

mod loader;
mod make;
mod mutation;
mod query;
mod types;

pub use loader::IdeaLoader;
pub use make::FindingMutation;
pub use mutation::IdeaMutation;
pub(crate) use mutation::plan_error;
pub use query::IdeaQuery;
pub use types::{Idea, IdeaConnection};
