//! `inkledger ledger accept-restore`: everything that a restore makes doubtful is settled in one transaction.

use std::io::Write;

use serde_json::json;

use crate::{
    ai::mark_unknown_in,
    automation::pause_schedules_in,
    cli::{CliError, Context, OK, place, table},
    clock::{Clock as _, SystemClock},
    db::Db,
    error::{Error, Failure, Never},
    jobs::void_leases_in,
    ledger::proof::{
        Line,
        restore::{lost_lines, raise_epoch_in},
    },
};

/// What was done.
struct Accepted {
    epoch: i64,
    anchors: usize,
    leases: u64,
    attempts: u64,
    schedules: u64,
}

/// `ledger accept-restore`: 0 done. On SQLite the server must be stopped, which the file's lock sees to; on PostgreSQL that
/// is the operator's word.
pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    if !context.matches.get_flag("yes") {
        let message = "accepting a restore raises the epoch, takes the leases of all work away, marks requests on their way \
                       as unknown and switches every schedule off. Stop all servers, then add --yes";
        return Err(CliError::Usage(message.to_owned()));
    }
    let config = context.config()?;
    let db = place::open_to_write(&config).await?;
    let done = match lost_lines(&db, &config.proof.anchor_file).await {
        Ok(lost) => accept(&db, lost).await.map_err(CliError::from),
        Err(error) => Err(CliError::Refused(error.to_string())),
    };
    db.close().await;
    print(context, &done?)?;
    Ok(OK)
}

async fn accept(db: &Db, lost: Vec<Line>) -> Result<Accepted, Error> {
    let now = SystemClock.now();
    let done = db.write((lost, now), |tx, (lost, now)| {
        Box::pin(async move {
            let epoch = raise_epoch_in(tx, lost, *now).await?;
            let (schedules, attempts) = (pause_schedules_in(tx, *now).await?, mark_unknown_in(tx, *now).await?);
            let leases = void_leases_in(tx).await?;
            Ok::<_, Failure<Never>>(Accepted { epoch, anchors: lost.len(), leases, attempts, schedules })
        })
    });
    Ok(done.await?)
}

fn print(context: &Context, done: &Accepted) -> std::io::Result<()> {
    let Accepted { epoch, anchors, leases, attempts, schedules } = done;
    let mut out = std::io::stdout().lock();
    if context.json() {
        let value = json!({
            "epoch": epoch, "anchors_void": anchors, "leases_voided": leases, "attempts_unknown": attempts,
            "schedules_paused": schedules,
        });
        return writeln!(out, "{value:#}");
    }
    let row = |what: &str, count: String| vec![what.to_owned(), count];
    let rows = [
        row("epoch", epoch.to_string()),
        row("anchors void", anchors.to_string()),
        row("leases taken away", leases.to_string()),
        row("requests marked unknown", attempts.to_string()),
        row("schedules switched off", schedules.to_string()),
    ];
    table::print(&mut out, &["DONE", "NOW"], &rows)?;
    writeln!(out, "The server starts again. Balances are those of the backup; clients are told to read them anew.")
}
