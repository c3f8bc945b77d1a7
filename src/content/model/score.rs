//! How well an article serves its keywords, by rules that anybody can check: 0–100, with the points of each rule.
//!
//! It is arithmetic over the text, not a prediction of what a search engine does.

use super::{
    html::{Block, blocks},
    words::{count_words, mentions},
};

/// What is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scored<'a> {
    /// The title.
    pub title: &'a str,
    /// The article, cleaned or not.
    pub html: &'a str,
    /// The title for search engines.
    pub meta_title: &'a str,
    /// The description for search engines.
    pub meta_description: &'a str,
    /// The target keywords, the most important one first.
    pub keywords: &'a [String],
}

/// What one rule gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleScore {
    /// The stable name of the rule.
    pub rule: &'static str,
    /// What it asks for, a sentence.
    pub text: &'static str,
    /// What it gave.
    pub points: u32,
    /// What it can give.
    pub points_max: u32,
}

/// A score and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// 0–100: the share of the points that could be had, down to a whole number.
    pub total: i32,
    /// Every rule that applies, in a fixed order. Without keywords those about keywords do not.
    pub rules: Vec<RuleScore>,
}

const OPENING_WORDS: usize = 100;
const META_TITLE_GOOD: std::ops::RangeInclusive<usize> = 30..=60;
const META_DESCRIPTION_GOOD: std::ops::RangeInclusive<usize> = 70..=160;
const WORDS_GOOD: usize = 600;
const WORDS_PER_HEADING: usize = 300;
/// Mentions of the first keyword per 1,000 words, above which the text reads as stuffed.
const DENSITY_MAX: usize = 30;
const PARAGRAPH_WORDS_MAX: usize = 150;

/// Scores an article. Equal input gives an equal score.
pub fn score(scored: &Scored<'_>) -> Score {
    let blocks = blocks(scored.html);
    let rules: Vec<RuleScore> = keyword_rules(scored, &blocks).into_iter().chain(form_rules(scored, &blocks)).collect();
    let sum = |of: fn(&RuleScore) -> u32| rules.iter().map(of).sum::<u32>();
    let total = (100 * sum(|rule| rule.points)).checked_div(sum(|rule| rule.points_max)).unwrap_or(0);
    Score { total: i32::try_from(total).unwrap_or(100), rules }
}

fn rule(rule: &'static str, text: &'static str, points: u32, points_max: u32) -> RuleScore {
    RuleScore { rule, text, points: points.min(points_max), points_max }
}

fn all_or_nothing(name: &'static str, text: &'static str, points_max: u32, is_kept: bool) -> RuleScore {
    rule(name, text, if is_kept { points_max } else { 0 }, points_max)
}

/// The rules about keywords, 60 points.
fn keyword_rules(scored: &Scored<'_>, blocks: &[Block]) -> Vec<RuleScore> {
    let Some(first) = scored.keywords.iter().find(|keyword| !keyword.trim().is_empty()) else { return Vec::new() };
    let text = joined(blocks.iter());
    let opening: Vec<&str> =
        blocks.iter().filter(|block| block.heading.is_none()).flat_map(|block| block.text.split(' ')).collect();
    let opening = opening.iter().take(OPENING_WORDS).copied().collect::<Vec<_>>().join(" ");
    let headings = joined(blocks.iter().filter(|block| block.heading.is_some()));
    let has = |text: &str| mentions(text, first) > 0;
    let per_thousand = (mentions(&text, first) * 1_000).div_ceil(count_words(&text).max(1));
    let others: Vec<&String> = scored.keywords.iter().filter(|keyword| *keyword != first).collect();
    let covered = others.iter().filter(|keyword| mentions(&text, keyword) > 0).count();
    let covered = share(10, covered, others.len());
    vec![
        all_or_nothing("KEYWORD_IN_TITLE", "The title holds the first keyword.", 15, has(scored.title)),
        all_or_nothing("KEYWORD_IN_OPENING", "The first 100 words hold the first keyword.", 10, has(&opening)),
        all_or_nothing("KEYWORD_IN_HEADING", "A heading holds the first keyword.", 10, has(&headings)),
        all_or_nothing(
            "KEYWORD_IN_META",
            "The meta title or the meta description holds the first keyword.",
            5,
            has(scored.meta_title) || has(scored.meta_description),
        ),
        all_or_nothing(
            "KEYWORD_DENSITY",
            "The first keyword stands in the text, at most 30 times in 1,000 words or twice.",
            10,
            per_thousand > 0 && (per_thousand <= DENSITY_MAX || mentions(&text, first) <= 2),
        ),
        rule("KEYWORDS_COVERED", "The text holds the other keywords; points by their share.", covered, 10),
    ]
}

/// The rules about the form, 40 points.
fn form_rules(scored: &Scored<'_>, blocks: &[Block]) -> Vec<RuleScore> {
    let words: usize = blocks.iter().map(|block| count_words(&block.text)).sum();
    let headings = blocks.iter().filter(|block| block.heading == Some(2)).count();
    let paragraphs: Vec<&Block> = blocks.iter().filter(|block| block.heading.is_none()).collect();
    let short = paragraphs.iter().filter(|block| count_words(&block.text) <= PARAGRAPH_WORDS_MAX).count();
    let length = |text: &str| text.trim().chars().count();
    vec![
        all_or_nothing(
            "META_TITLE_LENGTH",
            "The meta title has 30–60 characters.",
            10,
            META_TITLE_GOOD.contains(&length(scored.meta_title)),
        ),
        all_or_nothing(
            "META_DESCRIPTION_LENGTH",
            "The meta description has 70–160 characters.",
            10,
            META_DESCRIPTION_GOOD.contains(&length(scored.meta_description)),
        ),
        rule("LENGTH", "The text has 600 words; points by the share.", share(8, words, WORDS_GOOD), 8),
        rule(
            "HEADINGS",
            "There is a heading of the second level for every 300 words; points by the share.",
            share(7, headings, words.div_ceil(WORDS_PER_HEADING).max(1)),
            7,
        ),
        rule(
            "PARAGRAPHS",
            "Paragraphs have at most 150 words; points by their share.",
            if paragraphs.is_empty() { 0 } else { share(5, short, paragraphs.len()) },
            5,
        ),
    ]
}

fn joined<'a>(blocks: impl Iterator<Item = &'a Block>) -> String {
    blocks.map(|block| block.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// The part of `points` that `part` of `whole` earns, down; all of nothing is all.
fn share(points: u32, part: usize, whole: usize) -> u32 {
    let earned = usize::try_from(points).unwrap_or(0).saturating_mul(part.min(whole)).checked_div(whole);
    earned.map_or(points, |earned| u32::try_from(earned).unwrap_or(points))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const META: &str = "Everything on how to pitch a tent in the rain, on rock and on sand, with pictures.";

    fn good() -> String {
        let paragraph = format!("<p>To pitch a tent, find flat ground. {}</p>", "Then drive each peg. ".repeat(20));
        format!(
            "<h2>Pitch a tent in the rain</h2>{paragraph}<h2>A family tent</h2>{paragraph}<h2>Pegs</h2>{}",
            paragraph.repeat(6)
        )
    }

    fn points(scored: &Scored<'_>, name: &str) -> u32 {
        score(scored).rules.iter().find(|rule| rule.rule == name).unwrap().points
    }

    #[test]
    fn each_rule_gives_its_points_and_explains_itself() {
        let keywords = ["pitch a tent".to_owned(), "family tent".to_owned()];
        let html = good();
        let all = Scored {
            title: "How to Pitch a Tent",
            html: &html,
            meta_title: "How to pitch a tent in any weather",
            meta_description: META,
            keywords: &keywords,
        };
        let full = score(&all);
        assert_eq!(full.total, 100, "{full:?}");
        assert_eq!(full.rules.iter().map(|rule| rule.points_max).sum::<u32>(), 100);
        assert!(full.rules.iter().all(|rule| rule.text.ends_with('.')));
        let no_heading = html.replace("h2>", "p>");
        let long_paragraph = format!("<p>{}</p>{html}", "word ".repeat(200));
        let stuffed = format!("{html}<p>{}</p>", "pitch a tent ".repeat(60));
        for (name, worse, expected) in [
            ("KEYWORD_IN_TITLE", Scored { title: "How to camp", ..all }, 0),
            ("KEYWORD_IN_OPENING", Scored { html: &long_paragraph, ..all }, 0),
            ("KEYWORD_IN_HEADING", Scored { html: &no_heading, ..all }, 0),
            ("KEYWORD_IN_META", Scored { meta_title: "", meta_description: "", ..all }, 0),
            ("KEYWORD_DENSITY", Scored { html: &stuffed, ..all }, 0),
            ("KEYWORDS_COVERED", Scored { keywords: &["tent".into(), "family tent".into(), "kayak".into()], ..all }, 5),
            ("META_TITLE_LENGTH", Scored { meta_title: "Pitch a tent", ..all }, 0),
            ("META_DESCRIPTION_LENGTH", Scored { meta_description: "Pitch a tent", ..all }, 0),
            ("LENGTH", Scored { html: "<p>pitch a tent</p>", ..all }, 0),
            ("HEADINGS", Scored { html: &no_heading, ..all }, 0),
            ("PARAGRAPHS", Scored { html: &long_paragraph, ..all }, 4),
        ] {
            assert_eq!(points(&worse, name), expected, "{name}");
            assert!(score(&worse).total < 100, "{name}");
        }
    }

    #[test]
    fn without_keywords_only_the_form_counts() {
        let html = good();
        let scored = Scored { title: "", html: &html, meta_title: &META[..50], meta_description: META, keywords: &[] };
        let scored = score(&scored);
        assert_eq!((scored.total, scored.rules.len()), (100, 5));
    }

    proptest! {
        #[test]
        fn a_score_is_0_to_100_for_anything(
            title in "\\PC{0,20}", html in "(\\PC|<p>|<h2>|tent ){0,60}",
            keywords in proptest::collection::vec("\\PC{0,6}|tent", 0..4),
        ) {
            let scored = Scored { title: &title, html: &html, meta_title: &title, meta_description: &title, keywords: &keywords };
            let scored = score(&scored);
            prop_assert!((0..=100).contains(&scored.total));
            prop_assert!(scored.rules.iter().all(|rule| rule.points <= rule.points_max));
        }
    }
}
