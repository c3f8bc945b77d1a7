//! Table `keyword_import_fault`.

use sea_orm::entity::prelude::*;

/// A row that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "keyword_import_fault")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub keyword_import_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub line: i32,
    pub code: String,
    pub field: Option<String>,
    pub message: String,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
