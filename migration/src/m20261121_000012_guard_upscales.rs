//! One unfinished enlargement of an image at a time.

use sea_orm_migration::prelude::*;

use crate::script;

/// One unfinished enlargement of an image at a time.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/upscale.sql")).await
    }
}
