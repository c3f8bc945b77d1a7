//! Which characters show nothing: a text of them alone is empty, and a name with one among them is not what it seems.

/// Whether a letter leaves no mark: a control or format character, a filler, a selector.
pub fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Whether there is anything to see in `text`.
pub fn has_ink(text: &str) -> bool {
    text.chars().any(|letter| !letter.is_whitespace() && !is_invisible(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_nothing_is_not_taken_for_text() {
        for blank in ["", "  \t\n", "\u{200b}", "\u{202e}\u{200b} \u{2060}", "\u{feff}\u{3164}", "\u{fe0f}\u{e0001}"] {
            assert!(!has_ink(blank), "{blank:?}");
        }
        for text in ["a", "\u{200b}a", "шар", "画", "🎨\u{fe0f}", "👩\u{200d}🎨", "…", "שלום"] {
            assert!(has_ink(text), "{text:?}");
        }
    }
}
