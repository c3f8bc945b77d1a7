//! Table `upload`.

use sea_orm::entity::prelude::*;

/// A file on its way in.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upload")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    pub purpose: String,
    pub bytes_max: i64,
    pub content: Option<Vec<u8>>,
    pub sha256: Option<Vec<u8>>,
    pub created_at: i64,
    pub expires_at: i64,
    pub received_at: Option<i64>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
