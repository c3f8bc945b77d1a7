//! Table `cluster`.

use sea_orm::entity::prelude::*;

/// Keywords that one piece of content can serve.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cluster")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub site_id: Uuid,
    pub sector_id: Option<Uuid>,
    pub bucket_id: Uuid,
    pub name: String,
    pub name_key: String,
    pub root_keyword: Option<String>,
    pub description: Option<String>,
    pub cluster_type: String,
    pub intent: Option<String>,
    pub state: String,
    pub created_at: i64,
    pub updated_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
