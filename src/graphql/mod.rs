//! The GraphQL surface: roots, guards, scalars, ids, pages, errors. Only this file and `node.rs` know features.

pub mod context;
pub mod error;
pub mod gate;
pub mod guard;
pub mod node;
pub mod page;
pub mod scalars;
