//! Table `content_task`.

use sea_orm::entity::prelude::*;

/// Something that is to be written.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "content_task")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub site_id: Uuid,
    pub sector_id: Option<Uuid>,
    pub idea_id: Option<Uuid>,
    pub cluster_id: Option<Uuid>,
    pub title: String,
    pub title_key: String,
    pub outline: String,
    pub keywords: String,
    pub content_type: String,
    pub target_words: i32,
    pub priority: i32,
    pub tries: i32,
    pub state: String,
    pub created_at: i64,
    pub updated_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
