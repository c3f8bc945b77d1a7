//! Table `run_event`.

use sea_orm::entity::prelude::*;

/// The numbered events of one subject.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "run_event")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_kind: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    pub account_id: Uuid,
    pub kind: String,
    pub payload: String,
    /// The account's credit number, available and held after an event that moved credits.
    pub credit_seq: Option<i64>,
    pub available: Option<i64>,
    pub held: Option<i64>,
    pub at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
