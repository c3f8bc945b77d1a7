//! Clusters.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{effect::cluster_row, unknown};
use crate::{
    clock::Micros,
    db::{
        effect::{EffectError, write_all},
        engine_of,
        list::List,
        places, statement,
    },
    keyword::model::{Cluster, ClusterFigures, ClusterFilter, ClusterState, ContentType, Intent, text_key},
    page::{Page, PageArgs},
};

pub(super) const COLUMNS: &str = "id, account_id, site_id, sector_id, name, root_keyword, description, cluster_type, intent, state, \
                       created_at, updated_at";

pub(super) fn cluster_of(row: &QueryResult) -> Result<Cluster, DbErr> {
    let (kind, state): (String, String) = (row.try_get("", "cluster_type")?, row.try_get("", "state")?);
    let intent: Option<String> = row.try_get("", "intent")?;
    Ok(Cluster {
        id: row.try_get("", "id")?,
        account_id: row.try_get("", "account_id")?,
        site_id: row.try_get("", "site_id")?,
        sector_id: row.try_get("", "sector_id")?,
        name: row.try_get("", "name")?,
        root_keyword: row.try_get("", "root_keyword")?,
        description: row.try_get("", "description")?,
        cluster_type: ContentType::parse(&kind).ok_or_else(|| unknown("type of a cluster"))?,
        intent: intent.map(|word| Intent::parse(&word).ok_or_else(|| unknown("intent"))).transpose()?,
        state: ClusterState::parse(&state).ok_or_else(|| unknown("state of a cluster"))?,
        created_at: row.try_get("", "created_at")?,
        updated_at: row.try_get("", "updated_at")?,
    })
}

/// A site's clusters, newest first; the caller has authorised by holding the site.
pub async fn list_clusters(
    connection: &impl ConnectionTrait,
    site: Uuid,
    filter: &ClusterFilter,
    args: &PageArgs<Uuid>,
) -> Result<Page<Cluster>, DbErr> {
    List::of(COLUMNS, "cluster", "id", "site_id", site)
        .only("state", filter.state.map(ClusterState::as_str))
        .only("bucket_id", filter.sector.map(|sector| sector.unwrap_or(site)))
        .holding("name_key", filter.search.as_deref().map(text_key).as_deref())
        .page(connection, args, cluster_of)
        .await
}

/// Clusters by id, of any account: the caller compares the account.
pub async fn load_clusters(connection: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, Cluster>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM cluster WHERE id IN ({})", places(1, ids.len()));
    let rows = connection.query_all_raw(statement(connection, sql, ids.iter().map(|id| (*id).into()))).await?;
    rows.iter().map(|row| cluster_of(row).map(|cluster| (cluster.id, cluster))).collect()
}

/// What the keywords of clusters come to; one without keywords has no entry. The caller has authorised.
pub async fn load_figures(
    connection: &impl ConnectionTrait,
    clusters: &[Uuid],
) -> Result<HashMap<Uuid, ClusterFigures>, DbErr> {
    let sql = format!(
        "SELECT cluster_id, COUNT(*) AS keywords, CAST(SUM(volume) AS bigint) AS volume, COUNT(difficulty) AS rated, \
         CAST(SUM(difficulty) AS bigint) AS difficulty FROM keyword WHERE cluster_id IN ({}) GROUP BY cluster_id",
        places(1, clusters.len())
    );
    let rows = connection.query_all_raw(statement(connection, sql, clusters.iter().map(|id| (*id).into()))).await?;
    let figures = |row: &QueryResult| {
        let rated: i64 = row.try_get("", "rated")?;
        let sum: Option<i64> = row.try_get("", "difficulty")?;
        let mean = sum.filter(|_| rated > 0).map(|sum| (2 * sum + rated) / (2 * rated));
        Ok((
            row.try_get("", "cluster_id")?,
            ClusterFigures {
                keywords: row.try_get("", "keywords")?,
                volume: row.try_get("", "volume")?,
                difficulty: mean.and_then(|mean| i32::try_from(mean).ok()),
            },
        ))
    };
    rows.iter().map(figures).collect()
}

/// Locks a cluster of the account until the transaction ends.
pub async fn lock_cluster(tx: &impl ConnectionTrait, account: Uuid, cluster: Uuid) -> Result<Option<Cluster>, DbErr> {
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT {COLUMNS} FROM cluster WHERE id = $1 AND account_id = $2{lock}");
    let row = tx.query_one_raw(statement(tx, sql, [cluster.into(), account.into()])).await?;
    row.as_ref().map(cluster_of).transpose()
}

/// How many ideas a cluster has that were not rejected.
pub async fn count_ideas(tx: &impl ConnectionTrait, cluster: Uuid) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS n FROM idea WHERE cluster_id = $1 AND state <> 'REJECTED'";
    let row = tx.query_one_raw(statement(tx, sql, [cluster.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// How many content tasks are for a cluster.
pub async fn count_content_tasks(tx: &impl ConnectionTrait, cluster: Uuid) -> Result<i64, DbErr> {
    let sql = "SELECT COUNT(*) AS n FROM content_task WHERE cluster_id = $1";
    let row = tx.query_one_raw(statement(tx, sql, [cluster.into()])).await?;
    row.map_or(Ok(0), |row| row.try_get("", "n"))
}

/// A new cluster.
pub async fn insert_cluster(tx: &impl ConnectionTrait, cluster: &Cluster) -> Result<(), DbErr> {
    write_all(tx, &[cluster_row(cluster)], cluster.created_at).await.map_err(|error| match error {
        EffectError::Db(error) => error,
        other => DbErr::Custom(other.to_string()),
    })
}

/// Writes what may be said of a cluster that the caller has locked.
pub async fn update_cluster(tx: &impl ConnectionTrait, cluster: &Cluster, now: Micros) -> Result<(), DbErr> {
    let sql = "UPDATE cluster SET name = $1, name_key = $2, description = $3, cluster_type = $4, intent = $5, \
               updated_at = $6 WHERE id = $7";
    let values: [Value; 7] = [
        cluster.name.clone().into(),
        text_key(&cluster.name).into(),
        cluster.description.clone().into(),
        cluster.cluster_type.as_str().into(),
        cluster.intent.map(Intent::as_str).into(),
        now.into(),
        cluster.id.into(),
    ];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Deletes a cluster that the caller has locked, with its rejected ideas. It must have no keywords and no other ideas.
pub async fn delete_cluster(tx: &impl ConnectionTrait, cluster: Uuid) -> Result<(), DbErr> {
    for sql in ["DELETE FROM idea WHERE cluster_id = $1", "DELETE FROM cluster WHERE id = $1"] {
        tx.execute_raw(statement(tx, sql, [cluster.into()])).await?;
    }
    Ok(())
}
