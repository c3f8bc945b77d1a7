//! What users ask for, command by command, and the refusals.

use uuid::Uuid;

use super::{AiFunction, AspectRatio, ModelRefusal, Quality, TargetRefusal, Targets};
use crate::{
    ledger::model::Exceeded,
    prompt::model::{
        compose::EventRequest,
        details::DetailError,
        fit::{OnTooLong, PromptTooLong},
    },
};

/// The most images of one prompt.
pub const COUNT_MAX: i32 = 8;
/// The most items of a command about many things.
pub const BULK_MAX: i32 = 50;
/// The greatest seed.
pub const SEED_MAX: i64 = 4_294_967_295;

/// Draw images of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateImages {
    /// Makes it happen once per account: 8–128 visible ASCII characters.
    pub idempotency_key: String,
    /// What to draw.
    pub picture: Picture,
    /// How many, 1–8.
    pub count: i32,
    /// Which shape.
    pub ratio: AspectRatio,
    /// How much care.
    pub quality: Quality,
    /// Which model; `None` is the function's default.
    pub ai_model_id: Option<Uuid>,
    /// 0–4294967295; `None` lets the server choose and record one, where the model takes seeds.
    pub seed: Option<i64>,
}

/// What to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// This, in the client's words.
    Prompt(String),
    /// An event; the prompt is composed.
    Event(EventOrder),
}

/// An event to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventOrder {
    /// What the prompt is composed from.
    pub request: EventRequest,
    /// What becomes of a prompt that is longer than the model takes.
    pub on_too_long: OnTooLong,
}

/// Enlarge images, twice as wide and as high.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpscaleImages {
    /// Makes it happen once per account: 8–128 visible ASCII characters.
    pub idempotency_key: String,
    /// Which, 1–50, each once.
    pub images: Vec<Uuid>,
    /// Which model; `None` is the function's default.
    pub ai_model_id: Option<Uuid>,
}

/// Write texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateText {
    /// Makes it happen once per account: 8–128 visible ASCII characters.
    pub idempotency_key: String,
    /// What to write about, 1–50; each is a text of its own.
    pub prompts: Vec<String>,
    /// Which kind of text: a key of the prompts of texts, such as `header`; `None` is any.
    pub kind: Option<String>,
    /// Which model; `None` is the function's default.
    pub ai_model_id: Option<Uuid>,
    /// 0–4294967295; `None` lets the server choose and record one, where the model takes seeds.
    pub seed: Option<i64>,
}

/// Make things of the pipeline: clusters of keywords, ideas of clusters, articles of content tasks and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MakeThings {
    /// Which function.
    pub function: AiFunction,
    /// Makes it happen once per account: 8–128 visible ASCII characters.
    pub idempotency_key: String,
    /// Of what.
    pub targets: Targets,
    /// Which shape; of images.
    pub ratio: AspectRatio,
    /// How much care; of images.
    pub quality: Quality,
    /// Which model; `None` is the function's default.
    pub ai_model_id: Option<Uuid>,
}

/// What a refusal for lack of credits says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InsufficientFigures {
    /// Credits the request needs.
    pub required: i64,
    /// Credits that were available.
    pub available: i64,
}

/// Why the credits of a command were not held. It is on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCovered {
    /// The account has too few credits.
    #[error("Insufficient credits. Required: {}, Available: {}", .0.required, .0.available)]
    ByBalance(InsufficientFigures),
    /// The account, or the member who asks, has reached a cap.
    #[error("{0}")]
    ByCap(Exceeded),
}

/// Why a command was not accepted. Only `NotCovered` leaves a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// The prompt is empty, or nothing in it can be seen.
    #[error("The prompt is empty. Say what you want.")]
    PromptEmpty,
    /// The count is out of range.
    #[error("The count is {count}; it must be 1–{max}.")]
    CountOutOfRange {
        /// What was asked.
        count: i32,
        /// The most of one command.
        max: i32,
    },
    /// There is no such aspect ratio.
    #[error("There is no such aspect ratio. Known: {}.", AspectRatio::ALL.map(|ratio| ratio.to_string()).join(", "))]
    RatioUnknown,
    /// The seed is out of range.
    #[error("The seed is out of range; it must be 0–{SEED_MAX}.")]
    SeedOutOfRange,
    /// The model cannot.
    #[error(transparent)]
    Model(#[from] ModelRefusal),
    /// What is said of the event is at fault; every fault found.
    #[error("What is said of the event is at fault.")]
    Event(Vec<DetailError>),
    /// The composed prompt is longer than the model takes.
    #[error(transparent)]
    PromptTooLong(Box<PromptTooLong>),
    /// There is no such kind of text.
    #[error(
        "There is no kind of text {0:?}. Known are the keys of the prompts of texts, such as header, body and cta."
    )]
    UnknownTextKind(String),
    /// The prompts cannot be read, so nothing was composed.
    #[error("The system prompts cannot be read at the moment. Nothing was done; try again later.")]
    PromptsUnavailable,
    /// An image is named twice.
    #[error("An image is named twice. Name each once.")]
    ImageTwice,
    /// An image is not there, is not the account's, or is an enlargement itself.
    #[error("There is no such image, or it is an enlargement itself. Choose originals from your gallery.")]
    ImageNotFound(Uuid),
    /// An unfinished task enlarges the image already.
    #[error("The image is being enlarged already. Nothing was done; wait for the task that does it.")]
    UpscaleUnderWay(Uuid),
    /// Images were enlarged before; these are the enlargements.
    #[error("{} of the images {} enlarged already. Nothing was done.", .0.len(), if .0.len() == 1 { "is" } else { "are" })]
    AlreadyUpscaled(Vec<Uuid>),
    /// The enlargement would be larger than images may be.
    #[error("The image is too large: enlarged it would have more than 64 megapixels. Choose a smaller one.")]
    ImageTooLarge(Uuid),
    /// A thing that is named cannot be worked on.
    #[error(transparent)]
    Target(#[from] TargetRefusal),
    /// Its credits could not be held. The task is on record, with its notification.
    #[error("{why}")]
    NotCovered {
        /// Why.
        why: NotCovered,
        /// The record of the refusal.
        ai_task_id: Uuid,
    },
    /// The quote that the command brings does not bind any more, or is for something else.
    #[error(
        "The quote is over, was overtaken by a change of price or prompt, or is for something else. Ask for another."
    )]
    QuoteExpired,
    /// The account's credits lie in more lots than one command may draw on.
    #[error("The account's credits lie in too many small grants for one command of this size. Ask for less at once.")]
    TooManyGrants,
    /// The account is frozen.
    #[error("The account is frozen. Contact support.")]
    AccountFrozen,
    /// The account is closed.
    #[error("The account is closed.")]
    AccountClosed,
    /// The account is suspended.
    #[error("The account is suspended and takes no new work. Contact support.")]
    AccountSuspended,
    /// The account has too much work waiting.
    #[error("The account has 10000 jobs waiting. Wait for some to end.")]
    BacklogFull,
    /// The ledger is busy; nothing was done.
    #[error("The ledger is busy and nothing was done. Try again with the same key.")]
    LedgerBusy,
}
