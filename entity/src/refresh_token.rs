//! Table `refresh_token`.

use sea_orm::entity::prelude::*;

/// A refresh token of a session.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub session_id: Uuid,
    /// 1, 2, 3 … along the family.
    pub number: i32,
    pub token_hash: Vec<u8>,
    /// Current: usable; previous: forgiven for 30 s while the current one is unused; spent.
    pub state: String,
    pub created_at: i64,
    pub rotated_at: Option<i64>,
    pub expires_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
