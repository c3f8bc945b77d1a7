//! Table `automation_stage`.

use sea_orm::entity::prelude::*;

/// How far a run's stage is.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "automation_stage")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub stage: String,
    pub position: i32,
    pub account_id: Uuid,
    pub status: String,
    pub total: i32,
    pub succeeded: i32,
    pub failed: i32,
    pub skipped: i32,
    pub credits_used: i64,
    pub last_error: Option<String>,
    pub ai_task_id: Option<Uuid>,
    pub started_at: Option<i64>,
    pub finished_at: Option<i64>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
