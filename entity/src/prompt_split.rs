//! Table `prompt_split`.

use sea_orm::entity::prelude::*;

/// Two versions of a system prompt side by side.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "prompt_split")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub system_prompt_id: Uuid,
    pub control_version_id: Uuid,
    pub new_version_id: Uuid,
    pub share_percent: i32,
    pub credit_budget: i64,
    pub failure_percent_max: Option<i32>,
    pub refund_percent_max: Option<i32>,
    pub cost_nanousd_max: Option<i64>,
    pub sample_min: i32,
    pub state: String,
    pub end_reason: Option<String>,
    pub started_by: Option<Uuid>,
    pub ended_by: Option<Uuid>,
    pub started_at: i64,
    pub ended_at: Option<i64>,
    pub credits_taken: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
