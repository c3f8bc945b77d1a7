//! What models are told of clusters and keywords, and what their answers name. The caller has authorised by holding the
//! bucket (a sector, or a site outside sectors) or the cluster.

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
