//! Content tasks: what is to be written, made of ideas or by hand, and how far the writing is. It must never know the
//! content that is written, but for its existence.

pub mod effects;
pub mod graphql;
mod model;
pub mod service;
mod store;

pub use model::{
    ContentTask, ContentTaskFilter, CreateContentTask, CreateContentTaskError, PRIORITY_MAX, QUEUE_MAX, QueueFault,
    QueueIdeasError, TaskStep,
};
pub use service::ContentTasks;
pub use store::load_tasks;
