//! `inkledger ledger adjust`.

use std::{io::Write, sync::Arc};

use clap::{Arg, Command};
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::ledger_options,
    bus::local::LocalBus,
    cli::{CliError, Context, OK, json_flag, place, table},
    clock::{Clock, SystemClock, to_rfc3339},
    db::Db,
    error::{Error, Failure},
    ids::{Ids, SystemIds},
    ledger::{
        AdjustCredits, CreditsError, IdemKey, Ledger, Posting, Refusal, adjust_credits,
        model::{AMOUNT_MAX, Delta, Note},
        proof::restore::{Copies, refuse_behind},
    },
};

pub(super) fn command() -> Command {
    Command::new("adjust")
        .about("Correct an account's credits from the host; on SQLite with the server stopped")
        .after_help("Adds a grant that never expires, or takes available credits away in the order in which they burn.")
        .arg(Arg::new("account").long("account").value_name("ID").required(true).help("Whose credits"))
        .arg(
            Arg::new("by")
                .long("by")
                .value_name("CREDITS")
                .required(true)
                .allow_negative_numbers(true)
                .value_parser(clap::value_parser!(i64))
                .help("How many more, or with a minus fewer"),
        )
        .arg(Arg::new("note").long("note").value_name("TEXT").required(true).help("Why, at most 500 characters"))
        .arg(
            Arg::new("key")
                .long("idempotency-key")
                .value_name("KEY")
                .required(true)
                .help("Makes it happen once, also when the command is repeated: 8–128 visible ASCII characters"),
        )
        .arg(json_flag())
}

struct Asked {
    account: Uuid,
    delta: Delta,
    note: Note,
    key: IdemKey,
}

fn asked(context: &Context) -> Result<Asked, CliError> {
    let text = |name: &str| context.matches.get_one::<String>(name).cloned();
    let account = super::account(context)?.ok_or_else(|| CliError::Usage("--account is missing".to_owned()))?;
    let by = context.matches.get_one::<i64>("by").copied().unwrap_or_default();
    let delta = Delta::new(by).map_err(|_| {
        CliError::Usage(format!("--by is {by}, but must be from 1 to {AMOUNT_MAX} credits, or as many with a minus"))
    })?;
    let note = text("note").filter(|note| !note.trim().is_empty()).and_then(Note::new);
    let note = note.ok_or_else(|| CliError::Usage("--note must say why in 1 to 500 characters".to_owned()))?;
    let key = text("key").unwrap_or_default();
    let key = IdemKey::client(&key).map_err(|error| CliError::Usage(format!("--idempotency-key: {error}")))?;
    Ok(Asked { account, delta, note, key })
}

/// `ledger adjust`: on SQLite with the server stopped, on PostgreSQL beside it.
pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    let (asked, config) = (asked(context)?, context.config()?);
    let account = asked.account;
    let db = place::open_to_write(&config).await?;
    let storage = place::storage(&config)?;
    // As at the start of a server: what a restore has lost would be written over.
    if let Err(error) = refuse_behind(&db, Copies { file: &config.proof.anchor_file, store: &storage }).await {
        db.close().await;
        return Err(CliError::Refused(error.to_string()));
    }
    let adjusted = adjust(&db, asked).await;
    db.close().await;
    let posting = match adjusted {
        Ok(posting) => posting,
        Err(Failure::Refused(refusal)) => return Err(CliError::Refused(in_words(refusal, account))),
        Err(Failure::Fault(Error::IdempotencyKeyReused)) => {
            return Err(CliError::Refused(Refusal::IdempotencyKeyReused.to_string()));
        }
        Err(Failure::Fault(error)) => return Err(error.into()),
    };
    let mut out = std::io::stdout().lock();
    if context.json() {
        writeln!(out, "{:#}", as_json(account, &posting))?;
    } else {
        let row = vec![
            account.to_string(),
            posting.sequence.to_string(),
            signed(&posting).to_string(),
            posting.balance.available.to_string(),
            to_rfc3339(posting.at),
        ];
        table::print(&mut out, &["ACCOUNT", "TRANSACTION", "CHANGE", "AVAILABLE", "AT"], &[row])?;
        if posting.replayed {
            writeln!(out, "An earlier command with this key did it; nothing changed now.")?;
        }
    }
    Ok(OK)
}

async fn adjust(db: &Db, asked: Asked) -> Result<Posting, Failure<CreditsError>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(SystemIds::new(Arc::clone(&clock)));
    let bus = Arc::new(LocalBus::new("command line"));
    let ledger = Ledger::open(db.clone(), clock.clone(), ids.clone(), bus, ledger_options()).await?;
    let command = AdjustCredits {
        account: asked.account,
        delta: asked.delta,
        note: asked.note,
        key: asked.key,
        audit_id: ids.uuid(),
        now: clock.now(),
    };
    let adjusted = adjust_credits(&ledger, command).await;
    ledger.close().await;
    adjusted
}

/// The change, by the lot that an addition makes.
fn signed(posting: &Posting) -> i64 {
    if posting.grant.is_some() { posting.amount } else { posting.amount.saturating_neg() }
}

fn as_json(account: Uuid, posting: &Posting) -> serde_json::Value {
    json!({
        "account": account, "transaction": posting.transaction_id, "sequence": posting.sequence,
        "change": signed(posting), "available": posting.balance.available, "held": posting.balance.held,
        "at": to_rfc3339(posting.at), "replayed": posting.replayed,
    })
}

fn in_words(refusal: CreditsError, account: Uuid) -> String {
    match refusal {
        CreditsError::NotFound => {
            format!("{account} has no ledger: there is no such account. See `inkledger users list`")
        }
        CreditsError::Ledger(refusal) => refusal.to_string(),
        // The command line judges its input before.
        CreditsError::AmountZero
        | CreditsError::AmountNegative
        | CreditsError::AmountNotWhole
        | CreditsError::AmountTooLarge { .. }
        | CreditsError::ReasonTooLong => format!("{refusal:?}"),
    }
}
