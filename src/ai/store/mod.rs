//! The tables of AI work. Finders take a scope; what commits with credits comes out as effects.

mod accept;
mod finish;
mod registry;
mod step;
mod task;

pub use accept::{Accepted, accept_effects, refuse_effects};
pub use finish::{Ending, ItemEnd, end_effects, item_effects, rest_effects, settled_effect, usage_effect};
pub use registry::{
    NewModel, activate_untouched_models, count_models, find_default_model, find_model, find_price, insert_default,
    insert_model, list_models, load_models,
};
pub use step::{
    Begun, Figured, Grip, Leave, attempt_received_effects, attempt_sent_in, begin_in, cancel_request_effects, cost_of,
    phase_effects, prepare_effects, text_kept_effect,
};
pub use task::{
    Work, find_by_key, find_cancelling, find_task, find_task_in, list_attempts, list_due_holds, list_held, list_items,
    list_orphans, list_tasks, load_items_of, load_tasks,
};

/// The subject kind of AI tasks in jobs, events and notifications: their table.
pub const SUBJECT: &str = "ai_task";
