//! Table `ai_attempt`.

use sea_orm::entity::prelude::*;

/// One request to a provider.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ai_attempt")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub ai_task_id: Uuid,
    pub item_id: Uuid,
    pub attempt_no: i32,
    pub fence: i64,
    pub hold_id: Uuid,
    pub ai_model_id: Uuid,
    pub state: String,
    pub request_hash: Vec<u8>,
    pub provider_ref: Option<String>,
    pub tokens_input: Option<i64>,
    pub tokens_output: Option<i64>,
    pub tokens_estimated: bool,
    pub provider_cost_nanousd: Option<i64>,
    pub error_code: Option<String>,
    pub error_detail: Option<String>,
    pub created_at: i64,
    pub sent_at: Option<i64>,
    pub deadline_at: Option<i64>,
    pub finished_at: Option<i64>,
    /// As whom it was sent.
    pub credential_id: Option<String>,
    /// The effective settings, JSON.
    pub settings: Option<String>,
    pub error_class: Option<String>,
    pub is_retry: bool,
    /// The price of its model that the quote fixed.
    pub price_version_id: Option<Uuid>,
    /// Its item is not tried again before this.
    pub retry_at: Option<i64>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
