//! Why a command was refused, as `UserError`s.

use crate::{
    ai::model::{AcceptError, ModelRefusal, NotCovered, TargetRefusal},
    graphql::{
        error::{ModelMismatch, PartLength, UserError, UserErrorCode},
        scalars::SafeInt,
    },
    ledger::graphql::cap_exceeded,
    prompt::model::{details::DetailError, fit::PromptTooLong},
};

/// The refusal of a model for a command whose input has `modelId`, `prompt`, `aspectRatio`, `quality` and `seed`.
pub fn model_refusal(refusal: &ModelRefusal) -> UserError {
    let (code, field) = match refusal {
        ModelRefusal::NotFound => (UserErrorCode::ModelNotFound, "modelId"),
        ModelRefusal::Inactive => (UserErrorCode::ModelInactive, "modelId"),
        ModelRefusal::KindMismatch => (UserErrorCode::ModelKindMismatch, "modelId"),
        ModelRefusal::FunctionUnsupported { .. } => (UserErrorCode::UnsupportedFunction, "modelId"),
        ModelRefusal::RatioUnsupported { .. } => (UserErrorCode::UnsupportedAspectRatio, "aspectRatio"),
        ModelRefusal::QualityUnsupported { .. } => (UserErrorCode::UnsupportedQuality, "quality"),
        ModelRefusal::SeedUnsupported { .. } => (UserErrorCode::UnsupportedSeed, "seed"),
        ModelRefusal::PromptTooLong { .. } => (UserErrorCode::PromptTooLong, "prompt"),
    };
    let names_models = !matches!(refusal, ModelRefusal::NotFound | ModelRefusal::Inactive | ModelRefusal::KindMismatch);
    let (length, maximum) = match refusal {
        ModelRefusal::PromptTooLong { length, limit, .. } => (Some(SafeInt(*length)), Some(SafeInt(*limit))),
        _ => (None, None),
    };
    let mismatch =
        Box::new(ModelMismatch { models: refusal.models().to_vec(), length, maximum, model: None, parts: None });
    UserError {
        model_mismatch: names_models.then_some(mismatch),
        ..UserError::new(code, refusal.to_string(), &["input", field])
    }
}

fn detail(fault: &DetailError) -> UserError {
    let (code, path): (_, &[&str]) = match fault {
        DetailError::UnknownEventType { .. } => (UserErrorCode::UnknownEventType, &["input", "event", "eventType"]),
        DetailError::UnknownStyle { .. } => (UserErrorCode::UnknownStyle, &["input", "event", "style"]),
        DetailError::UnknownDetail { field, .. } => {
            (UserErrorCode::UnknownDetail, &["input", "event", "details", field.as_str()])
        }
        DetailError::DetailRequired { field, .. } => {
            (UserErrorCode::DetailRequired, &["input", "event", "details", field])
        }
        // These two lie beside the details.
        DetailError::DetailInvalid { field: field @ ("text" | "customStyle"), .. } => {
            (UserErrorCode::DetailInvalid, &["input", "event", field])
        }
        DetailError::DetailInvalid { field, .. } => {
            (UserErrorCode::DetailInvalid, &["input", "event", "details", field])
        }
    };
    UserError::new(code, fault.to_string(), path)
}

fn too_long(refusal: PromptTooLong) -> UserError {
    let number = |value: usize| SafeInt(i64::try_from(value).unwrap_or(i64::MAX));
    let message = refusal.to_string();
    let part = |(kind, length): &(crate::prompt::model::compose::PartKind, usize)| PartLength {
        kind: kind.as_str(),
        length: number(*length),
    };
    let mismatch = ModelMismatch {
        models: refusal.fitting_models.iter().take(10).cloned().collect(),
        length: Some(number(refusal.length)),
        maximum: Some(number(refusal.max)),
        parts: Some(refusal.parts.iter().map(part).collect()),
        model: Some(refusal.model),
    };
    UserError {
        model_mismatch: Some(Box::new(mismatch)),
        ..UserError::new(UserErrorCode::PromptTooLong, message, &["input", "event"])
    }
}

pub(super) fn target_refusal(refusal: &TargetRefusal, given: Given) -> UserError {
    let (code, position) = match refusal {
        TargetRefusal::NotFound { position } => (UserErrorCode::NotFound, Some(*position)),
        TargetRefusal::Twice { position } => (UserErrorCode::NamedTwice, Some(*position)),
        TargetRefusal::WrongState { position, .. } => (UserErrorCode::WrongState, Some(*position)),
        TargetRefusal::MixedSectors { position } => (UserErrorCode::MixedSectors, Some(*position)),
        TargetRefusal::TooFewKeywords { .. } => (UserErrorCode::TooFewKeywords, None),
        TargetRefusal::CountOutOfRange { .. } => (UserErrorCode::CountOutOfRange, None),
        TargetRefusal::WantedOutOfRange { .. } => {
            let path = ["input", given.wanted];
            return UserError::new(UserErrorCode::WantedOutOfRange, refusal.to_string(), &path);
        }
        TargetRefusal::KeywordsInvalid { .. } => {
            let path = ["input", "keywords"];
            return UserError::new(UserErrorCode::TargetKeywordsInvalid, refusal.to_string(), &path);
        }
    };
    let place = position.map(|position| position.saturating_sub(1).to_string());
    let path: Vec<&str> = ["input", given.things].into_iter().chain(place.as_deref()).collect();
    UserError::new(code, refusal.to_string(), &path)
}

/// The fields that a command's input was given in, for refusals to point at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    /// What it is about in words.
    pub(super) prompt: &'static str,
    /// What it is about in images.
    pub(super) image: &'static str,
    /// How many.
    pub(super) count: &'static str,
    /// What it is about in things of the pipeline.
    pub(super) things: &'static str,
    /// How many of each.
    pub(super) wanted: &'static str,
}

impl Given {
    /// Images of one thing, whose number is a field of its own.
    pub(super) const DRAWING: Self =
        Self { prompt: "prompt", image: "imageIds", count: "count", things: "ids", wanted: "wanted" };

    /// Texts: one prompt, or a list of them.
    pub(super) fn texts(has_list: bool) -> Self {
        let prompt = if has_list { "prompts" } else { "prompt" };
        Self { prompt, count: prompt, ..Self::DRAWING }
    }

    /// Things of the pipeline, in a list of their own, and how many are wanted of each.
    pub(super) fn things(field: &'static str, wanted: &'static str) -> Self {
        Self { count: field, things: field, wanted, ..Self::DRAWING }
    }

    /// Images: one, or a list of them.
    pub(super) fn images(has_list: bool) -> Self {
        let image = if has_list { "imageIds" } else { "imageId" };
        Self { image, count: image, ..Self::DRAWING }
    }
}

/// Why a command that starts work was refused, in terms of the fields that were given; never empty.
pub(super) fn accept_refusal(refusal: AcceptError, given: Given) -> Vec<UserError> {
    let (prompt, image, count) = (["input", given.prompt], ["input", given.image], ["input", given.count]);
    let message = refusal.to_string();
    let (code, path): (_, &[&str]) = match refusal {
        AcceptError::NotCovered { why: NotCovered::ByBalance(figures), .. } => {
            return vec![UserError::insufficient(figures.required, figures.available)];
        }
        AcceptError::NotCovered { why: NotCovered::ByCap(exceeded), .. } => return vec![cap_exceeded(&exceeded)],
        AcceptError::QuoteExpired => (UserErrorCode::QuoteExpired, &["input", "quote"]),
        AcceptError::TooManyGrants => (UserErrorCode::LotsExceeded, &[]),
        AcceptError::Model(refusal @ ModelRefusal::PromptTooLong { .. }) => {
            let path = Some(prompt.map(str::to_owned).to_vec());
            return vec![UserError { path, ..model_refusal(&refusal) }];
        }
        AcceptError::Model(refusal) => return vec![model_refusal(&refusal)],
        AcceptError::Event(faults) => return faults.iter().map(detail).collect(),
        AcceptError::PromptTooLong(refusal) => return vec![too_long(*refusal)],
        AcceptError::PromptEmpty => (UserErrorCode::PromptEmpty, &prompt),
        AcceptError::CountOutOfRange { .. } => (UserErrorCode::CountOutOfRange, &count),
        AcceptError::RatioUnknown => (UserErrorCode::UnsupportedAspectRatio, &["input", "aspectRatio"]),
        AcceptError::SeedOutOfRange => (UserErrorCode::SeedOutOfRange, &["input", "seed"]),
        AcceptError::UnknownTextKind(_) => (UserErrorCode::UnknownTextKind, &["input", "kind"]),
        AcceptError::PromptsUnavailable => (UserErrorCode::StoreUnavailable, &[]),
        AcceptError::ImageTwice => (UserErrorCode::ImageTwice, &image),
        AcceptError::ImageNotFound(_) => (UserErrorCode::NotFound, &image),
        AcceptError::UpscaleUnderWay(_) => (UserErrorCode::UpscaleUnderWay, &image),
        AcceptError::AlreadyUpscaled(_) => (UserErrorCode::AlreadyUpscaled, &image),
        AcceptError::ImageTooLarge(_) => (UserErrorCode::ImageTooLarge, &image),
        AcceptError::Target(refusal) => return vec![target_refusal(&refusal, given)],
        AcceptError::AccountFrozen => (UserErrorCode::AccountFrozen, &[]),
        AcceptError::AccountClosed => (UserErrorCode::AccountClosed, &[]),
        AcceptError::AccountSuspended => (UserErrorCode::AccountSuspended, &[]),
        AcceptError::BacklogFull => (UserErrorCode::BacklogFull, &[]),
        AcceptError::LedgerBusy => (UserErrorCode::LedgerBusy, &[]),
    };
    vec![UserError::new(code, message, path)]
}
