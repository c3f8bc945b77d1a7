//! Indexes of the pipeline: what names a cluster, and content by time.

use sea_orm_migration::prelude::*;

use crate::script;

/// Indexes of the pipeline: what names a cluster, and content by time.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/pipeline_indexes.sql")).await
    }
}
