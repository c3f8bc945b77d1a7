//! Table `optimisation_change`.

use sea_orm::entity::prelude::*;

/// What an optimisation did to one system prompt.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "optimisation_change")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub optimisation_run_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub system_prompt_id: Uuid,
    pub before_version_id: Uuid,
    pub after_version_id: Uuid,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
