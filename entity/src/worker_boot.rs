//! Table `worker_boot`.

use sea_orm::entity::prelude::*;

/// One start of one process.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "worker_boot")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Counts starts; a lease of an older boot is void on SQLite.
    pub epoch: i64,
    pub role: String,
    pub version: String,
    pub started_at: i64,
    pub seen_at: i64,
    pub stopped_at: Option<i64>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
