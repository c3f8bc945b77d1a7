//! The views that the original system's verification queries read.

use sea_orm_migration::prelude::*;

use crate::script;

/// The views that the original system's verification queries read.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let text = match manager.get_database_backend() {
            sea_orm_migration::sea_orm::DbBackend::Postgres => include_str!("sql/views_postgres.sql"),
            _ => include_str!("sql/views_sqlite.sql"),
        };
        script::run(manager, text).await
    }
}
