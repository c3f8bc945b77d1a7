//! The ledger's rows: constant SQL for both engines. Loads run under the account's lock, finders take a scope. Must
//! never decide anything.

mod cap;
mod condition;
mod draw;
mod grant;
mod health;
mod hold;
mod load;
mod read;
mod row;
mod save;
mod threshold;

pub use cap::{find_cap, insert_cap, list_caps, load_caps, update_limit};
pub use draw::{
    Draw, HoldEnds, MovesOf, PlacedEntry, count_holds_of_grant, count_moves, list_holds_of_grant,
    list_holds_of_transaction, list_moves, load_draws, load_refunds,
};
pub use grant::{Grant, GrantFilter, count_grants, list_grants, load_by_grant};
pub use health::{
    COUNTED_MAX, FullCheck, count_overdue, find_check_begun, find_last_anchor, find_last_check, insert_check,
    list_frozen, sum_due_lots, sum_journal, sum_lots, sum_open_holds, sum_shortfall, update_check, update_standing,
};
pub use hold::{
    HoldFilter, HoldPlace, HoldStage, OwnedHold, count_holds, list_holds, load_by_hold, load_parts_by_hold,
};
pub use load::{
    close_account, insert_account, list_accounts_with_due_lots, load_by_key, load_due_lots, load_lots, load_touched,
    lock_accounts,
};
pub use read::{
    JournalEntry, Order, Scope, Slice, TransactionFilter, count_transactions, find_account, find_grant, find_hold,
    find_transaction, get_meta, list_entries, list_grant_accounts, list_holds_of_work, list_journal_entries,
    list_sequences, list_transactions, load_by_account, load_by_sequence, load_by_transaction, sequence_not_after,
};
pub use row::TRANSACTION_COLUMNS;
pub(super) use row::{ENTRY_COLUMNS, entry_from, transaction_from};
pub use save::{NewNote, insert_meta, save};
pub use threshold::{delete_thresholds, insert_threshold, load_thresholds, mark_thresholds};

use sea_orm::DbErr;

use crate::db::{Engine, place, places};

/// Placeholders for a list in a statement that has no other values.
fn list(engine: Engine, count: usize) -> String {
    (1..=count).map(|number| place(engine, number)).collect::<Vec<_>>().join(", ")
}

/// A stored row that is not one of ours.
pub(super) fn broken(what: &'static str) -> DbErr {
    DbErr::Custom(format!("a stored row cannot be read: {what}"))
}
