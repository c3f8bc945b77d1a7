//! Proof for outsiders: anchors, which bind the heads of all chains to signed lines outside the database, and receipts,
//! which prove single transactions. docs/proof.md describes the forms; whoever changes one gives it a new tag.

pub mod anchor;
pub mod check;
mod fact;
pub mod file;
mod hexed;
pub mod key;
pub mod merkle;
pub mod receipt;
pub mod restore;
mod seal;
mod service;
pub(super) mod store;
mod sweep;

pub use anchor::{Anchor, Head, Line};
pub use fact::Facts;
pub use key::{LedgerKey, PublicKey, PublicKeys};
pub use receipt::{BadReceipt, Covering, Receipt};
pub use service::{Anchors, AnchorsParts, Look};
pub use sweep::AnchorSweep;
