//! Credits in the API.

mod account;
mod grant;
mod hold;
mod loader;
mod mutation;
mod query;
mod receipt;
mod subscription;
mod threshold;
mod types;

pub use account::{CreditTransactionFilter, balance, balance_at, credit_grants, credit_holds, credit_transactions};
pub use grant::{CreditGrant, CreditGrantConnection, CreditGrantFilter, CreditGrantKind};
pub use hold::{CreditHold, CreditHoldConnection, CreditHoldFilter, CreditHoldLot, CreditHoldState};
pub use loader::LedgerLoader;
pub use mutation::LedgerMutation;
pub use query::LedgerQuery;
pub use receipt::{CreditAnchor, CreditReceipt};
pub use subscription::LedgerSubscription;
pub use threshold::{LowBalanceThreshold, ThresholdMutation, low_balance_thresholds};
pub use types::{
    CreditBalance, CreditBalanceEvent, CreditTransaction, CreditTransactionConnection, CreditTransactionKind,
};
