//! The phrases that tell an image model nothing: data, which an administrator may edit.

use std::collections::HashSet;

use super::super::{clause::length, key::collapse_blanks, key::fold};

/// The shipped phrases.
pub const DEFAULT_PHRASES: [&str; 15] = [
    "no text unless otherwise specified",
    "no gibberish text",
    "no fake letters",
    "no strange characters",
    "only real readable words if text is included",
    "no blur",
    "no distortion",
    "high quality",
    "professional",
    "professional design",
    "authentic design",
    "family-friendly design",
    "premium design",
    "modern design",
    "enchanting design",
];

/// The most phrases of a list.
pub const PHRASES_MAX: usize = 500;
/// The most characters of a phrase.
pub const PHRASE_LENGTH_MAX: usize = 200;

/// Why a list of phrases cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhraseError {
    /// There are too many.
    #[error("There are {count} phrases; {PHRASES_MAX} is the most. Remove some.")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// A phrase has no letter or digit.
    #[error("Phrase {index} says nothing. Remove it.")]
    Empty {
        /// Its place in the list, from 0.
        index: usize,
    },
    /// A phrase is too long.
    #[error("Phrase {index} has {length} characters; {PHRASE_LENGTH_MAX} is the most. Shorten it.")]
    TooLong {
        /// Its place in the list, from 0.
        index: usize,
        /// Its length in Unicode scalar values.
        length: usize,
    },
    /// A phrase holds a comma, quote or bracket, so no clause could ever be covered by it.
    #[error("Phrase {index} holds a comma, quote or bracket. Split it into phrases without.")]
    NotOneClause {
        /// Its place in the list, from 0.
        index: usize,
    },
}

impl PhraseError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooMany { .. } => "TOO_MANY_PHRASES",
            Self::Empty { .. } | Self::TooLong { .. } | Self::NotOneClause { .. } => "PHRASE_INVALID",
        }
    }
}

/// Checked phrases, ready to be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrases {
    texts: Vec<String>,
    /// Folded words, longest phrase first.
    words: Vec<Vec<String>>,
}

impl Default for Phrases {
    fn default() -> Self {
        Self::build(DEFAULT_PHRASES.iter().map(|phrase| (*phrase).to_owned()).collect())
    }
}

impl Phrases {
    /// Checks a list. Repeated phrases (any case) are kept once; blanks are collapsed.
    /// Refuses: `TooMany`, `Empty`, `TooLong`, `NotOneClause`.
    pub fn new(list: &[String]) -> Result<Self, PhraseError> {
        if list.len() > PHRASES_MAX {
            return Err(PhraseError::TooMany { count: list.len() });
        }
        let mut seen = HashSet::new();
        let mut texts = Vec::new();
        for (index, phrase) in list.iter().enumerate() {
            let phrase = collapse_blanks(phrase);
            let length = length(&phrase);
            if !phrase.chars().any(char::is_alphanumeric) {
                return Err(PhraseError::Empty { index });
            } else if length > PHRASE_LENGTH_MAX {
                return Err(PhraseError::TooLong { index, length });
            } else if phrase.contains([',', '"', '(', ')', '[', ']', '{', '}', '\u{201c}', '\u{201d}']) {
                return Err(PhraseError::NotOneClause { index });
            } else if seen.insert(fold(&phrase)) {
                texts.push(phrase);
            }
        }
        Ok(Self::build(texts))
    }

    fn build(texts: Vec<String>) -> Self {
        let mut words: Vec<Vec<String>> = texts.iter().map(|phrase| words_of(phrase)).collect();
        words.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
        Self { texts, words }
    }

    /// The phrases as written.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether phrases alone cover `clause`: joined by blanks, "and" or "&", after an optional leading "and".
    pub fn cover(&self, clause: &str) -> bool {
        let words = words_of(clause);
        let words = match words.split_first() {
            Some((first, rest)) if first == "and" && !rest.is_empty() => rest,
            _ => words.as_slice(),
        };
        // covered[n]: the first n words are phrases. Every split is tried, so that a longer phrase
        // never hides that two others would cover the clause.
        let mut covered = vec![false; words.len() + 1];
        for end in 1..=words.len() {
            let here = self.words.iter().any(|phrase| self.ends_with(words, end, phrase, &covered));
            covered.iter_mut().skip(end).take(1).for_each(|place| *place = here);
        }
        !words.is_empty() && covered.last() == Some(&true)
    }

    /// Whether the first `end` words are covered with `phrase` as the last one.
    fn ends_with(&self, words: &[String], end: usize, phrase: &[String], covered: &[bool]) -> bool {
        let Some(start) = end.checked_sub(phrase.len()) else { return false };
        if words.get(start..end) != Some(phrase) {
            return false;
        }
        let joined = start.checked_sub(1).is_some_and(|join| {
            let word = words.get(join).map(String::as_str);
            matches!(word, Some("and" | "&")) && join > 0 && covered.get(join) == Some(&true)
        });
        start == 0 || covered.get(start) == Some(&true) || joined
    }
}

fn words_of(text: &str) -> Vec<String> {
    fold(text).replace('&', " & ").split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_clauses_made_of_phrases_alone() {
        let phrases = Phrases::default();
        for clause in [
            "no blur",
            "High  Quality",
            "professional design",
            "high quality professional design",
            "high quality and professional",
            "and no blur & no distortion",
            "professional&premium design",
            "professional professional design",
        ] {
            assert!(phrases.cover(clause), "{clause}");
        }
        for clause in [
            "professional lighting",
            "and",
            "",
            "high quality and",
            "high quality and and no blur",
            "& no blur",
            "no blur.",
            "design",
            "unprofessional",
            "professional designs",
        ] {
            assert!(!phrases.cover(clause), "{clause}");
        }
    }

    #[test]
    fn a_long_phrase_never_hides_that_two_short_ones_cover() {
        let list = ["a b c", "a b", "c d"].map(str::to_owned);
        assert!(Phrases::new(&list).unwrap().cover("a b c d"));
    }

    #[test]
    fn checks_a_list() {
        let list = |phrases: &[&str]| Phrases::new(&phrases.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
        assert_eq!(list(&["No  Blur", "no blur"]).unwrap().texts(), ["No Blur"]);
        assert!(list(&[]).is_ok_and(|phrases| !phrases.cover("no blur")));
        assert_eq!(list(&["a", " - "]), Err(PhraseError::Empty { index: 1 }));
        assert_eq!(list(&["a, b"]), Err(PhraseError::NotOneClause { index: 0 }));
        assert_eq!(list(&["x".repeat(201).as_str()]), Err(PhraseError::TooLong { index: 0, length: 201 }));
        assert_eq!(list(&["x"; 501]), Err(PhraseError::TooMany { count: 501 }));
        assert_eq!(list(&DEFAULT_PHRASES), Ok(Phrases::default()));
    }
}
