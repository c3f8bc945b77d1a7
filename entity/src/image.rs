//! Table `image`.

use sea_orm::entity::prelude::*;

/// A generated image.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "image")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub ai_task_id: Option<Uuid>,
    pub kind: String,
    pub prompt: String,
    pub ai_model_id: Option<Uuid>,
    pub model_name: String,
    pub provider: String,
    pub seed: Option<i64>,
    pub width: i32,
    pub height: i32,
    pub object_key: String,
    pub state: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub visibility: String,
    pub is_hidden: bool,
    /// The image that this one is an enlargement of.
    pub original_id: Option<Uuid>,
    pub is_enlarged: bool,
    pub watermark: Option<String>,
    pub placeholder: Option<String>,
    pub alt_text: Option<String>,
    pub event_type: Option<String>,
    pub style: Option<String>,
    pub ratio: Option<String>,
    pub quality: Option<String>,
    pub deleted_at: Option<i64>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
