//! Table `ai_model`.

use sea_orm::entity::prelude::*;

/// A priced, capability-described model of a provider.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ai_model")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub provider: String,
    /// The provider's own name for it.
    pub provider_model: String,
    pub kind: String,
    pub output_token_limit: Option<i64>,
    /// Unicode scalar values.
    pub prompt_length_limit: i64,
    pub width: Option<i32>,
    pub height: Option<i32>,
    pub takes_seed: bool,
    pub is_active: bool,
    pub created_at: i64,
    pub updated_at: i64,
    /// Which shipped model it is.
    pub shipped: Option<String>,
    /// JSON, as are the next four.
    pub functions: String,
    pub aspect_ratios: String,
    pub qualities: String,
    pub settings: String,
    pub upscale_factors: String,
    pub rate_per_minute: Option<i32>,
    pub concurrency: Option<i32>,
    pub priority: i32,
    pub version: i32,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
