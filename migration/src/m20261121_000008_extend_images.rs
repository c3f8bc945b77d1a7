//! What an image shows, who may see it, what stands beside it, and objects whose bytes are to go.

use sea_orm_migration::prelude::*;

use crate::script;

/// What an image shows, who may see it, what stands beside it, and objects whose bytes are to go.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        script::run(manager, include_str!("sql/gallery.sql")).await
    }
}
