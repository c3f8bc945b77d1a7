//! Table `automation_run`.

use sea_orm::entity::prelude::*;

/// A run of the pipeline over a site.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "automation_run")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub site_id: Uuid,
    pub cause: String,
    pub user_id: Option<Uuid>,
    pub source_run_id: Option<Uuid>,
    pub from_stage: Option<String>,
    pub is_redo: bool,
    pub state: String,
    pub desired: String,
    pub fence: i64,
    pub event_seq: i64,
    pub config: String,
    pub current_stage: Option<String>,
    pub pause_reason: Option<String>,
    pub credits_next: Option<i64>,
    pub credits_short: Option<i64>,
    pub credits_to_finish: Option<i64>,
    pub pauses: i32,
    pub credits_start: i64,
    pub credits_used: i64,
    pub credits_committed: i64,
    pub credit_cap: Option<i64>,
    pub credit_limit: i64,
    pub active_us: i64,
    pub active_since: Option<i64>,
    pub error_code: Option<String>,
    pub error_text: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    pub started_at: Option<i64>,
    pub finished_at: Option<i64>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
