//! Table `schedule_firing`.

use sea_orm::entity::prelude::*;

/// One time that a schedule fell due.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedule_firing")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub schedule_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub due_at: i64,
    pub account_id: Uuid,
    pub outcome: String,
    pub run_id: Option<Uuid>,
    pub job_id: Option<Uuid>,
    pub fired_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
