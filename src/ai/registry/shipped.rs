//! What the shipped models are. Prices are list prices in US dollars as nano-dollars; an administrator corrects them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ai::model::{
    AiFunction, AspectRatio, Capabilities, ModelKind, PRIORITY, Quality, Rates, Settings, functions_of,
};

/// A model as shipped.
pub(super) struct Shipped {
    pub(super) name: &'static str,
    pub(super) provider: &'static str,
    pub(super) provider_model: &'static str,
    /// Tells models apart that the provider knows by one name and sells at several prices; empty where it does not.
    pub(super) variant: &'static str,
    pub(super) output_token_limit: Option<i64>,
    pub(super) prompt_length_limit: i64,
    pub(super) takes_seed: bool,
    pub(super) rates: Rates,
    pub(super) capabilities: Capabilities,
    pub(super) default_of: Vec<AiFunction>,
}

type Shapes = &'static [(&'static str, (i32, i32))];

const SANDBOX: Shapes = &[
    ("1:1", (512, 512)),
    ("16:9", (768, 432)),
    ("9:16", (432, 768)),
    ("4:3", (640, 480)),
    ("3:4", (480, 640)),
    ("4:5", (512, 640)),
    ("5:7", (500, 700)),
    ("3:2", (720, 480)),
    ("2:3", (480, 720)),
    ("10:16", (480, 768)),
    ("16:10", (768, 480)),
    ("1:3", (256, 768)),
    ("3:1", (768, 256)),
];

const GPT_IMAGE: Shapes = &[("1:1", (1024, 1024)), ("3:2", (1536, 1024)), ("2:3", (1024, 1536))];

const IDEOGRAM: Shapes = &[
    ("1:1", (1024, 1024)),
    ("16:9", (1312, 736)),
    ("9:16", (736, 1312)),
    ("4:3", (1152, 864)),
    ("3:4", (864, 1152)),
    ("4:5", (896, 1120)),
    ("3:2", (1248, 832)),
    ("2:3", (832, 1248)),
    ("10:16", (800, 1280)),
    ("16:10", (1280, 800)),
    ("1:3", (512, 1536)),
    ("3:1", (1536, 512)),
];

const QWEN: Shapes = &[
    ("1:1", (1328, 1328)),
    ("16:9", (1664, 928)),
    ("9:16", (928, 1664)),
    ("4:3", (1472, 1104)),
    ("3:4", (1104, 1472)),
    ("3:2", (1584, 1056)),
    ("2:3", (1056, 1584)),
];

const SDXL: Shapes = &[
    ("1:1", (1024, 1024)),
    ("16:9", (1344, 768)),
    ("9:16", (768, 1344)),
    ("4:3", (1152, 896)),
    ("3:4", (896, 1152)),
    ("3:2", (1216, 832)),
    ("2:3", (832, 1216)),
];

const RUNWARE: Shapes = &[
    ("1:1", (1024, 1024)),
    ("16:9", (1024, 576)),
    ("9:16", (576, 1024)),
    ("4:3", (1024, 768)),
    ("3:4", (768, 1024)),
    ("4:5", (1024, 1280)),
    ("5:7", (960, 1344)),
    ("3:2", (1152, 768)),
    ("2:3", (768, 1152)),
    ("10:16", (640, 1024)),
    ("16:10", (1024, 640)),
    ("1:3", (512, 1536)),
    ("3:1", (1536, 512)),
];

fn drawing(shapes: Shapes, qualities: &[(Quality, Settings)]) -> Capabilities {
    let shapes = shapes.iter().filter_map(|(ratio, size)| Some((AspectRatio::parse(ratio)?, *size)));
    Capabilities { qualities: qualities.iter().cloned().collect::<BTreeMap<_, _>>(), ..Capabilities::image(shapes) }
}

/// The standard quality, for which a call says nothing.
fn standard() -> Vec<(Quality, Settings)> {
    vec![(Quality::Standard, Settings::new())]
}

/// One quality, for which a call says this much.
fn only(quality: Quality, name: &str, word: &str) -> Vec<(Quality, Settings)> {
    vec![(quality, Settings::from_iter([(name.to_owned(), Value::from(word))]))]
}

/// Qualities that are numbers of steps.
fn steps(steps: [(Quality, i32); 3]) -> Vec<(Quality, Settings)> {
    let care =
        |(quality, steps): (Quality, i32)| (quality, Settings::from_iter([("steps".to_owned(), Value::from(steps))]));
    steps.map(care).to_vec()
}

/// Dollars of an image, and its credits: a cent a credit, and half of them for us.
fn an_image(cost_nanousd: i64, credits_per_image: i64) -> Rates {
    Rates::Image { cost_nanousd: Some(cost_nanousd), credits_per_image }
}

fn writing(
    name: &'static str,
    provider: &'static str,
    provider_model: &'static str,
    rates: (i64, i64, i64),
) -> Shipped {
    let (input, output, tokens_per_credit) = rates;
    Shipped {
        name,
        provider,
        provider_model,
        variant: "",
        output_token_limit: Some(4096),
        prompt_length_limit: 100_000,
        takes_seed: false,
        rates: Rates::Text { input_nanousd_per_1k: input, output_nanousd_per_1k: output, tokens_per_credit },
        capabilities: Capabilities::text(),
        default_of: Vec::new(),
    }
}

struct Drawing {
    names: (&'static str, &'static str, &'static str),
    shapes: Shapes,
    prompt_length_limit: i64,
    takes_seed: bool,
    rates: Rates,
    priority: i32,
    qualities: Vec<(Quality, Settings)>,
}

impl Drawing {
    fn shipped(self) -> Shipped {
        let (name, provider, provider_model) = self.names;
        Shipped {
            name,
            provider,
            provider_model,
            variant: "",
            output_token_limit: None,
            prompt_length_limit: self.prompt_length_limit,
            takes_seed: self.takes_seed,
            rates: self.rates,
            capabilities: Capabilities { priority: self.priority, ..drawing(self.shapes, &self.qualities) },
            default_of: Vec::new(),
        }
    }
}

/// Ideogram 3 at its three prices, each a model of its own: a quality has no price, a model has.
fn ideogram_3(provider: &'static str, provider_model: &'static str, priority: i32) -> Vec<Shipped> {
    let (names, speeds) = match provider {
        "fal" => (
            ["Ideogram 3 (fal)", "Ideogram 3 Turbo (fal)", "Ideogram 3 Quality (fal)"],
            ["BALANCED", "TURBO", "QUALITY"],
        ),
        _ => (["Ideogram 3", "Ideogram 3 Turbo", "Ideogram 3 Quality"], ["DEFAULT", "TURBO", "QUALITY"]),
    };
    let [usual, turbo, quality] = names;
    let [at_usual, at_turbo, at_quality] = speeds;
    let one = |name, variant, care, speed, rates, priority| {
        let drawing = Drawing {
            names: (name, provider, provider_model),
            shapes: IDEOGRAM,
            prompt_length_limit: 2000,
            takes_seed: true,
            rates,
            priority,
            qualities: only(care, "rendering_speed", speed),
        };
        Shipped { variant, ..drawing.shipped() }
    };
    vec![
        one(usual, "", Quality::Standard, at_usual, an_image(60_000_000, 12), priority),
        one(turbo, "turbo", Quality::Fast, at_turbo, an_image(30_000_000, 6), priority + 1),
        one(quality, "quality", Quality::High, at_quality, an_image(90_000_000, 18), priority + 2),
    ]
}

/// A model that enlarges and does not draw.
fn enlarging(drawing: Drawing, factors: &[i32]) -> Shipped {
    let shipped = drawing.shipped();
    let capabilities = Capabilities {
        functions: vec![AiFunction::UpscaleImage],
        upscale_factors: factors.to_vec(),
        ..shipped.capabilities
    };
    Shipped { capabilities, ..shipped }
}

/// The models that enlarge.
fn enlargers() -> Vec<Shipped> {
    let enlarger = |names, rates, priority| Drawing {
        names,
        shapes: IDEOGRAM,
        prompt_length_limit: 2000,
        takes_seed: false,
        rates,
        priority,
        qualities: standard(),
    };
    let an_enlargement = an_image(60_000_000, 12);
    // Runware reports what it charged; it lists no price.
    let reported = Rates::Image { cost_nanousd: None, credits_per_image: 2 };
    vec![
        enlarging(enlarger(("Ideogram Upscale", "ideogram", "upscale"), an_enlargement, 45), &[2]),
        enlarging(enlarger(("Ideogram Upscale (fal)", "fal", "fal-ai/ideogram/upscale"), an_enlargement, 65), &[2]),
        enlarging(enlarger(("SwinIR Upscale (Runware)", "runware", "runware:503@1"), reported, 85), &[2, 4]),
    ]
}

/// Every shipped model; the sandbox's first.
pub(super) fn shipped() -> Vec<Shipped> {
    let mut all = sandbox();
    all.extend([
        writing("GPT-4o mini", "openai", "gpt-4o-mini", (150_000, 600_000, 1000)),
        writing("Claude Haiku 4.5", "anthropic", "claude-haiku-4-5", (1_000_000, 5_000_000, 1000)),
        writing("Claude Sonnet 4.5", "anthropic", "claude-sonnet-4-5", (3_000_000, 15_000_000, 500)),
        writing("Gemini 2.5 Flash", "gemini", "gemini-2.5-flash", (300_000, 2_500_000, 1000)),
        writing("Gemini 2.5 Pro", "gemini", "gemini-2.5-pro", (1_250_000, 10_000_000, 500)),
        writing("Llama 3.2 (Ollama)", "ollama", "llama3.2", (0, 0, 10_000)),
    ]);
    all.extend(
        [
            Drawing {
                names: ("GPT Image 1", "openai", "gpt-image-1"),
                shapes: GPT_IMAGE,
                prompt_length_limit: 32_000,
                // Its API refuses what it does not know.
                takes_seed: false,
                rates: an_image(42_000_000, 5),
                priority: 50,
                // What the price is for; left to itself the API chooses, and with it the price.
                qualities: only(Quality::Standard, "quality", "medium"),
            },
            Drawing {
                names: ("Qwen-Image", "huggingface", "Qwen/Qwen-Image"),
                shapes: QWEN,
                prompt_length_limit: 1000,
                takes_seed: true,
                // Two cents a megapixel, of which its shapes have one and three quarters at most.
                rates: an_image(35_000_000, 7),
                priority: 70,
                qualities: standard(),
            },
            Drawing {
                names: ("SDXL", "huggingface", "stabilityai/stable-diffusion-xl-base-1.0"),
                shapes: SDXL,
                prompt_length_limit: 500,
                takes_seed: true,
                rates: an_image(5_000_000, 1),
                priority: 90,
                qualities: standard(),
            },
            Drawing {
                names: ("FLUX.1 dev (Runware)", "runware", "runware:101@1"),
                shapes: RUNWARE,
                prompt_length_limit: 3000,
                takes_seed: true,
                rates: an_image(4_000_000, 1),
                priority: 80,
                qualities: steps([(Quality::Fast, 20), (Quality::Standard, 28), (Quality::High, 40)]),
            },
        ]
        .map(Drawing::shipped),
    );
    all.extend(ideogram_3("ideogram", "ideogram-v3", 40));
    all.extend(ideogram_3("fal", "fal-ai/ideogram/v3", 60));
    all.extend(enlargers());
    all
}

fn sandbox() -> Vec<Shipped> {
    let all_qualities: Vec<_> = Quality::ALL.into_iter().map(|quality| (quality, Settings::new())).collect();
    let drawing = drawing(SANDBOX, &all_qualities);
    let articles = vec![AiFunction::GenerateContent, AiFunction::OptimizeContent];
    let mut texts = functions_of(ModelKind::Text);
    texts.retain(|function| !articles.contains(function));
    vec![
        Shipped {
            output_token_limit: Some(1000),
            prompt_length_limit: 10_000,
            takes_seed: true,
            default_of: texts,
            ..writing("Sandbox Text", "sandbox", "sandbox-text", (0, 0, 1000))
        },
        Shipped {
            // The longest article, its HTML and long keywords in it; and as much text as an article may have to be read.
            output_token_limit: Some(48_000),
            prompt_length_limit: 250_000,
            takes_seed: true,
            capabilities: Capabilities { functions: articles.clone(), ..Capabilities::text() },
            default_of: articles,
            // So many tokens a credit that the hold for its output limit is one that a small account can bear.
            ..writing("Sandbox Article", "sandbox", "sandbox-article", (0, 0, 10_000))
        },
        Shipped {
            name: "Sandbox Image",
            provider: "sandbox",
            provider_model: "sandbox-image",
            variant: "",
            output_token_limit: None,
            prompt_length_limit: 1000,
            takes_seed: true,
            rates: an_image(0, 1),
            capabilities: Capabilities {
                functions: vec![AiFunction::GenerateImages, AiFunction::UpscaleImage],
                upscale_factors: vec![2],
                priority: PRIORITY,
                ..drawing
            },
            default_of: vec![AiFunction::GenerateImages, AiFunction::UpscaleImage],
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_shipped_model_is_whole_and_named_once() {
        let (mut names, mut keys, mut defaults) = (HashSet::new(), HashSet::new(), HashSet::new());
        for one in shipped() {
            let kind = match one.rates {
                Rates::Text { .. } => ModelKind::Text,
                Rates::Image { .. } => ModelKind::Image,
            };
            assert_eq!(one.capabilities.check(kind), Ok(()), "{}", one.name);
            let key = (one.provider, one.provider_model, one.variant);
            assert!(names.insert(one.name) && keys.insert(key), "{}", one.name);
            assert!(one.default_of.iter().all(|function| one.capabilities.functions.contains(function)));
            assert!(one.default_of.iter().all(|function| defaults.insert(*function)), "{}", one.name);
            for (ratio, (width, height)) in &one.capabilities.shapes {
                let text = ratio.to_string();
                let (across, down) = text.split_once(':').unwrap();
                let wanted = across.parse::<f64>().unwrap() / down.parse::<f64>().unwrap();
                let drawn = f64::from(*width) / f64::from(*height);
                assert!((drawn / wanted - 1.0).abs() < 0.04, "{} draws {ratio} as {width}x{height}", one.name);
            }
        }
        assert_eq!(defaults.len(), AiFunction::ALL.len());
    }

    // REQ-A-31: the sandbox does everything; known models lack 4:5 and 5:7, or seeds, or stop at 500 characters.
    #[test]
    fn known_models_lack_something_and_the_sandbox_nothing() {
        let all = shipped();
        let images: Vec<_> = all.iter().filter(|one| !one.capabilities.shapes.is_empty()).collect();
        let lacks = |ratio: &str| {
            let ratio = AspectRatio::parse(ratio).unwrap();
            images.iter().any(|one| one.capabilities.size(ratio).is_none())
        };
        assert!(lacks("4:5") && lacks("5:7"));
        assert!(images.iter().any(|one| !one.takes_seed) && images.iter().any(|one| one.prompt_length_limit == 500));
        let sandbox = images.iter().find(|one| one.provider == "sandbox").unwrap();
        assert_eq!(sandbox.capabilities.shapes.len(), AspectRatio::ALL.len());
        assert_eq!(sandbox.capabilities.qualities.len(), Quality::ALL.len());
        assert!(sandbox.takes_seed);
    }

    // REQ-A-31: what a shipped quality adds to a call is what the adapter takes.
    #[test]
    fn adapters_know_every_shipped_setting() {
        use crate::ai::provider::settings::check_settings;
        use crate::ai::provider::{
            ImageProvider, fal::Fal, http, ideogram::Ideogram, openai::OpenAi, runware::Runware,
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = http::Http::new(&http::HttpOptions::default()).unwrap();
        let adapters: [Box<dyn ImageProvider>; 4] = [
            Box::new(Fal::new(http.clone())),
            Box::new(Ideogram::new(http.clone())),
            Box::new(OpenAi::new(http.clone())),
            Box::new(Runware::new(http)),
        ];
        let mut checked = 0;
        for one in shipped() {
            for settings in one.capabilities.qualities.values().filter(|settings| !settings.is_empty()) {
                let adapter = adapters.iter().find(|adapter| adapter.name() == one.provider).unwrap();
                assert_eq!(check_settings(adapter.image_settings(), settings), Ok(()), "{}", one.name);
                checked += 1;
            }
        }
        assert_eq!(checked, 10);
    }
}
