//! Links by mail, and people whose address is not proven yet.

use sea_orm_migration::prelude::*;

use crate::script;

/// Links by mail, and people whose address is not proven yet.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/mail.sql")).await
    }
}
