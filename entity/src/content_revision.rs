//! Table `content_revision`.

use sea_orm::entity::prelude::*;

/// Immutable.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "content_revision")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub content_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    pub cause: String,
    pub title: String,
    pub html: String,
    pub excerpt: String,
    pub meta_title: String,
    pub meta_description: String,
    pub words: i32,
    pub author_id: Option<Uuid>,
    pub ai_task_id: Option<Uuid>,
    pub created_at: i64,
    /// Of an optimisation.
    pub score_before: Option<i32>,
    pub score: Option<i32>,
    /// In the model's words: a JSON list.
    pub changes: Option<String>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
