//! Table `system_prompt_version`.

use sea_orm::entity::prelude::*;

/// One immutable version of a system prompt.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "system_prompt_version")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub system_prompt_id: Uuid,
    pub number: i32,
    pub name: String,
    pub description: Option<String>,
    pub content: String,
    pub metadata: String,
    pub author_id: Option<Uuid>,
    pub note: Option<String>,
    pub created_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
