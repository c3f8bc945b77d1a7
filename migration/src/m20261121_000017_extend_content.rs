//! What content needs to be searched, and to be changed by several at once.

use sea_orm_migration::prelude::*;

use crate::script;

/// What content needs to be searched, and to be changed by several at once.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/content.sql")).await
    }
}
