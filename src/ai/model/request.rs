//! What users ask for, checked: prompts, counts, seeds; and the refusals.

use ring::digest;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AiFunction, AiModel, ModelRefusal};

/// The most images of one command.
pub const COUNT_MAX: i32 = 8;
/// The greatest seed.
pub const SEED_MAX: i64 = 4_294_967_295;

/// Draw images from one prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateImages {
    /// Makes it happen once per account: 8–128 visible ASCII characters.
    pub idempotency_key: String,
    /// What to draw.
    pub prompt: String,
    /// How many, 1–8.
    pub count: i32,
    /// Which model; `None` is the function's default.
    pub ai_model_id: Option<Uuid>,
    /// 0–4294967295; `None` lets the server choose and record one, where the model takes seeds.
    pub seed: Option<i64>,
}

/// Write one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateText {
    /// Makes it happen once per account: 8–128 visible ASCII characters.
    pub idempotency_key: String,
    /// What to write about.
    pub prompt: String,
    /// Which model; `None` is the function's default.
    pub ai_model_id: Option<Uuid>,
    /// 0–4294967295; `None` lets the server choose and record one, where the model takes seeds.
    pub seed: Option<i64>,
}

/// A command of either function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What to do.
    pub function: AiFunction,
    /// As the client sent it.
    pub idempotency_key: String,
    /// What about, without blanks around it.
    pub prompt: String,
    /// How many things, at least 1.
    pub count: i32,
    /// Which model.
    pub ai_model_id: Option<Uuid>,
    /// Which seed.
    pub seed: Option<i64>,
}

/// What a refusal for lack of credits says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InsufficientFigures {
    /// Credits the request needs.
    pub required: i64,
    /// Credits that were available.
    pub available: i64,
}

/// Why a command was not accepted. Only `InsufficientCredits` leaves a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// The prompt is empty.
    #[error("The prompt is empty. Say what you want.")]
    PromptEmpty,
    /// The prompt is longer than the model takes.
    #[error("The prompt has {length} characters; this model takes {limit}. Shorten it.")]
    PromptTooLong {
        /// Its length in Unicode scalar values.
        length: i64,
        /// What the model takes.
        limit: i64,
    },
    /// The count is out of range.
    #[error("The count is {count}; it must be 1–{COUNT_MAX}.")]
    CountOutOfRange {
        /// What was asked.
        count: i32,
    },
    /// The seed is out of range.
    #[error("The seed is out of range; it must be 0–{SEED_MAX}.")]
    SeedOutOfRange,
    /// The model cannot.
    #[error(transparent)]
    Model(#[from] ModelRefusal),
    /// The account has too few credits. The task is on record, with its notification.
    #[error("Insufficient credits. Required: {}, Available: {}", figures.required, figures.available)]
    InsufficientCredits {
        /// The figures.
        figures: InsufficientFigures,
        /// The record of the refusal.
        ai_task_id: Uuid,
    },
    /// The account is frozen.
    #[error("The account is frozen. Contact support.")]
    AccountFrozen,
    /// The account is closed.
    #[error("The account is closed.")]
    AccountClosed,
    /// The account has too much work waiting.
    #[error("The account has 10000 jobs waiting. Wait for some to end.")]
    BacklogFull,
    /// The ledger is busy; nothing was done.
    #[error("The ledger is busy and nothing was done. Try again with the same key.")]
    LedgerBusy,
}

/// What a task was asked, as stored with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskPayload {
    /// What about.
    pub prompt: String,
    /// How many things.
    pub count: i32,
    /// The seed of the first thing; each further one has the next. `None` where the model takes none.
    pub seed: Option<i64>,
    /// The model's name when it was quoted.
    pub model: String,
}

impl From<GenerateImages> for Order {
    fn from(input: GenerateImages) -> Self {
        Self {
            function: AiFunction::GenerateImages,
            idempotency_key: input.idempotency_key,
            prompt: input.prompt.trim().to_owned(),
            count: input.count,
            ai_model_id: input.ai_model_id,
            seed: input.seed,
        }
    }
}

impl From<GenerateText> for Order {
    fn from(input: GenerateText) -> Self {
        Self {
            function: AiFunction::GenerateText,
            idempotency_key: input.idempotency_key,
            prompt: input.prompt.trim().to_owned(),
            count: 1,
            ai_model_id: input.ai_model_id,
            seed: input.seed,
        }
    }
}

impl Order {
    /// What needs no look at the database. Refuses: `PromptEmpty`, `CountOutOfRange`, `SeedOutOfRange`.
    pub fn check(&self) -> Result<(), AcceptError> {
        if self.prompt.is_empty() {
            return Err(AcceptError::PromptEmpty);
        }
        if !(1..=COUNT_MAX).contains(&self.count) {
            return Err(AcceptError::CountOutOfRange { count: self.count });
        }
        if self.seed.is_some_and(|seed| !(0..=SEED_MAX).contains(&seed)) {
            return Err(AcceptError::SeedOutOfRange);
        }
        Ok(())
    }

    /// Whether `model` can do it. Refuses: `Model`, `PromptTooLong`.
    pub fn check_with(&self, model: &AiModel) -> Result<(), AcceptError> {
        model.serves(self.function)?;
        if self.seed.is_some() && !model.takes_seed {
            return Err(ModelRefusal::SeedUnsupported.into());
        }
        let length = i64::try_from(self.prompt.chars().count()).unwrap_or(i64::MAX);
        if length > model.prompt_length_limit {
            return Err(AcceptError::PromptTooLong { length, limit: model.prompt_length_limit });
        }
        Ok(())
    }

    /// The input and who asked, in canonical form: two requests with one key are the same when these are equal.
    pub fn canonical(&self, user: Uuid) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.prompt.len() + 128);
        let mut part = |bytes: &[u8]| {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(bytes);
        };
        part(self.function.as_str().as_bytes());
        part(user.as_bytes());
        part(self.prompt.as_bytes());
        part(&self.count.to_be_bytes());
        part(self.ai_model_id.as_ref().map_or(&[][..], |id| id.as_bytes()));
        match self.seed {
            Some(seed) => part(&seed.to_be_bytes()),
            None => part(&[]),
        }
        out
    }

    /// SHA-256 of [`Order::canonical`].
    pub fn hash(&self, user: Uuid) -> Vec<u8> {
        digest::digest(&digest::SHA256, &self.canonical(user)).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        Order::from(GenerateImages {
            idempotency_key: "key-00001".into(),
            prompt: "  a red fox ".into(),
            count: 3,
            ai_model_id: None,
            seed: Some(7),
        })
    }

    #[test]
    fn checks_prompt_count_and_seed_at_their_edges() {
        assert_eq!(order().check(), Ok(()));
        assert_eq!(Order { prompt: String::new(), ..order() }.check(), Err(AcceptError::PromptEmpty));
        for count in [0, 9, -1] {
            assert_eq!(Order { count, ..order() }.check(), Err(AcceptError::CountOutOfRange { count }));
        }
        for seed in [-1, SEED_MAX + 1] {
            assert_eq!(Order { seed: Some(seed), ..order() }.check(), Err(AcceptError::SeedOutOfRange));
        }
        assert_eq!(Order { seed: Some(SEED_MAX), count: 8, ..order() }.check(), Ok(()));
    }

    #[test]
    fn every_part_of_the_input_changes_the_hash() {
        let user = Uuid::from_u128(1);
        let base = order().hash(user);
        assert_eq!(base, order().hash(user));
        let others = [
            Order { prompt: "a red fo".into(), ..order() }.hash(user),
            Order { count: 2, ..order() }.hash(user),
            Order { seed: None, ..order() }.hash(user),
            Order { seed: Some(0), ..order() }.hash(user),
            Order { ai_model_id: Some(Uuid::nil()), ..order() }.hash(user),
            Order { function: AiFunction::GenerateText, ..order() }.hash(user),
            order().hash(Uuid::from_u128(2)),
        ];
        for other in &others {
            assert_ne!(&base, other);
        }
        let distinct: std::collections::HashSet<_> = others.iter().collect();
        assert_eq!(distinct.len(), others.len());
    }
}
