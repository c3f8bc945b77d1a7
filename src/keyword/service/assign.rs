//! Putting keywords into clusters as an answer says, whether a model gave it or their words.

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::{
    ai::maker::TargetRefusal,
    audit::Trace,
    db::effect::Effect,
    error::{Error, Failure, Internal},
    ids::Ids,
    keyword::{
        model::{
            BULK_MAX, Cluster, ClusterState, Keyword, KeywordState,
            clustering::{self, ClusterAnswer, ClusterError, Clustering, ExistingCluster, GivenKeyword, KEYWORDS_MIN},
            text_key,
        },
        store,
    },
};

/// Keywords as clustering sees them.
pub(in crate::keyword) fn given(keywords: &[Keyword]) -> Vec<GivenKeyword> {
    let given = |keyword: &Keyword| GivenKeyword {
        id: keyword.id,
        text: keyword.text.clone(),
        volume: keyword.facts.volume.map(|volume| volume.get()),
    };
    keywords.iter().map(given).collect()
}

/// Clusters as clustering sees them.
pub(in crate::keyword) fn existing(clusters: &[Cluster]) -> Vec<ExistingCluster> {
    clusters.iter().map(|cluster| ExistingCluster { id: cluster.id, name: cluster.name.clone() }).collect()
}

/// The keywords (2–500) that are to be clustered, in the order in which they were named, all of one bucket of the account.
/// Refuses: `TooFewKeywords`, `CountOutOfRange`, `Twice`, `NotFound`, `WrongState`, `MixedSectors`.
pub(in crate::keyword) async fn targets(
    connection: &impl ConnectionTrait,
    account: Uuid,
    ids: &[Uuid],
) -> Result<Vec<Keyword>, Failure<TargetRefusal>> {
    if ids.len() < KEYWORDS_MIN {
        return Err(Failure::Refused(TargetRefusal::TooFewKeywords { count: ids.len() }));
    }
    if ids.len() > BULK_MAX {
        return Err(Failure::Refused(TargetRefusal::CountOutOfRange { count: ids.len(), max: BULK_MAX }));
    }
    let mut found = store::keyword::load_keywords(connection, ids).await?;
    let mut keywords: Vec<Keyword> = Vec::with_capacity(ids.len());
    for (at, id) in ids.iter().enumerate() {
        let position = at + 1;
        let refusal = match found.remove(id) {
            Some(keyword) if keyword.account_id != account => TargetRefusal::NotFound { position },
            Some(keyword) if !keyword.state.is_clusterable() => {
                let state = keyword.state.as_str();
                TargetRefusal::WrongState { position, state, allowed: "NEW or ORPHANED" }
            }
            Some(keyword) if keywords.first().is_some_and(|first| bucket(first) != bucket(&keyword)) => {
                TargetRefusal::MixedSectors { position }
            }
            Some(keyword) => {
                keywords.push(keyword);
                continue;
            }
            None if keywords.iter().any(|keyword| keyword.id == *id) => TargetRefusal::Twice { position },
            None => TargetRefusal::NotFound { position },
        };
        return Err(Failure::Refused(refusal));
    }
    Ok(keywords)
}

/// The sector of a keyword, or its site outside sectors.
pub(in crate::keyword) fn bucket(keyword: &Keyword) -> Uuid {
    keyword.sector_id.unwrap_or(keyword.site_id)
}

/// What an answer comes to.
#[derive(Debug, Clone)]
pub(in crate::keyword) struct Assigned {
    /// The clusters that keywords go into, new ones too, in the order of the answer.
    pub clusters: Vec<Cluster>,
    /// The keywords that go into them.
    pub moved: Vec<Uuid>,
    /// What is to be written: clusters before keywords, each in the order of their ids, guarded by what was read.
    pub effects: Vec<Effect>,
}

/// Puts `keywords` of one bucket into clusters as `answer` says, into those that are there by name, whatever their states.
/// Refuses: `NoneLeft`.
pub(in crate::keyword) async fn assign(
    connection: &impl ConnectionTrait,
    keywords: &[Keyword],
    answer: &ClusterAnswer,
    ids: &dyn Ids,
    trace: &Trace,
) -> Result<Assigned, Failure<ClusterError>> {
    let Some(first) = keywords.first() else { return Err(Failure::Refused(ClusterError::NoneLeft)) };
    let given = given(keywords);
    // The names are known only after the answer was read; those that are there already are looked for by them.
    let named = clustering::check(answer, &given, &[]).map_err(Failure::Refused)?;
    let keys: Vec<String> = named.clusters.iter().map(|cluster| text_key(&cluster.name)).collect();
    let mut there = store::select::clusters_named(connection, bucket(first), &keys).await?;
    there.sort_by_key(|cluster| cluster.id);
    let clustering = clustering::check(answer, &given, &existing(&there)).map_err(Failure::Refused)?;
    let mut effects: Vec<Effect> = there.iter().map(|cluster| store::effect::touch_cluster(cluster, trace)).collect();
    let clusters = clusters_of(&clustering, there, first, ids, trace, &mut effects);
    let into = clustering
        .clusters
        .iter()
        .zip(&clusters)
        .flat_map(|(planned, cluster)| planned.keywords.iter().map(move |keyword| (*keyword, cluster.id)));
    let mut moves: Vec<(Uuid, Uuid)> = into.collect();
    moves.sort_unstable();
    for (id, cluster) in &moves {
        let Some(keyword) = keywords.iter().find(|keyword| keyword.id == *id) else { continue };
        let to = (KeywordState::Clustered, Some(*cluster));
        let change = store::effect::change_keyword(keyword, to, (ids.uuid(), trace, "keyword.cluster"));
        // Only those that may be clustered come here.
        let change = change.map_err(|illegal| Error::Internal(Internal::new("clustering a keyword", illegal)))?;
        effects.extend(change);
    }
    Ok(Assigned { clusters, moved: moves.into_iter().map(|(keyword, _)| keyword).collect(), effects })
}

/// The cluster of each planned one, in the same order; what is new is added to `effects`.
fn clusters_of(
    clustering: &Clustering,
    there: Vec<Cluster>,
    first: &Keyword,
    ids: &dyn Ids,
    trace: &Trace,
    effects: &mut Vec<Effect>,
) -> Vec<Cluster> {
    let mut clusters = Vec::with_capacity(clustering.clusters.len());
    for planned in &clustering.clusters {
        if let Some(found) = there.iter().find(|cluster| Some(cluster.id) == planned.existing) {
            clusters.push(found.clone());
            continue;
        }
        let cluster = Cluster {
            id: ids.uuid(),
            account_id: first.account_id,
            site_id: first.site_id,
            sector_id: first.sector_id,
            name: planned.name.clone(),
            root_keyword: Some(planned.root_keyword.clone()),
            description: planned.description.clone(),
            cluster_type: planned.content_type,
            intent: planned.intent,
            state: ClusterState::New,
            created_at: trace.at,
            updated_at: trace.at,
        };
        effects.extend(store::effect::insert_cluster(&cluster, ids.uuid(), trace));
        clusters.push(cluster);
    }
    clusters
}

/// Content is made of a cluster: those of its keywords that the content aims at are `IN_USE` from now on. Looked at as things
/// are now; `texts` are their texts. Keywords that are in no cluster any more, or in use already, stay as they are.
pub async fn use_keywords(
    connection: &impl ConnectionTrait,
    cluster: Uuid,
    texts: &[String],
    ids: &dyn Ids,
    trace: &Trace,
) -> Result<Vec<Effect>, Error> {
    let keys: Vec<String> = texts.iter().map(|text| text_key(text)).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut effects = Vec::new();
    for keyword in store::select::clustered_keywords(connection, cluster, &keys).await? {
        let to = (KeywordState::InUse, Some(cluster));
        let change = store::effect::change_keyword(&keyword, to, (ids.uuid(), trace, "keyword.use"));
        effects.extend(change.map_err(|illegal| Internal::new("using a keyword", illegal))?);
    }
    Ok(effects)
}
