//! When a keyword was in a clustering that found no cluster for it.

use sea_orm_migration::prelude::*;

use crate::script;

/// When a keyword was in a clustering that found no cluster for it.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/keyword_order.sql")).await
    }
}
