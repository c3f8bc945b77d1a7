//! Table `credit_entry`.

use sea_orm::entity::prelude::*;

/// One row carries both legs: an unbalanced posting cannot be written; append-only.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credit_entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub line: i32,
    pub grant_id: Uuid,
    pub hold_id: Option<Uuid>,
    pub from_bucket: String,
    pub to_bucket: String,
    pub amount: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
