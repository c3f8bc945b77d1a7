//! The settings of the OpenAI protocol.

use crate::ai::provider::SettingKind::{Choice, Flag, Header, Number, Whole};
use crate::ai::provider::SettingSpec;
use crate::ai::provider::settings::setting;

/// Those that are fields of a chat completion's body.
pub(super) const TEXT_FIELDS: &[&str] =
    &["frequency_penalty", "presence_penalty", "reasoning_effort", "service_tier", "temperature", "top_p", "verbosity"];

/// Those that are fields of an image generation's body.
pub(super) const IMAGE_FIELDS: &[&str] =
    &["background", "moderation", "output_compression", "output_format", "quality", "style"];

const ORGANIZATION: SettingSpec = setting(
    "organization",
    Header { max: 100 },
    "Sent as header OpenAI-Organization, for keys of several organisations",
);

/// For chat completions.
pub(super) const TEXT: &[SettingSpec] = &[
    setting("temperature", Number { min: 0.0, max: 2.0 }, "How much the wording varies"),
    setting("top_p", Number { min: 0.0, max: 1.0 }, "Share of likely words considered; set this or temperature"),
    setting("frequency_penalty", Number { min: -2.0, max: 2.0 }, "How much repeated words are avoided"),
    setting("presence_penalty", Number { min: -2.0, max: 2.0 }, "How much new subjects are sought"),
    setting(
        "reasoning_effort",
        Choice(&["none", "minimal", "low", "medium", "high", "xhigh"]),
        "For reasoning models: how long they think; thinking counts as output",
    ),
    setting("verbosity", Choice(&["low", "medium", "high"]), "For newer models: how long the answer tends to be"),
    setting("service_tier", Choice(&["auto", "default", "flex", "priority"]), "Price and speed of processing"),
    setting(
        "max_tokens_field",
        Choice(&["max_completion_tokens", "max_tokens"]),
        "The field that carries the output limit: max_completion_tokens (default) or, for older servers, max_tokens",
    ),
    setting("stream", Flag, "Whether to ask for a stream (default true)"),
    ORGANIZATION,
];

/// For image generations.
pub(super) const IMAGE: &[SettingSpec] = &[
    setting(
        "quality",
        Choice(&["auto", "low", "medium", "high", "standard", "hd"]),
        "Care taken: low, medium, high or auto; older models take standard and hd",
    ),
    setting("style", Choice(&["vivid", "natural"]), "For older models: dramatic or plain"),
    setting("background", Choice(&["auto", "transparent", "opaque"]), "Transparent needs png or webp"),
    setting("output_format", Choice(&["png", "jpeg", "webp"]), "The file format"),
    setting("output_compression", Whole { min: 0, max: 100 }, "Quality of jpeg and webp files, percent"),
    setting("moderation", Choice(&["auto", "low"]), "How strictly the prompt is filtered"),
    ORGANIZATION,
];
