//! What routing decides and must find again: the price an attempt was made at, when its item may be tried again.

use sea_orm_migration::prelude::*;

use crate::script;

/// What routing decides and must find again: the price an attempt was made at, when its item may be tried again.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/router.sql")).await
    }
}
