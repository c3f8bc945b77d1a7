//! Table `content_image`.

use sea_orm::entity::prelude::*;

/// A place for an image in a content, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "content_image")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub site_id: Uuid,
    pub content_id: Uuid,
    pub kind: String,
    pub position: i32,
    pub prompt: String,
    pub alt_text: String,
    pub state: String,
    pub image_id: Option<Uuid>,
    pub error_code: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    /// That of the content.
    pub sector_id: Option<Uuid>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
