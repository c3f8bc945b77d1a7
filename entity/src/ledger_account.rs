//! Table `ledger_account`.

use sea_orm::entity::prelude::*;

/// One row per Account; the lock, the version and the head of the chain.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_account")]
pub struct Model {
    /// = account.id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    pub state: String,
    /// Number of the last credit transaction: gapless, event cursor, version.
    pub seq: i64,
    /// Hash of that transaction; 32 zero bytes while seq = 0.
    pub head_hash: Vec<u8>,
    pub issued: i64,
    pub available: i64,
    pub held: i64,
    pub spent: i64,
    pub expired: i64,
    pub revoked: i64,
    /// This account's clock: max(previous, now), never backwards.
    pub ledger_now: i64,
    pub created_at: i64,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
