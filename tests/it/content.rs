//! Content: edited, reviewed, approved, scheduled, put away, and nobody else's.

mod completion;
mod review;
mod slot;
pub mod stage;
mod text;
