//! Table `automation_config`.

use sea_orm::entity::prelude::*;

/// How a site's runs go.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "automation_config")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: Uuid,
    pub account_id: Uuid,
    pub enabled: bool,
    pub frequency: String,
    pub weekday: String,
    pub start_minute: i32,
    pub stages: String,
    pub item_delay_s: i32,
    pub stage_delay_s: i32,
    pub items_in_flight: i32,
    pub credit_cap: Option<i64>,
    pub resumes_on_top_up: bool,
    pub active_hours_max: i32,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
