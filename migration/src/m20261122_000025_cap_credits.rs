//! Which accounts have caps or levels, and the cap that refused an AI task.

use sea_orm_migration::prelude::*;

use crate::script;

/// Which accounts have caps or levels, and the cap that refused an AI task.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/caps.sql")).await
    }
}
