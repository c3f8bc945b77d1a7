//! A keyword and what may change about it.

use uuid::Uuid;

use super::{Country, Cpc, Difficulty, Intent, KeywordFault, KeywordState, Volume};
use crate::clock::Micros;

/// The most keywords of a site.
pub const KEYWORDS_MAX: i64 = 100_000;
/// The most keywords of one command.
pub const BULK_MAX: usize = 500;

/// Something that people search for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyword {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// For which site.
    pub site_id: Uuid,
    /// In which sector of it.
    pub sector_id: Option<Uuid>,
    /// As it is shown, 1–200 characters.
    pub text: String,
    /// What is known of it.
    pub facts: KeywordFacts,
    /// Where it is in its life.
    pub state: KeywordState,
    /// The cluster it is in.
    pub cluster_id: Option<Uuid>,
    /// When it was added, microseconds.
    pub created_at: Micros,
    /// When it was last changed, microseconds.
    pub updated_at: Micros,
}

/// What is known of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeywordFacts {
    /// Where it is searched for.
    pub country: Country,
    /// Searches a month.
    pub volume: Option<Volume>,
    /// What a click costs advertisers.
    pub cpc: Option<Cpc>,
    /// How hard it is to be found for it.
    pub difficulty: Option<Difficulty>,
    /// What people want who search for it.
    pub intent: Option<Intent>,
}

/// What changes about a keyword; `None` leaves it as it is, `Some(None)` clears it. Text and country stay: they are what
/// it is known by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpdateKeyword {
    /// Searches a month.
    pub volume: Option<Option<Volume>>,
    /// What a click costs advertisers.
    pub cpc: Option<Option<Cpc>>,
    /// How hard it is to be found for it.
    pub difficulty: Option<Option<Difficulty>>,
    /// What people want who search for it.
    pub intent: Option<Option<Intent>>,
    /// The cluster it is put in; `Some(None)` takes it out of its cluster.
    pub cluster: Option<Option<Uuid>>,
}

/// Which keywords are listed; `None` does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeywordFilter {
    /// Only in this state.
    pub state: Option<KeywordState>,
    /// Only of this sector; `Some(None)` is those without one.
    pub sector: Option<Option<Uuid>>,
    /// Only of this cluster.
    pub cluster: Option<Uuid>,
    /// Only those that hold this text, in any case.
    pub search: Option<String>,
}

/// Why keywords were not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeywordError {
    /// What is said of it cannot be taken.
    #[error(transparent)]
    Fault(#[from] KeywordFault),
    /// No state of the rules follows.
    #[error("The keyword {text:?} is {from} and cannot become {to}. Nothing was changed.")]
    IllegalTransition {
        /// Which.
        text: String,
        /// The state it is in.
        from: &'static str,
        /// The state it was to go to.
        to: &'static str,
    },
    /// One of the keywords is not there, or not of this account.
    #[error("There is no such keyword: number {0} of the list. Nothing was changed.")]
    NotFound(usize),
    /// The number of keywords is out of range.
    #[error("Name 1–{BULK_MAX} keywords.")]
    CountOutOfRange,
    /// The cluster is not there, or belongs to another sector or site.
    #[error("There is no such cluster in the keyword's sector. Choose one of it.")]
    ClusterNotFound,
}
