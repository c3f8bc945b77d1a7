//! Clustering without a model: by the words of the keywords alone. It costs nothing and is no AI task.

use uuid::Uuid;

use super::{
    Keywords,
    assign::{self, Assigned},
    cluster::NAME_KEY,
};
use crate::{
    ai::maker::TargetRefusal,
    auth::MemberRight,
    db::{
        constraint::violated,
        effect::{EffectError, write_all},
    },
    error::{Error, Failure, Internal},
    keyword::model::{
        Cluster, Keyword,
        clustering::{ClusterAnswer, ClusterError},
        lexical,
    },
    site::service::demand_editor,
};

/// How often it is done anew when somebody else was faster.
const TRIES: usize = 5;
/// When to try again after that.
const AGAIN_MS: u64 = 1_000;

/// Why keywords were not clustered by their words. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterLexicallyError {
    /// The keywords cannot be clustered, by whatever means.
    #[error(transparent)]
    Targets(#[from] TargetRefusal),
    /// No two of them resemble each other.
    #[error("No two of the keywords share enough of their words. Cluster them by a model, or by hand.")]
    NothingAlike,
}

/// What keywords were clustered into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusteredLexically {
    /// The clusters that keywords were put into, new ones too.
    pub clusters: Vec<Cluster>,
    /// How many keywords were.
    pub clustered: usize,
    /// How many were not, and stay as they are.
    pub unassigned: usize,
}

/// Somebody else was faster.
#[derive(Debug)]
struct Outrun;

impl From<ClusterError> for ClusterLexicallyError {
    fn from(error: ClusterError) -> Self {
        match error {
            ClusterError::TooFew { count } => Self::Targets(TargetRefusal::TooFewKeywords { count }),
            ClusterError::TooMany { count, max } => Self::Targets(TargetRefusal::CountOutOfRange { count, max }),
            ClusterError::NoneLeft => Self::NothingAlike,
        }
    }
}

impl Keywords {
    /// Groups keywords (2–500) of one bucket of the site, NEW or ORPHANED, by their words, in one transaction; those that resemble no
    /// other stay as they are. Refuses: see [`ClusterLexicallyError`]; `Forbidden` when the member is no EDITOR;
    /// `RateLimited` where others kept being faster.
    pub async fn cluster_lexically(
        &self,
        right: MemberRight,
        site: Uuid,
        ids: Vec<Uuid>,
        request_id: Option<String>,
    ) -> Result<ClusteredLexically, Failure<ClusterLexicallyError>> {
        let account = demand_editor(right)?;
        let trace = self.trace(right, request_id);
        let mut answer = None;
        for _ in 0..TRIES {
            let keywords = assign::targets(self.db.reader(), account, &ids).await;
            let keywords = keywords.map_err(|failure| failure.map_refusal(ClusterLexicallyError::Targets))?;
            if keywords.iter().any(|keyword| keyword.site_id != site) {
                return Err(Failure::Refused(TargetRefusal::NotFound { position: 1 }.into()));
            }
            // The texts of keywords never change, so neither does what their words come to.
            let answer = match &answer {
                Some(answer) => answer,
                None => answer.insert(by_words(&keywords).await?),
            };
            let assigned = assign::assign(self.db.reader(), &keywords, answer, self.ids.as_ref(), &trace).await;
            let assigned = assigned.map_err(|failure| failure.map_refusal(ClusterLexicallyError::from))?;
            let Assigned { clusters, moved, effects } = assigned;
            let clustered = moved.len();
            let at = trace.at;
            let written = self.db.write(effects, move |tx, effects| {
                Box::pin(async move { write_all(tx, effects, at).await.map_err(outrun) })
            });
            match written.await {
                Ok(()) => {
                    return Ok(ClusteredLexically { clusters, clustered, unassigned: ids.len() - clustered });
                }
                Err(Failure::Refused(Outrun)) => {}
                Err(Failure::Fault(error)) => return Err(error.into()),
            }
        }
        Err(Error::RateLimited { retry_after_ms: AGAIN_MS }.into())
    }
}

/// A guard that does not hold, or a name that was given meanwhile, says that somebody else was faster.
fn outrun(error: EffectError) -> Failure<Outrun> {
    match error {
        EffectError::GuardFailed { .. } => Failure::Refused(Outrun),
        EffectError::Db(error) if violated(&error).as_deref() == Some(NAME_KEY) => Failure::Refused(Outrun),
        error => Internal::from(error).into(),
    }
}

/// What the words come to, computed beside the requests.
async fn by_words(keywords: &[Keyword]) -> Result<ClusterAnswer, Failure<ClusterLexicallyError>> {
    let texts: Vec<String> = keywords.iter().map(|keyword| keyword.text.clone()).collect();
    let computed = tokio::task::spawn_blocking(move || {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        lexical::cluster(&texts)
    });
    let answer = computed.await.map_err(|error| Internal::new("clustering keywords by their words", error))?;
    answer.map_err(|error| Failure::Refused(error.into()))
}
