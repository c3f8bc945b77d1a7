//! Runs as values: stages, states, commands, settings, estimates and the words of their notifications.

mod command;
mod config;
mod estimate;
mod notice;
mod run;
mod stage;
mod state;

pub use command::{CommandError, ForkError, StartError, request_hash};
pub use config::{
    ACTIVE_HOURS_MAX, AutomationConfig, CREDIT_CAP_MAX, ConfigError, ConfigFault, DELAY_S_MAX, EditStage,
    IN_FLIGHT_MAX, RunSettings, UpdateAutomationConfig, stages_from_json, stages_to_json,
};
pub use estimate::{Estimate, Range, StageEstimate, StageFacts, StageHistory, estimate};
pub use notice::{Notice, end_notice, failure_text, metadata, pause_notice};
pub use run::{AutomationRun, ItemState, Pause, PauseFigures, RunItem, StageProgress, count_steps, next_batch};
pub use stage::{Stage, StageSetting, StageStatus, percent};
pub use state::{Desired, PauseReason, Ruling, RunCommand, RunState, Trigger};
