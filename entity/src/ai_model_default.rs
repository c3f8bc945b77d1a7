//! Table `ai_model_default`.

use sea_orm::entity::prelude::*;

/// One default model per AI function.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ai_model_default")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub ai_function: String,
    pub ai_model_id: Uuid,
    pub updated_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
