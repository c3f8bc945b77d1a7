//! Values and rules of AI work: the functions, models and prices, tasks with their items, phases and percent.
//! It must never know the database, the providers or the clock.

pub mod answer;
mod breaker;
mod capability;
pub mod data_block;
mod function;
mod order;
mod payload;
mod picture;
mod price;
mod price_entry;
mod provider;
mod registry;
mod request;
pub mod shape;
mod target;
mod task;
mod tries;
mod visible;
mod wish;

pub use breaker::{Gate, GateRules, GateState, Passage, Sign};
pub use capability::{
    Capabilities, CapabilityFault, PRIORITY, Settings, functions_from, functions_of, qualities_from, shapes_from,
};
pub use function::{AiFunction, MadeCount, ModelKind};
pub use order::{Order, Subject};
pub use payload::{ComposedPrompt, ERASED_PREFIX, ItemTerms, Original, StandIn, TaskPayload};
pub use picture::{AspectRatio, Quality};
pub use price::{
    AmountOutOfRange, PriceVersion, Rates, TextTokens, credit_value, estimated_tokens, input_bound, is_plausible,
};
pub use price_entry::{PriceEntry, PriceFault, PriceUnit, credit_price};
pub use provider::{ProviderSetup, Sealed, StoredKey};
pub use registry::{AiModel, ModelRefusal, PricedModel};
pub use request::{
    AcceptError, BULK_MAX, COUNT_MAX, EventOrder, GenerateImages, GenerateText, InsufficientFigures, MakeThings,
    NotCovered, Picture, SEED_MAX, UpscaleImages,
};
pub use target::{Target, TargetRefusal, Targets};
pub use task::{AiTask, Attempt, AttemptState, Item, ItemState, Phase, TaskStatus, error_text, task_percent};
pub use tries::{FaultClass, Tried, TryRules, WaitRules};
pub use visible::{has_ink, is_invisible};
pub use wish::{CHAIN_MAX, Wish, able, chain, fits, is_sandbox, names_of_able};
