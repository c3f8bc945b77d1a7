//! What deserves attention in stored prompts, by one rule set, and their figures by category.

use std::collections::HashMap;

use super::{
    Category,
    catalogue::is_reserved,
    clause::{clause_key, length},
    clean::is_damaged,
    fit::ModelLimit,
    key::PromptKey,
    optimise::{Phrases, has_redundant_phrase},
};

/// Categories that the optimiser leaves alone, unless configured otherwise.
pub const PROTECTED_CATEGORIES: [Category; 3] =
    [Category::SystemDefault, Category::TextGeneration, Category::AiFunction];

/// What the rules go by.
#[derive(Debug, Clone)]
pub struct WarningRules {
    /// A text with fewer characters is short.
    pub length_min: usize,
    /// A text with more characters is long.
    pub length_max: usize,
    /// What tells a model nothing.
    pub phrases: Phrases,
    /// Whose phrases are spared.
    pub protected: Vec<Category>,
    /// The limits of the models that draw.
    pub image_limits: Vec<ModelLimit>,
    /// The limits of the models that write.
    pub text_limits: Vec<ModelLimit>,
}

impl Default for WarningRules {
    fn default() -> Self {
        Self {
            length_min: 40,
            length_max: 400,
            phrases: Phrases::default(),
            protected: PROTECTED_CATEGORIES.to_vec(),
            image_limits: Vec::new(),
            text_limits: Vec::new(),
        }
    }
}

/// A prompt to look at.
#[derive(Debug, Clone)]
pub struct Examined {
    /// Its category.
    pub category: Category,
    /// Its key.
    pub key: PromptKey,
    /// The text of its active version.
    pub content: String,
    /// Whether it is enabled.
    pub is_active: bool,
    /// False when it is marked `optimise: false`.
    pub optimise: bool,
    /// Clauses that are kept in any case.
    pub protected_clauses: Vec<String>,
    /// Whether the stored metadata could not be read.
    pub is_metadata_lost: bool,
}

/// What deserves attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptWarning {
    /// The text is short.
    TooShort {
        /// Its length.
        length: usize,
        /// The least that is not.
        min: usize,
    },
    /// The text is long.
    Long {
        /// Its length.
        length: usize,
        /// The most that is not.
        max: usize,
    },
    /// The text alone is longer than some models take.
    OverModelLimit {
        /// Its length.
        length: usize,
        /// These models.
        models: Vec<String>,
    },
    /// The optimiser would take a clause out.
    RedundantPhrase,
    /// Commas, marks, blanks or brackets are damaged.
    DamagedPunctuation,
    /// Another prompt has the same text.
    DuplicateText {
        /// The first other one.
        category: Category,
        /// Its key.
        key: String,
    },
    /// Nothing reads it yet.
    ReservedKey,
    /// It is disabled: look-ups answer none.
    Disabled,
    /// The stored metadata cannot be read and counts as empty.
    MetadataUnreadable,
}

impl PromptWarning {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "TOO_SHORT",
            Self::Long { .. } => "LONG",
            Self::OverModelLimit { .. } => "OVER_MODEL_LIMIT",
            Self::RedundantPhrase => "REDUNDANT_PHRASE",
            Self::DamagedPunctuation => "DAMAGED_PUNCTUATION",
            Self::DuplicateText { .. } => "DUPLICATE_TEXT",
            Self::ReservedKey => "RESERVED_KEY",
            Self::Disabled => "DISABLED",
            Self::MetadataUnreadable => "METADATA_UNREADABLE",
        }
    }

    /// What it is and what to do.
    pub fn message(&self) -> String {
        match self {
            Self::TooShort { length, min } => format!("{length} characters say little; write at least {min}."),
            Self::Long { length, max } => format!("{length} characters are many; {max} should do."),
            Self::OverModelLimit { length, models } => {
                format!("{length} characters are too many for {}; shorten it.", models.join(", "))
            }
            Self::RedundantPhrase => "It has phrases that tell a model nothing; run the optimiser.".to_owned(),
            Self::DamagedPunctuation => "Its punctuation is damaged; run the optimiser, or mend it.".to_owned(),
            Self::DuplicateText { category, key } => {
                format!("It says the same as {category}/{key}; change one of them.")
            }
            Self::ReservedKey => "Nothing reads this key yet.".to_owned(),
            Self::Disabled => "It is disabled, so something else stands in; enable it to use it.".to_owned(),
            Self::MetadataUnreadable => {
                "Its stored metadata cannot be read and counts as empty; write them again with an edit.".to_owned()
            }
        }
    }
}

/// A prompt's length and warnings.
#[derive(Debug, Clone)]
pub struct PromptFindings {
    /// Its category.
    pub category: Category,
    /// Its key.
    pub key: PromptKey,
    /// Its length in Unicode scalar values.
    pub length: usize,
    /// What deserves attention, in the order of the rules.
    pub warnings: Vec<PromptWarning>,
}

/// The figures of a category. Lengths are in Unicode scalar values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CategoryFigures {
    /// Which category.
    pub category: Category,
    /// How many prompts, disabled ones included.
    pub count: usize,
    /// Their lengths' sum.
    pub length_total: usize,
    /// The shortest; `None` without prompts.
    pub length_min: Option<usize>,
    /// The average; `None` without prompts.
    pub length_average: Option<f64>,
    /// The longest; `None` without prompts.
    pub length_max: Option<usize>,
}

/// Applies the rules to all `prompts`. One row per prompt, in the order given.
pub fn find_warnings(prompts: &[Examined], rules: &WarningRules) -> Vec<PromptFindings> {
    let mut same: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, prompt) in prompts.iter().enumerate() {
        same.entry(clause_key(&prompt.content)).or_default().push(at);
    }
    let rows = prompts.iter().enumerate().map(|(at, prompt)| {
        let others = same.get(&clause_key(&prompt.content)).map(Vec::as_slice).unwrap_or_default();
        let twin = others.iter().find(|other| **other != at).and_then(|other| prompts.get(*other));
        PromptFindings {
            category: prompt.category,
            key: prompt.key.clone(),
            length: length(&prompt.content),
            warnings: warnings_of(prompt, twin, rules),
        }
    });
    rows.collect()
}

fn warnings_of(prompt: &Examined, twin: Option<&Examined>, rules: &WarningRules) -> Vec<PromptWarning> {
    let length = length(&prompt.content);
    let mut found = Vec::new();
    if length < rules.length_min {
        found.push(PromptWarning::TooShort { length, min: rules.length_min });
    }
    // Instructions are long by nature; only what goes into a prompt is better short.
    if length > rules.length_max && prompt.category != Category::AiFunction {
        found.push(PromptWarning::Long { length, max: rules.length_max });
    }
    let limits = match prompt.category {
        Category::AiFunction | Category::TextGeneration => &rules.text_limits,
        _ => &rules.image_limits,
    };
    let models: Vec<String> =
        limits.iter().filter(|limit| length > limit.max).map(|limit| limit.model.clone()).collect();
    if !models.is_empty() {
        found.push(PromptWarning::OverModelLimit { length, models });
    }
    let protected = !prompt.optimise || rules.protected.contains(&prompt.category);
    if !protected && has_redundant_phrase(&prompt.content, &rules.phrases, &prompt.protected_clauses) {
        found.push(PromptWarning::RedundantPhrase);
    }
    if is_damaged(&prompt.content) {
        found.push(PromptWarning::DamagedPunctuation);
    }
    if let Some(twin) = twin {
        let key = twin.key.as_str().to_owned();
        found.push(PromptWarning::DuplicateText { category: twin.category, key });
    }
    if is_reserved(prompt.category, &prompt.key) {
        found.push(PromptWarning::ReservedKey);
    }
    if !prompt.is_active {
        found.push(PromptWarning::Disabled);
    }
    if prompt.is_metadata_lost {
        found.push(PromptWarning::MetadataUnreadable);
    }
    found
}

/// The figures of every category, in the order of [`Category::ALL`].
pub fn figures_by_category(findings: &[PromptFindings]) -> Vec<CategoryFigures> {
    let figures = Category::ALL.map(|category| {
        let lengths = || findings.iter().filter(|row| row.category == category).map(|row| row.length);
        let (count, length_total) = (lengths().count(), lengths().sum());
        let exact = |number: usize| u32::try_from(number).ok().map(f64::from);
        let length_average =
            exact(count).filter(|count| *count > 0.0).and_then(|count| Some(exact(length_total)? / count));
        CategoryFigures {
            category,
            count,
            length_total,
            length_min: lengths().min(),
            length_average,
            length_max: lengths().max(),
        }
    });
    figures.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::model::catalogue::catalogue;

    fn prompt(category: Category, key: &str, content: &str) -> Examined {
        Examined {
            category,
            key: PromptKey::lenient(key),
            content: content.to_owned(),
            is_active: true,
            optimise: true,
            protected_clauses: Vec::new(),
            is_metadata_lost: false,
        }
    }

    fn codes(prompt: Examined) -> Vec<&'static str> {
        let rules = WarningRules {
            image_limits: vec![ModelLimit { model: "short".into(), max: 500 }],
            text_limits: vec![ModelLimit { model: "writer".into(), max: 600 }],
            ..WarningRules::default()
        };
        find_warnings(&[prompt], &rules)[0].warnings.iter().map(PromptWarning::code).collect()
    }

    #[test]
    fn warns_at_the_edges_of_length() {
        use Category::{AiFunction, StylePreset, TextGeneration};
        let of = |category, length| codes(prompt(category, "k", &"a".repeat(length)));
        assert_eq!(of(StylePreset, 39), ["TOO_SHORT"]);
        assert_eq!(of(StylePreset, 40), [""; 0]);
        assert_eq!(of(StylePreset, 400), [""; 0]);
        assert_eq!(of(StylePreset, 401), ["LONG"]);
        assert_eq!(of(StylePreset, 501), ["LONG", "OVER_MODEL_LIMIT"]);
        assert_eq!(of(TextGeneration, 501), ["LONG"]);
        assert_eq!(of(AiFunction, 500), [""; 0]);
        assert_eq!(of(AiFunction, 601), ["OVER_MODEL_LIMIT"]);
    }

    #[test]
    fn warns_of_phrases_unless_protected() {
        let text = "lanterns over water in the warm light of evening, no blur";
        assert_eq!(codes(prompt(Category::StylePreset, "k", text)), ["REDUNDANT_PHRASE"]);
        assert_eq!(codes(prompt(Category::SystemDefault, "k", text)), [""; 0]);
        let marked = Examined { optimise: false, ..prompt(Category::StylePreset, "k", text) };
        assert_eq!(codes(marked), [""; 0]);
        let listed = Examined { protected_clauses: vec!["No blur".into()], ..prompt(Category::StylePreset, "k", text) };
        assert_eq!(codes(listed), [""; 0]);
    }

    #[test]
    fn warns_of_damage_doubles_reserve_and_disabling() {
        let text = "lanterns over water , in the warm light of evening";
        assert_eq!(codes(prompt(Category::EventType, "k", text)), ["DAMAGED_PUNCTUATION"]);
        let calm = "lanterns over water in the warm light of evening";
        assert_eq!(codes(prompt(Category::CarouselBackground, "Base", calm)), ["RESERVED_KEY"]);
        assert_eq!(codes(Examined { is_active: false, ..prompt(Category::EventType, "k", calm) }), ["DISABLED"]);
        let twins = [prompt(Category::EventType, "a", calm), prompt(Category::StylePreset, "b", &calm.to_uppercase())];
        let rows = find_warnings(&twins, &WarningRules::default());
        let twin = PromptWarning::DuplicateText { category: Category::StylePreset, key: "b".into() };
        assert_eq!(rows[0].warnings, [twin]);
        assert!(rows[1].warnings[0].message().contains("event_type/a"));
    }

    #[test]
    fn the_catalogue_has_no_warnings_but_the_reserved_key() {
        let all: Vec<Examined> = catalogue().map(|p| prompt(p.category, p.key, p.content)).collect();
        let rules = WarningRules {
            image_limits: vec![ModelLimit { model: "short".into(), max: 500 }],
            ..WarningRules::default()
        };
        let rows = find_warnings(&all, &rules);
        let warned: Vec<_> = rows.iter().filter(|row| !row.warnings.is_empty()).collect();
        assert_eq!(warned.len(), 1);
        assert_eq!(
            (warned[0].key.as_str(), warned[0].warnings.as_slice()),
            ("base", &[PromptWarning::ReservedKey][..])
        );
        let figures = figures_by_category(&rows);
        assert_eq!(figures.iter().map(|figure| figure.count).collect::<Vec<_>>(), [8, 1, 24, 12, 3, 3]);
        for figure in figures {
            let (min, max, average) =
                (figure.length_min.unwrap(), figure.length_max.unwrap(), figure.length_average.unwrap());
            assert!(min <= max && (min as f64..=max as f64).contains(&average));
        }
        assert_eq!(figures_by_category(&[])[0].length_average, None);
    }
}
