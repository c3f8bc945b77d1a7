//! Words for what the ledger tells an account's members: it cannot know notifications, which stand to its right.

use uuid::Uuid;

use crate::{
    db::effect::{Effect, TextPart},
    ledger::{LedgerOptions, model::Crossing},
    notification::{NewNotification, Severity, insert_effect},
};

/// The ledger as every process has it.
pub fn ledger_options() -> LedgerOptions {
    LedgerOptions { low_balance: Some(low_balance), ..LedgerOptions::default() }
}

/// The message of a crossing, for the ledger to write with the transaction that did it.
fn low_balance(id: Uuid, crossing: &Crossing) -> Effect {
    let Crossing { account, level, available, transaction, sequence, at } = *crossing;
    let left = if available == 1 { "1 credit is".to_owned() } else { format!("{available} credits are") };
    let mut effect = insert_effect(NewNotification {
        id,
        account_id: account,
        kind: "credits_low".to_owned(),
        severity: Severity::Warning,
        title: "Credits are running low".to_owned(),
        message: vec![TextPart::Lit(format!(
            "{left} left, fewer than the level of {level} that is set for this account"
        ))],
        metadata: vec![TextPart::Lit(
            serde_json::json!({"level": level, "available": available, "sequence": sequence}).to_string(),
        )],
        subject_kind: "credit_transaction",
        subject_id: transaction,
        error: None,
        dedupe_key: format!("credits_low:{level}:{sequence}"),
        created_at: at,
    });
    if let Effect::Insert { if_absent, .. } = &mut effect {
        // A message is no reason to refuse what moves credits.
        *if_absent = true;
    }
    effect
}
