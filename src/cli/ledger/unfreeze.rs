//! `inkledger ledger unfreeze`.

use std::{io::Write, sync::Arc};

use clap::{Arg, Command};
use serde_json::json;

use crate::{
    app::ledger_options,
    bus::local::LocalBus,
    cli::{CliError, Context, OK, json_flag, place},
    clock::{Clock, SystemClock},
    ids::{Ids, SystemIds},
    ledger::{Ledger, verify::verify},
};

pub(super) fn command() -> Command {
    Command::new("unfreeze")
        .about("Let an account be used again that was frozen for breaking a rule; on SQLite with the server stopped")
        .after_help("Refused while the account breaks any rule. See `inkledger ledger verify --account ID`.")
        .arg(Arg::new("account").long("account").value_name("ID").required(true).help("Which account"))
        .arg(json_flag())
}

/// `ledger unfreeze`: on SQLite with the server stopped, on PostgreSQL beside it.
pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    let account = super::account(context)?.ok_or_else(|| CliError::Usage("--account is missing".to_owned()))?;
    let config = context.config()?;
    let db = place::open_to_write(&config).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(SystemIds::new(Arc::clone(&clock)));
    let bus = Arc::new(LocalBus::new("command line"));
    let outcome = async {
        let ledger = Ledger::open(db.clone(), Arc::clone(&clock), ids, bus, ledger_options()).await?;
        let done = if ledger.account(account).await?.is_none() {
            Err(super::no_ledger(account))
        } else {
            let broken = verify(&db, clock.as_ref(), Some(account)).await?.violations_count;
            if broken > 0 {
                let message = format!("{account} breaks {broken} rules and stays frozen. Mend what is broken first");
                Err(CliError::Refused(message))
            } else {
                Ok(ledger.unfreeze(account).await?)
            }
        };
        ledger.close().await;
        done
    };
    let outcome = outcome.await;
    db.close().await;
    let was_frozen = outcome?;
    let mut out = std::io::stdout().lock();
    if context.json() {
        writeln!(out, "{:#}", json!({"account": account, "wasFrozen": was_frozen}))?;
    } else if was_frozen {
        writeln!(out, "{account} may be used again.")?;
    } else {
        writeln!(out, "{account} was not frozen; nothing changed.")?;
    }
    Ok(OK)
}
