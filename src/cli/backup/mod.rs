//! `inkledger backup` and `inkledger restore`: the state as a folder that can be checked without a server, and its way back.

mod archive;
mod files;
mod high_water;
mod restore;
mod tables;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Arg, ArgAction, Command};
use indicatif::{ProgressBar, ProgressStyle};
use sea_orm::ConnectionTrait;

use self::archive::{Draft, FORMAT, Manifest, cannot};
use super::{CliError, Context, OK, json_flag, place, table};
use crate::{
    auth::erased,
    clock::{Clock as _, SystemClock, to_rfc3339},
    config::Config,
    db::{Db, Engine, Location, migrate::schema_state},
};

/// The file of a SQLite database in the archive.
const SQLITE_FILE: &str = "database.sqlite3";

/// `inkledger backup`.
pub(super) fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("backup")
        .about("Write the database's state at one moment into a new folder, beside a running server")
        .arg(json_flag())
        .arg(
            Arg::new("output")
                .long("output")
                .required(true)
                .value_name("FOLDER")
                .value_parser(clap::value_parser!(PathBuf))
                .help("The folder to make; one that is there is never written over"),
        )
        .arg(flag("objects", "Take the images of the data folder along"))
        .arg(flag("keys", "Take the key files along: whoever has the folder can then sign and decrypt"))
}

/// `inkledger restore`.
pub(super) fn restore_command() -> Command {
    Command::new("restore")
        .about("Put a backup into an empty place, and accept it: a new epoch, no leases, schedules off")
        .arg(json_flag())
        .arg(
            Arg::new("from")
                .long("from")
                .required(true)
                .value_name("FOLDER")
                .value_parser(clap::value_parser!(PathBuf))
                .help("The folder that `inkledger backup` made"),
        )
        .arg(
            Arg::new("yes")
                .long("yes")
                .action(ArgAction::SetTrue)
                .help("Do it: every server is stopped, and this is the state to go on with"),
        )
        .arg(
            Arg::new("above-epoch")
                .long("above-epoch")
                .value_name("N")
                .value_parser(clap::value_parser!(i64).range(0..=1 << 40))
                .default_value("0")
                .help("An epoch that the lost server had, where no file of anchors tells it: the new one is higher"),
        )
}

/// `restore`: 0 done, 1 refused or done with something left to do, 2 could not begin.
pub(super) async fn restore(context: &Context) -> Result<u8, CliError> {
    restore::run(context).await
}

/// `backup`: 0 written, 1 could not be finished, 2 could not begin.
pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    let Some(output) = context.matches.get_one::<PathBuf>("output") else {
        return Err(CliError::Usage("--output names no folder".to_owned()));
    };
    let config = context.config()?;
    let began = SystemClock.now();
    let db = place::open_to_read(&config).await?;
    let draft = Draft::open(output)?;
    let written = write(context, &config, &db, draft).await;
    db.close().await;
    let manifest = written?;
    let seconds = Duration::from_micros(u64::try_from(SystemClock.now() - began).unwrap_or(0)).as_secs_f64();
    let mut err = io::stderr().lock();
    if context.json() {
        let mut told = serde_json::to_value(&manifest).map_err(io::Error::other)?;
        if let Some(told) = told.as_object_mut() {
            let files = told.remove("files").and_then(|files| files.as_array().map(Vec::len)).unwrap_or(0);
            told.insert("files".to_owned(), files.into());
            told.insert("bytes".to_owned(), manifest.bytes().into());
            told.insert("output".to_owned(), output.display().to_string().into());
            told.insert("seconds".to_owned(), seconds.into());
        }
        writeln!(io::stdout().lock(), "{told:#}")?;
    } else {
        print(&mut err, &manifest, output, seconds)?;
    }
    Ok(OK)
}

async fn write(context: &Context, config: &Config, db: &Db, mut draft: Draft) -> Result<Manifest, CliError> {
    let began_at = to_rfc3339(SystemClock.now());
    let bar = bar();
    let (mark, at) = match &config.database.options.location {
        Location::File(_) => {
            bar.set_message("copying the database");
            let copy = draft.place(SQLITE_FILE)?;
            vacuum_into(db, &copy).await?;
            draft.adopt(SQLITE_FILE)?;
            // What the copy holds is what counts, not what the server has by now.
            let copied = Db::open_read_only(&copy).await?;
            let mark = high_water::read(copied.reader()).await;
            copied.close().await;
            (mark?, to_rfc3339(SystemClock.now()))
        }
        Location::Server(_) => {
            let folder = draft.folder().to_owned();
            let (mark, files) = tables::dump(db, folder, bar.clone()).await?;
            files.into_iter().for_each(|file| draft.add(file));
            (mark, began_at.clone())
        }
    };
    let (objects, keys) = (context.matches.get_flag("objects"), context.matches.get_flag("keys"));
    // After the database: every object that it names is there by then.
    if objects {
        bar.set_message("copying images");
        files::take_objects(&mut draft, &config.data_dir, &bar)?;
    }
    if keys {
        files::take_keys(&mut draft, config)?;
    }
    // Whoever was deleted until now must not come back with an older copy.
    place::make_folders(config)?;
    erased::catch_up(db, &erased::file_in(&config.data_dir)).await?;
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        engine: db.engine().as_str().to_owned(),
        migrations: schema_state(db).await?.applied,
        database: mark.database,
        epoch: mark.epoch,
        high_water: mark.high_water,
        began_at,
        at,
        objects,
        keys,
        files: draft.files(),
    };
    bar.finish_and_clear();
    draft.finish(&manifest)?;
    Ok(manifest)
}

/// Copies a SQLite database as it is at one moment. `VACUUM INTO` is one read: in WAL mode no writer waits for it, and nothing that
/// writers do makes it begin anew, as it would the backup API's copy page by page. The copy holds no freed pages either, so
/// what was erased is not in it. Meanwhile the `-wal` file grows, since it cannot be emptied below a reader.
async fn vacuum_into(db: &Db, copy: &Path) -> Result<(), CliError> {
    let Some(path) = copy.to_str() else {
        return Err(CliError::Usage(format!("{} is no text in UTF-8, which SQLite needs", copy.display())));
    };
    let sql = format!("VACUUM INTO '{}'", path.replace('\'', "''"));
    db.reader().execute_unprepared(&sql).await?;
    files::keep_private(copy).map_err(|error| cannot("write", copy, &error))
}

/// On standard error while it goes on, when that is a terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn print(out: &mut impl Write, manifest: &Manifest, output: &Path, seconds: f64) -> io::Result<()> {
    let row = |what: &str, text: String| vec![what.to_owned(), text];
    let rows = [
        row("written to", output.display().to_string()),
        row("engine", manifest.engine.clone()),
        row("epoch", manifest.epoch.to_string()),
        row("credit transactions", manifest.high_water.transactions.to_string()),
        row("the last one's time", manifest.high_water.at.clone().unwrap_or_else(|| "-".to_owned())),
        row("files", manifest.files.len().to_string()),
        row("bytes", manifest.bytes().to_string()),
        row("images", if manifest.objects { "taken along" } else { "not taken along" }.to_owned()),
        row("keys", if manifest.keys { "taken along: keep the folder secret" } else { "not taken along" }.to_owned()),
        row("seconds", format!("{seconds:.3}")),
    ];
    table::print(out, &["BACKUP", "IS"], &rows)
}

/// The word of an engine in a manifest.
fn engine_named(word: &str) -> Option<Engine> {
    [Engine::Sqlite, Engine::Postgres].into_iter().find(|engine| engine.as_str() == word)
}
