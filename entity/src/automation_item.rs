//! Table `automation_item`.

use sea_orm::entity::prelude::*;

/// One of the fixed set that a stage is about.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "automation_item")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub stage: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i32,
    pub account_id: Uuid,
    pub subject_id: Uuid,
    pub group_id: Option<Uuid>,
    pub state: String,
    pub error_code: Option<String>,
    pub started_at: Option<i64>,
    pub finished_at: Option<i64>,
    /// Which item of AI work carries it out.
    pub ai_task_item_id: Option<Uuid>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
