//! What runs and models take up next, and what models are told. The caller has authorised by holding the site, the bucket
//! (a sector, or a site outside sectors) or the cluster.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use uuid::Uuid;

use super::{
    cluster::{COLUMNS, cluster_of},
    keyword::{COLUMNS as KEYWORD, keyword_of},
};
use crate::{
    db::{places, statement},
    keyword::model::{Cluster, Keyword},
};

async fn read<T>(
    connection: &impl ConnectionTrait,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
    read: impl Fn(&QueryResult) -> Result<T, DbErr>,
) -> Result<Vec<T>, DbErr> {
    connection.query_all_raw(statement(connection, sql, values)).await?.iter().map(read).collect()
}

/// A site's keywords that wait for a cluster, with their buckets: bucket by bucket, the oldest first, at most `limit`.
/// Buckets where only one waits are left out: there is nothing to cluster it with.
pub async fn clusterable_keywords(
    connection: &impl ConnectionTrait,
    site: Uuid,
    limit: u32,
) -> Result<Vec<(Uuid, Uuid)>, DbErr> {
    let sql = "SELECT bucket_id, id FROM keyword WHERE site_id = $1 AND state IN ('NEW', 'ORPHANED') AND bucket_id IN \
               (SELECT bucket_id FROM keyword WHERE site_id = $1 AND state IN ('NEW', 'ORPHANED') GROUP BY bucket_id \
               HAVING COUNT(*) > 1) ORDER BY bucket_id, id LIMIT $2";
    let values = [site.into(), i64::from(limit).into()];
    read(connection, sql, values, |row| Ok((row.try_get("", "bucket_id")?, row.try_get("", "id")?))).await
}

/// The oldest NEW clusters of a site that have keywords, at most `limit`.
pub async fn new_clusters(connection: &impl ConnectionTrait, site: Uuid, limit: u32) -> Result<Vec<Uuid>, DbErr> {
    let sql = "SELECT c.id FROM cluster c WHERE c.site_id = $1 AND c.state = 'NEW' AND EXISTS \
               (SELECT 1 FROM keyword k WHERE k.cluster_id = c.id) ORDER BY c.id LIMIT $2";
    read(connection, sql, [site.into(), i64::from(limit).into()], |row| row.try_get("", "id")).await
}

/// The newest clusters of a bucket, at most `limit`.
pub async fn newest_clusters(
    connection: &impl ConnectionTrait,
    bucket: Uuid,
    limit: u32,
) -> Result<Vec<Cluster>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM cluster WHERE bucket_id = $1 ORDER BY id DESC LIMIT $2");
    read(connection, sql, [bucket.into(), i64::from(limit).into()], cluster_of).await
}

/// The clusters of a bucket whose names have one of these keys, at least one.
pub async fn clusters_named(
    connection: &impl ConnectionTrait,
    bucket: Uuid,
    keys: &[String],
) -> Result<Vec<Cluster>, DbErr> {
    let list = places(2, keys.len());
    let sql = format!("SELECT {COLUMNS} FROM cluster WHERE bucket_id = $1 AND name_key IN ({list})");
    read(connection, sql, std::iter::once(bucket.into()).chain(keys.iter().map(|key| key.clone().into())), cluster_of)
        .await
}

/// The CLUSTERED keywords of a cluster that have one of these keys, at least one, in the order of their ids.
pub async fn clustered_keywords(
    connection: &impl ConnectionTrait,
    cluster: Uuid,
    keys: &[String],
) -> Result<Vec<Keyword>, DbErr> {
    let list = places(2, keys.len());
    let sql = format!(
        "SELECT {KEYWORD} FROM keyword WHERE cluster_id = $1 AND state = 'CLUSTERED' AND text_key IN ({list}) ORDER BY id"
    );
    let values = std::iter::once(cluster.into()).chain(keys.iter().map(|key| key.clone().into()));
    read(connection, sql, values, keyword_of).await
}

/// The texts of a cluster's keywords, those most searched for first, at most `limit`.
pub async fn keyword_texts(connection: &impl ConnectionTrait, cluster: Uuid, limit: u32) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT text FROM keyword WHERE cluster_id = $1 ORDER BY COALESCE(volume, -1) DESC, id LIMIT $2";
    read(connection, sql, [cluster.into(), i64::from(limit).into()], |row| row.try_get("", "text")).await
}
