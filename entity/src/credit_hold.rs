//! Table `credit_hold`.

use sea_orm::entity::prelude::*;

/// Credits reserved for one step of work; resolves at most once.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credit_hold")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    /// 'ai_task' | 'ai_task_item'.
    pub work_kind: String,
    pub work_id: Uuid,
    /// Automation run, when the work is part of one.
    pub run_id: Option<Uuid>,
    /// The member who asked; null for schedules.
    pub user_id: Option<Uuid>,
    /// The binding quote.
    pub price_version_id: Uuid,
    pub prompt_version_id: Option<Uuid>,
    pub amount: i64,
    pub state: String,
    /// What was charged, from the hold and beyond it.
    pub settled: i64,
    /// Delivered but not chargeable: written off.
    pub shortfall: i64,
    pub refunded: i64,
    pub expires_at: i64,
    pub opened_seq: i64,
    pub closed_seq: Option<i64>,
    pub created_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
