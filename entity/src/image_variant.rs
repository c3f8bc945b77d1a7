//! Table `image_variant`.

use sea_orm::entity::prelude::*;

/// An object beside an image's original, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "image_variant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub image_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub variant: String,
    pub object_key: Option<String>,
    pub width: Option<i32>,
    pub height: Option<i32>,
    pub failure: Option<String>,
    pub created_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
