//! Table `keyword_import`.

use sea_orm::entity::prelude::*;

/// A file of keywords on its way in.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "keyword_import")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub site_id: Uuid,
    pub sector_id: Option<Uuid>,
    pub user_id: Uuid,
    pub idem_key: String,
    pub request_hash: Vec<u8>,
    pub text: Option<String>,
    pub state: String,
    pub rows_total: i32,
    pub rows_done: i32,
    pub rows_added: i32,
    pub rows_present: i32,
    pub rows_refused: i32,
    pub created_at: i64,
    pub updated_at: i64,
    pub finished_at: Option<i64>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
