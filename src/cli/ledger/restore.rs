//! `inkledger ledger accept-restore`: everything that a restore makes doubtful is settled in one transaction.

use std::{io::Write, sync::Arc};

use serde_json::{Value, json};

use crate::{
    ai::mark_unknown_in,
    audit::{Actor, Entry, store::insert_entry},
    automation::pause_schedules_in,
    cli::{CliError, Context, OK, place, table, users::erase_again},
    clock::{Clock as _, SystemClock},
    db::Db,
    error::{Error, Failure, Internal, Never},
    ids::{Ids as _, SystemIds},
    jobs::void_leases_in,
    ledger::proof::{
        Line,
        restore::{Copies, lost_lines, raise_epoch_above_in},
    },
};

/// What was done.
pub(in crate::cli) struct Accepted {
    /// The new epoch.
    pub(in crate::cli) epoch: i64,
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
        Ok(lost) => accept(&db, Doubt { lost, above: 0, source: None }).await.map_err(CliError::from),
        Err(error) => Err(CliError::Refused(error.to_string())),
    };
    // Whom the state that was lost had deleted is back with the backup.
    let erased = match &done {
        Ok(_) => erase_again(&db, &config).await,
        Err(_) => Ok((Vec::new(), Vec::new())),
    };
    db.close().await;
    let done = done?;
    let (erased, left) = erased?;
    print(context, &done, erased.len())?;
    if left.is_empty() {
        return Ok(OK);
    }
    Err(CliError::Refused(format!(
        "the restore is accepted, but {} that were deleted since are back, and nobody else is HERO: {}. Make another one, then \
         run: inkledger users erase ID --yes",
        place::count(left.len(), "account"),
        left.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )))
}

/// What is known of the state that was lost, and where the present one comes from.
pub(in crate::cli) struct Doubt {
    /// Its anchors that the database does not know.
    pub(in crate::cli) lost: Vec<Line>,
    /// An epoch that it had; 0 when the anchors say it all.
    pub(in crate::cli) above: i64,
    /// What the audit log says of the backup.
    pub(in crate::cli) source: Option<Value>,
}

/// Settles all of it in one transaction, with a row of the audit log.
pub(in crate::cli) async fn accept(db: &Db, doubt: Doubt) -> Result<Accepted, Error> {
    let (id, now) = (SystemIds::new(Arc::new(SystemClock)).uuid(), SystemClock.now());
    let done = db.write((doubt, id, now), |tx, (doubt, id, now)| {
        Box::pin(async move {
            let Doubt { lost, above, source } = doubt;
            let epoch = raise_epoch_above_in(tx, lost, *above, *now).await?;
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
                before: source.as_ref().map(Value::to_string),
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

pub(in crate::cli) fn as_json(done: &Accepted) -> Value {
    let Accepted { epoch, anchors, leases, attempts, schedules } = done;
    json!({
        "epoch": epoch, "anchors_void": anchors, "leases_voided": leases, "attempts_unknown": attempts,
        "schedules_paused": schedules,
    })
}

fn print(context: &Context, done: &Accepted, erased: usize) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if context.json() {
        let mut told = as_json(done);
        if let Some(told) = told.as_object_mut() {
            told.insert("erased_again".to_owned(), erased.into());
        }
        return writeln!(out, "{told:#}");
    }
    let mut rows = as_rows(done);
    rows.push(vec!["people deleted again".to_owned(), erased.to_string()]);
    table::print(&mut out, &["DONE", "NOW"], &rows)?;
    writeln!(out, "The server starts again. Balances are those of the backup; clients are told to read them anew.")
}

pub(in crate::cli) fn as_rows(done: &Accepted) -> Vec<Vec<String>> {
    let Accepted { epoch, anchors, leases, attempts, schedules } = done;
    let row = |what: &str, count: String| vec![what.to_owned(), count];
    vec![
        row("epoch", epoch.to_string()),
        row("anchors void", anchors.to_string()),
        row("leases taken away", leases.to_string()),
        row("requests marked unknown", attempts.to_string()),
        row("schedules switched off", schedules.to_string()),
    ]
}
