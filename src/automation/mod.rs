//! Runs of the pipeline over a site: seven stages, each about a fixed set of items, started by hand or by a schedule, paused,
//! resumed and cancelled at any moment, and found again after any crash. What a stage does to an item is [`StageWork`]'s.

mod ai;
pub mod graphql;
mod local;
pub mod model;
pub mod points;
pub mod progress;
pub mod run;
pub mod service;
mod stages;
mod store;
pub mod sweep;
mod work;

pub use ai::AiStages;
pub use local::LocalStages;
pub use service::{Automation, AutomationParts};
pub use stages::Stages;
pub use store::effect::{ItemEnd, RunGrip, StepEnd, lock_desired_in, step_end_effects};
pub use store::schedule::pause_schedules_in;
pub use work::{Picked, Prices, Selection, StageWork, Step, Stepped, WorkFuture};
