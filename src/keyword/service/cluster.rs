//! Making, changing and deleting clusters.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{Keywords, keyword::change};
use crate::{
    audit::store::insert_entry,
    auth::MemberRight,
    db::{constraint::violated, effect::write_all},
    error::{Error, Failure, Internal},
    keyword::{
        model::{
            Cluster, ClusterError, ClusterState, CreateCluster, IllegalTransition, KeywordState, UpdateCluster,
            cluster_description, cluster_name,
        },
        store,
    },
    site::service::demand_editor,
};

pub(super) const NAME_KEY: &str = "cluster_bucket_id_name_key_key";

fn name_taken(error: sea_orm::DbErr, cluster: &Cluster) -> Failure<ClusterError> {
    match violated(&error).as_deref() {
        Some(NAME_KEY) => Failure::Refused(ClusterError::NameTaken(cluster.name.clone())),
        _ => error.into(),
    }
}

/// Locks a cluster of the account until the transaction ends.
pub async fn lock_cluster_in(tx: &DatabaseTransaction, account: Uuid, cluster: Uuid) -> Result<Option<Cluster>, Error> {
    Ok(store::cluster::lock_cluster(tx, account, cluster).await?)
}

impl Keywords {
    /// Makes a cluster without keywords. The caller has seen that the sector, if one is named, is of the site.
    /// Refuses: `NameInvalid`, `NameTaken`, `DescriptionInvalid`.
    pub async fn create_cluster(
        &self,
        right: MemberRight,
        input: &CreateCluster,
        request_id: Option<String>,
    ) -> Result<Cluster, Failure<ClusterError>> {
        let account_id = demand_editor(right)?;
        let name = cluster_name(&input.name).map_err(Failure::Refused)?;
        let description =
            input.description.as_deref().map(cluster_description).transpose().map_err(Failure::Refused)?;
        let trace = self.trace(right, request_id);
        let cluster = Cluster {
            id: self.ids.uuid(),
            account_id,
            site_id: input.site_id,
            sector_id: input.sector_id,
            name,
            root_keyword: None,
            description,
            cluster_type: input.cluster_type,
            intent: input.intent,
            state: ClusterState::New,
            created_at: trace.at,
            updated_at: trace.at,
        };
        let context = (cluster, self.ids.uuid(), trace);
        let written = self.db.write(context, |tx, (cluster, entry, trace)| {
            Box::pin(async move {
                let inserted = store::cluster::insert_cluster(tx, cluster).await;
                inserted.map_err(|error| name_taken(error, cluster))?;
                let notes = [None, Some(cluster.name.clone())];
                let entry = trace.entry(*entry, "cluster.create", ("cluster", cluster.id), notes);
                insert_entry(tx, &entry).await.map_err(Internal::from)?;
                Ok(cluster.clone())
            })
        });
        written.await
    }

    /// Changes a cluster. An edit that changes nothing writes nothing. Refuses: `NameInvalid`, `NameTaken`,
    /// `DescriptionInvalid`; `NotFound` as a fault.
    pub async fn update_cluster(
        &self,
        right: MemberRight,
        cluster: Uuid,
        edit: UpdateCluster,
        request_id: Option<String>,
    ) -> Result<Cluster, Failure<ClusterError>> {
        let account = demand_editor(right)?;
        let context = (edit, self.ids.uuid(), self.trace(right, request_id));
        let written = self.db.write(context, move |tx, (edit, entry, trace)| {
            Box::pin(async move {
                let found = store::cluster::lock_cluster(tx, account, cluster).await?;
                let before = found.ok_or(Failure::Fault(Error::NotFound))?;
                let mut after = edit.apply(&before).map_err(Failure::Refused)?;
                if after == before {
                    return Ok(before);
                }
                after.updated_at = trace.at;
                let updated = store::cluster::update_cluster(tx, &after, trace.at).await;
                updated.map_err(|error| name_taken(error, &after))?;
                let notes = [before.name, after.name.clone()].map(Some);
                let entry = trace.entry(*entry, "cluster.update", ("cluster", cluster), notes);
                insert_entry(tx, &entry).await.map_err(Internal::from)?;
                Ok(after)
            })
        });
        written.await
    }

    /// Says that nothing more is planned for a cluster with ideas. Repeating is a no-op. Refuses: `IllegalTransition`;
    /// `NotFound` as a fault.
    pub async fn finalize_cluster(
        &self,
        right: MemberRight,
        cluster: Uuid,
        request_id: Option<String>,
    ) -> Result<Cluster, Failure<ClusterError>> {
        let account = demand_editor(right)?;
        let context = (self.ids.uuid(), self.trace(right, request_id));
        let written = self.db.write(context, move |tx, (entry, trace)| {
            Box::pin(async move {
                let found = store::cluster::lock_cluster(tx, account, cluster).await?;
                let mut found = found.ok_or(Failure::Fault(Error::NotFound))?;
                if found.state == ClusterState::Finalized {
                    return Ok(found);
                }
                let to = ClusterState::Finalized;
                let changed = store::effect::change_cluster(&found, to, *entry, trace);
                let effects = changed.map_err(|IllegalTransition { from, to }| {
                    Failure::Refused(ClusterError::IllegalTransition { from, to })
                })?;
                write_all(tx, &effects, trace.at).await.map_err(Internal::from)?;
                (found.state, found.updated_at) = (to, trace.at);
                Ok(found)
            })
        });
        written.await
    }

    /// Deletes a cluster of which nothing was made; its keywords become `ORPHANED`. Answers the cluster as it was, with how
    /// many keywords it had. Refuses: `HasIdeas`, `HasContentTasks`, `IllegalTransition` while keywords of it are in use; `NotFound` as a fault.
    pub async fn delete_cluster(
        &self,
        right: MemberRight,
        cluster: Uuid,
        request_id: Option<String>,
    ) -> Result<(Cluster, usize), Failure<ClusterError>> {
        let account = demand_editor(right)?;
        // Each keyword gets an audit row, and how many there are is known only inside.
        let context = (self.ids.uuid(), self.trace(right, request_id), self.ids.clone());
        let written = self.db.write(context, move |tx, (entry, trace, ids)| {
            Box::pin(async move {
                let found = store::cluster::lock_cluster(tx, account, cluster).await?;
                let found = found.ok_or(Failure::Fault(Error::NotFound))?;
                let ideas = store::cluster::count_ideas(tx, cluster).await?;
                if ideas > 0 {
                    return Err(Failure::Refused(ClusterError::HasIdeas(ideas)));
                }
                let tasks = store::cluster::count_content_tasks(tx, cluster).await?;
                if tasks > 0 {
                    return Err(Failure::Refused(ClusterError::HasContentTasks(tasks)));
                }
                let mut keywords = store::keyword::lock_keywords_of(tx, cluster).await?;
                for keyword in &mut keywords {
                    let act = (ids.uuid(), &*trace, "keyword.orphan");
                    let moved = change(tx, keyword, (KeywordState::Orphaned, None), act).await;
                    moved.map_err(|failure| {
                        failure.map_refusal(|_| ClusterError::IllegalTransition {
                            from: KeywordState::InUse.as_str(),
                            to: KeywordState::Orphaned.as_str(),
                        })
                    })?;
                }
                store::cluster::delete_cluster(tx, cluster).await?;
                let entry =
                    trace.entry(*entry, "cluster.delete", ("cluster", cluster), [Some(found.name.clone()), None]);
                insert_entry(tx, &entry).await.map_err(Internal::from)?;
                Ok((found, keywords.len()))
            })
        });
        written.await
    }
}
