//! The settings of Hugging Face's router.

use crate::ai::provider::SettingKind::{Choice, Number, Text, Whole};
use crate::ai::provider::SettingSpec;
use crate::ai::provider::settings::setting;

/// Those that are parameters of a picture, whoever draws it.
pub(super) const PARAMETERS: &[&str] = &["guidance_scale", "negative_prompt", "num_inference_steps"];

/// For images.
pub(super) const IMAGE: &[SettingSpec] = &[
    setting("num_inference_steps", Whole { min: 1, max: 200 }, "Steps: more take longer and show more"),
    setting("guidance_scale", Number { min: 0.0, max: 50.0 }, "How closely the image keeps to the prompt"),
    setting("negative_prompt", Text { max: 2000 }, "What the image must not show"),
    setting("output_format", Choice(&["png", "jpeg"]), "The file format; with hf-inference sent as Accept"),
    setting(
        "inference_provider",
        Choice(&["hf-inference", "fal-ai"]),
        "Who draws behind the router (part of the address); by default fal-ai for Qwen/Qwen-Image, else hf-inference",
    ),
    setting("provider_model", Text { max: 200 }, "What the model is called there (part of the address)"),
];
