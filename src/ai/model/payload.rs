//! What a task was asked, as it is stored with the task: everything that carrying it out needs, fixed when it was accepted.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{AspectRatio, Quality, Target};
use crate::prompt::model::{compose::Part, fit::DroppedClause};

/// What a task was asked, as stored with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskPayload {
    /// Whether its person was deleted, and with them what they wrote. Stands first: a look at the stored text tells.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_erased: bool,
    /// What about; of the first item where each has its own.
    pub prompt: String,
    /// What each item is about, where each has its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<String>,
    /// What a text model is told beside the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// How the prompt was composed, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub composed: Option<ComposedPrompt>,
    /// The images that are enlarged, one for each item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub originals: Vec<Original>,
    /// What each item is about, where that is a thing of the pipeline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// How many things.
    pub count: i32,
    /// The shape of its images.
    #[serde(default)]
    pub ratio: AspectRatio,
    /// The care taken with them.
    #[serde(default)]
    pub quality: Quality,
    /// The seed of the first thing; each further one has the next. `None` where the model takes none.
    pub seed: Option<i64>,
    /// The model's name when it was quoted.
    pub model: String,
    /// The models that may stand in for it, in order, with their prices at the time of the quote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stand_ins: Vec<StandIn>,
    /// What its images are marked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<String>,
}

/// The quote of one item, where each item of a task has its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemTerms {
    /// The model of the quote.
    pub ai_model_id: Uuid,
    /// Its price at the time of the quote.
    pub price_version_id: Uuid,
    /// What is asked for the item, as of a task that has no other.
    pub payload: TaskPayload,
}

/// A model that may stand in for the one of the quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandIn {
    /// Which.
    pub model: Uuid,
    /// Its price at the time of the quote.
    pub price: Uuid,
}

/// An image that is enlarged, with what others may know of it: its enlargement shows the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// Its id.
    pub image: Uuid,
    /// The event type's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The style's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// Its shape.
    #[serde(default)]
    pub ratio: AspectRatio,
    /// The care that was asked for.
    #[serde(default)]
    pub quality: Quality,
}

/// How an image prompt was composed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComposedPrompt {
    /// The event type's key.
    pub event_type: String,
    /// The style's key, if one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// Its parts, in their order, as they stand in the prompt.
    pub parts: Vec<Part>,
    /// What was dropped to make it fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<DroppedClause>,
}

/// How the stored text of an erased payload begins.
pub const ERASED_PREFIX: &str = "{\"is_erased\":true";

impl TaskPayload {
    /// What stays of a deleted person's: which model and images, how many, of which shape. What they wrote, what was
    /// composed of it and what the model was told goes.
    #[must_use]
    pub fn erased(self) -> Self {
        let bare = |original: Original| Original { event_type: None, style: None, ..original };
        let bare_target = |target: Target| Target { facts: Value::Null, ..target };
        Self {
            is_erased: true,
            prompt: String::new(),
            prompts: Vec::new(),
            system: None,
            composed: None,
            originals: self.originals.into_iter().map(bare).collect(),
            targets: self.targets.into_iter().map(bare_target).collect(),
            watermark: None,
            ..self
        }
    }

    /// Bytes of the most that a model is told for one item.
    pub fn longest_input(&self) -> usize {
        let longest = self.prompts.iter().map(String::len).fold(self.prompt.len(), usize::max);
        longest.saturating_add(self.system.as_ref().map_or(0, String::len))
    }

    /// The image that the item at `position` enlarges.
    pub fn original_at(&self, position: i32) -> Option<&Original> {
        usize::try_from(position).ok().and_then(|position| self.originals.get(position))
    }

    /// The thing of the pipeline that the item at `position` is about.
    pub fn target_at(&self, position: i32) -> Option<&Target> {
        usize::try_from(position).ok().and_then(|position| self.targets.get(position))
    }

    /// What the item at `position` is about.
    pub fn prompt_at(&self, position: i32) -> &str {
        let own = usize::try_from(position).ok().and_then(|position| self.prompts.get(position));
        own.unwrap_or(&self.prompt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erased_payload_keeps_figures_and_no_words() {
        let original = Original {
            image: Uuid::from_u128(1),
            event_type: Some("secret".into()),
            style: Some("secret".into()),
            ratio: AspectRatio::default(),
            quality: Quality::default(),
        };
        let payload = TaskPayload {
            is_erased: false,
            prompt: "a secret".into(),
            prompts: vec!["a secret".into(), "another secret".into()],
            system: Some("told in secret".into()),
            composed: Some(ComposedPrompt {
                event_type: "OTHER".into(),
                style: Some("secret".into()),
                parts: Vec::new(),
                dropped: Vec::new(),
            }),
            originals: vec![original],
            targets: vec![Target {
                id: Some(Uuid::from_u128(4)),
                site: None,
                facts: serde_json::json!({"keywords": ["secret"]}),
            }],
            count: 2,
            ratio: AspectRatio::default(),
            quality: Quality::default(),
            seed: Some(7),
            model: "Draws".into(),
            stand_ins: vec![StandIn { model: Uuid::from_u128(2), price: Uuid::from_u128(3) }],
            watermark: Some("secret".into()),
        };
        let text = serde_json::to_string(&payload).unwrap();
        assert!(!text.contains("is_erased"), "{text}");
        let erased = serde_json::to_string(&payload.clone().erased()).unwrap();
        assert!(erased.starts_with(ERASED_PREFIX) && !erased.contains("secret"), "{erased}");
        let read: TaskPayload = serde_json::from_str(&erased).unwrap();
        assert_eq!((read.count, read.seed, read.stand_ins), (2, Some(7), payload.stand_ins));
        assert_eq!((read.model.as_str(), read.originals[0].image), ("Draws", Uuid::from_u128(1)));
    }
}
