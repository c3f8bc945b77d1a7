//! Table `provider_gate`.

use sea_orm::entity::prelude::*;

/// Whether calls to a provider's model with a credential may leave.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_gate")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub model: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub credential_id: String,
    pub state: String,
    pub failures_in_row: i32,
    /// How long the present or latest opening lasts, microseconds.
    pub open_for: i64,
    pub open_until: i64,
    pub probe_attempt_id: Option<Uuid>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
