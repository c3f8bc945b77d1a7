//! What a model can do, as data: functions, shapes with their exact pixels, qualities with what they mean on the wire,
//! settings of every call, limits.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{AiFunction, AspectRatio, ModelKind, Quality};

/// Settings by name, as stored and as sent.
pub type Settings = Map<String, Value>;

/// The longest side of an image that a model may be entered with, in pixels.
pub const SIDE_MAX: i32 = 8192;
/// The most pixels of an image, as many as one may have that we accept.
pub const PIXELS_MAX: i64 = 64_000_000;

/// How many per cent the pixels of a shape may be off it: models draw in multiples of 16 or 64.
const SLANT_MAX: i64 = 5;

/// What a model can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// The functions it serves, in the order of the pipeline.
    pub functions: Vec<AiFunction>,
    /// Exact width and height of each shape; none for text models.
    pub shapes: BTreeMap<AspectRatio, (i32, i32)>,
    /// What each quality adds to the settings of a call; none for text models.
    pub qualities: BTreeMap<Quality, Settings>,
    /// Settings of every call.
    pub settings: Settings,
    /// How many times as wide it can make an image.
    pub upscale_factors: Vec<i32>,
    /// Requests that may begin in a minute, over all processes; `None` is no limit of ours.
    pub rate_per_minute: Option<i32>,
    /// Requests that may be under way at once, over all processes; `None` is no limit of ours.
    pub concurrency: Option<i32>,
    /// The lower, the earlier it stands in for another model.
    pub priority: i32,
}

/// The priority of a model that nobody ranked.
pub const PRIORITY: i32 = 100;

/// Why capabilities are not accepted. Each message names the field and the limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapabilityFault {
    /// A function of the other kind.
    #[error("`{0}` needs a model of the other kind.")]
    Function(&'static str),
    /// A text model with shapes, qualities or factors, or an image model that draws and has none.
    #[error("{text}")]
    Shape {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        text: &'static str,
    },
    /// Pixels of another shape than they are said to have.
    #[error(
        "{ratio} has {width} × {height} pixels, which is another shape: width to height may differ from it by {SLANT_MAX} % at most."
    )]
    Slanted {
        /// Which shape.
        ratio: AspectRatio,
        /// As given.
        width: i32,
        /// As given.
        height: i32,
    },
    /// Pixels out of range.
    #[error(
        "{ratio} has {width} × {height} pixels; each side must be 1–{SIDE_MAX}, and all together at most {PIXELS_MAX}."
    )]
    Pixels {
        /// Which shape.
        ratio: AspectRatio,
        /// As given.
        width: i32,
        /// As given.
        height: i32,
    },
    /// A limit below 1, or a factor out of range.
    #[error("`{field}` is {value}; it must be {expected}.")]
    Number {
        /// Which field.
        field: &'static str,
        /// As given.
        value: i32,
        /// What it must be.
        expected: &'static str,
    },
}

impl CapabilityFault {
    /// The field of the input that is at fault.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Function(_) => "functions",
            Self::Pixels { .. } | Self::Slanted { .. } => "aspectRatios",
            Self::Shape { field, .. } | Self::Number { field, .. } => field,
        }
    }
}

impl Capabilities {
    /// A text model that serves every text function without limits of ours.
    pub fn text() -> Self {
        Self {
            functions: functions_of(ModelKind::Text),
            shapes: BTreeMap::new(),
            qualities: BTreeMap::new(),
            settings: Settings::new(),
            upscale_factors: Vec::new(),
            rate_per_minute: None,
            concurrency: None,
            priority: PRIORITY,
        }
    }

    /// An image model that draws these shapes in standard quality.
    pub fn image(shapes: impl IntoIterator<Item = (AspectRatio, (i32, i32))>) -> Self {
        Self {
            functions: vec![AiFunction::GenerateImages],
            shapes: shapes.into_iter().collect(),
            qualities: BTreeMap::from([(Quality::Standard, Settings::new())]),
            ..Self::text()
        }
    }

    /// Exact width and height of `ratio`.
    pub fn size(&self, ratio: AspectRatio) -> Option<(i32, i32)> {
        self.shapes.get(&ratio).copied()
    }

    /// The shapes in the order in which people know them.
    pub fn shapes_in_order(&self) -> Vec<(AspectRatio, (i32, i32))> {
        AspectRatio::ALL.into_iter().filter_map(|ratio| Some((ratio, self.size(ratio)?))).collect()
    }

    /// Width and height that stand for the model where no shape is named: the square, else the first it has.
    pub fn usual_size(&self) -> Option<(i32, i32)> {
        self.size(AspectRatio::SQUARE).or_else(|| self.shapes_in_order().first().map(|(_, size)| *size))
    }

    /// Puts functions in order and drops doubles.
    #[must_use]
    pub fn tidied(mut self) -> Self {
        self.functions = AiFunction::ALL.iter().copied().filter(|one| self.functions.contains(one)).collect();
        self.upscale_factors.sort_unstable();
        self.upscale_factors.dedup();
        self
    }

    /// Whether they make sense for a model of `kind`. Settings are checked against the adapter elsewhere.
    pub fn check(&self, kind: ModelKind) -> Result<(), CapabilityFault> {
        if let Some(other) = self.functions.iter().find(|function| function.model_kind() != kind) {
            return Err(CapabilityFault::Function(other.as_str()));
        }
        match kind {
            ModelKind::Text if !self.shapes.is_empty() || !self.qualities.is_empty() => {
                let field = if self.shapes.is_empty() { "qualities" } else { "aspectRatios" };
                let text = "A text model has neither aspect ratios nor qualities.";
                return Err(CapabilityFault::Shape { field, text });
            }
            ModelKind::Text if !self.upscale_factors.is_empty() => {
                let text = "A text model enlarges nothing.";
                return Err(CapabilityFault::Shape { field: "upscaleFactors", text });
            }
            ModelKind::Image if self.shapes.is_empty() || self.qualities.is_empty() => {
                let field = if self.shapes.is_empty() { "aspectRatios" } else { "qualities" };
                let text = "An image model has at least one aspect ratio and one quality.";
                return Err(CapabilityFault::Shape { field, text });
            }
            _ => {}
        }
        for (ratio, (width, height)) in &self.shapes {
            let side = 1..=SIDE_MAX;
            let within = side.contains(width) && side.contains(height);
            if !within || i64::from(*width) * i64::from(*height) > PIXELS_MAX {
                return Err(CapabilityFault::Pixels { ratio: *ratio, width: *width, height: *height });
            }
            if ratio.slant(*width, *height) > SLANT_MAX {
                return Err(CapabilityFault::Slanted { ratio: *ratio, width: *width, height: *height });
            }
        }
        let upscales = self.functions.contains(&AiFunction::UpscaleImage);
        if upscales == self.upscale_factors.is_empty() && kind == ModelKind::Image {
            let text = "A model that serves UPSCALE_IMAGE has upscale factors, and no other has.";
            return Err(CapabilityFault::Shape { field: "upscaleFactors", text });
        }
        if let Some(factor) = self.upscale_factors.iter().find(|factor| !(2..=8).contains(*factor)) {
            return Err(CapabilityFault::Number { field: "upscaleFactors", value: *factor, expected: "2–8" });
        }
        let limits = [("ratePerMinute", self.rate_per_minute), ("concurrency", self.concurrency)];
        for (field, limit) in limits {
            if let Some(value) = limit.filter(|limit| *limit < 1) {
                return Err(CapabilityFault::Number { field, value, expected: "1 or more" });
            }
        }
        if !(0..=1000).contains(&self.priority) {
            return Err(CapabilityFault::Number { field: "priority", value: self.priority, expected: "0–1000" });
        }
        Ok(())
    }

    /// The functions as stored.
    pub fn functions_text(&self) -> String {
        json!(self.functions.iter().map(|function| function.as_str()).collect::<Vec<_>>()).to_string()
    }

    /// The shapes as stored.
    pub fn shapes_text(&self) -> String {
        let shapes = self.shapes_in_order();
        let map: Map<String, Value> =
            shapes.into_iter().map(|(ratio, (width, height))| (ratio.to_string(), json!([width, height]))).collect();
        Value::Object(map).to_string()
    }

    /// The qualities as stored.
    pub fn qualities_text(&self) -> String {
        let entry =
            |(quality, settings): (&Quality, &Settings)| (quality.as_str().to_owned(), Value::Object(settings.clone()));
        Value::Object(self.qualities.iter().map(entry).collect()).to_string()
    }

    /// The settings of every call as stored.
    pub fn settings_text(&self) -> String {
        Value::Object(self.settings.clone()).to_string()
    }

    /// The factors as stored.
    pub fn factors_text(&self) -> String {
        json!(self.upscale_factors).to_string()
    }
}

/// Every function that a model of `kind` can serve; enlarging is left out, since few draw and enlarge alike.
pub fn functions_of(kind: ModelKind) -> Vec<AiFunction> {
    let serves = |function: &AiFunction| function.model_kind() == kind && *function != AiFunction::UpscaleImage;
    AiFunction::ALL.iter().copied().filter(serves).collect()
}

/// Reads functions as stored; `None` for a text that this version did not write.
pub fn functions_from(text: &str) -> Option<Vec<AiFunction>> {
    let names: Vec<String> = serde_json::from_str(text).ok()?;
    names.iter().map(|name| AiFunction::parse(name)).collect()
}

/// Reads shapes as stored.
pub fn shapes_from(text: &str) -> Option<BTreeMap<AspectRatio, (i32, i32)>> {
    let map: BTreeMap<String, (i32, i32)> = serde_json::from_str(text).ok()?;
    map.into_iter().map(|(ratio, size)| Some((AspectRatio::parse(&ratio)?, size))).collect()
}

/// Reads qualities as stored.
pub fn qualities_from(text: &str) -> Option<BTreeMap<Quality, Settings>> {
    let map: BTreeMap<String, Settings> = serde_json::from_str(text).ok()?;
    map.into_iter().map(|(quality, settings)| Some((Quality::parse(&quality)?, settings))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(side: i32) -> Capabilities {
        Capabilities::image([(AspectRatio::SQUARE, (side, side))])
    }

    #[test]
    fn everything_reads_back_as_it_was_written() {
        let caps = Capabilities {
            functions: vec![AiFunction::GenerateImages, AiFunction::UpscaleImage],
            shapes: AspectRatio::ALL.into_iter().map(|ratio| (ratio, ratio.scaled(32))).collect(),
            qualities: Quality::ALL.into_iter().map(|quality| (quality, Settings::new())).collect(),
            upscale_factors: vec![2, 4],
            ..square(512)
        };
        assert_eq!(functions_from(&caps.functions_text()), Some(caps.functions.clone()));
        assert_eq!(shapes_from(&caps.shapes_text()), Some(caps.shapes.clone()));
        assert_eq!(qualities_from(&caps.qualities_text()), Some(caps.qualities.clone()));
        assert_eq!(caps.check(ModelKind::Image), Ok(()));
        assert_eq!(functions_from("[\"DANCE\"]"), None);
        assert_eq!(shapes_from("{\"2:2\":[1,1]}"), None);
    }

    #[test]
    fn refuses_what_makes_no_sense() {
        assert_eq!(square(1).check(ModelKind::Image), Ok(()));
        assert_eq!(Capabilities::text().check(ModelKind::Text), Ok(()));
        let wrong = [
            (square(0), ModelKind::Image),
            (square(SIDE_MAX), ModelKind::Image),
            (square(512), ModelKind::Text),
            (Capabilities::text(), ModelKind::Image),
            (Capabilities::image([]), ModelKind::Image),
            (Capabilities { upscale_factors: vec![2], ..square(512) }, ModelKind::Image),
            (Capabilities { functions: vec![AiFunction::UpscaleImage], ..square(512) }, ModelKind::Image),
            (Capabilities { rate_per_minute: Some(0), ..square(512) }, ModelKind::Image),
            (Capabilities { concurrency: Some(-1), ..square(512) }, ModelKind::Image),
            (Capabilities { priority: 1001, ..square(512) }, ModelKind::Image),
        ];
        for (caps, kind) in wrong {
            assert!(caps.check(kind).is_err(), "{caps:?}");
        }
    }

    #[test]
    fn a_shape_has_the_pixels_of_its_ratio() {
        let shape = |ratio: &str, size| {
            Capabilities::image([(AspectRatio::parse(ratio).unwrap(), size)]).check(ModelKind::Image)
        };
        for (ratio, size) in [("1:1", (1, 1)), ("4:3", (1152, 896)), ("16:9", (1344, 768)), ("1:1", (1000, 1050))] {
            assert_eq!(shape(ratio, size), Ok(()), "{ratio} {size:?}");
        }
        for (ratio, size) in [("1:1", (64, 640)), ("1:1", (1000, 1060)), ("16:9", (768, 1344)), ("16:9", (1280, 800))] {
            let fault = shape(ratio, size).unwrap_err();
            assert!(matches!(fault, CapabilityFault::Slanted { .. }), "{ratio} {size:?}");
            assert_eq!(fault.field(), "aspectRatios");
        }
    }

    #[test]
    fn every_fault_names_its_field() {
        for (caps, kind, field) in [
            (square(512), ModelKind::Text, "functions"),
            (Capabilities { functions: Vec::new(), ..square(512) }, ModelKind::Text, "aspectRatios"),
            (Capabilities { upscale_factors: vec![2], ..Capabilities::text() }, ModelKind::Text, "upscaleFactors"),
            (Capabilities { qualities: BTreeMap::new(), ..square(512) }, ModelKind::Image, "qualities"),
            (square(0), ModelKind::Image, "aspectRatios"),
            (Capabilities { rate_per_minute: Some(0), ..square(512) }, ModelKind::Image, "ratePerMinute"),
        ] {
            assert_eq!(caps.check(kind).unwrap_err().field(), field, "{caps:?}");
        }
    }
}
