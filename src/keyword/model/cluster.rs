//! A cluster and what may change about it.

use uuid::Uuid;

use super::{ClusterState, ContentType, Intent};
use crate::{clock::Micros, prompt::model::collapse_blanks};

/// The most characters of a cluster's name.
pub const NAME_CHARS_MAX: usize = 200;
/// The most characters of a cluster's description.
pub const DESCRIPTION_CHARS_MAX: usize = 2_000;

/// Keywords that one piece of content can serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// For which site.
    pub site_id: Uuid,
    /// In which sector of it.
    pub sector_id: Option<Uuid>,
    /// Its name, 1–200 characters.
    pub name: String,
    /// The keyword that stands for it.
    pub root_keyword: Option<String>,
    /// What it is about, up to 2,000 characters.
    pub description: Option<String>,
    /// What kind of content serves it.
    pub cluster_type: ContentType,
    /// What people want who search for it.
    pub intent: Option<Intent>,
    /// Where it is in its life.
    pub state: ClusterState,
    /// When it was made, microseconds.
    pub created_at: Micros,
    /// When it was last changed, microseconds.
    pub updated_at: Micros,
}

/// What a cluster's keywords come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClusterFigures {
    /// How many there are.
    pub keywords: i64,
    /// Searches a month of all whose volume is known; `None` where none is.
    pub volume: Option<i64>,
    /// Their mean difficulty, rounded half up; `None` where none is known.
    pub difficulty: Option<i32>,
}

/// A new cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateCluster {
    /// For which site.
    pub site_id: Uuid,
    /// In which sector of it.
    pub sector_id: Option<Uuid>,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// What kind of content serves it.
    pub cluster_type: ContentType,
    /// What people want who search for it.
    pub intent: Option<Intent>,
}

/// What changes about a cluster; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateCluster {
    /// Its name.
    pub name: Option<String>,
    /// What it is about; `Some(None)` takes it away.
    pub description: Option<Option<String>>,
    /// What kind of content serves it.
    pub cluster_type: Option<ContentType>,
    /// What people want who search for it.
    pub intent: Option<Option<Intent>>,
}

/// Which clusters are listed; `None` does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterFilter {
    /// Only in this state.
    pub state: Option<ClusterState>,
    /// Only of this sector; `Some(None)` is those without one.
    pub sector: Option<Option<Uuid>>,
    /// Only those whose name holds this text, in any case.
    pub search: Option<String>,
}

/// Why a cluster was not made, changed or deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// The name is blank or too long.
    #[error("A cluster's name has 1–{NAME_CHARS_MAX} characters on one line.")]
    NameInvalid,
    /// Another cluster of the sector has the name.
    #[error("Another cluster of the sector has the name {0:?}. Choose another one.")]
    NameTaken(String),
    /// The description is too long.
    #[error("A description has 1–{DESCRIPTION_CHARS_MAX} characters. Shorten it, or send null to take it away.")]
    DescriptionInvalid,
    /// There is no such sector in the site.
    #[error("There is no such sector in the site.")]
    SectorNotFound,
    /// No state of the rules follows.
    #[error("The cluster is {from} and cannot become {to}.")]
    IllegalTransition {
        /// The state it is in.
        from: &'static str,
        /// The state it was to go to.
        to: &'static str,
    },
    /// Something was made of it.
    #[error("The cluster has {0} ideas. Finalize it instead, or reject them first.")]
    HasIdeas(i64),
    /// Something is to be written for it.
    #[error("The cluster has {0} content tasks. Finalize it instead, or leave it as it is.")]
    HasContentTasks(i64),
}

/// A name as it is stored. Refuses: `NameInvalid`.
pub fn cluster_name(text: &str) -> Result<String, ClusterError> {
    let name = collapse_blanks(text);
    let fits = (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits { Ok(name) } else { Err(ClusterError::NameInvalid) }
}

/// A description as it is stored. Refuses: `DescriptionInvalid`.
pub fn cluster_description(text: &str) -> Result<String, ClusterError> {
    let text = text.trim();
    let fits = (1..=DESCRIPTION_CHARS_MAX).contains(&text.chars().count()) && !text.contains('\0');
    if fits { Ok(text.to_owned()) } else { Err(ClusterError::DescriptionInvalid) }
}

impl UpdateCluster {
    /// The cluster as it will be. Refuses: `NameInvalid`, `DescriptionInvalid`.
    pub fn apply(&self, cluster: &Cluster) -> Result<Cluster, ClusterError> {
        let mut changed = cluster.clone();
        if let Some(name) = &self.name {
            changed.name = cluster_name(name)?;
        }
        if let Some(text) = &self.description {
            changed.description = text.as_deref().map(cluster_description).transpose()?;
        }
        changed.cluster_type = self.cluster_type.unwrap_or(changed.cluster_type);
        changed.intent = self.intent.unwrap_or(changed.intent);
        Ok(changed)
    }
}
