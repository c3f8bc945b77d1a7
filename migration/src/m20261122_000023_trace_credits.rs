//! What lists of holds and traces of credits are read by, and which AI work content had.

use sea_orm_migration::prelude::*;

use crate::script;

/// What lists of holds and traces of credits are read by, and which AI work content had.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/trace.sql")).await
    }
}
