//! `inkledger ledger accept-restore`: everything that a restore makes doubtful is settled in one transaction.

use std::{io::Write, sync::Arc};

use serde_json::{Value, json};

use crate::{
    ai::mark_unknown_in,
    audit::{Actor, Entry, store::insert_entry},
    automation::pause_schedules_in,
    cli::{CliError, Context, OK, place, table},
    clock::{Clock as _, SystemClock},
    db::Db,
    error::{Error, Failure, Internal, Never},
    ids::{Ids as _, SystemIds},
    jobs::void_leases_in,
    ledger::proof::{
        Line,
        restore::{Copies, lost_lines, raise_epoch_in},
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
    let storage = place::storage(&config)?;
    let copies = Copies { file: &config.proof.anchor_file, store: &storage };
    let done = match lost_lines(&db, copies).await {
        Ok(lost) => accept(&db, lost).await.map_err(CliError::from),
        Err(error) => Err(CliError::Refused(error.to_string())),
    };
    db.close().await;
    print(context, &done?)?;
    Ok(OK)
}

async fn accept(db: &Db, lost: Vec<Line>) -> Result<Accepted, Error> {
    let (id, now) = (SystemIds::new(Arc::new(SystemClock)).uuid(), SystemClock.now());
    let done = db.write((lost, id, now), |tx, (lost, id, now)| {
        Box::pin(async move {
            let epoch = raise_epoch_in(tx, lost, *now).await?;
            let (schedules, attempts) = (pause_schedules_in(tx, *now).await?, mark_unknown_in(tx, *now).await?);
            let leases = void_leases_in(tx).await?;
            let done = Accepted { epoch, anchors: lost.len(), leases, attempts, schedules };
            let entry = Entry {
                id: *id,
                account_id: None,
                actor: Actor::System,
                action: "ledger.accept_restore",
                target_kind: "database",
                target_id: None,
                before: None,
                after: Some(as_json(&done).to_string()),
                request_id: None,
                at: *now,
            };
            insert_entry(tx, &entry).await.map_err(|error| Internal::new("writing the audit log", error))?;
            Ok::<_, Failure<Never>>(done)
        })
    });
    Ok(done.await?)
}

fn as_json(done: &Accepted) -> Value {
    let Accepted { epoch, anchors, leases, attempts, schedules } = done;
    json!({
        "epoch": epoch, "anchors_void": anchors, "leases_voided": leases, "attempts_unknown": attempts,
        "schedules_paused": schedules,
    })
}

fn print(context: &Context, done: &Accepted) -> std::io::Result<()> {
    let Accepted { epoch, anchors, leases, attempts, schedules } = done;
    let mut out = std::io::stdout().lock();
    if context.json() {
        return writeln!(out, "{:#}", as_json(done));
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
