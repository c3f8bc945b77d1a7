//! Where a system prompt belongs: its category and its key, and when two keys are the same.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// The most characters (Unicode scalar values) of a key.
pub const KEY_LENGTH_MAX: usize = 100;

/// What a system prompt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Instructions of an AI function.
    AiFunction,
    /// The background of a carousel.
    CarouselBackground,
    /// What an event looks like.
    EventType,
    /// A look to draw in.
    StylePreset,
    /// What every image prompt ends with, and templates.
    SystemDefault,
    /// What a short text is to be like.
    TextGeneration,
}

impl Category {
    /// Every category, in the order of their words, which is the order of exports.
    pub const ALL: [Self; 6] = [
        Self::AiFunction,
        Self::CarouselBackground,
        Self::EventType,
        Self::StylePreset,
        Self::SystemDefault,
        Self::TextGeneration,
    ];

    /// The word in tables and files, such as `event_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AiFunction => "ai_function",
            Self::CarouselBackground => "carousel_background",
            Self::EventType => "event_type",
            Self::StylePreset => "style_preset",
            Self::SystemDefault => "system_default",
            Self::TextGeneration => "text_generation",
        }
    }

    /// Reads the word exactly as [`Category::as_str`] writes it. `None` when there is no such category.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.as_str() == word)
    }

    /// Whether a prompt of this category may have the empty key.
    pub fn takes_empty_key(self) -> bool {
        self == Self::SystemDefault
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key is null, empty or blank where one is needed.
    #[error("A prompt in {category} needs a key. Give it one; only system_default takes none.")]
    Required {
        /// Where it was to stand.
        category: Category,
    },
    /// The key is too long.
    #[error("The key has {length} characters; {KEY_LENGTH_MAX} is the most. Shorten it.")]
    TooLong {
        /// Its length in Unicode scalar values, blanks collapsed.
        length: usize,
    },
    /// The key has characters, but none that can be seen.
    #[error("The key has {length} characters, none of which can be seen. Give it letters or digits.")]
    Invisible {
        /// Its length in Unicode scalar values.
        length: usize,
    },
    /// The key holds a control character that is no blank.
    #[error("The key holds a control character. Remove it.")]
    ControlCharacter,
}

impl KeyError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Required { .. } => "KEY_REQUIRED",
            Self::TooLong { .. } => "KEY_TOO_LONG",
            Self::Invisible { .. } | Self::ControlCharacter => "KEY_INVALID",
        }
    }
}

/// The key of a prompt: as it is shown, and as it is compared. No key is the empty key.
#[derive(Debug, Clone)]
pub struct PromptKey {
    text: String,
    folded: String,
}

impl PromptKey {
    /// Reads a key for `category`. Outer blanks go, inner ones collapse; null and blank are the empty key.
    /// Refuses: `Required` (the empty key outside `system_default`), `Invisible`, `TooLong`,
    /// `ControlCharacter`.
    pub fn new(category: Category, text: Option<&str>) -> Result<Self, KeyError> {
        let given = text.unwrap_or_default();
        let key = Self::lenient(given);
        let length = key.text.chars().count();
        if key.is_empty() && !category.takes_empty_key() {
            Err(KeyError::Required { category })
        } else if !key.is_empty() && key.text.chars().all(is_invisible) {
            Err(KeyError::Invisible { length })
        } else if length > KEY_LENGTH_MAX {
            Err(KeyError::TooLong { length })
        } else if given.contains('\0') || key.text.chars().any(char::is_control) {
            Err(KeyError::ControlCharacter)
        } else {
            Ok(key)
        }
    }

    /// A key to look up by: any text, however wrong, since a wrong one only finds nothing. No stored key holds U+0000, nor
    /// can a database be asked for one, so it becomes what no key is likely to hold either.
    pub fn lenient(text: &str) -> Self {
        let text = collapse_blanks(&text.replace('\0', "\u{fffd}"));
        Self { folded: fold(&text), text }
    }

    /// As it is shown and exported; empty for the empty key.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As it is compared: stored in the column that is unique together with the category.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether it is the empty key.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What files and the API show: null for the empty key.
    pub fn shown(&self) -> Option<&str> {
        (!self.is_empty()).then_some(self.text.as_str())
    }
}

/// Two keys are the same when they fold to the same text.
impl PartialEq for PromptKey {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for PromptKey {}

impl std::hash::Hash for PromptKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

/// Blanks, and letters that are drawn as nothing: joiners, marks of direction, fillers, variation selectors, tags.
fn is_invisible(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// `text` without outer blanks, every run of inner ones (line breaks among them) one space.
pub fn collapse_blanks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// `text` without regard to case and to how accents are written.
/// Letters go down, up and down again, one by one: so `ẞ` and `ß` meet `SS`, and `ς` meets `Σ` wherever it stands.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let letters = text.nfd().flat_map(char::to_lowercase);
    letters.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_back_every_category() {
        for category in Category::ALL {
            assert_eq!(Category::parse(category.as_str()), Some(category));
            assert_eq!(serde_json::to_string(&category).unwrap(), format!("\"{category}\""));
        }
        assert!(Category::ALL.is_sorted_by_key(|category| category.as_str()));
        assert_eq!(Category::parse("EVENT_TYPE"), None);
    }

    #[test]
    fn meets_keys_in_any_case_and_spacing() {
        let key = |text| PromptKey::new(Category::StylePreset, Some(text)).unwrap();
        assert_eq!(key("cyberpunk"), key(" Cyberpunk\n"));
        assert_eq!(key("Vintage  Film\tPoster"), key("VINTAGE FILM POSTER"));
        assert_eq!(key("Stra\u{df}e"), key("STRASSE"));
        assert_eq!(key("\u{39f}\u{394}\u{39f}\u{3a3}"), key("\u{3bf}\u{3b4}\u{3bf}\u{3c2}"));
        assert_eq!(key("Caf\u{e9}"), key("CAFE\u{301}"));
        assert_ne!(key("Pop Art"), key("PopArt"));
        assert_eq!(key("  Pop   Art ").as_str(), "Pop Art");
    }

    #[test]
    fn knows_the_empty_key_only_among_the_system_defaults() {
        for text in [None, Some(""), Some(" \u{a0}\n")] {
            let key = PromptKey::new(Category::SystemDefault, text).unwrap();
            assert!(key.is_empty() && key.shown().is_none() && key.folded().is_empty());
            for category in Category::ALL.into_iter().filter(|category| *category != Category::SystemDefault) {
                assert_eq!(PromptKey::new(category, text), Err(KeyError::Required { category }));
            }
        }
    }

    #[test]
    fn refuses_long_keys_and_control_characters() {
        let key = |text: &str| PromptKey::new(Category::EventType, Some(text)).map(|key| key.as_str().to_owned());
        assert!(key(&"\u{1f389}".repeat(100)).is_ok());
        assert_eq!(key(&"a".repeat(101)), Err(KeyError::TooLong { length: 101 }));
        assert_eq!(key("a\0b"), Err(KeyError::ControlCharacter));
        assert_eq!(key("\u{200b} \u{feff}"), Err(KeyError::Invisible { length: 3 }));
        assert!(key("a\u{200d}b").is_ok());
    }

    #[test]
    fn folds_every_letter_once_and_for_all() {
        for letter in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let once = fold(&letter.to_string());
            assert_eq!(fold(&once), once, "{letter:?}");
        }
    }

    proptest! {
        #[test]
        fn folds_text_once_and_for_all(text in "\\PC{0,12}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once.clone());
            prop_assert_eq!(fold(&text.nfd().collect::<String>()), once);
            let key = PromptKey::lenient(&text);
            prop_assert_eq!(PromptKey::lenient(key.as_str()), key);
        }
    }
}
