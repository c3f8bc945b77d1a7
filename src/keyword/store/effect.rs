//! New clusters, and the changes of states of keywords and clusters, as values: for whoever writes them in a transaction of
//! its own. Each change is guarded by the state it leads from and by the account of the trace, and brings its audit row.

use uuid::Uuid;

use crate::{
    audit::{Trace, store::entry_effect},
    db::effect::{Effect, Set},
    keyword::model::{Cluster, ClusterState, IllegalTransition, Intent, Keyword, KeywordState, text_key},
};

/// The row of a new cluster.
pub(super) fn cluster_row(cluster: &Cluster) -> Effect {
    Effect::Insert {
        table: "cluster",
        cells: vec![
            ("id", cluster.id.into()),
            ("account_id", cluster.account_id.into()),
            ("site_id", cluster.site_id.into()),
            ("sector_id", cluster.sector_id.into()),
            ("bucket_id", cluster.sector_id.unwrap_or(cluster.site_id).into()),
            ("name", cluster.name.clone().into()),
            ("name_key", text_key(&cluster.name).into()),
            ("root_keyword", cluster.root_keyword.clone().into()),
            ("description", cluster.description.clone().into()),
            ("cluster_type", cluster.cluster_type.as_str().into()),
            ("intent", cluster.intent.map(Intent::as_str).into()),
            ("state", cluster.state.as_str().into()),
            ("created_at", cluster.created_at.into()),
            ("updated_at", cluster.created_at.into()),
        ],
        if_absent: false,
    }
}

/// A new cluster, and its audit row `entry`.
pub fn insert_cluster(cluster: &Cluster, entry: Uuid, trace: &Trace) -> [Effect; 2] {
    let entry = trace.entry(entry, "cluster.create", ("cluster", cluster.id), [None, Some(cluster.name.clone())]);
    [cluster_row(cluster), entry_effect(&entry)]
}

/// Nothing but the time of a cluster, if it is there under the name and in the state that were read.
pub fn touch_cluster(cluster: &Cluster, trace: &Trace) -> Effect {
    Effect::Update {
        table: "cluster",
        set: vec![("updated_at", Set::To(trace.at.into()))],
        key: vec![
            ("id", cluster.id.into()),
            ("account_id", trace.account_id.into()),
            ("name_key", text_key(&cluster.name).into()),
            ("state", cluster.state.as_str().into()),
        ],
        guarded: true,
    }
}

/// The only way of a cluster from one state to another. Refuses: what the rules do not know.
pub fn change_cluster(
    cluster: &Cluster,
    to: ClusterState,
    entry: Uuid,
    trace: &Trace,
) -> Result<[Effect; 2], IllegalTransition> {
    let from = cluster.state;
    let to = from.become_state(to)?;
    let action = match to {
        ClusterState::Finalized => "cluster.finalize",
        ClusterState::New | ClusterState::Mapped => "cluster.map",
    };
    let row = Effect::Update {
        table: "cluster",
        set: vec![("state", Set::To(to.as_str().into())), ("updated_at", Set::To(trace.at.into()))],
        key: vec![("id", cluster.id.into()), ("account_id", trace.account_id.into()), ("state", from.as_str().into())],
        guarded: true,
    };
    let notes = [from, to].map(|state| Some(state.as_str().to_owned()));
    Ok([row, entry_effect(&trace.entry(entry, action, ("cluster", cluster.id), notes))])
}

/// A clustering found no cluster for a keyword: it waits behind those that were in none. Whoever changed it meanwhile wins.
pub fn pass_over(keyword: &Keyword, trace: &Trace) -> Effect {
    Effect::Update {
        table: "keyword",
        set: vec![("passed_over_at", Set::To(trace.at.into()))],
        key: vec![
            ("id", keyword.id.into()),
            ("account_id", trace.account_id.into()),
            ("state", keyword.state.as_str().into()),
        ],
        guarded: false,
    }
}

/// The only way of a keyword from one state to another, into a cluster or out of its own. Refuses: what the rules do not
/// know.
pub fn change_keyword(
    keyword: &Keyword,
    (to, cluster): (KeywordState, Option<Uuid>),
    (entry, trace, action): (Uuid, &Trace, &'static str),
) -> Result<[Effect; 2], IllegalTransition> {
    let from = keyword.state;
    let to = from.become_state(to)?;
    let row = Effect::Update {
        table: "keyword",
        set: vec![
            ("state", Set::To(to.as_str().into())),
            ("cluster_id", Set::To(cluster.into())),
            ("passed_over_at", Set::To(None::<i64>.into())),
            ("updated_at", Set::To(trace.at.into())),
        ],
        key: vec![("id", keyword.id.into()), ("account_id", trace.account_id.into()), ("state", from.as_str().into())],
        guarded: true,
    };
    let notes = [from, to].map(|state| Some(state.as_str().to_owned()));
    Ok([row, entry_effect(&trace.entry(entry, action, ("keyword", keyword.id), notes))])
}
