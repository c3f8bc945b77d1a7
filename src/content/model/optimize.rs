//! Improving an article by a model: what is asked, what of the answer is kept, and the scores before and after.

use serde::Deserialize;
use serde_json::json;

use super::{
    article::{self, Article, ArticleAnswer, ArticleError, Commission},
    html::{plain_line, plain_text},
    score::{Score, Scored, score},
    words::count_words,
};
use crate::ai::model::{
    AiFunction,
    answer::Output,
    data_block::DataBlock,
    shape::{Field, Shape},
};
use crate::keyword::model::{ContentType, cut_at_word};
use crate::site::model::SiteContext;

/// What is said about the changes: lines at most.
pub const CHANGES_MAX: usize = 10;
/// Characters of such a line at most; a longer one is cut at a word.
pub const CHANGE_CHARS_MAX: usize = 200;

/// What a model answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OptimizeAnswer {
    /// The title.
    pub title: Option<String>,
    /// The article.
    pub html: String,
    /// What lists show of it.
    pub excerpt: Option<String>,
    /// The title for search engines.
    pub meta_title: Option<String>,
    /// The description for search engines.
    pub meta_description: Option<String>,
    /// What was changed.
    #[serde(default)]
    pub changes: Vec<String>,
}

impl Output for OptimizeAnswer {
    const FUNCTION: AiFunction = AiFunction::OptimizeContent;
    const SHAPE: Shape = Shape::Object(&[
        Field::optional("title", Shape::Text, "at most 200 characters; left out, it stays"),
        Field::required("html", Shape::Text, "the complete article in HTML, without the title"),
        Field::optional("excerpt", Shape::Text, "one or two sentences; left out, it stays"),
        Field::optional("metaTitle", Shape::Text, "at most 60 characters; left out, it stays"),
        Field::optional("metaDescription", Shape::Text, "at most 160 characters; left out, it stays"),
        Field::optional("changes", Shape::List(&Shape::Text), "what was changed and why, a short sentence each"),
    ]);
}

/// An article as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenArticle {
    /// The title.
    pub title: String,
    /// Its HTML.
    pub html: String,
    /// What lists show of it.
    pub excerpt: String,
    /// The title for search engines.
    pub meta_title: String,
    /// The description for search engines.
    pub meta_description: String,
    /// The target keywords, the most important one first.
    pub keywords: Vec<String>,
}

impl GivenArticle {
    fn score(&self) -> Score {
        score(&Scored {
            title: &self.title,
            html: &self.html,
            meta_title: &self.meta_title,
            meta_description: &self.meta_description,
            keywords: &self.keywords,
        })
    }
}

/// What one call is about.
pub fn data_block(site: &SiteContext, given: &GivenArticle) -> DataBlock {
    DataBlock::of::<OptimizeAnswer>()
        .with("site", site.value())
        .with(
            "article",
            json!({
                "title": given.title,
                "html": given.html,
                "excerpt": given.excerpt,
                "metaTitle": given.meta_title,
                "metaDescription": given.meta_description,
            }),
        )
        .with("keywords", json!(given.keywords))
}

/// An article before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Optimized {
    /// The article as it is to be kept. Its slug is of no use: an address stays. It has no categories and tags.
    pub article: Article,
    /// What was changed, in the model's words, plain.
    pub changes: Vec<String>,
    /// The score of what stood there.
    pub before: Score,
    /// The score of the new one. It may be lower; that is for people to judge.
    pub after: Score,
}

/// What is kept of an answer. What it leaves out stays as it was; half of the words must be left. Refuses: any
/// [`ArticleError`].
pub fn check(answer: &OptimizeAnswer, given: &GivenArticle) -> Result<Optimized, ArticleError> {
    let words = count_words(&plain_text(&given.html));
    let commission = Commission {
        title: given.title.clone(),
        outline: String::new(),
        keywords: given.keywords.clone(),
        content_type: ContentType::Blog,
        target_words: i32::try_from(words).unwrap_or(i32::MAX),
    };
    let or_given = |answered: &Option<String>, given: &str| {
        let said = answered.as_deref().filter(|text| !text.trim().is_empty());
        Some(said.unwrap_or(given).to_owned())
    };
    let whole = ArticleAnswer {
        title: or_given(&answer.title, &given.title).unwrap_or_default(),
        html: answer.html.clone(),
        excerpt: or_given(&answer.excerpt, &given.excerpt),
        meta_title: or_given(&answer.meta_title, &given.meta_title),
        meta_description: or_given(&answer.meta_description, &given.meta_description),
        categories: Vec::new(),
        tags: Vec::new(),
    };
    let article = article::check(&whole, &commission)?;
    let after = score(&Scored {
        title: &article.title,
        html: &article.html,
        meta_title: &article.meta_title,
        meta_description: &article.meta_description,
        keywords: &given.keywords,
    });
    let changes = answer.changes.iter().map(|line| cut_at_word(&plain_line(line), CHANGE_CHARS_MAX));
    let changes = changes.filter(|line| !line.is_empty()).take(CHANGES_MAX).collect();
    Ok(Optimized { article, changes, before: given.score(), after })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ai::model::answer::{AnswerError, Ending, read};

    fn given() -> GivenArticle {
        GivenArticle {
            title: "Camping".into(),
            html: format!("<p>{}</p>", "word ".repeat(200)),
            excerpt: "About camping".into(),
            meta_title: "Camping".into(),
            meta_description: "Camping for all".into(),
            keywords: vec!["tent".into()],
        }
    }

    fn checked(answer: serde_json::Value) -> Result<Optimized, AnswerError> {
        let answer: OptimizeAnswer = read(&answer.to_string(), Ending::Whole)?;
        check(&answer, &given()).map_err(AnswerError::from)
    }

    #[test]
    fn scores_before_and_after_and_keeps_what_is_left_out() {
        let html = format!("<h2>A tent</h2><p>A tent is home. {}</p><script>x</script>", "word ".repeat(150));
        let done = checked(json!({"title": "Your tent", "html": html, "changes": ["<b>Put</b> the tent first", " "]}))
            .unwrap();
        assert!(done.after.total > done.before.total, "{done:?}");
        assert_eq!((done.article.title.as_str(), done.article.meta_title.as_str()), ("Your tent", "Camping"));
        assert_eq!(
            (done.article.excerpt.as_str(), done.changes),
            ("About camping", vec!["Put the tent first".to_owned()])
        );
        assert!(!done.article.html.contains("script"));
    }

    // REQ-B-8, REQ-B-9
    #[test]
    fn an_article_that_lost_half_its_words_or_all_is_none() {
        let code = |html: &str| checked(json!({ "html": html })).unwrap_err().code();
        assert_eq!(code("<p>Short.</p>"), "TOO_SHORT");
        assert_eq!(code("<p>Error: overloaded</p>"), "EMPTY_OUTPUT");
        assert_eq!(code(""), "EMPTY_OUTPUT");
        assert_eq!(checked(json!({"title": "x"})).unwrap_err().code(), "PARSE_FAILED");
    }
}
