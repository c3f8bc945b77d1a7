//! When two texts are the same, and cutting a text between its words.

use unicode_normalization::UnicodeNormalization as _;

use crate::prompt::model::collapse_blanks;

/// What a name or a text is compared by: NFC, trimmed, inner blanks one space, lower case. The key of a key is itself.
pub fn text_key(text: &str) -> String {
    // Letter by letter, so that a sigma does not depend on what stands behind it; composed again, because lower case
    // can set a mark free.
    let lower: String = text.nfc().flat_map(char::to_lowercase).nfc().collect();
    collapse_blanks(&lower)
}

/// `text` with blanks collapsed, cut between words to at most `chars_max` characters, and without punctuation that is
/// left hanging by the cut. Scripts written without blanks are cut between any two letters. Empty when not even the
/// first word fits.
pub fn cut_at_word(text: &str, chars_max: usize) -> String {
    let text = collapse_blanks(text);
    let Some((end, after)) = text.char_indices().nth(chars_max) else { return text };
    let head = text.get(..end).unwrap_or_default();
    let at_border = after == ' ' || is_unspaced(after) || head.chars().next_back().is_some_and(is_unspaced);
    let kept = if at_border {
        head
    } else {
        let border = head.char_indices().rev().find_map(|(at, letter)| match letter {
            ' ' => Some(at),
            letter if is_unspaced(letter) => Some(at + letter.len_utf8()),
            _ => None,
        });
        border.and_then(|at| head.get(..at)).unwrap_or_default()
    };
    kept.trim_end_matches([' ', ',', ';', ':', '-', '–', '—', '|', '(', '/', '&']).to_owned()
}

/// Whether a letter belongs to a script that is written without blanks and in which a letter is about a word: Han, the
/// Japanese syllabaries and their full-width forms.
pub fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9d}'
        | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_has_no_case_no_outer_blanks_and_composed_letters() {
        assert_eq!(text_key("  Running\u{a0} \tSHOES\n"), "running shoes");
        assert_eq!(text_key("Cafe\u{301}"), text_key("CAF\u{c9}"));
        assert_eq!(text_key("\u{39f}\u{394}\u{39f}\u{3a3}"), text_key("\u{3bf}\u{3b4}\u{3bf}\u{3c3}"));
        assert_ne!(text_key("running-shoes"), text_key("running shoes"));
        assert_eq!(text_key(" \u{3000} "), "");
    }

    #[test]
    fn cuts_between_words_only() {
        assert_eq!(cut_at_word("one two  three", 20), "one two three");
        assert_eq!(cut_at_word("one two three", 13), "one two three");
        assert_eq!(cut_at_word("one two three", 12), "one two");
        assert_eq!(cut_at_word("one two three", 7), "one two");
        assert_eq!(cut_at_word("one two three", 6), "one");
        assert_eq!(cut_at_word("Shoes: a guide - for you", 16), "Shoes: a guide");
        assert_eq!(cut_at_word("Donaudampfschifffahrt", 5), "");
        assert_eq!(cut_at_word("one", 0), "");
        assert_eq!(cut_at_word("東京の靴屋さん", 4), "東京の靴");
        assert_eq!(cut_at_word("best 靴屋さん abcdef", 11), "best 靴屋さん");
    }

    proptest! {
        #[test]
        fn the_key_of_a_key_is_itself(text in "\\PC{0,20}|[aAÅß\u{130}\u{345}\u{3a3}\u{301} \t]{0,12}") {
            let key = text_key(&text);
            prop_assert_eq!(text_key(&key), key.clone());
            prop_assert!(!key.contains("  ") && key.trim() == key);
        }

        #[test]
        fn a_cut_never_splits_a_word_or_exceeds_the_limit(
            words in proptest::collection::vec("[a-zé0-9]{1,12}[,.:;-]?", 0..20), max in 0_usize..80,
        ) {
            let cut = cut_at_word(&words.join(" \n"), max);
            prop_assert!(cut.chars().count() <= max);
            let kept: Vec<&str> = cut.split(' ').filter(|word| !word.is_empty()).collect();
            let bare = |word: &str| word.trim_end_matches([',', ':', ';', '-']).to_owned();
            for (kept, word) in kept.iter().zip(&words) {
                prop_assert!(*kept == word || *kept == bare(word), "{} {}", kept, word);
            }
            // The longest that fits: the next word would not have.
            if let Some(next) = words.get(kept.len()) {
                let with_next = words[..kept.len()].join(" ").chars().count() + next.chars().count() + 1;
                prop_assert!(with_next > max || kept.is_empty(), "{cut:?} {next:?} {max}");
            }
        }

        #[test]
        fn a_cut_of_anything_is_a_beginning_of_it(text in "(\\PC|[ 東京の靴]){0,40}", max in 0_usize..40) {
            let cut = cut_at_word(&text, max);
            prop_assert!(cut.chars().count() <= max && collapse_blanks(&text).starts_with(&cut));
        }
    }
}
