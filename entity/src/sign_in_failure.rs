//! Table `sign_in_failure`.

use sea_orm::entity::prelude::*;

/// What the limit on tries counts, in the database so that processes share it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_failure")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// SHA-256 of the identity as typed, so that no address is kept.
    pub identity_key: Vec<u8>,
    pub address: String,
    pub at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
