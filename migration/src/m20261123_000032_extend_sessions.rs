//! What a person is told of their sessions, and invitations into accounts.

use sea_orm_migration::prelude::*;

use crate::script;

/// What a person is told of their sessions, and invitations into accounts.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/sessions.sql")).await
    }
}
