//! Credits in the API.

mod account;
mod loader;
mod mutation;
mod query;
mod receipt;
mod subscription;
mod types;

pub use account::{CreditTransactionFilter, balance, credit_transactions};
pub use loader::LedgerLoader;
pub use mutation::LedgerMutation;
pub use query::LedgerQuery;
pub use receipt::{CreditAnchor, CreditReceipt};
pub use subscription::LedgerSubscription;
pub use types::{
    CreditBalance, CreditBalanceEvent, CreditTransaction, CreditTransactionConnection, CreditTransactionKind,
};
