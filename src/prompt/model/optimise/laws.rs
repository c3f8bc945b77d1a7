//! The optimiser's laws, on random texts made of what has broken optimisers before.

use super::*;
use crate::prompt::model::clause::{is_closing, is_mark};

/// Without optimisation the full number takes half a minute of both cores; there a tenth must do.
const TEXTS: usize = if cfg!(debug_assertions) { 30_000 } else { 300_000 };

/// Phrases, near misses of phrases, numbers, letters of many kinds, and every sign that means something.
const PIECES: [&str; 64] = [
    "no blur",
    "high quality",
    "professional",
    "professional design",
    "No Distortion",
    "premium design",
    "and",
    "&",
    "no fake letters",
    "no gibberish text",
    "modern design",
    "authentic design",
    "HIGH QUALITY",
    "design",
    "quality",
    "no",
    "lanterns",
    "warm light",
    "1,000",
    "12",
    "3",
    "x",
    ".NET",
    "v1.5",
    "caf\u{e9}",
    "\u{df}",
    "\u{1f389}",
    "\u{3c2}",
    "\u{301}",
    "\u{4e2d}\u{6587}",
    "e.g",
    "Ensure",
    ",",
    ",",
    ",",
    ", ",
    ", ",
    " , ",
    ",,",
    ".",
    ".",
    ". ",
    " . ",
    "!",
    "?",
    "; ",
    "...",
    "\"",
    "\"",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\u{201c}",
    "\u{201d}",
    " ",
    " ",
    "  ",
    "\n",
    "\u{a0}",
    "\t",
    "-",
];

/// A small generator, so that every run sees the same texts.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides
    }

    fn text(&mut self) -> String {
        let pieces = self.roll(14);
        let tidy = self.roll(3) == 0;
        let mut text = String::new();
        for _ in 0..pieces {
            text.push_str(PIECES[self.roll(PIECES.len())]);
            if tidy || self.roll(2) == 0 {
                text.push_str([" ", ", ", ". ", ","][self.roll(4)]);
            }
        }
        text
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn assert_punctuation(text: &str) {
    for damage in [", ,", ",,", "  ", " ,", "()", "[]", "{}", "( )"] {
        assert!(!text.contains(damage), "{damage:?} in {text:?}");
    }
    assert!(!text.starts_with(',') && !text.ends_with(','), "outer comma in {text:?}");
    assert_eq!(text.trim(), text);
    let letters: Vec<char> = text.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let rest = &letters[at + 1..];
        let marks = rest.iter().take_while(|letter| is_mark(**letter)).count();
        let ends = marks > 0 && rest.get(marks).is_none_or(|next| next.is_whitespace() || is_closing(*next));
        assert!(!(letter.is_whitespace() && ends), "blank before a mark in {text:?}");
        assert!(!(letter.is_whitespace() && rest.first().is_some_and(|next| next.is_whitespace())), "{text:?}");
    }
}

fn assert_laws(text: &str, phrases: &Phrases) {
    let first = optimise(text, phrases, &[]);
    let after = first.text(text);
    assert_eq!(optimise(after, phrases, &[]).text(after), after, "twice is not once: {text:?}");
    let Optimised::Changed { text: after, removed } = &first else {
        if first == Optimised::Unchanged {
            assert_punctuation(text);
        }
        return;
    };
    assert_punctuation(after);
    // Order: the words that stay are a subsequence. Wording: only whole removed clauses are missing.
    let mut before = words(text);
    assert!(words(after).all(|word| before.any(|old| old == word)), "{text:?} became {after:?}");
    let gone: usize = removed.iter().map(|clause| words(clause).count()).sum();
    assert_eq!(words(after).count() + gone, words(text).count(), "{text:?} became {after:?}");
    for clause in removed {
        let bare = clause.trim_end_matches(is_mark);
        assert!(phrases.cover(bare) || words(clause).next().is_none(), "{clause:?} went from {text:?}");
    }
}

#[test]
fn keeps_its_laws_on_random_texts() {
    let phrases = Phrases::default();
    std::thread::scope(|scope| {
        for seed in 1..=2_u64 {
            let phrases = &phrases;
            scope.spawn(move || {
                let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ seed);
                for _ in 0..TEXTS / 2 {
                    assert_laws(&dice.text(), phrases);
                }
            });
        }
    });
}

#[test]
fn keeps_its_laws_on_every_short_text_of_signs() {
    let phrases = Phrases::default();
    let signs = ["a", "1", ",", ".", " ", "(", ")", "\""];
    for number in 0..signs.len().pow(5) {
        let text: String = (0..5).map(|place| signs[number / signs.len().pow(place) % signs.len()]).collect();
        assert_laws(&text, &phrases);
    }
}
