//! `inkledger ledger`.

mod adjust;
mod export;
mod receipt;
pub(super) mod restore;
mod unfreeze;
mod verify;

use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};
use uuid::Uuid;

use super::{CliError, Context, UNUSABLE, json_flag};
use crate::{
    config::{Config, redact},
    graphql::node::{self, NodeKind},
    ledger::proof::{LedgerKey, PublicKeys},
};

/// What stands below `inkledger ledger`.
pub(super) fn command() -> Command {
    let file = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("FILE").value_parser(clap::value_parser!(PathBuf)).help(help)
    };
    let keys = || {
        file(
            "keys",
            "The public keys, as /.well-known/inkledger-ledger-keys.json shows them [default: this installation's]",
        )
    };
    Command::new("ledger")
        .about("The credit ledger")
        .subcommand_required(true)
        .subcommand(adjust::command())
        .subcommand(export::command())
        .subcommand(unfreeze::command())
        .subcommand(
            Command::new("verify")
                .about("Check every invariant and recompute every hash; read-only, safe beside a running server")
                .arg(json_flag())
                .arg(Arg::new("account").long("account").value_name("UUID").help("One account only"))
                .arg(file("anchors", "Also check this file of anchors, and that the journal holds every anchored head"))
                .arg(keys().requires("anchors")),
        )
        .subcommand(
            Command::new("receipt").about("Receipts of credit transactions").subcommand_required(true).subcommand(
                Command::new("verify")
                    .about("Check a receipt without any database; exit 0 valid, 1 invalid, 2 could not check")
                    .arg(json_flag())
                    .arg(keys())
                    .arg(
                        Arg::new("file")
                            .required(true)
                            .value_name("FILE")
                            .value_parser(clap::value_parser!(PathBuf))
                            .help("The document of `creditReceipt`"),
                    ),
            ),
        )
        .subcommand(
            Command::new("accept-restore")
                .about("Accept that a backup was put back: raise the epoch, void leases, pause schedules")
                .arg(json_flag())
                .arg(
                    Arg::new("yes")
                        .long("yes")
                        .action(ArgAction::SetTrue)
                        .help("Do it: every server is stopped, and this is the database to go on with"),
                ),
        )
}

/// Carries out the subcommand `name`.
pub(super) async fn run(name: &str, context: &Context) -> Result<u8, CliError> {
    match name {
        "verify" => unusable_on_error(context, verify::run(context).await),
        "receipt verify" => unusable_on_error(context, receipt::run(context)),
        "accept-restore" => restore::run(context).await,
        "adjust" => adjust::run(context).await,
        "unfreeze" => unfreeze::run(context).await,
        "export" => export::run(context).await,
        _ => Ok(UNUSABLE),
    }
}

/// The account as a UUID, or as the id that the API shows.
fn account(context: &Context) -> Result<Option<Uuid>, CliError> {
    let Some(text) = context.matches.get_one::<String>("account") else { return Ok(None) };
    let id = text.parse().ok().or_else(|| node::decode(NodeKind::Account, &text.clone().into(), &[]).ok());
    id.map(Some).ok_or_else(|| CliError::Usage(format!("--account is `{text}`, but must be the id of an account")))
}

/// What is said of an account without one.
fn no_ledger(account: Uuid) -> CliError {
    let message = "has no ledger: it never had credits, or there is no such account. See `inkledger users list`";
    CliError::Usage(format!("{account} {message}"))
}

/// Whatever hinders a check leaves it without a verdict, which is an exit code of its own.
pub(super) fn unusable_on_error(context: &Context, outcome: Result<u8, CliError>) -> Result<u8, CliError> {
    match outcome {
        Err(CliError::Output(error)) => Err(error.into()),
        Err(error) => {
            super::complain(&redact(&context.resolved, &error.in_full()));
            Ok(UNUSABLE)
        }
        found => found,
    }
}

/// The public keys in the file of `--keys`, or those of this installation. Makes no key.
pub(super) fn public_keys(context: &Context, config: &Config) -> Result<PublicKeys, CliError> {
    if let Some(path) = context.matches.get_one::<PathBuf>("keys") {
        let text = read(path)?;
        let message = || CliError::Refused(format!("{} holds no Ed25519 public keys in JSON", path.display()));
        return PublicKeys::parse(&text).ok_or_else(message);
    }
    let path = &config.proof.signing_key_file;
    let key = LedgerKey::open(path).map_err(|error| CliError::Refused(error.to_string()))?;
    let missing = || {
        let path = path.display();
        CliError::Refused(format!(
            "there is no key at {path}. Name a file of public keys with --keys; a server shows its own at \
             /.well-known/inkledger-ledger-keys.json"
        ))
    };
    let former = LedgerKey::former(path).map_err(|error| CliError::Refused(error.to_string()))?;
    let former = former.into_iter().chain(config.proof.former_keys.iter().cloned());
    Ok(PublicKeys::new(key.ok_or_else(missing)?.public().clone(), former.collect()))
}

fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path)
        .map_err(|source| CliError::Refused(format!("cannot read {}: {source}", path.display())))
}
