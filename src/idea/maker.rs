//! What `GENERATE_IDEAS` is about, and what becomes of its answers.

use std::{collections::HashSet, sync::Arc};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{
    model::{
        FoundIdea, GivenCluster, IDEAS_MAX, Idea, IdeaAnswer, IdeaError, IdeaState, Plan, check, check_title,
        check_wanted, data_block,
    },
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
    keyword::{
        Cluster, effects as keyword, keyword_texts, load_clusters,
        model::{ClusterState, text_key},
    },
    site::context,
};

/// The most clusters of one command.
const CLUSTERS_MAX: usize = 50;
/// The most keywords of a cluster that a model is told, those most searched for.
const KEYWORDS_TOLD_MAX: u32 = 100;
/// The most titles that a model is told, the newest.
const TITLES_TOLD_MAX: u32 = 200;
/// Titles that are looked for at once.
const CHUNK: usize = 500;

/// Finds ideas for clusters.
pub struct IdeaMaker {
    db: Db,
    ids: Arc<dyn Ids>,
}

/// What reading an answer needs beside the cluster.
#[derive(Debug, Serialize, Deserialize)]
struct Facts {
    wanted: usize,
}

fn given(cluster: &Cluster, keywords: Vec<String>, titles: Vec<String>) -> GivenCluster {
    GivenCluster {
        name: cluster.name.clone(),
        description: cluster.description.clone(),
        content_type: cluster.cluster_type,
        keywords,
        titles,
    }
}

fn wanted_of(wanted: Option<i32>) -> Result<usize, TargetRefusal> {
    let max = i32::try_from(IDEAS_MAX).unwrap_or(i32::MAX);
    let wanted_or = |wanted| TargetRefusal::WantedOutOfRange { wanted, min: 1, max };
    check_wanted(wanted).map_err(|_: IdeaError| wanted_or(wanted.unwrap_or_default()))
}

impl IdeaMaker {
    /// Puts the parts together.
    pub fn new(db: Db, ids: Arc<dyn Ids>) -> Self {
        Self { db, ids }
    }

    async fn brief_all(&self, ask: Ask<'_>) -> Result<Vec<Brief>, Failure<TargetRefusal>> {
        let ids = &ask.targets.ids;
        if !(1..=CLUSTERS_MAX).contains(&ids.len()) {
            return Err(Failure::Refused(TargetRefusal::CountOutOfRange { count: ids.len(), max: CLUSTERS_MAX }));
        }
        let wanted = wanted_of(ask.targets.wanted).map_err(Failure::Refused)?;
        let connection = self.db.reader();
        let found = load_clusters(connection, ids).await?;
        let mut seen = HashSet::new();
        let mut briefs = Vec::with_capacity(ids.len());
        for (at, id) in ids.iter().enumerate() {
            let position = at + 1;
            if !seen.insert(*id) {
                return Err(Failure::Refused(TargetRefusal::Twice { position }));
            }
            let cluster = found.get(id).filter(|cluster| cluster.account_id == ask.account);
            let cluster = cluster.ok_or(Failure::Refused(TargetRefusal::NotFound { position }))?;
            if cluster.state == ClusterState::Finalized {
                let state = cluster.state.as_str();
                let refusal = TargetRefusal::WrongState { position, state, allowed: "NEW or MAPPED" };
                return Err(Failure::Refused(refusal));
            }
            let keywords = keyword_texts(connection, *id, KEYWORDS_TOLD_MAX).await?;
            if keywords.is_empty() {
                let allowed = "a cluster with keywords";
                return Err(Failure::Refused(TargetRefusal::WrongState { position, state: "empty", allowed }));
            }
            let told = context::load(connection, cluster.site_id, cluster.sector_id).await?.ok_or(Error::NotFound)?;
            let titles = store::newest_titles(connection, *id, TITLES_TOLD_MAX).await?;
            briefs.push(Brief {
                prompt: data_block(&told, &given(cluster, keywords, titles), wanted).render(),
                target: Target { id: Some(*id), site: Some(cluster.site_id), facts: json!(Facts { wanted }) },
            });
        }
        Ok(briefs)
    }

    /// The titles of the cluster, however old, that the answer repeats.
    async fn repeated(&self, cluster: Uuid, answer: &IdeaAnswer) -> Result<Vec<String>, Error> {
        let keys: Vec<String> = answer
            .ideas
            .iter()
            .filter_map(|idea| check_title(&idea.title).ok())
            .map(|title| text_key(&title))
            .collect();
        let mut titles = Vec::new();
        for keys in keys.chunks(CHUNK) {
            titles.extend(store::titles_of(self.db.reader(), cluster, keys).await?);
        }
        Ok(titles)
    }

    async fn make_of(&self, making: Making<'_>) -> Result<Made, Failure<MakeError>> {
        let facts: Facts = serde_json::from_value(making.target.facts.clone())
            .map_err(|error| Internal::new("reading what ideas are for", error))?;
        let (Output::Text(text), Some(id)) = (making.output, making.target.id) else {
            return Err(Internal::new("reading ideas", "the output is no text, or for no cluster").into());
        };
        let connection = self.db.reader();
        let trace = making.trace;
        let found = load_clusters(connection, &[id]).await?.remove(&id);
        let waits =
            |cluster: &Cluster| cluster.account_id == trace.account_id && cluster.state != ClusterState::Finalized;
        let cluster = found.filter(waits).ok_or(Failure::Refused(MakeError::Gone("TARGET_GONE")))?;
        let answer = read::<IdeaAnswer>(text, Ending::Whole).map_err(|error| Failure::Refused(error.into()))?;
        let keywords = keyword_texts(connection, id, KEYWORDS_TOLD_MAX).await?;
        let titles = self.repeated(id, &answer).await?;
        let checked = check(&answer, &given(&cluster, keywords, titles), facts.wanted);
        let found = checked.map_err(|error| Failure::Refused(AnswerError::from(error).into()))?;
        let mut effects = match cluster.state {
            ClusterState::New => {
                let mapped = keyword::change_cluster(&cluster, ClusterState::Mapped, self.ids.uuid(), trace);
                mapped.map_err(|illegal| Internal::new("mapping a cluster", illegal))?.to_vec()
            }
            // It has ideas already; it must not be finalised or deleted meanwhile.
            ClusterState::Mapped | ClusterState::Finalized => vec![keyword::touch_cluster(&cluster, trace)],
        };
        let mut products = Vec::with_capacity(found.ideas.len());
        for found in found.ideas {
            let idea = self.idea_of(&cluster, found, trace);
            effects.extend(store::effect::insert(&idea, self.ids.uuid(), trace));
            products.push(idea.id);
        }
        let count = i32::try_from(products.len()).unwrap_or(i32::MAX);
        Ok(Made { effects, count, products, ..Made::default() })
    }

    fn idea_of(&self, cluster: &Cluster, found: FoundIdea, trace: &Trace) -> Idea {
        Idea {
            id: self.ids.uuid(),
            account_id: cluster.account_id,
            site_id: cluster.site_id,
            sector_id: cluster.sector_id,
            cluster_id: cluster.id,
            plan: Plan {
                title: found.title,
                outline: found.outline,
                keywords: found.target_keywords,
                content_type: found.content_type,
                target_words: found.target_words,
            },
            state: IdeaState::New,
            created_at: trace.at,
            updated_at: trace.at,
        }
    }
}

impl Maker for IdeaMaker {
    fn function(&self) -> AiFunction {
        AiFunction::GenerateIdeas
    }

    fn briefs<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Vec<Brief>, Failure<TargetRefusal>>> {
        Box::pin(self.brief_all(ask))
    }

    // A cluster stays as it is while ideas are looked for: more may be looked for at any time.
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
