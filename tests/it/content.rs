//! Content: edited, reviewed, approved, scheduled, put away, and nobody else's.

mod completion;
mod review;
mod slot;
mod stage;
mod text;
