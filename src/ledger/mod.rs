//! Credits: grants, holds and credit transactions, live balances and verification. `submit` is the only way to move
//! credits. It knows no other feature: what commits together with a transaction comes in as effects.

mod admin;
pub mod export;
pub mod graphql;
pub mod hub;
pub mod model;
pub mod proof;
mod reading;
pub mod service;
pub mod store;
mod tenant;
mod threshold;
pub mod verify;
pub mod writer;

pub use admin::{
    AddCredits, AdjustCredits, CreditsError, RefundCredits, RevokeCredits, Target, TypedAmount, add_credits,
    adjust_credits, refund_credits, revoke_credits,
};
pub use hub::{BalanceEvent, BalanceEventKind, Cursor, Hub};
pub use model::{IdemKey, Refusal};
pub use reading::PastBalance;
pub use service::{Ledger, LedgerOptions};
pub use store::{Grant, GrantFilter, HoldFilter, HoldPlace, HoldStage, OwnedHold, Scope, TransactionFilter};
pub use tenant::{OwnedAccount, SeenAccount, Tenants};
pub use threshold::{SetThresholds, ThresholdError, set_thresholds};
pub use writer::{Command, LowBalance, Posting};
