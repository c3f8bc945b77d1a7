//! `inkledger restore`: a backup into an empty place. Nothing is there under its name before it is whole, migrated, accepted and
//! verified, as far as the engine allows: a SQLite file gets its name last, PostgreSQL's tables are filled in one transaction.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::ProgressBar;
use migration::{Migrator, MigratorTrait as _};
use sea_orm::ConnectionTrait as _;
use serde_json::json;

use super::{
    SQLITE_FILE,
    archive::{Manifest, cannot, sync_folder},
    engine_named,
    files::{self, Put},
    tables,
};
use crate::{
    cli::{
        CliError, Context, FAILED, OK,
        ledger::restore::{Accepted, Doubt, accept, as_json, as_rows},
        place, table,
        users::erase_again,
    },
    clock::{Clock as _, SystemClock},
    config::Config,
    db::{
        Db, Engine, Location, Options,
        migrate::{apply_pending, schema_state},
    },
    ledger::{
        proof::restore::{Copies, lost_lines},
        verify::{Checks, Report, VerifyError, verify_with},
    },
};

/// What a restore came to.
struct Done {
    accepted: Accepted,
    migrations: usize,
    erased: Vec<uuid::Uuid>,
    /// People who were deleted since, and whom the backup has as the last HERO.
    not_erased: Vec<uuid::Uuid>,
    report: Report,
}

/// `restore`: 0 done, 1 refused or done with something left to do, 2 could not begin.
pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    if !context.matches.get_flag("yes") {
        let message = "restoring raises the epoch, takes the leases of all work away, marks requests on their way as unknown \
                       and switches every schedule off. Stop all servers, then add --yes";
        return Err(CliError::Usage(message.to_owned()));
    }
    let Some(from) = context.matches.get_one::<PathBuf>("from") else {
        return Err(CliError::Usage("--from names no folder".to_owned()));
    };
    let above = context.matches.get_one::<i64>("above-epoch").copied().unwrap_or(0);
    let (config, began) = (context.config()?, SystemClock.now());
    let manifest = Manifest::read(from)?;
    refuse_unfit(&manifest, &config)?;
    if let Location::File(path) = &config.database.options.location {
        refuse_taken(path)?;
    }
    let bar = super::bar();
    manifest.check(from, |file| bar.set_message(format!("checking {}", file.path)))?;
    place::make_folders(&config)?;
    // Before the database, so that no server ever starts on it and makes keys of its own.
    let put = files::put_back(from, &manifest, &config)?;
    let work = Work { config: &config, from, manifest: &manifest, above, bar: &bar };
    let done = match &config.database.options.location {
        Location::File(path) => work.fill_file(path).await,
        Location::Server(_) => work.fill_server().await,
    };
    bar.finish_and_clear();
    let done = done?;
    let seconds = Duration::from_micros(u64::try_from(SystemClock.now() - began).unwrap_or(0)).as_secs_f64();
    print(context, &manifest, &done, &put, seconds)?;
    Ok(if done.report.clean() && done.not_erased.is_empty() { OK } else { FAILED })
}

/// Refuses another engine's backup, and one that is newer than this binary.
fn refuse_unfit(manifest: &Manifest, config: &Config) -> Result<(), CliError> {
    let way_out = match (engine_named(&manifest.engine), &config.database.options.location) {
        (Some(Engine::Sqlite), Location::File(_)) | (Some(Engine::Postgres), Location::Server(_)) => None,
        (Some(Engine::Sqlite), Location::Server(_)) => Some("Leave --database-url and INKLEDGER_DATABASE_URL out"),
        _ => Some("Name an empty PostgreSQL database with --database-url"),
    };
    if let Some(way_out) = way_out {
        return Err(CliError::Usage(format!("the backup is of a {} database. {way_out}", manifest.engine)));
    }
    let known: Vec<String> = Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    match manifest.migrations.iter().find(|name| !known.contains(name)) {
        Some(name) => Err(crate::db::migrate::MigrateError::Newer(name.clone()).into()),
        None if known.starts_with(&manifest.migrations) => Ok(()),
        None => {
            Err(CliError::Refused("the backup's schema is none that a version of this program ever had".to_owned()))
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Refuses a place that a server uses, or where a database or a part of one is: a `-wal` file would be played into the new one.
fn refuse_taken(path: &Path) -> Result<(), CliError> {
    if Db::is_in_use(path).map_err(|error| cannot("read", path, &error))? {
        return Err(crate::db::OpenError::Locked(path.to_owned()).into());
    }
    let taken = ["", "-wal", "-shm", "-journal"].map(|ending| beside(path, ending));
    match taken.iter().find(|path| path.symlink_metadata().is_ok()) {
        None => Ok(()),
        Some(found) => Err(CliError::Usage(format!(
            "{} is there already, and nothing is written over. Put it away with its -wal and -shm files, or name another \
             folder with --data-dir",
            found.display()
        ))),
    }
}

/// A restore under way.
struct Work<'a> {
    config: &'a Config,
    from: &'a Path,
    manifest: &'a Manifest,
    above: i64,
    bar: &'a ProgressBar,
}

impl Work<'_> {
    /// All of it happens in a neighbour, which gets the name at the end.
    async fn fill_file(&self, path: &Path) -> Result<Done, CliError> {
        let part = beside(path, ".restore.part");
        remove(&part).map_err(|error| cannot("remove", &part, &error))?;
        self.bar.set_message("copying the database");
        let source = self.from.join(SQLITE_FILE);
        files::copy_to(&source, &part).map_err(|error| cannot("write", &part, &error))?;
        let done = self.fill_part(&part).await;
        let named = done.and_then(|done| {
            if !done.report.clean() {
                return Err(unclean(&done.report, "Nothing was restored"));
            }
            refuse_taken(path)?;
            let named = fs::hard_link(&part, path).and_then(|()| path.parent().map_or(Ok(()), sync_folder));
            named.map_err(|error| cannot("write", path, &error))?;
            Ok(done)
        });
        let _ = remove(&part);
        named
    }

    async fn fill_part(&self, part: &Path) -> Result<Done, CliError> {
        let options = Options { location: Location::File(part.to_owned()), connections: 2 };
        let db = Db::open(&options).await?;
        let done = self.settle(&db).await;
        // What is still in the -wal file would be lost with it.
        let emptied = db.migration_connection().execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await;
        db.close().await;
        let done = done?;
        emptied?;
        let wal = beside(part, "-wal");
        if wal.metadata().is_ok_and(|wal| wal.len() > 0) {
            return Err(CliError::Refused(format!("{} could not be emptied. Try again", wal.display())));
        }
        fs::File::open(part).and_then(|file| file.sync_all()).map_err(|error| cannot("write", part, &error))?;
        Ok(done)
    }

    /// The tables are filled in one transaction; a failure before its end leaves them empty, and the command can be repeated.
    async fn fill_server(&self) -> Result<Done, CliError> {
        let db = Db::open(&self.config.database.options).await?;
        let done = self.fill_tables(&db).await;
        db.close().await;
        done
    }

    async fn fill_tables(&self, db: &Db) -> Result<Done, CliError> {
        let (state, wanted) = (schema_state(db).await?, &self.manifest.migrations);
        if let Some(name) = state.newer.into_iter().next() {
            return Err(crate::db::migrate::MigrateError::Newer(name).into());
        }
        let filled = tables::find_filled(db.reader()).await.map_err(crate::error::Error::from)?;
        if filled.is_some() || !wanted.starts_with(&state.applied) {
            let found =
                filled.map_or("a newer schema than the backup's".to_owned(), |table| format!("rows in {table}"));
            return Err(CliError::Usage(format!(
                "the database is not empty: it has {found}. Nothing was changed. Make an empty database, and name it with \
                 --database-url"
            )));
        }
        self.bar.set_message("making the tables");
        let steps = wanted.len().saturating_sub(state.applied.len());
        if steps > 0 {
            Migrator::up(db.migration_connection(), u32::try_from(steps).ok()).await?;
        }
        tables::load(db, self.from.to_owned(), self.manifest.clone(), self.bar.clone()).await?;
        let done = self.settle(db).await.map_err(|error| {
            CliError::Refused(format!(
                "the rows are back, but the restore was not accepted: {}. Start no server. Mend that, then run `inkledger \
                 migrate`, `inkledger ledger accept-restore --yes` and `inkledger ledger verify`",
                error.in_full()
            ))
        })?;
        match done.report.clean() {
            true => Ok(done),
            false => Err(unclean(&done.report, "Start no server on it")),
        }
    }

    /// Migrates, accepts, deletes again who was deleted since, and verifies.
    async fn settle(&self, db: &Db) -> Result<Done, CliError> {
        self.bar.set_message("migrating");
        let migrations = apply_pending(db).await?.len();
        let storage = place::storage(self.config)?;
        let copies = Copies { file: &self.config.proof.anchor_file, store: &storage };
        let lost = lost_lines(db, copies).await.map_err(|error| CliError::Refused(error.to_string()))?;
        let Manifest { database, epoch, at, version, .. } = self.manifest;
        let source = json!({"backup_of": database, "epoch": epoch, "at": at, "version": version});
        let accepted = accept(db, Doubt { lost, above: self.above, source: Some(source) }).await?;
        self.bar.set_message("deleting people anew");
        let (erased, not_erased) = erase_again(db, self.config).await?;
        let bar = self.bar;
        bar.set_message("checking invariants and hashes");
        let report =
            verify_with(db, &SystemClock, &Checks { account: None, anchors: None, watch: &|_| bar.tick() }).await;
        let report = report.map_err(|error| match error {
            VerifyError::Fault(error) => CliError::from(error),
            VerifyError::Anchors(error) => CliError::Refused(error.to_string()),
        })?;
        Ok(Done { accepted, migrations, erased, not_erased, report })
    }
}

/// Removes the file and what SQLite puts beside it, as far as they are there.
fn remove(part: &Path) -> std::io::Result<()> {
    for ending in ["", "-wal", "-shm", "-journal", ".lock"] {
        match fs::remove_file(beside(part, ending)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn unclean(report: &Report, then: &str) -> CliError {
    let codes: Vec<&str> = report.violations.iter().take(5).map(|violation| violation.code.as_str()).collect();
    CliError::Refused(format!(
        "the ledger of the backup breaks {} ({} …). {then}; restore an older backup, and report this",
        place::count(report.violations_count, "rule"),
        codes.join(", ")
    ))
}

fn print(context: &Context, manifest: &Manifest, done: &Done, put: &Put, seconds: f64) -> std::io::Result<()> {
    let Done { accepted, migrations, erased, not_erased, report } = done;
    let mut out = std::io::stdout().lock();
    if context.json() {
        let told = json!({
            "backup": {"database": manifest.database, "epoch": manifest.epoch, "at": manifest.at,
                       "transactions": manifest.high_water.transactions},
            "accepted": as_json(accepted), "migrations": migrations, "erased_again": erased, "not_erased": not_erased,
            "verify": {"clean": report.clean(), "rules": report.rules, "accounts": report.accounts,
                       "transactions": report.transactions, "violations_count": report.violations_count},
            "objects": put.objects, "keys": put.keys,
            "keys_kept": put.kept.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
            "seconds": seconds,
        });
        return writeln!(out, "{told:#}");
    }
    let row = |what: &str, text: String| vec![what.to_owned(), text];
    let mut rows = vec![
        row("credit transactions", report.transactions.to_string()),
        row("accounts", report.accounts.to_string()),
        row("state of", manifest.at.clone()),
        row("migrations applied", migrations.to_string()),
    ];
    rows.extend(as_rows(accepted));
    rows.push(row("people deleted again", erased.len().to_string()));
    rows.push(row("images put back", put.objects.to_string()));
    rows.push(row("key files put back", put.keys.to_string()));
    rows.push(row("seconds", format!("{seconds:.3}")));
    table::print(&mut out, &["RESTORED", "NOW"], &rows)?;
    for path in &put.kept {
        writeln!(out, "{} holds another key than the backup, and was left alone.", path.display())?;
    }
    for id in not_erased {
        writeln!(
            out,
            "{id} was deleted since, and is the last HERO of this state. Make another one, then run: inkledger users erase \
             {id} --yes"
        )?;
    }
    writeln!(out, "{} rules and every hash checked. No violations.", report.rules)?;
    writeln!(out, "The server starts now. Balances are those of the backup; clients are told to read them anew.")
}
