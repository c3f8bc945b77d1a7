//! What `CLUSTER_KEYWORDS` is about, and what becomes of its answers.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{
    model::{
        Keyword,
        clustering::{self, ClusterAnswer, KEYWORDS_MAX},
    },
    service::assign,
    store,
};
use crate::{
    ai::{
        maker::{Ask, Brief, Made, MakeError, Maker, Making, Output, Target, TargetRefusal, Unmaking},
        model::{
            AiFunction,
            answer::{AnswerError, Ending, read},
        },
    },
    audit::Trace,
    db::{Db, effect::Effect},
    error::{Error, Failure, Internal},
    ids::Ids,
    site::context,
};

/// The most names of clusters that a model is told, the newest.
const NAMES_TOLD_MAX: u32 = 200;

/// Turns keywords into clusters.
pub struct ClusterMaker {
    db: Db,
    ids: Arc<dyn Ids>,
}

/// What one call is about.
#[derive(Debug, Serialize, Deserialize)]
struct Facts {
    site: Uuid,
    sector: Option<Uuid>,
    keywords: Vec<Uuid>,
}

/// As few calls as possible, of nearly equal size: none is left with fewer than clustering needs.
fn calls(keywords: &[Keyword]) -> Vec<&[Keyword]> {
    let count = keywords.len().div_ceil(KEYWORDS_MAX).max(1);
    let (size, more) = (keywords.len() / count, keywords.len() % count);
    let mut rest = keywords;
    let mut calls = Vec::with_capacity(count);
    for at in 0..count {
        let (call, after) = rest.split_at(size + usize::from(at < more));
        calls.push(call);
        rest = after;
    }
    calls
}

impl ClusterMaker {
    /// Puts the parts together.
    pub fn new(db: Db, ids: Arc<dyn Ids>) -> Self {
        Self { db, ids }
    }

    async fn brief_all(&self, ask: Ask<'_>) -> Result<Vec<Brief>, Failure<TargetRefusal>> {
        let keywords = assign::targets(self.db.reader(), ask.account, &ask.targets.ids).await?;
        let Some(first) = keywords.first() else { return Ok(Vec::new()) };
        let (site, sector) = (first.site_id, first.sector_id);
        let told = context::load(self.db.reader(), site, sector).await?.ok_or(Error::NotFound)?;
        let clusters = store::select::newest_clusters(self.db.reader(), assign::bucket(first), NAMES_TOLD_MAX).await?;
        let existing = assign::existing(&clusters);
        let brief = |call: &[Keyword]| {
            let facts = Facts { site, sector, keywords: call.iter().map(|keyword| keyword.id).collect() };
            Brief {
                prompt: clustering::data_block(&told, &assign::given(call), &existing).render(),
                target: Target { id: None, site: Some(site), facts: json!(facts) },
            }
        };
        Ok(calls(&keywords).into_iter().map(brief).collect())
    }

    async fn make_of(&self, making: Making<'_>) -> Result<Made, Failure<MakeError>> {
        let facts: Facts = serde_json::from_value(making.target.facts.clone())
            .map_err(|error| Internal::new("reading what a clustering is about", error))?;
        let Output::Text(text) = making.output else {
            return Err(Internal::new("reading a clustering", "the output is no text").into());
        };
        let mut found = store::keyword::load_keywords(self.db.reader(), &facts.keywords).await?;
        let waits = |keyword: &Keyword| {
            let place = (keyword.account_id, keyword.site_id, keyword.sector_id);
            place == (making.trace.account_id, facts.site, facts.sector) && keyword.state.is_clusterable()
        };
        let keywords: Vec<Keyword> = facts.keywords.iter().filter_map(|id| found.remove(id)).filter(waits).collect();
        if keywords.is_empty() {
            return Err(Failure::Refused(MakeError::Gone("TARGET_GONE")));
        }
        let answer = read::<ClusterAnswer>(text, Ending::Whole).map_err(|error| Failure::Refused(error.into()))?;
        let assigned = assign::assign(self.db.reader(), &keywords, &answer, self.ids.as_ref(), making.trace).await;
        let assigned = assigned.map_err(|failure| failure.map_refusal(|error| AnswerError::from(error).into()))?;
        let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let left_over = keywords.iter().filter(|keyword| !assigned.moved.contains(&keyword.id));
        let passed_over = left_over.map(|keyword| store::effect::pass_over(keyword, making.trace));
        Ok(Made {
            effects: assigned.effects.into_iter().chain(passed_over).collect(),
            count: count(assigned.moved.len()),
            groups: count(assigned.clusters.len()),
            products: assigned.clusters.iter().map(|cluster| cluster.id).collect(),
            untouched: facts.keywords.into_iter().filter(|id| !assigned.moved.contains(id)).collect(),
        })
    }
}

impl Maker for ClusterMaker {
    fn function(&self) -> AiFunction {
        AiFunction::ClusterKeywords
    }

    fn briefs<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Vec<Brief>, Failure<TargetRefusal>>> {
        Box::pin(self.brief_all(ask))
    }

    // Keywords wait in the state they are in: clustering them twice at once does no harm.
    fn begin(&self, _: &Target, _: &Trace) -> Vec<Effect> {
        Vec::new()
    }

    fn make<'a>(&'a self, making: Making<'a>) -> BoxFuture<'a, Result<Made, Failure<MakeError>>> {
        Box::pin(self.make_of(making))
    }

    fn unmade<'a>(&'a self, _: Unmaking<'a>) -> BoxFuture<'a, Result<Vec<Effect>, Error>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyword::model::{KeywordFacts, KeywordState};

    fn sizes(count: u128) -> Vec<usize> {
        let keyword = |id| Keyword {
            id: Uuid::from_u128(id),
            account_id: Uuid::nil(),
            site_id: Uuid::nil(),
            sector_id: None,
            text: String::new(),
            facts: KeywordFacts::default(),
            state: KeywordState::New,
            cluster_id: None,
            created_at: 0,
            updated_at: 0,
        };
        let keywords: Vec<Keyword> = (0..count).map(keyword).collect();
        let calls = calls(&keywords);
        let all: Vec<Uuid> = calls.iter().flat_map(|call| call.iter().map(|keyword| keyword.id)).collect();
        assert_eq!(all, keywords.iter().map(|keyword| keyword.id).collect::<Vec<_>>(), "each once, in order");
        calls.iter().map(|call| call.len()).collect()
    }

    #[test]
    fn calls_are_few_and_nearly_equal() {
        assert_eq!((sizes(2), sizes(40)), (vec![2], vec![40]));
        assert_eq!((sizes(41), sizes(80), sizes(81)), (vec![21, 20], vec![40, 40], vec![27, 27, 27]));
        for count in 2..=500 {
            let sizes = sizes(count);
            assert!(sizes.iter().all(|size| (2..=KEYWORDS_MAX).contains(size)), "{sizes:?}");
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
        }
    }
}
