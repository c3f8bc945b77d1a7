//! Figures and warnings of all prompts, by one rule set.

use uuid::Uuid;

use super::{Prompts, demand_view, optimise::phrases_of, port::PromptLimits};
use crate::{
    error::Error,
    prompt::{
        model::{
            prompt::SystemPrompt,
            warnings::{CategoryFigures, Examined, PromptFindings, WarningRules, figures_by_category, find_warnings},
        },
        store,
    },
    viewer::FeatureRight,
};

/// What is said about one prompt.
#[derive(Debug, Clone)]
pub struct PromptReview {
    /// The prompt.
    pub prompt_id: Uuid,
    /// Its length and warnings.
    pub findings: PromptFindings,
}

/// Figures and warnings of all prompts.
#[derive(Debug, Clone)]
pub struct PromptStatistics {
    /// One row per category, in the order of their words.
    pub categories: Vec<CategoryFigures>,
    /// One row per prompt, by category and key.
    pub reviews: Vec<PromptReview>,
}

impl PromptStatistics {
    /// How many prompts have each warning: codes in alphabetical order, with at least one prompt.
    pub fn counts(&self) -> Vec<(&'static str, usize)> {
        let mut counts = std::collections::BTreeMap::new();
        for warning in self.reviews.iter().flat_map(|review| &review.findings.warnings) {
            *counts.entry(warning.code()).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }
}

fn examined(prompt: &SystemPrompt) -> Examined {
    let body = &prompt.active.body;
    Examined {
        category: prompt.category,
        key: prompt.key.clone(),
        content: body.content.clone(),
        is_active: prompt.is_enabled,
        optimise: body.metadata.optimise(),
        protected_clauses: body.metadata.protected_clauses(),
        is_metadata_lost: body.metadata.is_lost(),
    }
}

impl Prompts {
    /// Counts, lengths and warnings of all prompts, disabled ones included. Stored phrases that cannot be used are passed
    /// over for the shipped ones; the optimiser says what is wrong with them. Refuses: `Forbidden`.
    pub async fn prompt_statistics(
        &self,
        right: FeatureRight,
        limits: PromptLimits,
    ) -> Result<PromptStatistics, Error> {
        demand_view(right)?;
        let stored = store::prompt::all_prompts(self.parts().db.reader()).await?;
        let review = move || {
            let rules = WarningRules {
                phrases: phrases_of(&stored).unwrap_or_default(),
                image_limits: limits.image,
                text_limits: limits.text,
                ..WarningRules::default()
            };
            let findings = find_warnings(&stored.iter().map(examined).collect::<Vec<_>>(), &rules);
            let categories = figures_by_category(&findings);
            let reviews = stored.iter().zip(findings);
            let reviews = reviews.map(|(prompt, findings)| PromptReview { prompt_id: prompt.id, findings }).collect();
            PromptStatistics { categories, reviews }
        };
        self.computing().run("examining the prompts", review).await
    }
}
