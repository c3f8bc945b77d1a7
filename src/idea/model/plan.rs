//! What is to be written: what an idea proposes, and what a content task orders.

use std::collections::HashSet;

use super::{
    KEYWORDS_PER_IDEA_MAX, OUTLINE_CHARS_MAX, check_title,
    state::{TARGET_WORDS_MAX, TARGET_WORDS_MIN, TitleFault},
};
use crate::keyword::model::{ContentType, KeywordFault, KeywordText};

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its title, 5–200 characters.
    pub title: String,
    /// Its headings, one a line, up to 4,000 characters; may be empty.
    pub outline: String,
    /// The keywords it aims at, up to 20.
    pub keywords: Vec<String>,
    /// What kind of content it is.
    pub content_type: ContentType,
    /// Its length in words, 50–10,000.
    pub target_words: i32,
}

/// Why something cannot be written so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    /// The title is none.
    #[error(transparent)]
    Title(#[from] TitleFault),
    /// The outline is too long, or holds a control character.
    #[error("An outline has up to {OUTLINE_CHARS_MAX} characters and no control character but line ends. Change it.")]
    OutlineInvalid,
    /// There are too many keywords.
    #[error("There are {count} keywords; {KEYWORDS_PER_IDEA_MAX} is the most.")]
    TooManyKeywords {
        /// How many there are.
        count: usize,
    },
    /// One of the keywords is none.
    #[error("Number {position} of the keywords: {fault}")]
    Keyword {
        /// Which, from 1.
        position: usize,
        /// What is wrong with it.
        fault: KeywordFault,
    },
    /// The length is out of range.
    #[error("The length is {words} words; it must be {TARGET_WORDS_MIN}–{TARGET_WORDS_MAX}.")]
    TargetWordsInvalid {
        /// What was asked.
        words: i32,
    },
}

/// An outline as it is stored: trimmed, with plain line ends. Refuses: `OutlineInvalid`.
pub fn check_outline(text: &str) -> Result<String, PlanFault> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned();
    let sound = text.chars().count() <= OUTLINE_CHARS_MAX
        && !text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\t'));
    if sound { Ok(text) } else { Err(PlanFault::OutlineInvalid) }
}

/// Keywords as they are stored: each once, blanks collapsed. Refuses: `TooManyKeywords`, `Keyword`.
pub fn check_keywords(texts: &[String]) -> Result<Vec<String>, PlanFault> {
    if texts.len() > KEYWORDS_PER_IDEA_MAX {
        return Err(PlanFault::TooManyKeywords { count: texts.len() });
    }
    let mut seen = HashSet::new();
    let mut kept = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        let keyword = KeywordText::new(text).map_err(|fault| PlanFault::Keyword { position: at + 1, fault })?;
        if seen.insert(keyword.key()) {
            kept.push(keyword.as_str().to_owned());
        }
    }
    Ok(kept)
}

/// A length in words. Refuses: `TargetWordsInvalid`.
pub fn check_target_words(words: i32) -> Result<i32, PlanFault> {
    if (TARGET_WORDS_MIN..=TARGET_WORDS_MAX).contains(&words) {
        Ok(words)
    } else {
        Err(PlanFault::TargetWordsInvalid { words })
    }
}

impl Plan {
    /// The same plan as it is stored. Refuses: any [`PlanFault`].
    pub fn checked(self) -> Result<Self, PlanFault> {
        Ok(Self {
            title: check_title(&self.title)?,
            outline: check_outline(&self.outline)?,
            keywords: check_keywords(&self.keywords)?,
            content_type: self.content_type,
            target_words: check_target_words(self.target_words)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            title: "  How to\npitch a tent ".to_owned(),
            outline: " Where\r\nHow ".to_owned(),
            keywords: ["Tent", "TENT ", "big  tent"].map(str::to_owned).to_vec(),
            content_type: ContentType::Blog,
            target_words: 50,
        }
    }

    #[test]
    fn a_plan_is_stored_without_what_says_nothing() {
        let stored = plan().checked().unwrap();
        assert_eq!((stored.title.as_str(), stored.outline.as_str()), ("How to pitch a tent", "Where\nHow"));
        assert_eq!(stored.keywords, ["Tent", "big tent"]);
        assert_eq!(stored.clone().checked(), Ok(stored));
    }

    #[test]
    fn each_part_has_its_limit() {
        let refused = |change: fn(&mut Plan)| {
            let mut plan = plan();
            change(&mut plan);
            plan.checked().unwrap_err()
        };
        assert_eq!(refused(|plan| plan.title = "Tent".into()), PlanFault::Title(TitleFault::Length { length: 4 }));
        assert_eq!(refused(|plan| plan.outline = "é".repeat(4_001)), PlanFault::OutlineInvalid);
        assert_eq!(refused(|plan| plan.outline = "a\0b".into()), PlanFault::OutlineInvalid);
        let many = PlanFault::TooManyKeywords { count: 21 };
        assert_eq!(refused(|plan| plan.keywords = (0..21).map(|no| format!("k{no}")).collect()), many);
        let second = PlanFault::Keyword { position: 2, fault: KeywordFault::TextEmpty };
        assert_eq!(refused(|plan| plan.keywords[1] = "?".into()), second);
        for words in [49, 10_001, -1] {
            assert_eq!(check_target_words(words), Err(PlanFault::TargetWordsInvalid { words }));
        }
        assert_eq!((check_target_words(50), check_target_words(10_000)), (Ok(50), Ok(10_000)));
        assert!(check_outline(&"é".repeat(4_000)).is_ok());
    }
}
