//! The chain over the audit trail.

use sea_orm_migration::prelude::*;

use crate::script;

/// The chain over the audit trail.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/audit_chain.sql")).await
    }
}
