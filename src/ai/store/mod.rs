//! The tables of AI work. Finders take a scope; what commits with credits comes out as effects.

mod accept;
mod erase;
mod finish;
mod gate;
mod price;
mod provider;
mod registry;
mod stage;
mod step;
mod task;

pub use accept::{Accepted, NewItem, accept_effects, refuse_effects};
pub use erase::{cancel_tasks_of, erase_words_of, list_unerased};
pub use finish::{Ending, ItemEnd, end_effects, item_effects, rest_effects, settled_effect, usage_effect};
pub use gate::{
    GateKey, find_gate, find_model_wait, find_retry_wait, list_shut_gates, load_gates, lock_or_insert_gate, update_gate,
};
pub use price::{find_credit_price, find_price, insert_price, load_prices, load_prices_of};
pub use provider::{
    find_provider_setup, list_provider_setups, load_operator_faults, lock_provider_setup, save_provider_setup,
    update_sealed,
};
pub use registry::{
    NewModel, activate_untouched_models, find_default_model, find_model, insert_default, insert_model, is_name_taken,
    list_models, list_shipped, load_models, lock_model, lock_models, refresh_shipped, set_default, update_model,
};
pub use stage::{
    NewStageItem, Sender, StagePlace, begin_stage_in, cancelled_at_in, find_stage_place, find_stage_task,
    find_task_of_run_in, load_stage_work, load_terms, open_stage_effects, open_task_key, pause_tasks_in,
    stage_item_effects,
};
pub use step::{
    Begun, Figured, Grip, Leave, Leaving, Stays, attempt_received_effects, attempt_sent_in, begin_in, begun_effect,
    cancel_request_effects, phase_effects, prepare_effect, text_kept_effect,
};
pub use task::{
    Candidate, Work, find_by_key, find_cancelling, find_item, find_task, find_task_in, is_suspended, list_attempts,
    list_due_holds, list_enlarging, list_held, list_items, list_orphans, list_tasks, load_items_of, load_stand_ins,
    load_tasks, load_unfinished_attempts,
};

/// The subject kind of AI tasks in jobs, events and notifications: their table.
pub const SUBJECT: &str = "ai_task";
