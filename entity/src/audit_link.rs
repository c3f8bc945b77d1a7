//! Table `audit_link`.

use sea_orm::entity::prelude::*;

/// A sealed row of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_link")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub entry_id: Uuid,
    pub words: Vec<u8>,
    pub salt: Option<Vec<u8>>,
    pub hash: Vec<u8>,
    pub sealed_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
