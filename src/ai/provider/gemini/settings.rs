//! The settings of the Gemini API, in our spelling; what they are called on the wire stands beside them.

use crate::ai::provider::SettingKind::{Choice, Number, Whole};
use crate::ai::provider::SettingSpec;
use crate::ai::provider::settings::setting;

/// Those that are fields of `generationConfig`, with their names there.
pub(super) const GENERATION: &[(&str, &str)] = &[
    ("frequency_penalty", "frequencyPenalty"),
    ("presence_penalty", "presencePenalty"),
    ("response_mime_type", "responseMimeType"),
    ("temperature", "temperature"),
    ("top_k", "topK"),
    ("top_p", "topP"),
];

/// Those that are fields of `generationConfig.thinkingConfig`, with their names there.
pub(super) const THINKING: &[(&str, &str)] =
    &[("thinking_budget", "thinkingBudget"), ("thinking_level", "thinkingLevel")];

/// The setting that becomes `safetySettings`, and the kinds of harm it is about.
pub(super) const SAFETY: &str = "safety_threshold";
pub(super) const HARMS: [&str; 4] = [
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
];

/// For texts.
pub(super) const TEXT: &[SettingSpec] = &[
    setting("temperature", Number { min: 0.0, max: 2.0 }, "How much the wording varies"),
    setting("top_p", Number { min: 0.0, max: 1.0 }, "Share of likely words considered"),
    setting("top_k", Whole { min: 1, max: 1000 }, "How many likely words are considered"),
    setting("presence_penalty", Number { min: -2.0, max: 2.0 }, "How much new subjects are sought"),
    setting("frequency_penalty", Number { min: -2.0, max: 2.0 }, "How much repeated words are avoided"),
    setting(
        "thinking_budget",
        Whole { min: -1, max: 32_768 },
        "For 2.5 models: tokens the model may think, which count as output; 0 is none, -1 leaves it to the model",
    ),
    setting(
        "thinking_level",
        Choice(&["minimal", "low", "medium", "high"]),
        "For models from 3 on: how long they think; thinking counts as output",
    ),
    setting(
        SAFETY,
        Choice(&["BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"]),
        "From which probability of harm on an answer is blocked, for all kinds of harm",
    ),
    setting(
        "response_mime_type",
        Choice(&["text/plain", "application/json"]),
        "Whether the answer is text (default) or JSON",
    ),
];
