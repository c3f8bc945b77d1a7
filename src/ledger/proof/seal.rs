//! The ledger's key signs the heads of the audit trail's chain too: they are proofs like anchors, under a tag of their own, and
//! outlive every other key.

use super::key::{LedgerKey, PublicKeys, Signature};
use crate::audit::{Checker, Signer};

impl Signer for LedgerKey {
    fn name(&self) -> &str {
        &self.public().name
    }

    fn sign(&self, message: &[u8]) -> Signature {
        LedgerKey::sign(self, message)
    }
}

impl Checker for PublicKeys {
    fn check(&self, name: &str, message: &[u8], signature: &Signature) -> Result<(), String> {
        PublicKeys::check(self, name, message, signature).map_err(|error| error.to_string())
    }
}
