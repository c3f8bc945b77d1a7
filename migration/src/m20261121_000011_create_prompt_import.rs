//! Imports of prompts that were given a key.

use sea_orm_migration::prelude::*;

use crate::script;

/// Imports of prompts that were given a key.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/prompt_import.sql")).await
    }
}
