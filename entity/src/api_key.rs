//! Table `api_key`.

use sea_orm::entity::prelude::*;

/// A session of its person that has no tokens and may do no more than its scopes say.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    /// Ending the session revokes the key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub session_id: Uuid,
    pub user_id: Uuid,
    pub name: String,
    /// The first letters, to tell keys apart by.
    pub hint: String,
    pub key_hash: Vec<u8>,
    /// 1 read, 2 write, 4 generate, 8 administer.
    pub scopes: i64,
    pub created_at: i64,
    /// Null: until it is revoked.
    pub expires_at: Option<i64>,
    /// To the hour.
    pub last_used_at: Option<i64>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
