//! Table `system_prompt_activation`.

use sea_orm::entity::prelude::*;

/// Which version of a system prompt became active when, by whom.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "system_prompt_activation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub system_prompt_id: Uuid,
    pub number: i32,
    pub version_id: Uuid,
    pub previous_version_id: Option<Uuid>,
    pub cause: String,
    pub actor_id: Option<Uuid>,
    pub created_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
