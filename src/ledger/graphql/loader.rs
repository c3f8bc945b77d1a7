//! Loads rows for many fields at once. Keys are plain ids: the caller has authorised by holding the parent.

use crate::{
    graphql::loaders::loads,
    ledger::{
        Ledger,
        model::{Account, Threshold},
    },
};

/// Loads by id.
pub struct LedgerLoader(pub Ledger);

loads! {
    LedgerLoader:
    /// An account whose totals are asked for.
    pub BalanceOf => Account, accounts;
    /// An account whose low-balance levels are asked for.
    pub LevelsOf => Vec<Threshold>, thresholds_of;
}
