//! Table `schedule`.

use sea_orm::entity::prelude::*;

/// When something falls due again and again.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedule")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub subject_kind: String,
    pub subject_id: Uuid,
    pub cron: String,
    pub time_zone: String,
    pub catch_up: String,
    pub state: String,
    pub next_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
