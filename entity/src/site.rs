//! Table `site`.

use sea_orm::entity::prelude::*;

/// What content is made for.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "site")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub name: String,
    pub domain: String,
    pub time_zone: String,
    pub language: String,
    pub audience: Option<String>,
    pub is_active: bool,
    pub auto_approve: bool,
    pub auto_schedule: bool,
    pub slot_interval: String,
    pub publish_minute: i32,
    pub weekdays: i32,
    pub month_day: i32,
    pub posts_per_day: i32,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub slot_seq: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
