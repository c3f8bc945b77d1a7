//! Table `credit_usage`.

use sea_orm::entity::prelude::*;

/// What one delivered item cost; immutable.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credit_usage")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub ai_task_id: Uuid,
    pub item_id: Uuid,
    pub ai_attempt_id: Uuid,
    pub credit_transaction_id: Uuid,
    pub credit_seq: i64,
    pub ai_function: String,
    pub ai_model_id: Uuid,
    pub model_name: String,
    pub price_version_id: Uuid,
    pub credits: i64,
    pub credit_value_nanousd: i64,
    pub credit_price_nanousd: i64,
    pub provider_cost_nanousd: Option<i64>,
    pub tokens_input: Option<i64>,
    pub tokens_output: Option<i64>,
    pub tokens_estimated: bool,
    pub created_at: i64,
    /// That of the item.
    pub site_id: Option<Uuid>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
