//! What the items of the pipeline are about and became.

use sea_orm_migration::prelude::*;

use crate::script;

/// What the items of the pipeline are about and became.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/things.sql")).await
    }
}
