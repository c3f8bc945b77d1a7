//! The settings of fal's models. Each model knows some of them; its page at fal.ai says which, and those that it does not
//! know it ignores or refuses.

use crate::ai::provider::SettingKind::{Choice, Flag, Number, Text, Whole};
use crate::ai::provider::SettingSpec;
use crate::ai::provider::settings::setting;

/// Those that are fields of a request that draws.
pub(super) const DRAW_FIELDS: &[&str] = &[
    "acceleration",
    "enable_safety_checker",
    "expand_prompt",
    "guidance_scale",
    "negative_prompt",
    "num_inference_steps",
    "output_format",
    "rendering_speed",
    "safety_tolerance",
    "style",
    "style_preset",
    "sync_mode",
];

/// Those that are fields of a request that enlarges.
pub(super) const ENLARGE_FIELDS: &[&str] = &[
    "creativity",
    "detail",
    "enable_safety_checker",
    "expand_prompt",
    "guidance_scale",
    "negative_prompt",
    "num_inference_steps",
    "output_format",
    "resemblance",
    "sync_mode",
];

/// For drawing and enlarging.
pub(super) const IMAGE: &[SettingSpec] = &[
    setting(
        "rendering_speed",
        Choice(&["TURBO", "BALANCED", "QUALITY"]),
        "For Ideogram: the care taken, and with it the price",
    ),
    setting("style", Choice(&["AUTO", "GENERAL", "REALISTIC", "DESIGN"]), "For Ideogram: the kind of image"),
    setting("style_preset", Text { max: 40 }, "For Ideogram: one of its named looks, such as ART_DECO or WATERCOLOR"),
    setting("expand_prompt", Flag, "For Ideogram: whether it rewrites the prompt (its own default is true)"),
    setting("negative_prompt", Text { max: 2000 }, "What to keep out of images"),
    setting("num_inference_steps", Whole { min: 1, max: 100 }, "For diffusion models: more steps, more care and time"),
    setting("guidance_scale", Number { min: 0.0, max: 20.0 }, "For diffusion models: how closely to follow the prompt"),
    setting("acceleration", Choice(&["none", "regular", "high"]), "For some models: speed against care"),
    setting("enable_safety_checker", Flag, "For some models: whether images are checked; a blanked one is a refusal"),
    setting("safety_tolerance", Choice(&["1", "2", "3", "4", "5", "6"]), "For some models: 1 is the strictest"),
    setting("output_format", Choice(&["jpeg", "png", "webp"]), "For some models: the file format"),
    setting("sync_mode", Flag, "Whether the file comes inside the answer, and fal keeps no copy to be fetched"),
    setting(
        "size_field",
        Choice(&["image_size", "aspect_ratio"]),
        "How the shape is sent: as image_size in pixels (default), or as aspect_ratio for models that take no pixels",
    ),
    setting(
        "factor_field",
        Choice(&["upscale_factor", "scale", "none"]),
        "For enlarging: the field that carries the factor (upscale_factor, but none for Ideogram, which always doubles)",
    ),
    setting("creativity", Number { min: 0.0, max: 1.0 }, "For enlarging: how much may be invented"),
    setting("resemblance", Number { min: 0.0, max: 100.0 }, "For enlarging: how close to stay to the image"),
    setting("detail", Whole { min: 1, max: 100 }, "For enlarging with Ideogram: how much detail to add"),
];
