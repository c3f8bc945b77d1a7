//! Images after they were drawn: what is shown of them, to whom, and how they go.

mod copies;
mod deletion;
mod list;
mod lost;
mod pair;
pub mod stage;
mod visibility;
mod watermark;
