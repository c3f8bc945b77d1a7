//! Table `keyword`.

use sea_orm::entity::prelude::*;

/// A keyword.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "keyword")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub site_id: Uuid,
    pub sector_id: Option<Uuid>,
    pub bucket_id: Uuid,
    pub text: String,
    pub text_key: String,
    pub country: String,
    pub volume: Option<i64>,
    pub cpc_nanousd: Option<i64>,
    pub difficulty: Option<i32>,
    pub intent: Option<String>,
    pub state: String,
    pub cluster_id: Option<Uuid>,
    pub created_at: i64,
    pub updated_at: i64,
    /// When it was last in a clustering that found no cluster for it.
    pub passed_over_at: Option<i64>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
