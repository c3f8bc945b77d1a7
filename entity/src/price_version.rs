//! Table `price_version`.

use sea_orm::entity::prelude::*;

/// Immutable; the highest number is the current one.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "price_version")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub ai_model_id: Uuid,
    pub number: i32,
    pub kind: String,
    pub input_nanousd_per_1k: Option<i64>,
    pub output_nanousd_per_1k: Option<i64>,
    pub tokens_per_credit: Option<i64>,
    /// What an image costs us, when the provider does not say.
    pub image_cost_nanousd: Option<i64>,
    pub credits_per_image: Option<i64>,
    pub credit_price_nanousd: i64,
    pub author_id: Option<Uuid>,
    pub created_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
