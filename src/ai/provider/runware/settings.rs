//! The settings of Runware's tasks, named as on the wire.

use crate::ai::provider::SettingKind::{Choice, Flag, Number, Text, Whole};
use crate::ai::provider::SettingSpec;
use crate::ai::provider::settings::setting;

/// Those that are fields of a task that draws.
pub(super) const DRAW_FIELDS: &[&str] = &[
    "CFGScale",
    "checkNSFW",
    "clipSkip",
    "negativePrompt",
    "outputQuality",
    "promptWeighting",
    "scheduler",
    "steps",
    "vae",
];

/// Those that are fields of a task that enlarges.
pub(super) const ENLARGE_FIELDS: &[&str] = &["outputQuality"];

/// For drawing and enlarging.
pub(super) const IMAGE: &[SettingSpec] = &[
    setting("steps", Whole { min: 1, max: 100 }, "More steps, more care, time and cost"),
    setting("CFGScale", Number { min: 0.0, max: 50.0 }, "How closely to follow the prompt"),
    setting("scheduler", Text { max: 60 }, "One of the API's named schedulers, such as Euler"),
    setting("negativePrompt", Text { max: 3000 }, "What to keep out of images, at least 2 characters"),
    setting("clipSkip", Whole { min: 0, max: 2 }, "Layers of CLIP to leave out"),
    setting("promptWeighting", Choice(&["compel", "sdEmbeds"]), "How weights are written in prompts, if they are"),
    setting("vae", Text { max: 100 }, "The AIR of another VAE than the model's own"),
    setting("checkNSFW", Flag, "Whether images are checked; one that is found unfit is a refusal"),
    setting("outputType", Choice(&["base64Data", "dataURI", "URL"]), "How the file comes (default base64Data)"),
    setting("outputFormat", Choice(&["PNG", "JPG", "WEBP"]), "The file format (default PNG)"),
    setting("outputQuality", Whole { min: 20, max: 99 }, "Quality of JPG and WEBP files"),
    setting(
        "upscaleTaskType",
        Choice(&["imageUpscale", "upscale"]),
        "For enlarging: the task's name, imageUpscale (default) or, for models that ask for it, upscale",
    ),
];
