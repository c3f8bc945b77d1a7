//! Full checks of the ledger, and what could not be charged.

use sea_orm_migration::prelude::*;

use crate::script;

/// Full checks of the ledger, and what could not be charged.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/checks.sql")).await
    }
}
