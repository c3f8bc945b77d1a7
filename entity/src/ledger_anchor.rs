//! Table `ledger_anchor`.

use sea_orm::entity::prelude::*;

/// One signed line.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_anchor")]
pub struct Model {
    /// 1, 2, 3 … without a gap; part of every line.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    /// The anchor that this one continues: the one before, or an earlier one after a restore.
    pub base: i64,
    pub epoch: i64,
    pub at: i64,
    pub prev_hash: Vec<u8>,
    pub root: Vec<u8>,
    pub hash: Vec<u8>,
    pub key_name: String,
    pub signature: Vec<u8>,
    /// The leaves, 56 bytes each: account, sequence, hash.
    pub heads: Vec<u8>,
    /// What it covers was lost with a restore.
    pub is_void: bool,
    /// When the line was in the object store.
    pub stored_at: Option<i64>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
