//! Table `notification`.

use sea_orm::entity::prelude::*;

/// A message to an account's members.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notification")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub notification_type: String,
    pub severity: String,
    pub title: String,
    pub message: String,
    pub metadata: String,
    pub subject_kind: String,
    pub subject_id: Uuid,
    pub error: Option<String>,
    pub dedupe_key: String,
    pub created_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
