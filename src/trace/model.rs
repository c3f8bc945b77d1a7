//! What a trace is of, and what it holds.

use uuid::Uuid;

use crate::{
    clock::Micros,
    ledger::{
        Grant, OwnedHold,
        store::{Draw, HoldPlace},
    },
};

/// What is traced; whoever asks may see its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The work that went into an article.
    Content(Uuid),
    /// An AI task.
    Task(Uuid),
    /// A credit transaction, by its number.
    Transaction(i64),
    /// A lot.
    Grant(Uuid),
}

/// What a delivered item of AI work cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// Credits charged.
    pub credits: i64,
    /// What they were worth, nano-dollars.
    pub credit_value_nanousd: i64,
    /// The model's name at that time.
    pub model_name: String,
    /// When.
    pub created_at: Micros,
}

/// One step of a trace: a hold with what it drew from which lots, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where it stands in its trace.
    pub place: HoldPlace,
    /// The hold.
    pub hold: OwnedHold,
    /// What it had of each lot, in the order of the lots' ids.
    pub draws: Vec<Draw>,
    /// What the delivered work cost; `None` unless it was delivered.
    pub usage: Option<UsageRow>,
    /// The lots that gave some of the charge back.
    pub refunds: Vec<Grant>,
}

/// What one lot gave to all steps of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LotShare {
    /// The lot.
    pub grant: Uuid,
    /// Credits reserved of it.
    pub reserved: i64,
    /// Credits charged of it.
    pub charged: i64,
}

/// What all lots together gave to a trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shares {
    /// Each lot, from the one that was charged most.
    pub lots: Vec<LotShare>,
    /// Whether that covers every step.
    pub is_complete: bool,
}
