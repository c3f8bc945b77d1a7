//! Sentences and clauses of a prompt: where they end, and when two clauses say the same.
//! A comma or mark inside double quotes or brackets ends nothing, nor does a comma between digits.

use super::key::{collapse_blanks, fold};

const MARKS: [char; 4] = ['.', '!', '?', ';'];
const OPENING: [char; 4] = ['(', '[', '{', '\u{201c}'];
const CLOSING: [char; 4] = [')', ']', '}', '\u{201d}'];

/// Whether `letter` can end a sentence.
pub fn is_mark(letter: char) -> bool {
    MARKS.contains(&letter)
}

/// Whether `letter` closes a quotation or a bracket.
pub fn is_closing(letter: char) -> bool {
    letter == '"' || CLOSING.contains(&letter)
}

/// Which kind of bracket `letter` opens.
pub fn opened_by(letter: char) -> Option<usize> {
    OPENING.iter().position(|open| *open == letter)
}

/// Which kind of bracket `letter` closes.
pub fn closed_by(letter: char) -> Option<usize> {
    CLOSING.iter().position(|close| *close == letter)
}

/// A part of a prompt up to and with its mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence<'a> {
    /// Its clauses between commas, trimmed; some may be empty.
    pub clauses: Vec<&'a str>,
    /// The marks it ends with; empty only at the end of the text.
    pub mark: &'a str,
    /// The blanks that follow the marks.
    pub gap: &'a str,
}

/// Cuts `text` into sentences and these into clauses.
pub fn sentences(text: &str) -> Vec<Sentence<'_>> {
    let scan = Scan::new(text);
    let mut found = Vec::new();
    let mut open = Open::default();
    let mut clauses = Vec::new();
    for at in 0..scan.letters.len() {
        let (place, letter) = scan.at(at);
        if open.start.is_none() {
            open.start = Some(place);
        }
        if scan.is_separator(at) {
            clauses.push(cut(text, open.start.unwrap_or(place), place));
            open = Open { start: Some(place + 1), mark: None };
        } else if scan.is_outside(at) && is_mark(letter) {
            let mark = *open.mark.get_or_insert(place);
            if scan.ends_here(at) {
                clauses.push(cut(text, open.start.unwrap_or(mark), mark));
                let end = place + letter.len_utf8();
                let gap = scan.gap_after(at);
                let mark = text.get(mark..end).unwrap_or_default();
                found.push(Sentence { clauses: std::mem::take(&mut clauses), mark, gap });
                open = Open::default();
            }
        } else {
            open.mark = None;
        }
    }
    if let Some(start) = open.start {
        clauses.push(cut(text, start, text.len()));
    }
    if !clauses.is_empty() {
        found.push(Sentence { clauses, mark: "", gap: "" });
    }
    found
}

/// Cuts `text` at its commas alone. Clauses are trimmed and never empty.
pub fn clauses(text: &str) -> Vec<&str> {
    let scan = Scan::new(text);
    let mut found = Vec::new();
    let mut start = 0;
    for at in (0..scan.letters.len()).filter(|at| scan.is_separator(*at)) {
        let (place, _) = scan.at(at);
        found.push(cut(text, start, place));
        start = place + 1;
    }
    found.push(cut(text, start, text.len()));
    found.retain(|clause| !clause.is_empty());
    found
}

/// What two clauses that say the same have in common: no regard to case, blanks or a final full stop.
pub fn clause_key(clause: &str) -> String {
    let clause = clause.trim();
    fold(&collapse_blanks(clause.strip_suffix('.').unwrap_or(clause)))
}

/// The length of a text as every limit counts it: in Unicode scalar values.
pub fn length(text: &str) -> usize {
    text.chars().count()
}

fn cut(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default().trim()
}

/// Where the clause and the run of marks being read began.
#[derive(Default)]
struct Open {
    start: Option<usize>,
    mark: Option<usize>,
}

struct Scan<'a> {
    text: &'a str,
    letters: Vec<(usize, char)>,
    inside: Vec<bool>,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        let letters: Vec<(usize, char)> = text.char_indices().collect();
        let inside = inside(&letters);
        Self { text, letters, inside }
    }

    fn at(&self, at: usize) -> (usize, char) {
        self.letters.get(at).copied().unwrap_or((self.text.len(), ' '))
    }

    fn is_outside(&self, at: usize) -> bool {
        !self.inside.get(at).copied().unwrap_or_default()
    }

    fn is_separator(&self, at: usize) -> bool {
        let digit = |at: usize| self.at(at).1.is_numeric();
        let between_digits = || at.checked_sub(1).is_some_and(digit) && digit(at + 1);
        self.at(at).1 == ',' && self.is_outside(at) && !between_digits()
    }

    /// Whether a mark at `at` ends its sentence: a blank or nothing follows.
    fn ends_here(&self, at: usize) -> bool {
        self.at(at + 1).1.is_whitespace()
    }

    fn gap_after(&self, at: usize) -> &'a str {
        let (from, _) = self.at(at + 1);
        let rest = self.text.get(from..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start().len();
        rest.get(..blank).unwrap_or_default()
    }
}

/// Which letters stand inside a quotation or brackets. What is never closed, or never opened, encloses nothing.
fn inside(letters: &[(usize, char)]) -> Vec<bool> {
    let mut spans = Vec::new();
    let mut quoted = vec![false; letters.len()];
    let quotes: Vec<usize> = (0..letters.len()).filter(|at| letters.get(*at).is_some_and(|(_, c)| *c == '"')).collect();
    for pair in quotes.chunks_exact(2) {
        if let [from, to] = pair {
            spans.push((*from, *to));
            mark(&mut quoted, *from, *to);
        }
    }
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut counts = [0_usize; OPENING.len()];
    for (at, (_, letter)) in letters.iter().enumerate() {
        if quoted.get(at) == Some(&true) {
            continue;
        }
        if let Some(kind) = opened_by(*letter) {
            open.push((kind, at));
            counts.iter_mut().skip(kind).take(1).for_each(|count| *count += 1);
        } else if let Some(kind) = closed_by(*letter).filter(|kind| counts.get(*kind) > Some(&0)) {
            // Inner brackets that were never closed are plain letters.
            while let Some((found, from)) = open.pop() {
                counts.iter_mut().skip(found).take(1).for_each(|count| *count -= 1);
                if found == kind {
                    spans.push((from, at));
                    break;
                }
            }
        }
    }
    let mut inside = quoted;
    // Only outermost spans need marking; a span inside another would repeat work.
    spans.sort_unstable();
    let mut done = 0;
    for (from, to) in spans {
        if to >= done {
            mark(&mut inside, from.max(done), to);
            done = to + 1;
        }
    }
    inside
}

fn mark(inside: &mut [bool], from: usize, to: usize) {
    inside.iter_mut().take(to + 1).skip(from).for_each(|letter| *letter = true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_commas_but_not_in_quotes_brackets_or_numbers() {
        assert_eq!(clauses("a, b,c"), ["a", "b", "c"]);
        assert_eq!(clauses("1,000 people, 2, 3"), ["1,000 people", "2", "3"]);
        assert_eq!(clauses("say \"a, b\", (c, [d, e]), f"), ["say \"a, b\"", "(c, [d, e])", "f"]);
        assert_eq!(clauses("5\" nails, wood"), ["5\" nails", "wood"]);
        assert_eq!(clauses("a (b, c"), ["a (b", "c"]);
        assert_eq!(clauses("a) b, c"), ["a) b", "c"]);
        assert_eq!(clauses("(a [b, c), d"), ["(a [b, c)", "d"]);
        assert_eq!(clauses(", ,"), [""; 0]);
    }

    #[test]
    fn cuts_into_sentences_with_their_marks() {
        let found = sentences("One, two. Three?! v1.5 (a. b); \"c. d\" end");
        let shown: Vec<(Vec<&str>, &str, &str)> = found.into_iter().map(|s| (s.clauses, s.mark, s.gap)).collect();
        assert_eq!(
            shown,
            [
                (vec!["One", "two"], ".", " "),
                (vec!["Three"], "?!", " "),
                (vec!["v1.5 (a. b)"], ";", " "),
                (vec!["\"c. d\" end"], "", "")
            ]
        );
        assert_eq!(sentences("a, .")[0].clauses, ["a", ""]);
        assert_eq!(sentences(" ")[0].clauses, [""]);
        assert!(sentences("").is_empty());
    }

    #[test]
    fn compares_clauses_without_case_blanks_and_stop() {
        assert_eq!(clause_key(" Warm  Light."), clause_key("warm light"));
        assert_ne!(clause_key("warm light!"), clause_key("warm light"));
    }
}
