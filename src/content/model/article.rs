//! Writing an article by a model: what is asked, and what of the answer is kept.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::json;

use super::{
    html::{clean_html, has_blocks, paragraphs, plain_line, plain_text},
    slug::slug,
    words::count_words,
};
use crate::ai::model::{
    AiFunction,
    answer::{AnswerError, Output, is_provider_error, is_refusal},
    data_block::DataBlock,
    shape::{Fault, Field, Shape},
};
use crate::idea::model::TITLE_CHARS_MAX;
use crate::keyword::model::{ContentType, cut_at_word, text_key};
use crate::site::model::SiteContext;

/// Characters of a meta title at most.
pub const META_TITLE_CHARS_MAX: usize = 60;
/// Characters of a meta description at most.
pub const META_DESCRIPTION_CHARS_MAX: usize = 160;
/// Characters of an excerpt at most.
pub const EXCERPT_CHARS_MAX: usize = 300;
/// Categories at most.
pub const CATEGORIES_MAX: usize = 5;
/// Tags at most.
pub const TAGS_MAX: usize = 15;
/// Characters of a category or a tag at most; longer ones are dropped.
pub const LABEL_CHARS_MAX: usize = 60;
/// A text that begins as a refusal is one below this many words; an article may begin so too.
const REFUSAL_WORDS_MAX: usize = 80;

/// Why an answer holds no article.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArticleError {
    /// The model declined inside the JSON.
    #[error("The article is a refusal.")]
    Refused,
    /// No text is left, or a provider's error text in its place.
    #[error("The article holds nothing.")]
    Empty,
    /// Less than half of what was asked for.
    #[error("The article has {words} words; {target} are wanted.")]
    TooShort {
        /// What it has.
        words: usize,
        /// What was wanted.
        target: usize,
    },
}

impl From<ArticleError> for AnswerError {
    fn from(error: ArticleError) -> Self {
        match error {
            ArticleError::Refused => Self::Refused,
            ArticleError::Empty => Self::Empty,
            ArticleError::TooShort { words, target } => Self::Unusable {
                code: "TOO_SHORT",
                faults: vec![Fault::new("html", format!("has {words} words; write {target}, at least half of that"))],
            },
        }
    }
}

/// What a model answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArticleAnswer {
    /// The title.
    pub title: String,
    /// The article.
    pub html: String,
    /// What lists show of it.
    pub excerpt: Option<String>,
    /// The title for search engines.
    pub meta_title: Option<String>,
    /// The description for search engines.
    pub meta_description: Option<String>,
    /// Where it belongs.
    #[serde(default)]
    pub categories: Vec<String>,
    /// What it touches.
    #[serde(default)]
    pub tags: Vec<String>,
}

impl Output for ArticleAnswer {
    const FUNCTION: AiFunction = AiFunction::GenerateContent;
    const SHAPE: Shape = Shape::Object(&[
        Field::required("title", Shape::Text, "at most 200 characters"),
        Field::required("html", Shape::Text, "the complete article in HTML, without the title"),
        Field::optional("excerpt", Shape::Text, "one or two sentences"),
        Field::optional("metaTitle", Shape::Text, "at most 60 characters"),
        Field::optional("metaDescription", Shape::Text, "at most 160 characters"),
        Field::optional("categories", Shape::List(&Shape::Text), "one to three"),
        Field::optional("tags", Shape::List(&Shape::Text), "three to eight"),
    ]);
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commission {
    /// The content task's title.
    pub title: String,
    /// Its headings, one a line; may be empty.
    pub outline: String,
    /// Its keywords, the most important one first.
    pub keywords: Vec<String>,
    /// What kind of content.
    pub content_type: ContentType,
    /// Its length in words.
    pub target_words: i32,
}

/// What one call is about.
pub fn data_block(site: &SiteContext, commission: &Commission) -> DataBlock {
    let outline: Vec<&str> = commission.outline.lines().filter(|line| !line.trim().is_empty()).collect();
    DataBlock::of::<ArticleAnswer>().with("site", site.value()).with(
        "task",
        json!({
            "title": commission.title,
            "outline": outline,
            "keywords": commission.keywords,
            "contentType": commission.content_type.as_str(),
            "targetWords": commission.target_words,
        }),
    )
}

/// An article as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    /// 1–200 characters, plain.
    pub title: String,
    /// Made from the title; not yet unique.
    pub slug: String,
    /// Cleaned.
    pub html: String,
    /// At most 300 characters, plain.
    pub excerpt: String,
    /// At most 60 characters, plain; empty only where a word of the title is longer.
    pub meta_title: String,
    /// At most 160 characters, plain.
    pub meta_description: String,
    /// At most 5, unlike each other.
    pub categories: Vec<String>,
    /// At most 15, unlike each other.
    pub tags: Vec<String>,
    /// Words of its text.
    pub words: i32,
}

/// What is kept of an answer. A title that is blank, an error text or too long is replaced by the task's, or cut.
/// Refuses: any [`ArticleError`].
pub fn check(answer: &ArticleAnswer, commission: &Commission) -> Result<Article, ArticleError> {
    let html = html_of(&answer.html);
    let text = plain_text(&html);
    if text.trim().is_empty() || is_provider_error(&text) {
        return Err(ArticleError::Empty);
    }
    let words = count_words(&text);
    if words < REFUSAL_WORDS_MAX && is_refusal(&text) {
        return Err(ArticleError::Refused);
    }
    let target = usize::try_from(commission.target_words).unwrap_or(0);
    if words.saturating_mul(2) < target {
        return Err(ArticleError::TooShort { words, target });
    }
    let answered = Some(answer.title.as_str()).filter(|title| !is_provider_error(title));
    let title = answered
        .into_iter()
        .chain([commission.title.as_str()])
        .map(|title| cut_at_word(&plain_line(title), TITLE_CHARS_MAX))
        .find(|title| title.chars().any(char::is_alphanumeric));
    let title = title.unwrap_or_else(|| text.chars().take(META_TITLE_CHARS_MAX).collect());
    // The first that says something, cut to fit.
    let first = |texts: [Option<&str>; 3], max| {
        let said = |text: &&str| !text.trim().is_empty() && !is_provider_error(text);
        let lines = texts.into_iter().flatten().filter(said).map(|text| cut_at_word(&plain_line(text), max));
        lines.into_iter().find(|line| !line.is_empty()).unwrap_or_default()
    };
    let excerpt = answer.excerpt.as_deref();
    Ok(Article {
        slug: slug(&title),
        excerpt: first([excerpt, Some(&text), None], EXCERPT_CHARS_MAX),
        meta_title: first([answer.meta_title.as_deref(), Some(&title), None], META_TITLE_CHARS_MAX),
        meta_description: first([answer.meta_description.as_deref(), excerpt, Some(&text)], META_DESCRIPTION_CHARS_MAX),
        categories: labels(&answer.categories, CATEGORIES_MAX),
        tags: labels(&answer.tags, TAGS_MAX),
        words: i32::try_from(words).unwrap_or(i32::MAX),
        title,
        html,
    })
}

/// Cleaned HTML; bare text becomes paragraphs.
pub(super) fn html_of(html: &str) -> String {
    let clean = clean_html(html);
    if has_blocks(&clean) || clean.is_empty() { clean } else { clean_html(&paragraphs(&clean)) }
}

/// Short texts, unlike each other, in their order.
fn labels(texts: &[String], max: usize) -> Vec<String> {
    let mut seen = HashSet::new();
    let lines = texts.iter().map(|text| plain_line(text));
    let short = lines.filter(|line| line.chars().any(char::is_alphanumeric) && line.chars().count() <= LABEL_CHARS_MAX);
    short.filter(|line| seen.insert(text_key(line))).take(max).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ai::model::answer::{Ending, read};

    fn commission(target_words: i32) -> Commission {
        Commission {
            title: "How to pitch a tent".into(),
            outline: "Where\n\nHow".into(),
            keywords: vec!["pitch a tent".into()],
            content_type: ContentType::Blog,
            target_words,
        }
    }

    fn answer(title: &str, html: &str) -> ArticleAnswer {
        read(&json!({"title": title, "html": html}).to_string(), Ending::Whole).unwrap()
    }

    fn kept(title: &str, html: &str) -> Article {
        check(&answer(title, html), &commission(50)).unwrap()
    }

    fn paragraph(words: usize) -> String {
        format!("<p>{}</p>", vec!["word"; words].join(" "))
    }

    // REQ-B-8, REQ-B-9
    #[test]
    fn nothing_and_error_texts_are_no_article() {
        for html in
            ["", " ", "<p></p>", "<script>x</script>", "<p>Error: overloaded</p>", "<h2>No response.</h2>", "null"]
        {
            let error = check(&answer("Tents", html), &commission(50)).unwrap_err();
            assert_eq!(error, ArticleError::Empty, "{html}");
            assert_eq!(AnswerError::from(error).code(), "EMPTY_OUTPUT");
        }
        assert_eq!(kept("Error: x", &paragraph(90)).title, "How to pitch a tent");
        let refusal = answer("Tents", "<p>I'm sorry, but I can't write this article.</p>");
        assert_eq!(AnswerError::from(check(&refusal, &commission(50)).unwrap_err()).code(), "CONTENT_REFUSED");
    }

    // REQ-B-8
    #[test]
    fn less_than_half_of_the_target_is_too_short() {
        let error = check(&answer("Tents", &paragraph(499)), &commission(1_000)).unwrap_err();
        assert_eq!(error, ArticleError::TooShort { words: 499, target: 1_000 });
        let error = AnswerError::from(error);
        assert_eq!(error.code(), "TOO_SHORT");
        assert!(error.repair_prompt("p").unwrap().contains("- html: has 499 words; write 1000"));
        assert_eq!(check(&answer("Tents", &paragraph(500)), &commission(1_000)).unwrap().words, 500);
        // Words are counted from the text, not from tags and attributes.
        let padded = format!("<p title=\"{}\">{}</p>", "a b ".repeat(900), "word ".repeat(30));
        assert!(matches!(
            check(&answer("Tents", &padded), &commission(1_000)),
            Err(ArticleError::TooShort { words: 30, .. })
        ));
    }

    // REQ-B-8
    #[test]
    fn the_meta_texts_are_cut_at_a_word() {
        let long = "Pitching ".repeat(40);
        let text = json!({"title": "Tents", "html": paragraph(60), "metaTitle": long, "metaDescription": long});
        let answer: ArticleAnswer = read(&text.to_string(), Ending::Whole).unwrap();
        let article = check(&answer, &commission(50)).unwrap();
        assert_eq!((article.meta_title.len(), article.meta_description.len()), (53, 152));
        assert!(article.meta_title.split(' ').all(|word| word == "Pitching"));
        let article = kept("Tents", &paragraph(60));
        assert_eq!(article.meta_title, "Tents");
        assert!(article.meta_description.starts_with("word word") && article.meta_description.len() <= 160);
        assert!(article.excerpt.len() <= 300);
    }

    // REQ-B-8
    #[test]
    fn the_slug_is_ours_and_the_title_plain() {
        let text = json!({"title": "<b>Tents</b> & B\u{e4}ume", "slug": "evil", "html": paragraph(60)});
        let answer: ArticleAnswer = read(&text.to_string(), Ending::Whole).unwrap();
        let article = check(&answer, &commission(50)).unwrap();
        assert_eq!((article.title.as_str(), article.slug.as_str()), ("Tents & B\u{e4}ume", "tents-baume"));
        assert_eq!(kept(" ?! ", &paragraph(60)).title, "How to pitch a tent");
        assert_eq!(kept(&"word ".repeat(90), &paragraph(60)).title.len(), 199);
    }

    #[test]
    fn html_is_cleaned_and_bare_text_gets_paragraphs() {
        let article = kept("Tents", &format!("<h1 onclick=x>Tents</h1>{}<script>x</script>", paragraph(60)));
        assert!(article.html.starts_with("<h2>Tents</h2><p>word"), "{}", article.html);
        assert!(!article.html.contains("script"));
        let article = kept("Tents", &format!("One < two\n\n{}", "word ".repeat(60)));
        assert!(article.html.starts_with("<p>One &lt; two</p><p>word"), "{}", article.html);
    }

    #[test]
    fn labels_are_short_and_unlike_each_other() {
        let text = json!({"title": "Tents", "html": paragraph(60), "categories": ["Camping", " camping ", "", "x".repeat(61)],
            "tags": (0..30).map(|no| format!("tag {no}")).collect::<Vec<_>>()});
        let answer: ArticleAnswer = read(&text.to_string(), Ending::Whole).unwrap();
        let article = check(&answer, &commission(50)).unwrap();
        assert_eq!((article.categories, article.tags.len()), (vec!["Camping".to_owned()], TAGS_MAX));
    }

    proptest! {
        #[test]
        fn whatever_is_kept_is_within_its_limits(
            title in "\\PC{0,220}|[a-z ]{0,220}", html in "(\\PC|<p>|</p>| ){0,200}",
            meta in proptest::option::of("\\PC{0,200}|[a-z ]{0,220}"),
        ) {
            let text = json!({"title": title, "html": html, "metaTitle": meta, "metaDescription": meta, "excerpt": meta});
            let answer: ArticleAnswer = read(&text.to_string(), Ending::Whole).unwrap();
            if let Ok(article) = check(&answer, &commission(0)) {
                prop_assert!((1..=200).contains(&article.title.chars().count()));
                prop_assert!(article.meta_title.chars().count() <= 60 && article.meta_description.chars().count() <= 160);
                prop_assert!(article.excerpt.chars().count() <= 300 && !article.slug.is_empty());
                prop_assert_eq!(clean_html(&article.html), article.html);
            }
        }
    }
}
