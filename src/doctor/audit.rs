//! The chain over the audit trail: its last links, and the heads that were signed last.

use std::path::Path;

use super::{Finding, Scene};
use crate::{
    audit::{
        Checker,
        verify::{Checks, Report, VerifyError, unsealed_for, verify},
    },
    ledger::proof::{LedgerKey, PublicKeys},
};

/// Links that are checked within the time of a check.
const LINKS: i64 = 5_000;

const REMEDY: &str = "inkledger audit verify";

pub(super) async fn chain(scene: &Scene) -> Result<Finding, Finding> {
    let db = scene.tables()?;
    let proof = &scene.config.proof;
    let key = LedgerKey::open(&proof.signing_key_file).map_err(|error| Finding::fail(error.to_string(), REMEDY))?;
    let former =
        LedgerKey::former(&proof.signing_key_file).map_err(|error| Finding::fail(error.to_string(), REMEDY))?;
    let former: Vec<_> = former.into_iter().chain(proof.former_keys.iter().cloned()).collect();
    let keys = key.map(|key| PublicKeys::new(key.public().clone(), former));
    let heads: Option<(&Path, &dyn Checker)> = keys
        .as_ref()
        .filter(|_| proof.audit_file.exists())
        .map(|keys| (proof.audit_file.as_path(), keys as &dyn Checker));
    let (now, unsealed_for) = (scene.clock.now(), unsealed_for(proof.seal_every));
    let report = verify(db, &Checks { heads, last: Some(LINKS), now, unsealed_for }).await;
    let report = report.map_err(|error| match error {
        VerifyError::Fault(internal) => {
            Finding::fail(format!("the audit trail could not be checked: {}", internal.chain()), REMEDY)
        }
        VerifyError::File(..) => {
            Finding::fail(error.to_string(), "let this user read it, or set INKLEDGER_AUDIT_ANCHOR_FILE")
        }
    })?;
    Ok(judge(&report, heads.is_some()))
}

fn judge(report: &Report, has_heads: bool) -> Finding {
    if !report.clean() {
        let mut codes: Vec<&str> = report.faults.iter().map(|fault| fault.code).collect();
        codes.sort_unstable();
        codes.dedup();
        let text = format!("the audit trail has {} faults: {}", report.faults_count, codes.join(", "));
        // Rows that nobody seals are no sign of anybody's hand.
        if codes == ["UNSEALED"] {
            return Finding::warn(text, "see that a process with the role all or worker runs, and its log");
        }
        return Finding::fail(text, format!("keep the database as it is, and run: {REMEDY}"));
    }
    if report.links > 0 && !has_heads {
        return Finding::warn(
            "the signed heads of the audit trail are not there, so that an end that was cut off does not show",
            "restore the file of INKLEDGER_AUDIT_ANCHOR_FILE",
        );
    }
    let Report { links, lines, unsealed, .. } = report;
    Finding::ok(format!(
        "the last {links} links and {lines} signed heads agree; {unsealed} rows wait; {REMEDY} checks all"
    ))
}
