//! An idea and what may change about it.

use uuid::Uuid;

use super::{IdeaState, Plan, PlanFault, check_title, plan};
use crate::{
    clock::Micros,
    keyword::model::{ContentType, IllegalTransition},
};

/// Something that could be written for a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idea {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// For which site.
    pub site_id: Uuid,
    /// In which sector of it.
    pub sector_id: Option<Uuid>,
    /// For which cluster.
    pub cluster_id: Uuid,
    /// What would be written.
    pub plan: Plan,
    /// Where it is in its life.
    pub state: IdeaState,
    /// When it was found, microseconds.
    pub created_at: Micros,
    /// When it was last changed, microseconds.
    pub updated_at: Micros,
}

/// What changes about an idea; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateIdea {
    /// Its title.
    pub title: Option<String>,
    /// Its headings; empty takes them away.
    pub outline: Option<String>,
    /// The keywords it aims at.
    pub keywords: Option<Vec<String>>,
    /// What kind of content it is for.
    pub content_type: Option<ContentType>,
    /// Its length in words.
    pub target_words: Option<i32>,
}

/// Which ideas are listed; `None` does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdeaFilter {
    /// Only in this state.
    pub state: Option<IdeaState>,
    /// Only of this sector; `Some(None)` is those without one.
    pub sector: Option<Option<Uuid>>,
    /// Only of this cluster.
    pub cluster: Option<Uuid>,
    /// Only those whose title holds this text, in any case.
    pub search: Option<String>,
}

/// Why an idea was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeIdeaError {
    /// What is said of it cannot be taken.
    #[error(transparent)]
    Plan(#[from] PlanFault),
    /// Another idea of the cluster has the title.
    #[error("Another idea of the cluster has the title {0:?}. Choose another one.")]
    TitleTaken(String),
    /// It can no longer be changed.
    #[error("The idea is {state}; only a NEW one can be changed.")]
    IllegalState {
        /// The state it is in.
        state: &'static str,
    },
    /// No state of the rules follows.
    #[error("The idea is {} and cannot become {}.", .0.from, .0.to)]
    IllegalTransition(IllegalTransition),
}

impl UpdateIdea {
    /// The plan as it will be. Refuses: any [`PlanFault`] of what changes.
    pub fn apply(&self, plan: &Plan) -> Result<Plan, PlanFault> {
        let mut changed = plan.clone();
        if let Some(title) = &self.title {
            changed.title = check_title(title)?;
        }
        if let Some(outline) = &self.outline {
            changed.outline = plan::check_outline(outline)?;
        }
        if let Some(keywords) = &self.keywords {
            changed.keywords = plan::check_keywords(keywords)?;
        }
        if let Some(words) = self.target_words {
            changed.target_words = plan::check_target_words(words)?;
        }
        changed.content_type = self.content_type.unwrap_or(changed.content_type);
        Ok(changed)
    }
}
