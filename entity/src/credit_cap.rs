//! Table `credit_cap`.

use sea_orm::entity::prelude::*;

/// A limit on spending; one row per period, checked in the step that takes the hold.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credit_cap")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub scope: String,
    /// Account, user or automation run.
    pub subject_id: Uuid,
    pub period: String,
    /// 0 when period = 'none'.
    pub period_start: i64,
    pub amount: i64,
    pub held: i64,
    pub spent: i64,
    pub created_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
