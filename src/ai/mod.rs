//! AI models, tasks and the providers that serve them.

pub mod provider;
