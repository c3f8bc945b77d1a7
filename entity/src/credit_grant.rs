//! Table `credit_grant`.

use sea_orm::entity::prelude::*;

/// One lot of credits.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credit_grant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub kind: String,
    /// Unique per kind across all accounts: one payment, one lot.
    pub source_ref: String,
    /// Smaller burns first.
    pub priority: i32,
    pub expires_at: i64,
    /// The transaction that made it.
    pub granted_seq: i64,
    /// For a refund: the settle transaction it gives back.
    pub refunds_seq: Option<i64>,
    pub amount: i64,
    pub available: i64,
    pub held: i64,
    pub spent: i64,
    pub expired: i64,
    pub revoked: i64,
    pub created_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
