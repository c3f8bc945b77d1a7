//! Table `ai_task_item`.

use sea_orm::entity::prelude::*;

/// One delivered thing of a task: one image, one text.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ai_task_item")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account_id: Uuid,
    pub ai_task_id: Uuid,
    pub position: i32,
    pub state: String,
    pub hold_id: Uuid,
    pub hold_amount: i64,
    /// What was charged; null until delivered.
    pub credits: Option<i64>,
    pub image_id: Option<Uuid>,
    pub text: Option<String>,
    pub error_code: Option<String>,
    pub created_at: i64,
    pub finished_at: Option<i64>,
    /// When a run first took it up.
    pub begun_at: Option<i64>,
    /// The image that it enlarges.
    pub original_id: Option<Uuid>,
    /// Whose content it is about.
    pub site_id: Option<Uuid>,
    /// How many things it delivered; null: one.
    pub made: Option<i32>,
    /// Clusters its keywords went into.
    pub made_groups: Option<i32>,
    /// What it delivered: a JSON list of ids.
    pub products: Option<String>,
    /// Its own quote, where each item has one.
    pub terms: Option<String>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
