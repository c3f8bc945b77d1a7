//! An index of idempotency keys that no other look-up can take.

use sea_orm_migration::prelude::*;

use crate::script;

/// An index of idempotency keys that no other look-up can take.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/key_index.sql")).await
    }
}
