//! Table `job`.

use sea_orm::entity::prelude::*;

/// A piece of durable work.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: String,
    pub lane: String,
    /// All zeros for the system.
    pub account_id: Uuid,
    pub subject_kind: String,
    pub subject_id: Uuid,
    pub payload: String,
    pub dedupe_key: String,
    pub state: String,
    pub ready_at: i64,
    pub fence: i64,
    pub boot_id: Option<Uuid>,
    pub lease_until: Option<i64>,
    pub attempts: i32,
    pub attempts_max: i32,
    pub crashes: i32,
    pub error_code: Option<String>,
    pub error_detail: Option<String>,
    pub created_at: i64,
    pub finished_at: Option<i64>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
