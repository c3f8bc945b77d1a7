//! Active people by day, and what administrators' figures are counted from.

use sea_orm_migration::prelude::*;

use crate::script;

/// Active people by day, and what administrators' figures are counted from.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/activity.sql")).await
    }
}
