//! Table `app_user`.

use sea_orm::entity::prelude::*;

/// A person; "user" is a reserved word.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "app_user")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub username: String,
    /// Lower case: unique in any case.
    pub username_key: String,
    pub email: String,
    pub email_key: String,
    /// Argon2id in PHC form; null when erased.
    pub password_hash: Option<String>,
    pub platform_role: String,
    /// Raised by every change of role or membership.
    pub access_version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub deleted_at: Option<i64>,
    /// When a link that was sent to the address was first used.
    pub email_verified_at: Option<i64>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
