//! Table `optimisation_run`.

use sea_orm::entity::prelude::*;

/// One applied optimisation.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "optimisation_run")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub report_hash: Vec<u8>,
    pub actor_id: Option<Uuid>,
    pub created_at: i64,
    pub undone_by: Option<Uuid>,
    pub undone_at: Option<i64>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
