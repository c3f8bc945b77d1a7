//! The ledger's values and rules, without input or output: what an operation does to an account is decided here alone.
//! Must never know the database, the network or a running clock; the present time comes in with each call.

mod answer;
mod cap;
mod command;
mod decide;
mod draft;
mod hash;
mod refusal;
mod state;
mod threshold;
mod value;

pub use answer::{Answer, Untouched, Work};
pub use cap::{Cap, CapPeriod, CapScope, Exceeded, UNCAPPED};
pub use command::{Delta, GrantSource, HoldItem, IdemKey, InvalidKey, NewGrant, Note, Operation, Request, SourceRef};
pub use decide::{Decision, Declined, Inconsistency, Stamp, apply, repeat, write_off};
pub use hash::{Digest, TRANSACTION_TAG, chain_hash, note_hash, request_hash, sha256, transaction_bytes};
pub use refusal::Refusal;
pub use state::{Account, Beyond, BurnKey, Hold, HoldState, Lot, Part, Standing, State, Transaction};
pub use threshold::{Crossing, Threshold};
pub use value::{Actor, Balance, Bucket, Credits, Entry, GrantKind, Kind, Move, WorkKind};

/// The most credits that may ever be issued to one account: 2^53 - 1, exact in every client.
pub const ISSUED_MAX: i64 = 9_007_199_254_740_991;
/// The most credits one operation may be about.
pub const AMOUNT_MAX: i64 = 1_000_000_000_000;
/// The most lots one operation may touch.
pub const LOTS_MAX: usize = 500;
/// The least that refunded credits live: 30 days, in microseconds.
pub const REFUND_LIFE_MIN: i64 = 30 * 24 * 60 * 60 * 1_000_000;
/// The most low-balance levels of an account.
pub const THRESHOLDS_MAX: usize = 10;
/// The most holds one operation may take or give back.
pub const HOLDS_MAX: usize = 100;
