//! Whether a composed prompt fits a model, and how it is shortened when the user allows it.

use serde::{Deserialize, Serialize};

use super::{
    clause::clauses,
    compose::{Composition, Part, PartKind},
};

/// A model's limit on prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelLimit {
    /// The model's name.
    pub model: String,
    /// The most characters (Unicode scalar values) of a prompt.
    pub max: usize,
}

/// What to do with a prompt that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnTooLong {
    /// Refuse it.
    #[default]
    Refuse,
    /// Drop whole clauses where that does the least harm.
    Shorten,
}

/// A clause that was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedClause {
    /// From which part.
    pub kind: PartKind,
    /// What it said.
    pub text: String,
}

/// A prompt that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// The prompt.
    pub composition: Composition,
    /// What was dropped, in the order of dropping; empty when it fitted as it was.
    pub dropped: Vec<DroppedClause>,
}

/// A prompt is longer than the model takes, shortened or not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The prompt has {length} characters; {model} takes {max}. Shorten it, or choose a model that takes more.")]
pub struct PromptTooLong {
    /// The model.
    pub model: String,
    /// What it takes.
    pub max: usize,
    /// The prompt's length, after what could be dropped was.
    pub length: usize,
    /// The length of each part; between two parts come two characters.
    pub parts: Vec<(PartKind, usize)>,
    /// The models that the prompt would fit.
    pub fitting_models: Vec<String>,
}

impl PromptTooLong {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        "PROMPT_TOO_LONG"
    }
}

/// How a prompt fits one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFit {
    /// The model and its limit.
    pub limit: ModelLimit,
    /// Whether it fits as it is.
    pub fits: bool,
    /// Whether it fits when shortened.
    pub fits_shortened: bool,
}

/// Checks a prompt against the limit of the model that is to get it. `others` are named in the refusal if they fit.
/// Refuses: [`PromptTooLong`].
pub fn fit(
    composition: Composition,
    limit: &ModelLimit,
    others: &[ModelLimit],
    on_too_long: OnTooLong,
) -> Result<Fitted, PromptTooLong> {
    let fitted = match on_too_long {
        OnTooLong::Refuse => Fitted { composition, dropped: Vec::new() },
        OnTooLong::Shorten => shorten(composition, limit.max),
    };
    let composition = &fitted.composition;
    if composition.length <= limit.max {
        return Ok(fitted);
    }
    let fitting = others.iter().filter(|other| composition.length <= other.max);
    Err(PromptTooLong {
        model: limit.model.clone(),
        max: limit.max,
        length: composition.length,
        parts: composition.parts.iter().map(|part| (part.kind, part.length())).collect(),
        fitting_models: fitting.map(|other| other.model.clone()).collect(),
    })
}

/// How a prompt fits each of `limits`.
pub fn fit_all(composition: &Composition, limits: &[ModelLimit]) -> Vec<ModelFit> {
    let shortest = shorten(composition.clone(), 0).composition.length;
    let fit = |limit: &ModelLimit| ModelFit {
        limit: limit.clone(),
        fits: composition.length <= limit.max,
        fits_shortened: shortest <= limit.max,
    };
    limits.iter().map(fit).collect()
}

/// Drops whole clauses from the end of BASE, then of STYLE (its first stays), then of DETAILS, until `max` is kept.
fn shorten(composition: Composition, max: usize) -> Fitted {
    let mut parts = composition.parts;
    let mut dropped = Vec::new();
    for (kind, stay) in [(PartKind::Base, 0), (PartKind::Style, 1), (PartKind::Details, 0)] {
        let Some(at) = parts.iter().position(|part| part.kind == kind) else { continue };
        let Some(text) = parts.get(at).map(|part| part.text.clone()) else { continue };
        let clauses = clauses(&text);
        for (index, clause) in clauses.iter().enumerate().skip(stay).rev() {
            if total(&parts) <= max {
                break;
            }
            dropped.push(DroppedClause { kind, text: (*clause).to_owned() });
            let last = index.checked_sub(1).and_then(|before| clauses.get(before)).copied();
            if let Some(part) = parts.get_mut(at) {
                part.text = last.and_then(|last| up_to(&text, last)).unwrap_or_default().to_owned();
            }
        }
    }
    parts.retain(|part| !part.text.is_empty());
    Fitted { composition: Composition::of(parts), dropped }
}

/// `text` up to the end of `clause`, which is a piece of it. So what stays, stays as it was written.
fn up_to<'a>(text: &'a str, clause: &str) -> Option<&'a str> {
    let end = (clause.as_ptr() as usize).checked_sub(text.as_ptr() as usize)? + clause.len();
    text.get(..end)
}

/// The length of the prompt that `parts` make.
fn total(parts: &[Part]) -> usize {
    let lengths = parts.iter().filter(|part| !part.text.is_empty()).map(Part::length);
    lengths.reduce(|sum, next| sum + 2 + next).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::model::{
        compose::{Ingredients, NO_TEXT, PromptText, Source, compose},
        details::Wishes,
    };

    fn composition() -> Composition {
        let text = |text: &str| PromptText { text: text.to_owned(), source: Source::BuiltIn, version_id: None };
        let wishes = Wishes {
            fragments: ["at d1", "with d2, d3"].map(str::to_owned).to_vec(),
            text: Some("hey".to_owned()),
            custom_style: Some("c1, c2".to_owned()),
        };
        compose(
            &Ingredients {
                event: text("e1, e2"),
                style: Some(text("s1,s2, s3")),
                base: Some(text("b1, b2")),
                enhancement: None,
                no_text: NO_TEXT.to_owned(),
            },
            &wishes,
        )
    }

    fn limit(model: &str, max: usize) -> ModelLimit {
        ModelLimit { model: model.to_owned(), max }
    }

    const WHOLE: &str = "e1, e2, at d1, with d2, d3, s1,s2, s3, text to render: \"hey\", c1, c2, b1, b2";

    #[test]
    fn lets_a_prompt_through_up_to_the_limit() {
        let whole = composition();
        assert_eq!(whole.text, WHOLE);
        for policy in [OnTooLong::Refuse, OnTooLong::Shorten] {
            let fitted = fit(whole.clone(), &limit("m", whole.length), &[], policy).unwrap();
            assert_eq!((fitted.composition, fitted.dropped), (whole.clone(), Vec::new()));
        }
        let error = fit(whole.clone(), &limit("m", whole.length - 1), &[], OnTooLong::Refuse).unwrap_err();
        assert_eq!(error.length, whole.length);
    }

    #[test]
    fn refuses_with_figures_and_names_models_that_fit() {
        let whole = composition();
        let others = [limit("small", 20), limit("big", whole.length), limit("bigger", 2_000)];
        let error = fit(whole.clone(), &limit("small", 20), &others, OnTooLong::Refuse).unwrap_err();
        assert_eq!((error.model.as_str(), error.max, error.length), ("small", 20, whole.length));
        assert_eq!(error.fitting_models, ["big", "bigger"]);
        let sum: usize = error.parts.iter().map(|(_, length)| length).sum();
        assert_eq!(sum + 2 * (error.parts.len() - 1), whole.length);
        assert_eq!(error.parts.first(), Some(&(PartKind::Event, 6)));
    }

    #[test]
    fn drops_base_then_style_then_details_and_nothing_else() {
        let order = ["b2", "b1", "s3", "s2", "d3", "with d2", "at d1"];
        let texts = [
            "e1, e2, at d1, with d2, d3, s1,s2, s3, text to render: \"hey\", c1, c2, b1",
            "e1, e2, at d1, with d2, d3, s1,s2, s3, text to render: \"hey\", c1, c2",
            "e1, e2, at d1, with d2, d3, s1,s2, text to render: \"hey\", c1, c2",
            "e1, e2, at d1, with d2, d3, s1, text to render: \"hey\", c1, c2",
            "e1, e2, at d1, with d2, s1, text to render: \"hey\", c1, c2",
            "e1, e2, at d1, s1, text to render: \"hey\", c1, c2",
            "e1, e2, s1, text to render: \"hey\", c1, c2",
        ];
        for (count, text) in texts.iter().enumerate() {
            let max = text.chars().count();
            let fitted = fit(composition(), &limit("m", max), &[], OnTooLong::Shorten).unwrap();
            assert_eq!(fitted.composition.text, *text);
            assert_eq!(fitted.composition.length, max);
            let dropped: Vec<&str> = fitted.dropped.iter().map(|clause| clause.text.as_str()).collect();
            assert_eq!(dropped, order[..=count]);
        }
        let least = texts[6].chars().count();
        let error = fit(composition(), &limit("m", least - 1), &[limit("n", least)], OnTooLong::Shorten).unwrap_err();
        assert_eq!((error.length, error.fitting_models), (least, vec!["n".to_owned()]));
    }

    #[test]
    fn shows_the_fit_per_model() {
        let limits = [limit("a", 10), limit("b", 60), limit("c", 500)];
        let fits: Vec<_> = fit_all(&composition(), &limits).iter().map(|fit| (fit.fits, fit.fits_shortened)).collect();
        assert_eq!(fits, [(false, false), (false, true), (true, true)]);
    }
}
