//! Table `content`.

use sea_orm::entity::prelude::*;

/// An article as it is now; how it was is in content_revision.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "content")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub site_id: Uuid,
    pub sector_id: Option<Uuid>,
    pub content_task_id: Option<Uuid>,
    pub cluster_id: Option<Uuid>,
    pub content_type: String,
    pub title: String,
    pub slug: String,
    pub html: String,
    pub excerpt: String,
    pub meta_title: String,
    pub meta_description: String,
    pub keywords: String,
    pub categories: String,
    pub tags: String,
    pub words: i32,
    pub score: Option<i32>,
    pub version: i32,
    pub is_sandbox: bool,
    pub prompts_made_at: Option<i64>,
    pub state: String,
    pub review_note: Option<String>,
    pub approved_at: Option<i64>,
    pub approved_by: Option<Uuid>,
    pub approved_source: Option<String>,
    pub approval_blocked_by: Option<String>,
    pub slot_at: Option<i64>,
    pub slot_source: Option<String>,
    pub schedule_blocked_by: Option<String>,
    pub published_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
    pub title_key: String,
    pub image_seq: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
