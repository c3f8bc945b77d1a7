//! The settings of Ollama.

use crate::ai::provider::SettingKind::{Flag, Number, Text, Whole};
use crate::ai::provider::SettingSpec;
use crate::ai::provider::settings::setting;

/// Those that are fields of the body.
pub(super) const FIELDS: &[&str] = &["keep_alive", "think"];

/// Those that are fields of the body's `options`.
pub(super) const OPTIONS: &[&str] = &[
    "frequency_penalty",
    "min_p",
    "num_ctx",
    "presence_penalty",
    "repeat_last_n",
    "repeat_penalty",
    "temperature",
    "top_k",
    "top_p",
];

/// For texts.
pub(super) const TEXT: &[SettingSpec] = &[
    setting("temperature", Number { min: 0.0, max: 2.0 }, "How much the wording varies"),
    setting("top_p", Number { min: 0.0, max: 1.0 }, "Share of likely words considered"),
    setting("top_k", Whole { min: 1, max: 1000 }, "How many likely words are considered"),
    setting("min_p", Number { min: 0.0, max: 1.0 }, "The least probability of a word beside the likeliest"),
    setting("repeat_penalty", Number { min: 0.0, max: 2.0 }, "How much repetition is avoided"),
    setting("repeat_last_n", Whole { min: -1, max: 131_072 }, "How far back repetition is looked for; -1 is all"),
    setting("presence_penalty", Number { min: -2.0, max: 2.0 }, "How much new subjects are sought"),
    setting("frequency_penalty", Number { min: -2.0, max: 2.0 }, "How much repeated words are avoided"),
    setting("num_ctx", Whole { min: 512, max: 1_048_576 }, "Tokens the model reads and writes together; takes memory"),
    setting("think", Flag, "For reasoning models: whether they think; thinking counts as output"),
    setting("keep_alive", Text { max: 20 }, "How long the model stays in memory afterwards, such as 10m"),
];
