//! Table `credit_transaction`.

use sea_orm::entity::prelude::*;

/// The journal = idempotency store = outbox = hash chain; append-only.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credit_transaction")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    pub id: Uuid,
    pub epoch: i64,
    pub kind: String,
    pub idem_key: String,
    pub request_hash: Vec<u8>,
    pub actor_kind: String,
    pub actor_id: Option<Uuid>,
    /// What the operation is about (ledger.md, "Operations"); checked by I12.
    pub amount: i64,
    /// The stored answer, replayed byte for byte; ids and numbers only.
    pub result: String,
    /// The earlier transaction this one is about: refund -> settle, settle -> hold.
    pub refers_seq: Option<i64>,
    /// SHA-256(salt, body) of the erasable credit_note.
    pub note_hash: Option<Vec<u8>>,
    pub at: i64,
    pub issued_after: i64,
    pub available_after: i64,
    pub held_after: i64,
    pub spent_after: i64,
    pub expired_after: i64,
    pub revoked_after: i64,
    pub prev_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

/// No relation is declared: queries join by name.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
