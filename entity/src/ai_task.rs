//! Table `ai_task`.

use sea_orm::entity::prelude::*;

/// One command of a user, or one stage of a run.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ai_task")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub user_id: Option<Uuid>,
    pub run_id: Option<Uuid>,
    pub ai_function: String,
    pub ai_model_id: Uuid,
    pub price_version_id: Uuid,
    pub status: String,
    pub phase: String,
    pub percent: i32,
    pub items_total: i32,
    pub items_delivered: i32,
    pub items_failed: i32,
    pub credits_used: i64,
    /// All attempts; null while no cost is known.
    pub provider_cost_nanousd: Option<i64>,
    pub payload: String,
    pub result: Option<String>,
    pub error_code: Option<String>,
    pub error_text: Option<String>,
    /// What a refusal for lack of credits asked for, and what was there.
    pub required_credits: Option<i64>,
    pub available_credits: Option<i64>,
    pub idem_key: Option<String>,
    pub request_hash: Option<Vec<u8>>,
    pub desired: String,
    pub fence: i64,
    pub event_seq: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub finished_at: Option<i64>,
    /// Of the run that it belongs to.
    pub stage: Option<String>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
