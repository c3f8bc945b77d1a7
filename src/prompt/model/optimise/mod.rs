//! The optimiser: takes clauses that tell an image model nothing out of a prompt and mends its punctuation.
//! It removes whole clauses or nothing; it must never know which prompts there are.

#[cfg(test)]
mod laws;
mod phrase;
mod report;

use std::collections::HashSet;

pub use phrase::{DEFAULT_PHRASES, PHRASE_LENGTH_MAX, PHRASES_MAX, PhraseError, Phrases};
pub use report::{OptimiseItem, OptimiseReport, OptimiseRow, OptimiseStatus, OptimiseTotals, optimise_all};

use super::{
    clause::{Sentence, clause_key, is_closing, is_mark, length, sentences},
    clean::mend,
    prompt::CONTENT_MAX,
};

/// What optimising a text came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Optimised {
    /// The text is clean as it is.
    Unchanged,
    /// The text is better so.
    Changed {
        /// The new text.
        text: String,
        /// The clauses left out, in their order.
        removed: Vec<String>,
    },
    /// Nothing would be left, so the text stays.
    RefusedEmpty,
    /// Mended commas need blanks, and with them the text would be longer than a prompt may be, so it stays.
    RefusedTooLong,
}

impl Optimised {
    /// The text that stands afterwards.
    pub fn text<'a>(&'a self, before: &'a str) -> &'a str {
        match self {
            Self::Changed { text, .. } => text,
            Self::Unchanged | Self::RefusedEmpty | Self::RefusedTooLong => before,
        }
    }
}

/// Takes clauses covered by `phrases` out of `text`, except those that equal one of `protected` in any case,
/// and mends its punctuation. Optimising the result again changes nothing.
pub fn optimise(text: &str, phrases: &Phrases, protected: &[String]) -> Optimised {
    let protected: HashSet<String> = protected.iter().map(|clause| clause_key(clause)).collect();
    let mut removed = Vec::new();
    let mut now = text.to_owned();
    // A clause that goes can leave a mark at the end of the one before it, which then ends a sentence.
    loop {
        let next = pass(&now, phrases, &protected, &mut removed);
        if next.is_empty() && !text.is_empty() {
            return Optimised::RefusedEmpty;
        }
        if next == now {
            break;
        }
        now = next;
    }
    if now == text {
        Optimised::Unchanged
    } else if length(&now) > CONTENT_MAX {
        Optimised::RefusedTooLong
    } else {
        Optimised::Changed { text: now, removed }
    }
}

/// Whether the optimiser would take a clause out of `text`.
pub fn has_redundant_phrase(text: &str, phrases: &Phrases, protected: &[String]) -> bool {
    let protected: HashSet<String> = protected.iter().map(|clause| clause_key(clause)).collect();
    let mut removed = Vec::new();
    pass(text, phrases, &protected, &mut removed);
    removed.iter().any(|clause| phrases.cover(clause))
}

fn pass(text: &str, phrases: &Phrases, protected: &HashSet<String>, removed: &mut Vec<String>) -> String {
    let text = mend(text);
    let mut out = String::with_capacity(text.len());
    let mut gap = "";
    for sentence in sentences(&text) {
        let kept = keep(&sentence, phrases, protected, removed);
        if !kept.is_empty() {
            out.push_str(gap);
            out.push_str(&kept.join(", "));
            out.push_str(sentence.mark);
            gap = sentence.gap;
        }
    }
    out
}

fn keep<'a>(
    sentence: &Sentence<'a>,
    phrases: &Phrases,
    protected: &HashSet<String>,
    removed: &mut Vec<String>,
) -> Vec<&'a str> {
    let mut kept = Vec::new();
    for clause in sentence.clauses.iter().map(|clause| without_lost_marks(clause)) {
        let says = clause.chars().any(char::is_alphanumeric);
        if says && (!phrases.cover(clause) || protected.contains(&clause_key(clause))) {
            kept.push(clause);
        } else if !clause.is_empty() {
            removed.push(clause.to_owned());
        }
    }
    // A mark before a comma ends no sentence, but it does once the clauses after it are gone.
    while let Some(last) = kept.pop_if(|last| ends_covered(last, phrases, protected)) {
        removed.push(last.to_owned());
    }
    kept
}

/// Marks before a closing sign at the start of a clause belong to nothing.
fn without_lost_marks(clause: &str) -> &str {
    let rest = clause.trim_start_matches(is_mark);
    if rest.starts_with(is_closing) { rest } else { clause }
}

fn ends_covered(clause: &str, phrases: &Phrases, protected: &HashSet<String>) -> bool {
    let words = clause.trim_end_matches(is_mark);
    words.len() < clause.len() && phrases.cover(words) && !protected.contains(&clause_key(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Optimised {
        optimise(text, &Phrases::default(), &[])
    }

    #[test]
    fn keeps_every_example_row() {
        for (before, after) in [
            ("lanterns over water, high quality, no blur, professional, warm light", "lanterns over water, warm light"),
            ("paper cranes, high quality professional design.", "paper cranes."),
            ("professional lighting, professional", "professional lighting"),
            (
                "Ensure high quality, and no blur. Keep the margins free, no distortion.",
                "Ensure high quality. Keep the margins free.",
            ),
            ("bold type - no gibberish text, no fake letters.", "bold type - no gibberish text."),
            (
                "a sign that says \"no blur, high quality\", bold ink",
                "a sign that says \"no blur, high quality\", bold ink",
            ),
            ("crowd of 1,000 people , , confetti,", "crowd of 1,000 people, confetti"),
            ("no blur, no distortion", "no blur, no distortion"),
        ] {
            assert_eq!(run(before).text(before), after);
        }
        assert_eq!(run("no blur, no distortion"), Optimised::RefusedEmpty);
        assert_eq!(run("a sign that says \"no blur, high quality\", bold ink"), Optimised::Unchanged);
    }

    #[test]
    fn leaves_clean_text_as_it_is() {
        for text in [
            "",
            "Warm light. Soft haze; gold!",
            "one.\ntwo, three",
            "v1.5, .NET, \"a, b\", (c, d), 1,000",
            "wait... what?! yes",
            "no blur of motion",
        ] {
            assert_eq!(run(text), Optimised::Unchanged, "{text:?}");
        }
    }

    #[test]
    fn takes_sentences_out_with_their_marks() {
        for (before, after) in [
            ("Lanterns. No blur! Warm light; high quality.", "Lanterns. Warm light;"),
            ("No blur. Lanterns.", "Lanterns."),
            ("lamp, high quality., no blur", "lamp"),
            ("high quality... lamp", "lamp"),
            ("a. . . b", "a. b"),
            ("a, \u{1f389}, b", "a, b"),
            ("a\n\nb , c ( ).", "a\nb, c."),
            ("a,b", "a, b"),
        ] {
            assert_eq!(run(before).text(before), after, "{before:?}");
        }
        let grows = format!("{}a", "a,".repeat(9_999));
        assert_eq!(run(&grows), Optimised::RefusedTooLong);
    }

    #[test]
    fn says_which_clauses_went_and_spares_the_protected() {
        let text = "lamp, No Blur, high quality, -";
        let removed = vec!["No Blur".to_owned(), "high quality".to_owned(), "-".to_owned()];
        assert_eq!(run(text), Optimised::Changed { text: "lamp".to_owned(), removed });
        let spared = optimise(text, &Phrases::default(), &["no  blur".to_owned()]);
        assert_eq!(spared.text(text), "lamp, No Blur");
        assert!(has_redundant_phrase(text, &Phrases::default(), &[]));
        assert!(!has_redundant_phrase("lamp, no blur, -", &Phrases::default(), &["No blur".to_owned()]));
        assert!(!has_redundant_phrase("lamp , ", &Phrases::default(), &[]));
    }

    #[test]
    fn stays_quick_on_hostile_texts() {
        for text in
            ["(".repeat(20_000), "()".repeat(10_000), "\"".repeat(20_000), ", . ".repeat(5_000), "a.,".repeat(6_000)]
        {
            run(&text);
        }
        let marks = format!("x{}", ", high quality.".repeat(1_400));
        assert_eq!(run(&marks).text(&marks), "x.");
    }
}
