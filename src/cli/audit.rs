//! `inkledger audit`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgAction, Command};
use serde_json::json;

use super::{CliError, Context, FAILED, OK, json_flag, ledger, place, table};
use crate::{
    audit::{
        Checker,
        verify::{Checks, Report, VerifyError, verify},
    },
    clock::{Clock, SystemClock},
};

/// What stands below `inkledger audit`.
pub(super) fn command() -> Command {
    let file = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("FILE").value_parser(clap::value_parser!(PathBuf)).help(help)
    };
    Command::new("audit").about("The audit trail").subcommand_required(true).subcommand(
        Command::new("verify")
            .about("Recompute the chain over the audit trail; read-only, safe beside a running server; exit 0, 1, 2")
            .arg(json_flag())
            .arg(file("anchors", "The file of signed heads [default: audit.anchor_file]"))
            .arg(file(
                "keys",
                "The public keys, as /.well-known/inkledger-ledger-keys.json shows them [default: this installation's]",
            ))
            .arg(
                Arg::new("database-only")
                    .long("database-only")
                    .action(ArgAction::SetTrue)
                    .conflicts_with_all(["anchors", "keys"])
                    .help("Without the file: an end that was cut off does not show then"),
            ),
    )
}

/// `audit verify`: 0 clean, 1 faults, 2 could not check.
pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    ledger::unusable_on_error(context, check(context).await)
}

async fn check(context: &Context) -> Result<u8, CliError> {
    let config = context.config()?;
    let db = place::open_to_read(&config).await?;
    let named = context.matches.get_one::<PathBuf>("anchors");
    let path = named.unwrap_or(&config.proof.audit_file);
    let with_heads = !context.matches.get_flag("database-only") && (named.is_some() || path.exists());
    let keys = with_heads.then(|| ledger::public_keys(context, &config)).transpose()?;
    let heads = keys.as_ref().map(|keys| (path.as_path(), keys as &dyn Checker));
    if let Some((path, _)) = heads.filter(|(path, _)| !path.exists()) {
        return Err(no_file(path));
    }
    let unsealed_for = crate::audit::verify::unsealed_for(config.proof.seal_every);
    let report = verify(&db, &Checks { heads, last: None, now: SystemClock.now(), unsealed_for }).await;
    let report = match report {
        Ok(report) => report,
        Err(VerifyError::Fault(error)) => return Err(CliError::Fault(error.into())),
        Err(error @ VerifyError::File(..)) => return Err(CliError::Refused(error.to_string())),
    };
    if report.links > 0 && heads.is_none() && !context.matches.get_flag("database-only") {
        return Err(no_file(path));
    }
    let mut out = std::io::stdout().lock();
    if context.json() {
        let mut told = json!(report);
        if let Some(fields) = told.as_object_mut() {
            fields.insert("clean".to_owned(), report.clean().into());
        }
        writeln!(out, "{told:#}")?;
    } else {
        print(&mut out, &report)?;
    }
    Ok(if report.clean() { OK } else { FAILED })
}

fn no_file(path: &Path) -> CliError {
    CliError::Refused(format!(
        "there is no file of heads at {}. Name one with --anchors; --database-only checks without, and does not see an end \
         that was cut off",
        path.display()
    ))
}

fn print(out: &mut impl Write, report: &Report) -> std::io::Result<()> {
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let rows: Vec<Vec<String>> = report
        .faults
        .iter()
        .map(|fault| {
            vec![
                fault.code.to_owned(),
                shown(fault.number.map(|number| number.to_string())),
                shown(fault.entry.map(|id| id.to_string())),
                shown(fault.line.map(|line| line.to_string())),
                fault.what.clone(),
            ]
        })
        .collect();
    table::print(out, &["FAULT", "LINK", "ROW", "LINE", "WHAT IS WRONG"], &rows)?;
    if report.faults_count > rows.len() {
        writeln!(out, "… and {} more", report.faults_count - rows.len())?;
    }
    writeln!(
        out,
        "{} links recomputed, {} signed heads compared; {} rows wait to be sealed, the words of {} went with their person",
        report.links, report.lines, report.unsealed, report.erased
    )?;
    if report.void > 0 {
        writeln!(out, "{} heads are of a state that an accepted restore gave up", report.void)?;
    }
    if report.clean() {
        return writeln!(out, "No faults. Verdict: CLEAN.");
    }
    writeln!(
        out,
        "Faults: {}. Verdict: NOT CLEAN. Keep the database and the file as they are, and find out who changed them.",
        report.faults_count
    )
}
