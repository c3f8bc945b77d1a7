//! Values and rules of AI work: the functions, models and prices, tasks with their items, phases and percent.
//! It must never know the database, the providers or the clock.

mod function;
mod price;
mod registry;
mod request;
mod task;

pub use function::{AiFunction, ModelKind};
pub use price::{AmountOutOfRange, PriceVersion, Rates, TextTokens, credit_value, estimated_tokens, input_bound};
pub use registry::{AiModel, ModelRefusal, PricedModel};
pub use request::{
    AcceptError, COUNT_MAX, GenerateImages, GenerateText, InsufficientFigures, Order, SEED_MAX, TaskPayload,
};
pub use task::{AiTask, Attempt, AttemptState, Item, ItemState, Phase, TaskStatus, error_text, task_percent};
