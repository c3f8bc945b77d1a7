//! Describing an article's images by a model: what is asked, and what of the answer is kept.

use serde::Deserialize;
use serde_json::json;

use super::html::{Block, blocks, plain_line};
use crate::ai::model::{
    AiFunction,
    answer::{AnswerError, Output, is_provider_error, is_refusal},
    data_block::DataBlock,
    shape::{Fault, Field, Shape},
};
use crate::keyword::model::cut_at_word;
use crate::site::model::SiteContext;

/// In-article images where nobody says how many.
pub const IN_ARTICLE_WANTED: usize = 2;
/// In-article images at most.
pub const IN_ARTICLE_MAX: usize = 5;
/// Characters of an alternative text at most; a longer one is cut at a word.
pub const ALT_CHARS_MAX: usize = 250;
/// Characters of the summary that prompts are written from.
pub const SUMMARY_CHARS_MAX: usize = 3_000;
/// Characters of each paragraph that go into the summary.
const LEAD_CHARS_MAX: usize = 240;

/// Why images cannot be asked for, or an answer describes none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImagePromptError {
    /// The number is out of range.
    #[error("The number of in-article images is {wanted}; it must be 0–{IN_ARTICLE_MAX}.")]
    WantedOutOfRange {
        /// What was asked.
        wanted: i32,
    },
    /// The featured image has no prompt, or an error text or a refusal for one.
    #[error("The featured image is not described.")]
    FeaturedMissing,
    /// A prompt is longer than the image model reads.
    #[error("{} prompts are longer than the image model reads.", .0.len())]
    TooLong(Vec<Fault>),
}

impl ImagePromptError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WantedOutOfRange { .. } => "COUNT_OUT_OF_RANGE",
            Self::FeaturedMissing => "NOTHING_USABLE",
            Self::TooLong(_) => "PROMPT_TOO_LONG",
        }
    }
}

impl From<ImagePromptError> for AnswerError {
    fn from(error: ImagePromptError) -> Self {
        let code = error.code();
        let faults = match error {
            ImagePromptError::TooLong(faults) => faults,
            ImagePromptError::FeaturedMissing => vec![Fault::new("featured.prompt", "describes nothing")],
            ImagePromptError::WantedOutOfRange { .. } => Vec::new(),
        };
        Self::Unusable { code, faults }
    }
}

/// How many in-article images are wanted; `None` is the default. Refuses: `WantedOutOfRange`.
pub fn check_wanted(wanted: Option<i32>) -> Result<usize, ImagePromptError> {
    let Some(wanted) = wanted else { return Ok(IN_ARTICLE_WANTED) };
    let count = usize::try_from(wanted).ok().filter(|count| *count <= IN_ARTICLE_MAX);
    count.ok_or(ImagePromptError::WantedOutOfRange { wanted })
}

/// What a model answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImagePromptsAnswer {
    /// The image at the head.
    pub featured: AnsweredImage,
    /// The images inside, in their order.
    #[serde(default)]
    pub in_article: Vec<AnsweredImage>,
}

/// An image as a model describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnsweredImage {
    /// What is to be drawn.
    pub prompt: String,
    /// What it shows, for those who do not see it.
    pub alt_text: Option<String>,
}

const IMAGE: Shape = Shape::Object(&[
    Field::required("prompt", Shape::Text, "what is to be seen, at most promptCharsMax characters"),
    Field::optional("altText", Shape::Text, "one sentence in the site's language"),
]);

impl Output for ImagePromptsAnswer {
    const FUNCTION: AiFunction = AiFunction::GenerateImagePrompts;
    const SHAPE: Shape = Shape::Object(&[
        Field::required("featured", IMAGE, "the image of the whole article"),
        Field::optional("inArticle", Shape::List(&IMAGE), "as many as inArticleWanted, each of one section"),
    ]);
}

/// What one call is about: the summary of the article, never its HTML. `prompt_chars_max` is the image model's limit.
pub fn data_block(site: &SiteContext, title: &str, html: &str, wanted: usize, prompt_chars_max: usize) -> DataBlock {
    DataBlock::of::<ImagePromptsAnswer>()
        .with("site", site.value())
        .with("article", json!({"title": title, "summary": summary(html)}))
        .with("inArticleWanted", wanted)
        .with("promptCharsMax", prompt_chars_max)
}

/// The plain text that prompts are written from: headings, and how each paragraph begins, at most 3,000 characters.
pub fn summary(html: &str) -> String {
    let mut text = String::new();
    let mut length = 0;
    for block in blocks(html) {
        let line = match block {
            Block { heading: Some(_), text } => text,
            Block { heading: None, text } => cut_at_word(&text, LEAD_CHARS_MAX),
        };
        length += line.chars().count() + 1;
        if length > SUMMARY_CHARS_MAX {
            break;
        }
        if !line.is_empty() {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text.trim_end().to_owned()
}

/// An image to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedImage {
    /// What the image model gets, within its limit.
    pub prompt: String,
    /// 1–250 characters, plain.
    pub alt_text: String,
}

/// What an answer comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedImages {
    /// The image at the head.
    pub featured: PlannedImage,
    /// The images inside, at most as many as were wanted; fewer is no fault.
    pub in_article: Vec<PlannedImage>,
    /// How many described nothing.
    pub faulty: usize,
    /// How many came beyond those wanted.
    pub surplus: usize,
}

/// What counts of an answer about the article with this title. Refuses: `FeaturedMissing`; `TooLong` with every prompt
/// that is, of those that count.
pub fn check(
    answer: &ImagePromptsAnswer,
    title: &str,
    wanted: usize,
    prompt_chars_max: usize,
) -> Result<PlannedImages, ImagePromptError> {
    let featured = planned(&answer.featured, title).ok_or(ImagePromptError::FeaturedMissing)?;
    let mut faults: Vec<Fault> = too_long("featured.prompt", &featured, prompt_chars_max).into_iter().collect();
    let mut images = PlannedImages { featured, in_article: Vec::new(), faulty: 0, surplus: 0 };
    for (at, image) in answer.in_article.iter().enumerate() {
        match planned(image, title) {
            None => images.faulty += 1,
            Some(_) if images.in_article.len() >= wanted => images.surplus += 1,
            Some(image) => {
                faults.extend(too_long(&format!("inArticle[{at}].prompt"), &image, prompt_chars_max));
                images.in_article.push(image);
            }
        }
    }
    if faults.is_empty() { Ok(images) } else { Err(ImagePromptError::TooLong(faults)) }
}

fn planned(image: &AnsweredImage, title: &str) -> Option<PlannedImage> {
    let prompt = plain_line(&image.prompt);
    if !prompt.chars().any(char::is_alphanumeric) || is_provider_error(&prompt) || is_refusal(&prompt) {
        return None;
    }
    let alt = image.alt_text.as_deref().filter(|text| !is_provider_error(text)).map(plain_line).unwrap_or_default();
    let alt = cut_at_word(&alt, ALT_CHARS_MAX);
    Some(PlannedImage { prompt, alt_text: if alt.is_empty() { cut_at_word(title, ALT_CHARS_MAX) } else { alt } })
}

fn too_long(path: &str, image: &PlannedImage, max: usize) -> Option<Fault> {
    let length = image.prompt.chars().count();
    (length > max).then(|| Fault::new(path, format!("has {length} characters; {max} is the most")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ai::model::answer::{Ending, read};

    fn answer(featured: &str, in_article: &[&str]) -> ImagePromptsAnswer {
        let image = |prompt: &&str| json!({"prompt": prompt, "altText": "A <b>tent</b>"});
        let text = json!({"featured": image(&featured), "inArticle": in_article.iter().map(image).collect::<Vec<_>>()});
        read(&text.to_string(), Ending::Whole).unwrap()
    }

    #[test]
    fn plans_one_featured_image_and_those_wanted() {
        let answer = answer("A tent\nat dawn", &["A", "", "Error: x", "B", "C"]);
        let images = check(&answer, "Tents", 2, 1_000).unwrap();
        assert_eq!(images.featured, PlannedImage { prompt: "A tent at dawn".into(), alt_text: "A tent".into() });
        assert_eq!(images.in_article.iter().map(|image| image.prompt.as_str()).collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!((images.faulty, images.surplus), (2, 1));
        assert!(check(&answer, "Tents", 0, 1_000).unwrap().in_article.is_empty());
        assert_eq!((check_wanted(None), check_wanted(Some(0)), check_wanted(Some(5))), (Ok(2), Ok(0), Ok(5)));
        for wanted in [-1, 6] {
            assert_eq!(check_wanted(Some(wanted)), Err(ImagePromptError::WantedOutOfRange { wanted }));
        }
    }

    // REQ-B-8: longer than the model's limit is a fault to repair, then PROMPT_TOO_LONG.
    #[test]
    fn a_prompt_longer_than_the_limit_is_a_fault_at_its_place() {
        let long = "é".repeat(11);
        assert!(check(&answer(&"é".repeat(10), &[]), "Tents", 2, 10).is_ok());
        let error = check(&answer(&long, &["fine", &long]), "Tents", 2, 10).unwrap_err();
        let error = AnswerError::from(error);
        assert_eq!(error.code(), "PROMPT_TOO_LONG");
        let faults: Vec<String> = error.faults().iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "featured.prompt: has 11 characters; 10 is the most",
                "inArticle[1].prompt: has 11 characters; 10 is the most",
            ]
        );
        assert!(error.is_repairable());
        // One that nobody wanted cannot be too long.
        assert!(check(&answer("fine", &["a", &long]), "Tents", 1, 10).is_ok());
    }

    // REQ-B-8, REQ-B-9
    #[test]
    fn without_a_featured_image_there_is_nothing() {
        for prompt in ["", " ", "...", "No response.", "I'm sorry, but I can't draw that."] {
            let error = AnswerError::from(check(&answer(prompt, &["A"]), "Tents", 2, 100).unwrap_err());
            assert_eq!((error.code(), error.faults()[0].path.as_str()), ("NOTHING_USABLE", "featured.prompt"));
        }
        let text = json!({"featured": {"prompt": "A tent", "altText": "null"}}).to_string();
        let answer: ImagePromptsAnswer = read(&text, Ending::Whole).unwrap();
        assert_eq!(check(&answer, " Big  tents ", 2, 100).unwrap().featured.alt_text, "Big tents");
    }

    // REQ-B-8: written from a plain-text summary.
    #[test]
    fn the_model_reads_a_plain_text_summary() {
        let html = format!(
            "<h2>Where & why</h2><p>{}</p><script>x()</script><h3>How</h3><ul><li>one</li></ul>",
            "flat ground ".repeat(50)
        );
        let text = summary(&html);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines[2], lines[3], lines.len()), ("Where & why", "How", "one", 4));
        assert!(lines[1].chars().count() <= LEAD_CHARS_MAX);
        let long = summary(&"<p>word word</p>".repeat(2_000));
        assert!(long.chars().count() <= SUMMARY_CHARS_MAX && long.chars().count() > SUMMARY_CHARS_MAX - 20);
        let block = data_block(&SiteContext::default(), "Tents", &html, 2, 1_000).render();
        assert!(!block.contains("<h2>") && !block.contains("u003ch2") && block.contains(r#""promptCharsMax":1000"#));
    }

    proptest! {
        #[test]
        fn every_planned_prompt_is_within_the_limit(
            featured in "\\PC{0,30}", inside in proptest::collection::vec("\\PC{0,30}", 0..7),
            wanted in 0_usize..=5, max in 1_usize..30,
        ) {
            let inside: Vec<&str> = inside.iter().map(String::as_str).collect();
            if let Ok(images) = check(&answer(&featured, &inside), "Tents", wanted, max) {
                prop_assert!(images.in_article.len() <= wanted);
                for image in images.in_article.iter().chain([&images.featured]) {
                    prop_assert!((1..=max).contains(&image.prompt.chars().count()) && !image.alt_text.is_empty());
                }
            }
        }
    }
}
