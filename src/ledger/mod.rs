//! Credits: grants, holds and credit transactions, live balances and verification. `submit` is the only way to move
//! credits. It knows no other feature: what commits together with a transaction comes in as effects.

mod admin;
mod cap;
mod check;
pub mod export;
pub mod graphql;
mod health;
pub mod hub;
mod member;
pub mod model;
pub mod proof;
mod reading;
pub mod service;
pub mod store;
mod sweep;
mod tenant;
mod threshold;
pub mod verify;
pub mod writer;

pub use admin::{
    AddCredits, AdjustCredits, CreditsError, RefundCredits, RevokeCredits, Target, TypedAmount, add_credits,
    adjust_credits, refund_credits, revoke_credits,
};
pub use cap::{CapError, SetCap, set_cap};
pub use health::{Diagnosis, Health};
pub use hub::{BalanceEvent, BalanceEventKind, Cursor, Hub};
pub use model::{IdemKey, Refusal};
pub use reading::PastBalance;
use service::WeakLedger;
pub use service::{Ledger, LedgerOptions};
pub use store::{FullCheck, Grant, GrantFilter, HoldFilter, HoldPlace, HoldStage, OwnedHold, Scope, TransactionFilter};
pub use sweep::{CheckSweep, LotSweep};
pub use tenant::{OwnedAccount, SeenAccount, Tenants};
pub use threshold::{SetThresholds, ThresholdError, set_thresholds};
pub use writer::{Command, LaneHealth, LowBalance, Posting};
