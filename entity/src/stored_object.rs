//! Table `stored_object`.

use sea_orm::entity::prelude::*;

/// What the object store holds for us.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stored_object")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub object_key: String,
    pub account_id: Uuid,
    pub store: String,
    pub content_type: String,
    pub bytes: i64,
    pub sha256: Vec<u8>,
    pub created_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
