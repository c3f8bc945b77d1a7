//! `inkledger ledger receipt verify`: needs the document and the public keys, and nothing else.

use std::{io::Write, path::PathBuf};

use serde_json::json;

use crate::{
    cli::{CliError, Context, FAILED, OK},
    clock::to_rfc3339,
    ledger::proof::{Facts, Receipt, receipt::DOCUMENT_BYTES_MAX},
};

/// `ledger receipt verify`: 0 valid, 1 invalid, 2 could not check.
pub(super) fn run(context: &Context) -> Result<u8, CliError> {
    let keys = super::public_keys(context, &context.config()?)?;
    let path = context.matches.get_one::<PathBuf>("file").cloned().unwrap_or_default();
    let cannot = |what: &dyn std::fmt::Display| CliError::Refused(format!("cannot read {}: {what}", path.display()));
    if std::fs::metadata(&path).map_err(|error| cannot(&error))?.len() > DOCUMENT_BYTES_MAX {
        return Err(cannot(&"it is too large for a receipt"));
    }
    let bytes = std::fs::read(&path).map_err(|error| cannot(&error))?;
    let text = String::from_utf8_lossy(&bytes);
    let judged = Receipt::parse(&text).and_then(|receipt| receipt.check(&keys).map(|facts| (receipt, facts)));
    let mut out = std::io::stdout().lock();
    match judged {
        Ok((receipt, facts)) if context.json() => writeln!(out, "{:#}", as_json(&receipt, &facts))?,
        Ok((receipt, facts)) => print(&mut out, &receipt, &facts)?,
        Err(error) if context.json() => {
            writeln!(out, "{:#}", json!({"valid": false, "because": error.to_string()}))?;
            return Ok(FAILED);
        }
        Err(error) => {
            writeln!(out, "INVALID: {error}.")?;
            return Ok(FAILED);
        }
    }
    Ok(OK)
}

fn as_json(receipt: &Receipt, facts: &Facts) -> serde_json::Value {
    let [issued, available, held, spent, expired, revoked] = facts.balance;
    let anchor = receipt.anchor.as_ref().map(
        |covering| json!({"number": covering.anchor.number, "at": to_rfc3339(covering.anchor.at), "key": covering.key}),
    );
    json!({
        "valid": true, "database": receipt.database, "account": facts.account, "transaction": facts.id,
        "epoch": facts.epoch, "sequence": facts.sequence, "kind": facts.kind, "amount": facts.amount,
        "at": to_rfc3339(facts.at), "hash": hex::encode(receipt.hash), "key": receipt.key, "anchor": anchor,
        "balance_after": {
            "issued": issued, "available": available, "held": held, "spent": spent, "expired": expired,
            "revoked": revoked,
        },
    })
}

fn print(out: &mut impl Write, receipt: &Receipt, facts: &Facts) -> std::io::Result<()> {
    let [_, available, held, ..] = facts.balance;
    writeln!(out, "VALID: signed with the key {}.", receipt.key)?;
    writeln!(out, "Transaction {}, number {} of account {}", facts.id, facts.sequence, facts.account)?;
    writeln!(out, "in database {}, epoch {}, at {}:", receipt.database, facts.epoch, to_rfc3339(facts.at))?;
    writeln!(out, "{} of {} credits; {available} available and {held} held after it.", facts.kind, facts.amount)?;
    match &receipt.anchor {
        Some(covering) => {
            let (number, at) = (covering.anchor.number, to_rfc3339(covering.anchor.at));
            writeln!(out, "Anchor {number} of {at} covers it, through transaction {}.", covering.sequence)
        }
        None => writeln!(out, "No anchor covered it yet when the receipt was issued."),
    }
}
