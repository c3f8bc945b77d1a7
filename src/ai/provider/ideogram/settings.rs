//! The settings of Ideogram's API.

use crate::ai::provider::SettingKind::{Choice, Text, Whole};
use crate::ai::provider::SettingSpec;
use crate::ai::provider::settings::setting;

/// Those that are fields of a form that generates.
pub(super) const GENERATE_FIELDS: &[&str] =
    &["magic_prompt", "negative_prompt", "rendering_speed", "style_preset", "style_type"];

/// For generating and enlarging.
pub(super) const IMAGE: &[SettingSpec] = &[
    setting(
        "rendering_speed",
        Choice(&["FLASH", "TURBO", "DEFAULT", "QUALITY"]),
        "Care taken, and with it the price: FLASH and TURBO are quick, QUALITY is slow",
    ),
    setting(
        "style_type",
        Choice(&["AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION"]),
        "The kind of image (the API's own default is GENERAL)",
    ),
    setting("style_preset", Text { max: 40 }, "One of the API's named looks, such as ART_DECO or WATERCOLOR"),
    setting(
        "magic_prompt",
        Choice(&["AUTO", "ON", "OFF"]),
        "Whether the API rewrites the prompt, for generating and enlarging",
    ),
    setting("negative_prompt", Text { max: 2000 }, "What to keep out of images; the prompt takes precedence"),
    setting(
        "size_field",
        Choice(&["aspect_ratio", "resolution"]),
        "How the shape is sent: by aspect_ratio (default), or by the exact resolution of the registry, which must then \
         be one that the API lists",
    ),
    setting("resemblance", Whole { min: 1, max: 100 }, "For enlarging: how close to stay to the image"),
    setting("detail", Whole { min: 1, max: 100 }, "For enlarging: how much detail to add"),
];
