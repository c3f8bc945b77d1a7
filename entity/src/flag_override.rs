//! Table `flag_override`.

use sea_orm::entity::prelude::*;

/// A flag that was set at run time.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "flag_override")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub is_on: bool,
    pub reason: String,
    pub actor_kind: String,
    pub actor_id: Option<Uuid>,
    pub set_at: i64,
    pub expires_at: Option<i64>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
