//! Indexes that statistics count by, without reading the rows themselves.

use sea_orm_migration::prelude::*;

use crate::script;

/// Indexes that statistics count by, without reading the rows themselves.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/statistics_indexes.sql")).await
    }
}
