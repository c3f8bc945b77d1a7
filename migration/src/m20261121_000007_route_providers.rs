//! Models as data, provider settings and keys, gates, what an attempt was sent with.

use sea_orm_migration::prelude::*;

use crate::script;

/// Models as data, provider settings and keys, gates, what an attempt was sent with.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/routing.sql")).await
    }
}
