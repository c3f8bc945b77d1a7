//! Finding ideas by a model: what is asked, and what of the answer counts.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::json;

use super::state::{TARGET_WORDS, TARGET_WORDS_MAX, TARGET_WORDS_MIN, TITLE_CHARS_MAX, TITLE_CHARS_MIN, TitleFault};
use crate::ai::model::{
    AiFunction,
    answer::{AnswerError, Output},
    data_block::DataBlock,
    shape::{FAULTS_MAX, Fault, Field, Shape},
};
use crate::keyword::model::{ContentType, cut_at_word, text_key};
use crate::prompt::model::collapse_blanks;
use crate::site::model::SiteContext;

/// Ideas of one call where nobody says how many.
pub const IDEAS_WANTED: usize = 3;
/// Ideas of one call at most.
pub const IDEAS_MAX: usize = 10;
/// Characters of an outline at most; a longer one loses its last lines.
pub const OUTLINE_CHARS_MAX: usize = 4_000;
/// Target keywords of an idea at most.
pub const KEYWORDS_PER_IDEA_MAX: usize = 20;

/// Why ideas cannot be asked for, or an answer holds none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdeaError {
    /// The number is out of range.
    #[error("The number of ideas is {wanted}; it must be 1–{IDEAS_MAX}.")]
    WantedOutOfRange {
        /// What was asked.
        wanted: i32,
    },
    /// No idea is left.
    #[error("No idea of the answer can be used.")]
    NoneLeft {
        /// What is wrong with each.
        faults: Vec<Fault>,
    },
}

impl IdeaError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WantedOutOfRange { .. } => "COUNT_OUT_OF_RANGE",
            Self::NoneLeft { .. } => "NOTHING_USABLE",
        }
    }
}

impl From<IdeaError> for AnswerError {
    fn from(error: IdeaError) -> Self {
        let code = error.code();
        let faults = match error {
            IdeaError::NoneLeft { faults } => faults,
            IdeaError::WantedOutOfRange { .. } => Vec::new(),
        };
        Self::Unusable { code, faults }
    }
}

/// How many ideas are wanted; `None` is the default. Refuses: `WantedOutOfRange`.
pub fn check_wanted(wanted: Option<i32>) -> Result<usize, IdeaError> {
    let Some(wanted) = wanted else { return Ok(IDEAS_WANTED) };
    let count = usize::try_from(wanted).ok().filter(|count| (1..=IDEAS_MAX).contains(count));
    count.ok_or(IdeaError::WantedOutOfRange { wanted })
}

/// Reads a title: 5–200 characters, blanks collapsed. Refuses: any [`TitleFault`].
pub fn check_title(text: &str) -> Result<String, TitleFault> {
    let title = collapse_blanks(text);
    let length = title.chars().count();
    if !(TITLE_CHARS_MIN..=TITLE_CHARS_MAX).contains(&length) {
        return Err(TitleFault::Length { length });
    }
    if title.chars().any(char::is_control) || !title.chars().any(char::is_alphanumeric) {
        return Err(TitleFault::Letters);
    }
    Ok(title)
}

/// What a model answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IdeaAnswer {
    /// The ideas, in the model's order.
    pub ideas: Vec<AnsweredIdea>,
}

/// An idea as a model writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnsweredIdea {
    /// Its title.
    pub title: String,
    /// Its headings.
    #[serde(default)]
    pub outline: Vec<String>,
    /// The cluster's keywords that it serves.
    #[serde(default)]
    pub target_keywords: Vec<String>,
    /// What kind of content it is for.
    pub content_type: Option<String>,
    /// How long it should be.
    pub target_words: Option<i64>,
}

const IDEA: Shape = Shape::Object(&[
    Field::required("title", Shape::Text, "5 to 200 characters"),
    Field::optional("outline", Shape::List(&Shape::Text), "four to eight headings"),
    Field::optional("targetKeywords", Shape::List(&Shape::Text), "keywords of the cluster, spelled exactly as there"),
    Field::optional("contentType", Shape::Choice(ContentType::WORDS), ""),
    Field::optional("targetWords", Shape::Whole, "the length in words, 50 to 10000"),
]);

impl Output for IdeaAnswer {
    const FUNCTION: AiFunction = AiFunction::GenerateIdeas;
    const SHAPE: Shape = Shape::Object(&[Field::required("ideas", Shape::List(&IDEA), "as many as wanted")]);
}

/// The cluster that ideas are wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenCluster {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// What kind of content serves it; what an idea is for that does not say.
    pub content_type: ContentType,
    /// The texts of its keywords.
    pub keywords: Vec<String>,
    /// The titles of its ideas so far, rejected ones too.
    pub titles: Vec<String>,
}

/// What one call is about.
pub fn data_block(site: &SiteContext, cluster: &GivenCluster, wanted: usize) -> DataBlock {
    let described = json!({
        "name": cluster.name,
        "description": cluster.description,
        "type": cluster.content_type.as_str(),
        "keywords": cluster.keywords,
    });
    DataBlock::of::<IdeaAnswer>()
        .with("site", site.value())
        .with("cluster", described)
        .with("existingTitles", if cluster.titles.is_empty() { json!(null) } else { json!(cluster.titles) })
        .with("wanted", wanted)
}

/// An idea to write down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundIdea {
    /// 5–200 characters; unlike any other of the cluster.
    pub title: String,
    /// Its headings, one a line; may be empty.
    pub outline: String,
    /// Keywords of the cluster, as the cluster spells them.
    pub target_keywords: Vec<String>,
    /// What kind of content it is for.
    pub content_type: ContentType,
    /// Its length in words, 50–10,000.
    pub target_words: i32,
}

/// What an answer comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundIdeas {
    /// At least one, at most as many as were wanted.
    pub ideas: Vec<FoundIdea>,
    /// How many had a title that is there already.
    pub repeated: usize,
    /// How many had no title that can be used.
    pub faulty: usize,
    /// How many came beyond those wanted.
    pub surplus: usize,
}

/// What counts of an answer. One idea is enough. Refuses: `NoneLeft`.
pub fn check(answer: &IdeaAnswer, cluster: &GivenCluster, wanted: usize) -> Result<FoundIdeas, IdeaError> {
    let mut taken: HashSet<String> = cluster.titles.iter().map(|title| text_key(title)).collect();
    let mut found = FoundIdeas { ideas: Vec::new(), repeated: 0, faulty: 0, surplus: 0 };
    let mut faults = Vec::new();
    for (at, idea) in answer.ideas.iter().enumerate() {
        let place = format!("ideas[{at}].title");
        let title = match check_title(&idea.title) {
            Ok(title) => title,
            Err(fault) => {
                found.faulty += 1;
                faults.push(Fault::new(place, fault.to_string().trim_end_matches('.')));
                continue;
            }
        };
        if !taken.insert(text_key(&title)) {
            found.repeated += 1;
            faults.push(Fault::new(place, "is the title of another idea"));
        } else if found.ideas.len() >= wanted {
            found.surplus += 1;
        } else {
            found.ideas.push(found_idea(idea, title, cluster));
        }
    }
    if found.ideas.is_empty() {
        if faults.is_empty() {
            faults.push(Fault::new("ideas", "is an empty list"));
        }
        faults.truncate(FAULTS_MAX);
        return Err(IdeaError::NoneLeft { faults });
    }
    Ok(found)
}

fn found_idea(idea: &AnsweredIdea, title: String, cluster: &GivenCluster) -> FoundIdea {
    let said: HashSet<String> = idea.target_keywords.iter().map(|text| text_key(text)).collect();
    let served = cluster.keywords.iter().filter(|text| said.contains(&text_key(text)));
    let target = idea.target_words.map_or(TARGET_WORDS, |words| i32::try_from(words.max(0)).unwrap_or(i32::MAX));
    FoundIdea {
        title,
        outline: outline(&idea.outline),
        target_keywords: served.take(KEYWORDS_PER_IDEA_MAX).cloned().collect(),
        content_type: idea.content_type.as_deref().and_then(ContentType::lenient).unwrap_or(cluster.content_type),
        target_words: target.clamp(TARGET_WORDS_MIN, TARGET_WORDS_MAX),
    }
}

/// Headings, one a line, as many as fit whole.
fn outline(headings: &[String]) -> String {
    let mut text = String::new();
    let mut length = 0;
    for heading in headings.iter().map(|heading| cut_at_word(heading, TITLE_CHARS_MAX)).filter(|h| !h.is_empty()) {
        length += heading.chars().count() + 1;
        if length > OUTLINE_CHARS_MAX {
            break;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&heading);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ai::model::answer::{Ending, read};

    fn cluster(titles: &[&str]) -> GivenCluster {
        GivenCluster {
            name: "Tents".into(),
            description: None,
            content_type: ContentType::Page,
            keywords: ["Tent", "big tent"].map(str::to_owned).to_vec(),
            titles: titles.iter().map(|title| (*title).to_owned()).collect(),
        }
    }

    fn idea(title: &str) -> AnsweredIdea {
        AnsweredIdea {
            title: title.to_owned(),
            outline: Vec::new(),
            target_keywords: Vec::new(),
            content_type: None,
            target_words: None,
        }
    }

    fn titles(answer: &[&str], existing: &[&str], wanted: usize) -> Result<Vec<String>, IdeaError> {
        let answer = IdeaAnswer { ideas: answer.iter().map(|title| idea(title)).collect() };
        let found = check(&answer, &cluster(existing), wanted)?;
        Ok(found.ideas.into_iter().map(|idea| idea.title).collect())
    }

    // REQ-B-8: a title has 5–200 characters.
    #[test]
    fn a_title_has_5_to_200_characters() {
        assert_eq!(check_title("  Tents\n now "), Ok("Tents now".to_owned()));
        assert_eq!(check_title("Tent"), Err(TitleFault::Length { length: 4 }));
        assert!(check_title("Zelte").is_ok() && check_title(&"é".repeat(200)).is_ok());
        assert_eq!(check_title(&"é".repeat(201)), Err(TitleFault::Length { length: 201 }));
        assert_eq!(
            (check_title("ten\u{7}ts"), check_title("?????")),
            (Err(TitleFault::Letters), Err(TitleFault::Letters))
        );
        assert_eq!(titles(&["Tent", "How to pitch a tent", ""], &[], 3).unwrap(), ["How to pitch a tent"]);
    }

    // REQ-B-8: duplicates are dropped, by key, those that are there already too.
    #[test]
    fn an_idea_that_is_there_is_dropped() {
        let found = titles(&["Big Tents", "big  tents", "BIG TENTS", "Small tents", "old TENTS"], &["Old tents"], 5);
        assert_eq!(found.unwrap(), ["Big Tents", "Small tents"]);
    }

    // REQ-B-8: one is enough, none fails with a fault for each.
    #[test]
    fn one_idea_is_enough_and_none_fails() {
        assert_eq!(titles(&["Big tents"], &[], 3).unwrap(), ["Big tents"]);
        let error = AnswerError::from(titles(&["Big tents", "x"], &["big tents"], 3).unwrap_err());
        assert_eq!(error.code(), "NOTHING_USABLE");
        let faults: Vec<String> = error.faults().iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "ideas[0].title: is the title of another idea",
                "ideas[1].title: The title has 1 characters; it must have 5–200",
            ]
        );
        assert_eq!(AnswerError::from(titles(&[], &[], 3).unwrap_err()).faults()[0].path, "ideas");
    }

    #[test]
    fn no_more_ideas_than_wanted() {
        let answer = IdeaAnswer { ideas: (0..12).map(|no| idea(&format!("Title {no}"))).collect() };
        let found = check(&answer, &cluster(&[]), 3).unwrap();
        assert_eq!((found.ideas.len(), found.surplus), (3, 9));
        assert_eq!((check_wanted(None), check_wanted(Some(1)), check_wanted(Some(10))), (Ok(3), Ok(1), Ok(10)));
        for wanted in [0, 11, -1, i32::MAX] {
            assert_eq!(check_wanted(Some(wanted)), Err(IdeaError::WantedOutOfRange { wanted }));
        }
    }

    #[test]
    fn what_an_idea_says_is_kept_within_its_limits() {
        let text = json!({"ideas": [{
            "title": "How to pitch a tent", "outline": [" Where \n", "", "How"], "contentType": "blog",
            "targetKeywords": ["TENT", "kayak", "tent"], "targetWords": 99_999_999_999_i64,
        }, {"title": "Another one", "targetWords": -5}]});
        let answer: IdeaAnswer = read(&text.to_string(), Ending::Whole).unwrap();
        let found = check(&answer, &cluster(&[]), 3).unwrap().ideas;
        assert_eq!(found[0].outline, "Where\nHow");
        assert_eq!(found[0].target_keywords, ["Tent"]);
        assert_eq!((found[0].content_type, found[0].target_words), (ContentType::Blog, 10_000));
        assert_eq!((found[1].content_type, found[1].target_words), (ContentType::Page, 50));
        assert_eq!(outline(&vec!["word ".repeat(30); 100]).lines().count(), 4_000 / 150);
    }

    proptest! {
        #[test]
        fn titles_are_unlike_each_other_and_within_their_limits(
            texts in proptest::collection::vec("[aA b]{3,8}|\\PC{0,8}", 0..14), wanted in 1_usize..=10,
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let existing = ["aaaaa", "a a a"];
            if let Ok(found) = titles(&texts, &existing, wanted) {
                prop_assert!((1..=wanted).contains(&found.len()));
                let keys: HashSet<String> = found.iter().map(|title| text_key(title)).collect();
                prop_assert_eq!(keys.len(), found.len());
                for title in &found {
                    prop_assert!((5..=200).contains(&title.chars().count()));
                    prop_assert!(!existing.contains(&text_key(title).as_str()));
                }
            }
        }
    }
}
