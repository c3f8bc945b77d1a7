//! `inkledger keys`: which keys there are, and new ones in their place. Servers read key files at start alone.

use std::{io::Write as _, path::Path, sync::Arc};

use clap::{Arg, ArgAction, Command, builder::PossibleValuesParser};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;

use super::{CliError, Context, OK, UNUSABLE, json_flag, place, table};
use crate::{
    ai::{reseal::reseal, vault::Vault},
    clock::{Clock as _, SECOND, SystemClock, to_rfc3339},
    config::Config,
    error::Failure,
    ids::SystemIds,
    key_file::{self, FormerKey, KeyError, former, name_of},
};

/// The longest that an access token of any server lives, by the range of `auth.access_token_minutes`, and how far clocks may differ.
const OVERLAP: i64 = (60 + 1) * 60 * SECOND;

/// What stands below `inkledger keys`.
pub(super) fn command() -> Command {
    Command::new("keys")
        .about("The keys of this installation: access tokens, proofs of credits, providers' keys")
        .subcommand_required(true)
        .subcommand(Command::new("list").about("Name every key and its file; never a key itself").arg(json_flag()))
        .subcommand(
            Command::new("rotate")
                .about("Put a new key in the place of one; servers take it at their next start")
                .arg(json_flag())
                .arg(
                    Arg::new("which")
                        .required(true)
                        .value_parser(PossibleValuesParser::new(["signing", "ledger", "secret"]))
                        .help("signing: access tokens; ledger: anchors and receipts; secret: the providers' keys"),
                )
                .arg(Arg::new("forget").long("forget").action(ArgAction::SetTrue).help(
                    "The old key was stolen: what it signed counts no more, what it encrypted is under the new one alone",
                )),
        )
}

/// Carries out the subcommand `name`.
pub(super) async fn run(name: &str, context: &Context) -> Result<u8, CliError> {
    match name {
        "list" => list(context),
        "rotate" => rotate(context).await,
        _ => Ok(UNUSABLE),
    }
}

/// One key, or none yet.
struct Key {
    what: &'static str,
    file: String,
    name: Option<String>,
    former: Vec<(String, Option<String>)>,
}

fn refused(error: impl std::fmt::Display) -> CliError {
    CliError::Refused(error.to_string())
}

fn pair(what: &'static str, path: &Path) -> Result<Key, CliError> {
    let unreadable = || refused(KeyError::Unreadable(path.to_owned()));
    let name = match key_file::open(path).map_err(refused)? {
        Some(der) => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| unreadable())?;
            Some(name_of(pair.public_key().as_ref()))
        }
        None => None,
    };
    let former = former(path).map_err(refused)?;
    let former = former.iter().map(|FormerKey { public, until }| (name_of(public), until.map(to_rfc3339)));
    Ok(Key { what, file: path.display().to_string(), name, former: former.collect() })
}

fn keys(config: &Config) -> Result<Vec<Key>, CliError> {
    let mut keys =
        vec![pair("signing", &config.auth.signing_key_file)?, pair("ledger", &config.proof.signing_key_file)?];
    if let Some(ledger) = keys.last_mut() {
        let named = config.proof.former_keys.iter().map(|key| (key.name.clone(), None));
        ledger.former.extend(named);
    }
    let path = &config.ai.secret_key_file;
    let ids: Vec<String> = match path.exists() {
        true => Vault::open(path).map_err(refused)?.key_ids().into_iter().map(str::to_owned).collect(),
        false => Vec::new(),
    };
    keys.push(Key {
        what: "secret",
        file: path.display().to_string(),
        name: ids.first().cloned(),
        former: ids.into_iter().skip(1).map(|id| (id, None)).collect(),
    });
    Ok(keys)
}

/// `keys list`: 0 told, 1 a file cannot be used. Makes no key.
fn list(context: &Context) -> Result<u8, CliError> {
    let keys = keys(&context.config()?)?;
    let mut out = std::io::stdout().lock();
    if context.json() {
        let told: Vec<_> = keys
            .iter()
            .map(|key| {
                let former: Vec<_> =
                    key.former.iter().map(|(name, until)| json!({"name": name, "until": until})).collect();
                json!({"key": key.what, "file": key.file, "name": key.name, "former": former})
            })
            .collect();
        writeln!(out, "{:#}", serde_json::Value::from(told))?;
        return Ok(OK);
    }
    let rows: Vec<Vec<String>> = keys
        .into_iter()
        .map(|key| {
            let former = key.former.into_iter().map(|(name, until)| match until {
                Some(until) => format!("{name} until {until}"),
                None => name,
            });
            let former = former.collect::<Vec<_>>().join(", ");
            vec![key.what.to_owned(), key.name.unwrap_or_else(|| "not made yet".to_owned()), former, key.file]
        })
        .collect();
    table::print(&mut out, &["KEY", "NAME", "FORMER", "FILE"], &rows)?;
    Ok(OK)
}

/// `keys rotate`: 0 done, 1 refused, 2 cannot open or wrong use.
async fn rotate(context: &Context) -> Result<u8, CliError> {
    let config = context.config()?;
    let which = context.matches.get_one::<String>("which").map(String::as_str).unwrap_or_default();
    let forget = context.matches.get_flag("forget");
    let ids = SystemIds::new(Arc::new(SystemClock));
    let until = SystemClock.now().saturating_add(OVERLAP);
    let keep = |until| (!forget).then_some(until);
    let (from, to, then) = match which {
        "signing" => {
            let done = key_file::rotate(&config.auth.signing_key_file, keep(Some(until)), &ids).map_err(refused)?;
            let then = match forget {
                true => {
                    "Restart every server with this file at once: everybody's access token ends, and their clients refresh it"
                }
                false => {
                    "Restart every server with this file, all at about the same time: tokens of the old key are good for an hour"
                }
            };
            (done.from, done.to, then.to_owned())
        }
        "ledger" => {
            let done = key_file::rotate(&config.proof.signing_key_file, keep(None), &ids).map_err(refused)?;
            let then = match forget {
                true => "Restart every server with this file: proofs of the old key are none any more",
                false => {
                    "Restart every server with this file and the .former file beside it, which is published with the new key"
                }
            };
            (done.from, done.to, then.to_owned())
        }
        _ => rotate_secret(&config, forget, &ids).await?,
    };
    let mut out = std::io::stdout().lock();
    if context.json() {
        writeln!(out, "{:#}", json!({"key": which, "from": from, "to": to, "forgotten": forget, "then": then}))?;
        return Ok(OK);
    }
    let from = from.unwrap_or_else(|| "none".to_owned());
    table::print(&mut out, &["KEY", "WAS", "IS"], &[vec![which.to_owned(), from, to]])?;
    writeln!(out, "{then}.")?;
    Ok(OK)
}

/// The new key goes into the file before the old one; then the rows are encrypted anew. Whatever is cut off in between, every row
/// opens with the file as it is.
async fn rotate_secret(
    config: &Config,
    forget: bool,
    ids: &SystemIds,
) -> Result<(Option<String>, String, String), CliError> {
    let (path, db) = (&config.ai.secret_key_file, place::open_to_write(config).await?);
    let done = async {
        let before = match path.exists() {
            true => Some(Vault::open(path).map_err(refused)?.key_id().to_owned()),
            false => None,
        };
        let vault = Vault::rotate(path, ids).map_err(refused)?;
        let names = match reseal(&db, &vault, ids, SystemClock.now()).await {
            Ok(names) => names,
            Err(Failure::Refused(error)) => return Err(refused(error)),
            Err(Failure::Fault(error)) => return Err(error.into()),
        };
        if forget {
            Vault::forget_former(path, ids).map_err(refused)?;
        }
        let then =
            format!("{} encrypted anew. Start every server with this file", place::count(names.len(), "provider key"));
        Ok((before, vault.key_id().to_owned(), then))
    };
    let done = done.await;
    db.close().await;
    done
}
