//! The shipped prompts: compiled in, installed at the first start, and what a look-up falls back to.
//! The wording is our own.

mod image;
mod text;

use super::{Category, key::PromptKey};

/// A shipped prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Its category.
    pub category: Category,
    /// Its key.
    pub key: &'static str,
    /// Its label.
    pub name: &'static str,
    /// Its text.
    pub content: &'static str,
}

const fn shipped(category: Category, key: &'static str, name: &'static str, content: &'static str) -> Shipped {
    Shipped { category, key, name, content }
}

/// Who uses a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reader {
    /// The composer, as the EVENT part.
    Event,
    /// The composer, as the STYLE part.
    Style,
    /// The composer, in the BASE part.
    Base,
    /// The composer, in the BASE part at high quality.
    Enhancement,
    /// The composer, as the template of the minimal event text.
    MinimalEvent,
    /// The optimiser, as its list of phrases.
    Optimiser,
    /// The function `GENERATE_TEXT`.
    GenerateText,
    /// The AI function of the same name.
    AiFunction,
}

/// Every shipped prompt: 43 for images and texts, then 8 of the AI functions.
pub fn catalogue() -> impl Iterator<Item = &'static Shipped> {
    image::EVENT_TYPES
        .iter()
        .chain(&image::STYLE_PRESETS)
        .chain(&image::CAROUSEL_BACKGROUNDS)
        .chain(&text::TEXT_GENERATION)
        .chain(&image::SYSTEM_DEFAULTS)
        .chain(&text::AI_FUNCTIONS)
}

/// The shipped prompt under a key, in any case. `None` when none is shipped.
pub fn find_shipped(category: Category, key: &PromptKey) -> Option<&'static Shipped> {
    catalogue().find(|prompt| prompt.category == category && PromptKey::lenient(prompt.key) == *key)
}

/// Who reads the prompt under a key. `None` for a reserved key and for one that nobody knows.
pub fn reader_of(category: Category, key: &PromptKey) -> Option<Reader> {
    match category {
        Category::AiFunction => find_shipped(category, key).map(|_| Reader::AiFunction),
        Category::CarouselBackground => None,
        Category::EventType => Some(Reader::Event),
        Category::StylePreset => Some(Reader::Style),
        Category::SystemDefault => match key.folded() {
            "base_prompt" => Some(Reader::Base),
            "enhancement" => Some(Reader::Enhancement),
            "fallback" => Some(Reader::MinimalEvent),
            "optimiser_phrases" => Some(Reader::Optimiser),
            _ => None,
        },
        Category::TextGeneration => Some(Reader::GenerateText),
    }
}

/// Whether a key is kept for later use: nothing reads it yet.
pub fn is_reserved(category: Category, key: &PromptKey) -> bool {
    category == Category::CarouselBackground && key.folded() == "base"
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::prompt::model::{
        clause::length,
        clean::is_damaged,
        optimise::{DEFAULT_PHRASES, Optimised, Phrases, optimise},
    };

    fn key(prompt: &Shipped) -> PromptKey {
        PromptKey::new(prompt.category, Some(prompt.key)).unwrap()
    }

    #[test]
    fn ships_43_prompts_and_one_per_ai_function() {
        let count = |category| catalogue().filter(|prompt| prompt.category == category).count();
        assert_eq!(Category::ALL.map(count), [8, 1, 24, 12, 3, 3]);
        let keys: HashSet<_> = catalogue().map(|prompt| (prompt.category, key(prompt))).collect();
        let texts: HashSet<_> = catalogue().map(|prompt| prompt.content).collect();
        assert_eq!((keys.len(), texts.len()), (51, 51));
    }

    #[test]
    fn ships_the_specified_keys() {
        let keys = |category| -> Vec<&str> {
            catalogue().filter(|prompt| prompt.category == category).map(|prompt| prompt.key).collect()
        };
        let events = "ART_CLASS BBQ BIRTHDAY_PARTY BOOK_CLUB BREAKDANCING CELEBRATION COMMUNITY_EVENT CONCERT \
            CORPORATE_EVENT FAMILY_GATHERING FITNESS_CLASS FUNDRAISER GAME_NIGHT HOLIDAY_CELEBRATION MEETUP NIGHTLIFE \
            OTHER PARK_GATHERING POTLUCK POTTERY REUNION SPORTS_EVENT WEDDING WORKSHOP";
        assert_eq!(keys(Category::EventType), events.split_whitespace().collect::<Vec<_>>());
        let styles = "Children Book,Cyberpunk,Fantasy World,Golden Harmony,Origami,Political Satire,Pop Art,Retro Game,\
            Street Art,Unicorn Balloon Bash,Vintage Film Poster,Wild Card";
        assert_eq!(keys(Category::StylePreset), styles.split(',').collect::<Vec<_>>());
        assert_eq!(keys(Category::TextGeneration), ["header", "body", "cta"]);
        assert_eq!(keys(Category::SystemDefault), ["base_prompt", "enhancement", "fallback"]);
        assert_eq!(keys(Category::CarouselBackground), ["base"]);
    }

    #[test]
    fn words_every_prompt_well() {
        for prompt in catalogue() {
            let (name, text) = (prompt.key, prompt.content);
            if prompt.category != Category::AiFunction {
                assert!((60..=300).contains(&length(text)), "{name}: {} characters", length(text));
                assert_eq!(optimise(text, &Phrases::default(), &[]), Optimised::Unchanged, "{name}");
                let lower = text.to_lowercase();
                assert!(DEFAULT_PHRASES.iter().all(|phrase| !lower.contains(phrase)), "{name}");
            }
            assert!(length(text) <= 20_000 && !is_damaged(text), "{name}");
            assert_eq!(key(prompt).as_str(), prompt.key);
        }
    }

    #[test]
    fn every_shipped_key_has_a_reader_but_the_reserved_one() {
        let unread: Vec<_> = catalogue().filter(|prompt| reader_of(prompt.category, &key(prompt)).is_none()).collect();
        assert_eq!(
            unread.iter().map(|prompt| (prompt.category.as_str(), prompt.key)).collect::<Vec<_>>(),
            [("carousel_background", "base")]
        );
        for prompt in catalogue() {
            assert_eq!(is_reserved(prompt.category, &key(prompt)), unread.contains(&prompt));
        }
    }

    #[test]
    fn finds_in_any_case_and_nothing_else() {
        let found = |category, key| find_shipped(category, &PromptKey::lenient(key)).map(|prompt| prompt.name);
        assert_eq!(found(Category::StylePreset, " POP  art"), Some("Pop Art"));
        assert_eq!(found(Category::EventType, "Pop Art"), None);
        assert_eq!(found(Category::SystemDefault, ""), None);
    }
}
