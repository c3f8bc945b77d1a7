//! Changing keywords. Every change of state passes through [`change`], which writes its audit row.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::Keywords;
use crate::{
    audit::{Trace, store::insert_entry},
    auth::MemberRight,
    db::effect::write_all,
    error::{Error, Failure, Internal},
    keyword::{
        model::{BULK_MAX, IllegalTransition, Keyword, KeywordError, KeywordState, UpdateKeyword},
        store,
    },
    site::service::demand_editor,
};

/// Moves a locked keyword to another state and into another cluster, or out of its own. `entry` is the audit row's id.
/// Refuses: `IllegalTransition`.
pub(super) async fn change(
    tx: &DatabaseTransaction,
    keyword: &mut Keyword,
    (to, cluster): (KeywordState, Option<Uuid>),
    (entry, trace, action): (Uuid, &Trace, &'static str),
) -> Result<(), Failure<KeywordError>> {
    let changed = store::effect::change_keyword(keyword, (to, cluster), (entry, trace, action));
    let effects = changed.map_err(|IllegalTransition { from, to }| {
        Failure::Refused(KeywordError::IllegalTransition { text: keyword.text.clone(), from, to })
    })?;
    write_all(tx, &effects, trace.at).await.map_err(Internal::from)?;
    (keyword.state, keyword.cluster_id, keyword.updated_at) = (to, cluster, trace.at);
    Ok(())
}

impl Keywords {
    /// Puts keywords (1–500) of a site away: they count nowhere and are in no cluster. Those that are put away already stay
    /// as they are. All or none. Refuses: `CountOutOfRange`, `NotFound`.
    pub async fn archive_keywords(
        &self,
        right: MemberRight,
        of: (Uuid, Vec<Uuid>),
        request_id: Option<String>,
    ) -> Result<Vec<Keyword>, Failure<KeywordError>> {
        self.move_all(right, of, KeywordState::Archived, "keyword.archive", request_id).await
    }

    /// Takes keywords (1–500) of a site back: they are new again. Those that are in use stay as they are. All or none.
    /// Refuses: `CountOutOfRange`, `NotFound`.
    pub async fn restore_keywords(
        &self,
        right: MemberRight,
        of: (Uuid, Vec<Uuid>),
        request_id: Option<String>,
    ) -> Result<Vec<Keyword>, Failure<KeywordError>> {
        self.move_all(right, of, KeywordState::New, "keyword.restore", request_id).await
    }

    async fn move_all(
        &self,
        right: MemberRight,
        (site, ids): (Uuid, Vec<Uuid>),
        to: KeywordState,
        action: &'static str,
        request_id: Option<String>,
    ) -> Result<Vec<Keyword>, Failure<KeywordError>> {
        let account = demand_editor(right)?;
        if !(1..=BULK_MAX).contains(&ids.len()) {
            return Err(Failure::Refused(KeywordError::CountOutOfRange));
        }
        let entries: Vec<Uuid> = ids.iter().map(|_| self.ids.uuid()).collect();
        let context = (ids, entries, self.trace(right, request_id));
        let written = self.db.write(context, move |tx, (ids, entries, trace)| {
            Box::pin(async move {
                let mut found = store::keyword::lock_keywords(tx, account, ids).await?;
                let is_found = |id| found.iter().any(|keyword| keyword.id == id && keyword.site_id == site);
                let missing = ids.iter().position(|id| !is_found(*id));
                if let Some(at) = missing {
                    return Err(Failure::Refused(KeywordError::NotFound(at + 1)));
                }
                for (keyword, entry) in found.iter_mut().zip(entries.iter()) {
                    let is_there = match to {
                        KeywordState::Archived => keyword.state == KeywordState::Archived,
                        _ => keyword.state != KeywordState::Archived,
                    };
                    if !is_there {
                        change(tx, keyword, (to, None), (*entry, trace, action)).await?;
                    }
                }
                Ok(found)
            })
        });
        written.await
    }

    /// Changes what is known of a keyword, or puts it into a cluster of its sector. Refuses: `ClusterNotFound`,
    /// `IllegalTransition`; `NotFound` as a fault.
    pub async fn update_keyword(
        &self,
        right: MemberRight,
        keyword: Uuid,
        edit: UpdateKeyword,
        request_id: Option<String>,
    ) -> Result<Keyword, Failure<KeywordError>> {
        let account = demand_editor(right)?;
        let entries = [self.ids.uuid(), self.ids.uuid()];
        let context = (edit, entries, self.trace(right, request_id));
        let written = self.db.write(context, move |tx, (edit, [moved, edited], trace)| {
            Box::pin(async move {
                // The cluster before its keyword, as when a cluster is deleted.
                let cluster = match edit.cluster.flatten() {
                    Some(id) => {
                        let found = store::cluster::lock_cluster(tx, account, id).await?;
                        Some(found.ok_or(Failure::Refused(KeywordError::ClusterNotFound))?)
                    }
                    None => None,
                };
                let found = store::keyword::lock_keywords(tx, account, &[keyword]).await?.pop();
                let before = found.ok_or(Failure::Fault(Error::NotFound))?;
                let mut after = before.clone();
                let facts = &mut after.facts;
                facts.volume = edit.volume.unwrap_or(facts.volume);
                facts.cpc = edit.cpc.unwrap_or(facts.cpc);
                facts.difficulty = edit.difficulty.unwrap_or(facts.difficulty);
                facts.intent = edit.intent.unwrap_or(facts.intent);
                if after.facts != before.facts {
                    after.updated_at = trace.at;
                    store::keyword::update_keyword(tx, &after, trace.at).await?;
                    let entry = trace.entry(*edited, "keyword.update", ("keyword", keyword), [None, None]);
                    insert_entry(tx, &entry).await.map_err(Internal::from)?;
                }
                let Some(wanted) = edit.cluster else { return Ok(after) };
                if let Some(cluster) = cluster
                    && (cluster.site_id, cluster.sector_id) != (after.site_id, after.sector_id)
                {
                    return Err(Failure::Refused(KeywordError::ClusterNotFound));
                }
                if wanted == after.cluster_id {
                    return Ok(after);
                }
                let act = (*moved, &*trace, "keyword.assign");
                match wanted {
                    // From one cluster to another is no change of state.
                    Some(id) if after.state.is_clustered() => {
                        after.cluster_id = Some(id);
                        after.updated_at = trace.at;
                        store::keyword::update_keyword(tx, &after, trace.at).await?;
                        let notes = [before.cluster_id, wanted].map(|id| id.map(|id| id.to_string()));
                        let entry = trace.entry(*moved, act.2, ("keyword", keyword), notes);
                        insert_entry(tx, &entry).await.map_err(Internal::from)?;
                    }
                    Some(id) => change(tx, &mut after, (KeywordState::Clustered, Some(id)), act).await?,
                    None => change(tx, &mut after, (KeywordState::Orphaned, None), act).await?,
                }
                Ok(after)
            })
        });
        written.await
    }
}
