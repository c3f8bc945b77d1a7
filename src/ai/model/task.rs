//! AI tasks, their items and attempts, phases and percent.

use uuid::Uuid;

use super::{AiFunction, FaultClass, ItemTerms, MadeCount, NotCovered, Target, TaskPayload};
use crate::clock::Micros;

crate::words::words! {
    /// Where an AI task is in its life.
    TaskStatus {
        /// Accepted and held, waiting for a worker.
        Pending "PENDING",
        /// At work.
        Running "RUNNING",
        /// Waiting to be resumed; stages of a run only.
        Paused "PAUSED",
        /// Everything was delivered.
        Success "SUCCESS",
        /// Some of it was delivered.
        Partial "PARTIAL",
        /// Nothing was delivered.
        Error "ERROR",
        /// Ended by command.
        Cancelled "CANCELLED",
    }
}

impl TaskStatus {
    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Paused)
    }
}

crate::words::words! {
    /// What an AI task is doing.
    Phase {
        /// Validated, quoted, held.
        Init "INIT",
        /// Loading and composing.
        Prep "PREP",
        /// The provider is at work.
        AiCall "AI_CALL",
        /// Reading and checking the answer.
        Parse "PARSE",
        /// Storing and settling.
        Save "SAVE",
        /// Ended.
        Done "DONE",
    }
}

impl Phase {
    /// How much of an item is done in this phase, percent.
    pub fn item_percent(self) -> i32 {
        match self {
            Self::Init => 0,
            Self::Prep => 5,
            Self::AiCall => 20,
            Self::Parse => 70,
            Self::Save => 85,
            Self::Done => 100,
        }
    }
}

/// A task's percent while it runs, at most 99: `done` items and those in flight out of `total`.
pub fn task_percent(total: i32, done: i32, in_flight: &[Phase]) -> i32 {
    let sum = in_flight.iter().map(|phase| i64::from(phase.item_percent())).sum::<i64>() + 100 * i64::from(done);
    let percent = sum / i64::from(total.max(1));
    i32::try_from(percent.clamp(0, 99)).unwrap_or(99)
}

crate::words::words! {
    /// Where an item is in its life.
    ItemState {
        /// Not ended.
        Pending "PENDING",
        /// Delivered and charged.
        Delivered "DELIVERED",
        /// Failed; not charged.
        Failed "FAILED",
        /// Ended by command.
        Cancelled "CANCELLED",
    }
}

crate::words::words! {
    /// Where a request to a provider is in its life.
    AttemptState {
        /// Recorded; nothing was sent.
        Prepared "prepared",
        /// The first byte may have left.
        Sent "sent",
        /// The answer is known.
        Received "received",
        /// Its result was delivered and charged.
        Settled "settled",
        /// The process that sent it died before the answer was recorded.
        Unknown "unknown",
        /// Nobody waits for it any more.
        Abandoned "abandoned",
    }
}

/// One command of a user, carried out by one AI function.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the columns, which the migration describes")]
pub struct AiTask {
    pub id: Uuid,
    pub account_id: Uuid,
    pub user_id: Option<Uuid>,
    /// The automation run whose stage it carries out; its items are held one by one.
    pub run_id: Option<Uuid>,
    pub function: AiFunction,
    pub ai_model_id: Uuid,
    pub price_version_id: Uuid,
    pub status: TaskStatus,
    pub phase: Phase,
    pub percent: i32,
    pub items_total: i32,
    pub items_delivered: i32,
    pub items_failed: i32,
    pub credits_used: i64,
    /// Of all attempts, nano-dollars; `None` while no cost is known.
    pub provider_cost_nanousd: Option<i64>,
    pub payload: TaskPayload,
    pub error_code: Option<String>,
    pub error_text: Option<String>,
    /// What a refusal for lack of credits asked for, and what was there.
    pub refused: Option<NotCovered>,
    pub is_cancelling: bool,
    pub fence: i64,
    pub event_seq: i64,
    pub created_at: Micros,
    pub updated_at: Micros,
    pub finished_at: Option<Micros>,
}

/// One thing a task delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the columns, which the migration describes")]
pub struct Item {
    pub id: Uuid,
    pub ai_task_id: Uuid,
    /// 0, 1, 2 …
    pub position: i32,
    pub state: ItemState,
    pub hold_id: Uuid,
    pub hold_amount: i64,
    /// What was charged; `None` until delivered.
    pub credits: Option<i64>,
    pub image_id: Option<Uuid>,
    pub text: Option<String>,
    pub error_code: Option<String>,
    /// What it delivered; one thing where nobody said.
    pub made: MadeCount,
    /// The things, where they are rows of their own beside an image.
    pub products: Vec<Uuid>,
    /// Its own quote; of a task of a run, and only where it is carried out.
    pub terms: Option<Box<ItemTerms>>,
    /// When a run first took it up.
    pub begun_at: Option<Micros>,
    pub finished_at: Option<Micros>,
}

impl AiTask {
    /// The thing of the pipeline that `item` is about.
    pub fn target_of<'t>(&'t self, item: &'t Item) -> Option<&'t Target> {
        match &item.terms {
            Some(terms) => terms.payload.targets.first(),
            None => self.payload.target_at(item.position),
        }
    }
}

/// One request to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the columns, which the migration describes")]
pub struct Attempt {
    pub id: Uuid,
    pub item_id: Uuid,
    /// 1, 2, 3 … per item.
    pub attempt_no: i32,
    /// The model it was sent to: the task's, or one that stands in for it.
    pub ai_model_id: Uuid,
    /// The price of that model that the quote fixed; `None` for attempts from before it was recorded.
    pub price_version_id: Option<Uuid>,
    /// As whom; says nothing about the key.
    pub credential_id: Option<String>,
    /// Settings as sent, a JSON object.
    pub settings: Option<String>,
    /// Whether the item had been sent to this model before, and was answered or given up on.
    pub is_retry: bool,
    pub state: AttemptState,
    pub provider_ref: Option<String>,
    pub tokens_input: Option<i64>,
    pub tokens_output: Option<i64>,
    pub tokens_estimated: bool,
    pub provider_cost_nanousd: Option<i64>,
    pub error_code: Option<String>,
    /// In our own words, for operators; of an answer that could not be used, its faults, a line each.
    pub error_detail: Option<String>,
    /// What may follow its failure.
    pub error_class: Option<FaultClass>,
    /// Its item is not tried again before this.
    pub retry_at: Option<Micros>,
    pub created_at: Micros,
    pub sent_at: Option<Micros>,
    pub finished_at: Option<Micros>,
}

impl Attempt {
    /// Whether its answer was lost because the process that asked died.
    pub fn is_lost(&self) -> bool {
        self.state == AttemptState::Unknown
    }
}

/// Our own words for an error code, as they stand in a notification after "failed: ". `None` for a code that is not
/// ours; the provider's codes bring their own words.
pub fn error_text(code: &str) -> Option<&'static str> {
    Some(match code {
        "OUTCOME_UNKNOWN" => "the AI provider's answer was lost",
        "STORAGE_UNAVAILABLE" => "the result could not be stored",
        "HOLD_EXPIRED" => "the reserved credits were given back before the work began",
        "ATTEMPTS_EXHAUSTED" | "CRASHED_REPEATEDLY" | "PANIC" | "INTERNAL" => "an internal fault stopped the work",
        "MODEL_UNAVAILABLE" => "no AI model can do this any more",
        "PROVIDER_NOT_CONFIGURED" => "the AI provider is not set up correctly",
        "CORRUPT_IMAGE" => "the AI provider returned a damaged image",
        "IMAGE_GONE" => "the image was deleted meanwhile",
        "OBJECT_MISSING" => "the stored file of the image is missing or damaged",
        "ALREADY_UPSCALED" => "the image was enlarged meanwhile",
        "WATERMARK_FAILED" => "the watermark could not be put on the image",
        "CANCELLED" => "the request was cancelled",
        "RUN_FAILED" => "the automation run that it belongs to failed",
        "PROMPT_TOO_LONG" => "what was to be asked is longer than the model reads",
        "TOO_SHORT" => "the model wrote less than half of what was asked for",
        "TARGET_GONE" => "what it was for was deleted or changed meanwhile",
        "NOTHING_USABLE" => "nothing in the model's answer could be used",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // REQ-B-12
    #[test]
    fn four_of_nine_done_and_one_in_the_call_is_46_percent() {
        assert_eq!(task_percent(9, 4, &[Phase::AiCall]), 46);
    }

    #[test]
    fn percent_stays_below_100_until_the_end() {
        assert_eq!(task_percent(3, 3, &[]), 99);
        assert_eq!(task_percent(1, 0, &[Phase::Init]), 0);
        assert_eq!(task_percent(8, 7, &[Phase::Save]), 98);
        assert_eq!(task_percent(0, 5, &[]), 99);
    }

    #[test]
    fn reads_back_every_word() {
        for status in TaskStatus::ALL {
            assert_eq!(TaskStatus::parse(status.as_str()), Some(*status));
        }
        for phase in Phase::ALL {
            assert_eq!(Phase::parse(phase.as_str()), Some(*phase));
        }
        assert_eq!(AttemptState::parse("lost"), None);
    }
}
