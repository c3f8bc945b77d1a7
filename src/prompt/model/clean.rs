//! Punctuation of prompts: what counts as damaged, how it is mended, and how a part is made fit to be joined.

use super::clause::{closed_by, is_closing, is_mark, opened_by};

/// A part of a composed prompt: one line, single blanks, no outer commas, without one final full stop.
pub fn clean(text: &str) -> String {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let text = mend_commas(&super::key::collapse_blanks(&line));
    let text = trim_commas(&text);
    trim_commas(text.strip_suffix('.').unwrap_or(text)).to_owned()
}

/// `text` without blanks and commas around it.
pub fn trim_commas(text: &str) -> &str {
    text.trim_matches(|letter: char| letter == ',' || letter.is_whitespace())
}

/// `text` with single blanks, no empty brackets, no doubled commas and no blank before a comma or mark,
/// quotations included. A blank that stands alone stays what it is, so line breaks survive.
pub fn mend(text: &str) -> String {
    let mut text = text.to_owned();
    // One round can lay open work for the next, for example a blank before a mark where brackets were.
    loop {
        let next = mend_marks(&mend_commas(&mend_brackets(&mend_blanks(&text))));
        if next == text {
            return text;
        }
        text = next;
    }
}

/// Whether punctuation is damaged: doubled or outer commas, a blank before a comma or mark, a comma before a mark,
/// double blanks, empty brackets. Line breaks are no blanks here: paragraphs are no damage.
pub fn is_damaged(text: &str) -> bool {
    let text = text.trim_matches('\n');
    text != trim_commas(text) || text.lines().any(is_line_damaged)
}

fn is_line_damaged(line: &str) -> bool {
    let line = line.trim_end_matches('\r');
    // Indentation and a comma at the end of a line are the writer's.
    let body = line.trim_start().trim_end_matches(',');
    let comma_before_mark = super::clause::sentences(body)
        .iter()
        .any(|sentence| !sentence.mark.is_empty() && sentence.clauses.last().is_some_and(|last| last.is_empty()));
    comma_before_mark || mend(body) != body
}

fn mend_blanks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.trim();
    while let Some(at) = rest.find(char::is_whitespace) {
        let (word, tail) = rest.split_at(at);
        let next = tail.trim_start();
        let run = tail.get(..tail.len() - next.len()).unwrap_or_default();
        out.push_str(word);
        if run.chars().count() == 1 {
            out.push_str(run);
        } else {
            out.push(if run.contains('\n') { '\n' } else { ' ' });
        }
        rest = next;
    }
    out.push_str(rest);
    out
}

/// Empty brackets become a blank, so that the words around them stay apart.
fn mend_brackets(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        let before = trim_commas_end(&out);
        match (closed_by(letter), before.chars().next_back()) {
            (Some(kind), Some(open)) if letter.is_ascii() && opened_by(open) == Some(kind) => {
                out.truncate(before.len() - open.len_utf8());
                if !out.ends_with(char::is_whitespace) {
                    out.push(' ');
                }
            }
            _ => out.push(letter),
        }
    }
    out
}

fn trim_commas_end(text: &str) -> &str {
    text.trim_end_matches(|letter: char| letter == ',' || letter.is_whitespace())
}

/// A run of commas and blanks with more than one comma, or with a blank before its comma, becomes one comma.
pub fn mend_commas(text: &str) -> String {
    let of_run = |letter: char| letter == ',' || letter.is_whitespace();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(of_run) {
        let (words, tail) = rest.split_at(at);
        let next = tail.trim_start_matches(of_run);
        let run = tail.get(..tail.len() - next.len()).unwrap_or_default();
        out.push_str(words);
        let commas = run.matches(',').count();
        if commas < 2 && (commas == 0 || run.starts_with(',')) {
            out.push_str(run);
        } else {
            out.push(',');
            let follows = next.chars().next();
            if follows.is_some_and(|letter| !is_mark(letter) && !is_closing(letter)) {
                out.push(' ');
            }
        }
        rest = next;
    }
    out.push_str(rest);
    out
}

/// A blank before marks goes when nothing but a blank, a closing sign or the end follows them: `.NET` is a word.
/// Marks after marks end an empty sentence, and go with it.
fn mend_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(char::is_whitespace) {
        let (words, tail) = rest.split_at(at);
        let next = tail.trim_start();
        let run = tail.get(..tail.len() - next.len()).unwrap_or_default();
        let after = next.trim_start_matches(is_mark).chars().next();
        let ends = after.is_none_or(|letter| letter.is_whitespace() || is_closing(letter));
        out.push_str(words);
        rest = next;
        if !(next.starts_with(is_mark) && ends) {
            out.push_str(run);
        } else if out.ends_with(is_mark) {
            rest = next.trim_start_matches(is_mark);
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cleans_a_part() {
        for (dirty, want) in [
            ("S1, S2.", "S1, S2"),
            (" ink ,", "ink"),
            (",, a,\r\n b\t\u{7} c ,. ", "a, b c"),
            ("wait...", "wait.."),
            ("a.,", "a"),
            ("1,000 a,b", "1,000 a,b"),
            (" , . ", ""),
            ("a,,b", "a, b"),
        ] {
            assert_eq!(clean(dirty), want, "{dirty:?}");
        }
    }

    #[test]
    fn mends_damage_and_nothing_else() {
        for (dirty, want) in [
            ("a  b\n\n c", "a b\nc"),
            ("a (( )) b", "a b"),
            ("a ( , ).", "a."),
            ("f()g", "f g"),
            ("a. . ; b ! ?", "a. b!"),
            ("(a ,b , , c)", "(a, b, c)"),
            ("\"stop . \" (now !)", "\"stop. \" (now!)"),
            ("built on .NET, .5 of it", "built on .NET, .5 of it"),
            ("one\ntwo\u{a0}three", "one\ntwo\u{a0}three"),
        ] {
            assert_eq!(mend(dirty), want, "{dirty:?}");
        }
    }

    #[test]
    fn knows_damage() {
        for text in ["a, , b", "a,,b", ",a", "a,", "a, .", "a .", "a  b", "a () b", "x\ny  z", "x. y, !"] {
            assert!(is_damaged(text), "{text:?}");
        }
        for text in ["a, b.", "a\n\n- b\n  - c, d\n", "1,000", "", "see: x,\ny", "on .NET"] {
            assert!(!is_damaged(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn mending_twice_is_mending_once(text in "[a1 ,.!;\"()\\[\\]\n]{0,24}") {
            let once = mend(&text);
            prop_assert_eq!(mend(&once), once.clone());
            prop_assert!(!once.contains("  ") && !once.contains(",,") && !once.contains(" ,") && !once.contains("()"));
        }

        #[test]
        fn a_clean_part_can_be_joined(text in "[a1 ,.\"\n\t]{0,24}") {
            let part = clean(&text);
            prop_assert!(!part.contains(",,") && !part.contains("  ") && !part.contains('\n'));
            prop_assert!(!part.starts_with([',', ' ']) && !part.ends_with([',', ' ']));
        }
    }
}
