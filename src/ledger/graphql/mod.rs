//! Credits in the API.

mod account;
mod loader;
mod mutation;
mod query;
mod subscription;
mod threshold;
mod types;

pub use account::{CreditTransactionFilter, balance, credit_transactions};
pub use loader::LedgerLoader;
pub use mutation::LedgerMutation;
pub use query::LedgerQuery;
pub use subscription::LedgerSubscription;
pub use threshold::{LowBalanceThreshold, ThresholdMutation, low_balance_thresholds};
pub use types::{
    CreditBalance, CreditBalanceEvent, CreditTransaction, CreditTransactionConnection, CreditTransactionKind,
};
