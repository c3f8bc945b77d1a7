//! Credits: grants, holds and credit transactions, live balances and verification. `submit` is the only way to move
//! credits. It knows no other feature: what commits together with a transaction comes in as effects.

pub mod hub;
pub mod model;
pub mod service;
pub mod store;
pub mod verify;
pub mod writer;

pub use hub::{BalanceEvent, BalanceEventKind, Cursor, Hub};
pub use model::Refusal;
pub use service::{Ledger, LedgerOptions};
pub use writer::{Command, Posting};
