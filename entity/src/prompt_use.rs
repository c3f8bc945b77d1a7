//! Table `prompt_use`.

use sea_orm::entity::prelude::*;

/// Which version an AI task was composed from.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "prompt_use")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub ai_task_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub system_prompt_version_id: Uuid,
    pub prompt_split_id: Option<Uuid>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
