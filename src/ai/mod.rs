//! AI models, tasks and the providers that serve them. It must never know content, images or sites: what is delivered
//! goes to whoever implements the traits it owns.

pub mod model;
pub mod provider;
pub mod store;
