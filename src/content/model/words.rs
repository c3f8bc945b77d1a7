//! Counting words, and finding a keyword among them.

use crate::keyword::model::{text::is_unspaced, text_key};

/// How many words a text has: runs between blanks that hold a letter or a digit. In scripts without blanks each letter
/// counts as one, as word processors do; in those of South-East Asia five letters do.
pub fn count_words(text: &str) -> usize {
    let mut words = 0;
    let mut crowded = 0;
    for run in text.split_whitespace() {
        let mut in_word = false;
        for letter in run.chars() {
            if is_unspaced(letter) {
                words += 1;
                in_word = false;
            } else if is_crowded(letter) {
                crowded += 1;
                in_word = false;
            } else if letter.is_alphanumeric() && !in_word {
                words += 1;
                in_word = true;
            }
        }
    }
    words + usize::div_ceil(crowded, 5)
}

/// Thai, Lao, Burmese and Khmer, whose words are several letters without blanks between.
fn is_crowded(letter: char) -> bool {
    matches!(letter, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
}

/// How often a text mentions a keyword: its words side by side, in any case, whatever punctuation is between them.
pub fn mentions(text: &str, keyword: &str) -> usize {
    let (text, keyword) = (bare(text), bare(keyword));
    if keyword.trim().is_empty() {
        return 0;
    }
    if keyword.chars().any(|letter| is_unspaced(letter) || is_crowded(letter)) {
        return text.matches(keyword.trim()).count();
    }
    // Two in a row share the blank between them, so each ends before its last.
    let start = keyword.trim_end();
    text.match_indices(start)
        .filter(|(at, found)| text.get(at + found.len()..).is_some_and(|rest| rest.starts_with(' ')))
        .count()
}

/// A text's key with a blank for everything that is no letter or digit, and one at each end.
fn bare(text: &str) -> String {
    let mut out = String::from(" ");
    for word in text_key(text).split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        out.push_str(word);
        out.push(' ');
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_words_in_any_script() {
        assert_eq!(count_words("One well-known fact: 3 \u{2014} not 4!"), 6);
        assert_eq!(count_words(""), 0);
        assert_eq!(count_words("東京の靴屋さん by Ada"), 9);
        assert_eq!(count_words("한국어 단어"), 2);
        assert_eq!(count_words("ภาษาไทย"), 2);
    }

    #[test]
    fn finds_whole_words_in_any_case() {
        assert_eq!(mentions("Running shoes: running-SHOES, and running shoes' soles.", "running  Shoes"), 3);
        assert_eq!(mentions("Running shoeshine", "running shoe"), 0);
        assert_eq!(mentions("a a a", "a"), 3);
        assert_eq!(mentions("tent", ""), 0);
        assert_eq!(mentions("tent", "?"), 0);
        assert_eq!(mentions("東京の靴屋さんと靴屋", "靴屋"), 2);
    }

    proptest! {
        #[test]
        fn a_text_mentions_what_is_put_into_it(before in "\\PC{0,20}", word in "[a-z]{1,8}", after in "\\PC{0,20}") {
            let text = format!("{before} {word} {after}");
            prop_assert!(mentions(&text, &word) >= 1);
            let _ = count_words(&before);
        }
    }
}
