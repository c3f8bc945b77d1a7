//! Table `ai_provider`.

use sea_orm::entity::prelude::*;

/// What an administrator set for a provider.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ai_provider")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub is_enabled: bool,
    pub base_url: Option<String>,
    /// JSON.
    pub settings: String,
    /// Which of our keys the secret is encrypted under.
    pub key_id: Option<String>,
    pub key_nonce: Option<Vec<u8>>,
    pub key_ciphertext: Option<Vec<u8>>,
    /// A keyed hash, to tell keys apart.
    pub key_fingerprint: Option<String>,
    pub key_set_by: Option<Uuid>,
    pub key_set_at: Option<i64>,
    pub version: i32,
    pub updated_by: Option<Uuid>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
