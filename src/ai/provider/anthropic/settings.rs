//! The settings of the Messages API.

use crate::ai::provider::SettingKind::{Choice, Number, Text, Whole};
use crate::ai::provider::SettingSpec;
use crate::ai::provider::settings::setting;

/// Those that are fields of a message's body by the same name.
pub(super) const FIELDS: &[&str] = &["inference_geo", "service_tier", "temperature", "top_k", "top_p"];

/// For messages.
pub(super) const TEXT: &[SettingSpec] = &[
    setting("temperature", Number { min: 0.0, max: 1.0 }, "How much the wording varies"),
    setting("top_p", Number { min: 0.0, max: 1.0 }, "Share of likely words considered; set this or temperature"),
    setting("top_k", Whole { min: 1, max: 100_000 }, "How many likely words are considered"),
    setting("service_tier", Choice(&["auto", "standard_only"]), "Whether priority capacity may be used"),
    setting("inference_geo", Text { max: 50 }, "Where the work may be done, such as us; newer models"),
    setting(
        "effort",
        Choice(&["low", "medium", "high", "xhigh", "max"]),
        "For newer models: how much work goes into an answer; sent as output_config.effort",
    ),
    setting(
        "thinking",
        Choice(&["adaptive", "disabled", "enabled"]),
        "Whether the model thinks first; thinking counts as output. Sent as thinking.type",
    ),
    setting(
        "thinking_budget_tokens",
        Whole { min: 1024, max: 1_000_000 },
        "How long the model may think, below its output limit; means thinking enabled. Sent as thinking.budget_tokens",
    ),
];
