//! Where the state is: making the folders, opening to read, saying it in words.

use std::path::Path;

use super::CliError;
use crate::{
    app::StartError,
    config::Config,
    db::{Db, Location, Options, migrate::schema_state},
    storage::{Patience, Storage},
};

/// Makes the data folder, and the folder of the SQLite file, when they are missing.
pub(super) fn make_folders(config: &Config) -> Result<(), CliError> {
    let make = |folder: &Path| {
        std::fs::create_dir_all(folder).map_err(|source| CliError::Folder { path: folder.to_owned(), source })
    };
    make(&config.data_dir)?;
    match &config.database.options.location {
        Location::File(path) => path.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), make),
        Location::Server(_) => Ok(()),
    }
}

/// Opens the database for reading, beside a running server on both engines. Refuses a schema that is not this binary's.
pub(super) async fn open_to_read(config: &Config) -> Result<Db, CliError> {
    refuse_missing(&config.database.options)?;
    let db = Db::open_to_read(&config.database.options).await?;
    refuse_other_schema(&db).await?;
    Ok(db)
}

/// Opens the database for writing. On SQLite no server may run. Refuses a schema that is not this binary's.
pub(super) async fn open_to_write(config: &Config) -> Result<Db, CliError> {
    refuse_missing(&config.database.options)?;
    let db = Db::open(&config.database.options).await?;
    refuse_other_schema(&db).await?;
    Ok(db)
}

/// The object store, where anchors have copies.
pub(super) fn storage(config: &Config) -> Result<Storage, CliError> {
    Ok(Storage::open(&config.data_dir, &config.storage, Patience::default()).map_err(StartError::from)?)
}

fn refuse_missing(options: &Options) -> Result<(), CliError> {
    match &options.location {
        Location::File(path) if !path.exists() => Err(CliError::NoDatabase(path.clone())),
        _ => Ok(()),
    }
}

async fn refuse_other_schema(db: &Db) -> Result<(), CliError> {
    let state = schema_state(db).await?;
    if let Some(name) = state.newer.into_iter().next() {
        return Err(crate::db::migrate::MigrateError::Newer(name).into());
    }
    match state.pending.len() {
        0 => Ok(()),
        pending => Err(CliError::Behind(count(pending, "migration"))),
    }
}

/// The database in words, without its URL.
pub(super) fn describe(options: &Options) -> String {
    match &options.location {
        Location::File(path) => format!("The SQLite database {}", path.display()),
        Location::Server(_) => "The PostgreSQL database".to_owned(),
    }
}

/// `1 migration`, `2 migrations`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
