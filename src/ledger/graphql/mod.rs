//! Credits in the API.

mod account;
mod cap;
mod grant;
mod health;
mod hold;
mod loader;
mod mutation;
mod query;
mod receipt;
mod subscription;
mod threshold;
mod types;

pub use account::{CreditTransactionFilter, balance, balance_at, credit_grants, credit_holds, credit_transactions};
pub use cap::{CapExceeded, CapMutation, CreditCap, CreditCapPeriod, CreditCapScope, cap_exceeded, credit_caps};
pub use grant::{CreditGrant, CreditGrantConnection, CreditGrantFilter, CreditGrantKind};
pub use health::HealthQuery;
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
