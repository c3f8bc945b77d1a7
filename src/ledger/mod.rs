//! Credits: grants, holds and credit transactions, live balances and verification. `submit` is the only way to move
//! credits. It knows no other feature: what commits together with a transaction comes in as effects.

mod add_credits;
pub mod graphql;
pub mod hub;
pub mod model;
pub mod proof;
pub mod service;
pub mod store;
mod tenant;
pub mod verify;
pub mod writer;

pub use add_credits::{AddCredits, AddCreditsError, Target, TypedAmount, add_credits};
pub use hub::{BalanceEvent, BalanceEventKind, Cursor, Hub};
pub use model::{IdemKey, Refusal};
pub use service::{Ledger, LedgerOptions};
pub use store::{Scope, TransactionFilter};
pub use tenant::{SeenAccount, Tenants};
pub use writer::{Command, Posting};
