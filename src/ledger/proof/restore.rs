//! Backups that were put back: one that nobody announced is noticed at start by the anchors, which are outside the database;
//! one that is accepted raises the epoch, so that no number given since counts any more.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{
    anchor::Line,
    file,
    service::{APART_STORED, stored_name},
    store::{self, Tip},
};
use crate::{
    clock::Micros,
    db::Db,
    error::{Error, Internal},
    ledger::store::list_sequences,
    storage::{Storage, StorageError, chain},
};

/// Where anchors are outside the database.
#[derive(Clone, Copy)]
pub struct Copies<'a> {
    /// The file of this machine.
    pub file: &'a Path,
    /// The object store, if it is not a folder of this machine.
    pub store: &'a Storage,
}

/// Epochs count restores.
const EPOCH_MAX: i64 = 1 << 40;

/// How long a start waits for the object store. One that does not answer keeps no server down.
const STORE_WITHIN: Duration = Duration::from_secs(5);

/// Lines at the end of the file that a start compares: whoever puts a backup back is behind the last one already, and the
/// others show what only some accounts lost.
const LINES_COMPARED: usize = 60;

/// Heads that a start compares.
const HEADS_COMPARED: usize = 10_000;

const WAY_OUT: &str = "If a backup was put back, stop every server and run `inkledger ledger accept-restore`; otherwise keep \
                       the database as it is, and find out who changed it";

/// Why the database may not be used with its anchors.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// An account is behind what was anchored of it, or went another way.
    #[error(
        "the database is behind its anchors: anchor {anchor} in {path} has transaction {anchored} of account {account}, \
         where the database {found}. {WAY_OUT}"
    )]
    Behind {
        /// The file.
        path: PathBuf,
        /// The anchor's number.
        anchor: i64,
        /// Whose.
        account: Uuid,
        /// The number of the transaction.
        anchored: i64,
        /// What the database has instead.
        found: String,
    },
    /// Every account is as it was anchored, but the anchors are not there.
    #[error(
        "the database is behind its anchors: {path} has anchor {anchor}, of which the database knows nothing. {WAY_OUT}"
    )]
    Forgotten {
        /// The file.
        path: PathBuf,
        /// The anchor's number.
        anchor: i64,
    },
    /// The object store has an anchor that the database has not.
    #[error(
        "the database is behind its anchors: the object store has anchor {anchor}, of which the database knows nothing. {WAY_OUT}"
    )]
    ForgottenStored {
        /// The anchor's number.
        anchor: i64,
    },
    /// The object store cannot be asked, or what it has under an anchor's name is none.
    #[error("the anchors in the object store cannot be read: {0}. Make it reachable, and try again")]
    Store(String),
    /// The anchors are another database's.
    #[error(
        "the anchors in {0} are those of another database, or of one that is gone. Put the file away, since it proves that \
         database's credits, or name another one with --ledger-anchor-file"
    )]
    OtherDatabase(PathBuf),
    /// The file cannot be read as anchors.
    #[error(
        "{0} does not hold anchors as they were written. Restore it, or put it away: the database has its lines too"
    )]
    Unreadable(PathBuf),
    /// What the object store has after the last line that is known does not follow it.
    #[error("{APART_STORED}")]
    ApartStored,
    /// The lines of the file do not follow those of the database.
    #[error("the anchors in {0} do not continue those of the database. Name the file that belongs to it")]
    Apart(PathBuf),
    /// The file cannot be used.
    #[error("cannot use {path}: {source}. Check that it may be read")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Anything else.
    #[error("the database could not be compared with its anchors")]
    Fault(#[from] Internal),
}

impl From<sea_orm::DbErr> for RestoreError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Fault(error.into())
    }
}

/// Refuses a database that is behind its last anchors, in the file or in the object store.
pub async fn refuse_behind(db: &Db, copies: Copies<'_>) -> Result<(), RestoreError> {
    refuse_behind_file(db, copies.file).await?;
    match tokio::time::timeout(STORE_WITHIN, first_forgotten(db, copies.store)).await {
        Ok(Ok(None)) => {}
        Ok(Ok(Some(anchor))) => return Err(RestoreError::ForgottenStored { anchor }),
        Ok(Err(RestoreError::Store(error))) => {
            tracing::warn!(error, "the database could not be compared with its anchors in the object store");
        }
        Ok(Err(error)) => return Err(error),
        Err(_) => tracing::warn!("the object store did not say in time which anchors it has"),
    }
    Ok(())
}

/// The number after the database's last anchor, if the object store has an anchor of that number.
async fn first_forgotten(db: &Db, storage: &Storage) -> Result<Option<i64>, RestoreError> {
    if !storage.is_remote() {
        return Ok(None);
    }
    let Some((database, _)) = store::find_meta(db.reader(), false).await? else { return Ok(None) };
    let mut tip = store::tip(db.reader()).await?;
    loop {
        let next = tip.number + 1;
        if find_stored(storage, database, next).await?.is_none() {
            return Ok(None);
        }
        // Another process may have written it meanwhile: the database has it before the store does.
        tip = store::tip(db.reader()).await?;
        if tip.number < next {
            return Ok(Some(next));
        }
    }
}

async fn find_stored(storage: &Storage, database: Uuid, number: i64) -> Result<Option<Line>, RestoreError> {
    let failed = |error: StorageError| RestoreError::Store(chain(&error));
    let Some(bytes) = storage.find_beside(&stored_name(database, number)).await.map_err(failed)? else {
        return Ok(None);
    };
    let line = std::str::from_utf8(&bytes).ok().and_then(|text| Line::parse(text.trim_end()).ok());
    let line = line.filter(|line| (line.anchor.database, line.anchor.number) == (database, number));
    line.map(Some).ok_or_else(|| RestoreError::Store(format!("{} is none", stored_name(database, number))))
}

/// Reads at most 60 lines and 10,000 heads, of the database's own epoch; a file that is not there says nothing.
async fn refuse_behind_file(db: &Db, path: &Path) -> Result<(), RestoreError> {
    let mut lines = read(path, |path| file::tail(path, LINES_COMPARED)).await?;
    let lines: Vec<Line> = std::mem::take(&mut lines)
        .iter()
        .map(|text| Line::parse(text).map_err(|_| RestoreError::Unreadable(path.to_owned())))
        .collect::<Result<_, _>>()?;
    let Some(last) = lines.last() else { return Ok(()) };
    let meta = store::find_meta(db.reader(), false).await?;
    let Some((_, epoch)) = meta.filter(|(database, _)| *database == last.anchor.database) else {
        return Err(RestoreError::OtherDatabase(path.to_owned()));
    };
    let mut room = HEADS_COMPARED;
    for line in lines.iter().rev().filter(|line| line.anchor.epoch >= epoch) {
        let heads = line.heads.get(..line.heads.len().min(room)).unwrap_or_default();
        room -= heads.len();
        let places: Vec<(Uuid, i64)> = heads.iter().map(|head| (head.account, head.sequence)).collect();
        let found = store::load_hashes(db.reader(), &places).await?;
        let astray = heads.iter().find(|head| found.get(&(head.account, head.sequence)) != Some(&head.hash));
        if let Some(head) = astray {
            let now = list_sequences(db.reader(), &[head.account]).await?.first().map_or(0, |(_, sequence)| *sequence);
            let found = match now >= head.sequence {
                true => "has another one".to_owned(),
                false => format!("ends with {now}"),
            };
            let (path, anchor) = (path.to_owned(), line.anchor.number);
            return Err(RestoreError::Behind { path, anchor, account: head.account, anchored: head.sequence, found });
        }
    }
    let tip = store::tip(db.reader()).await?;
    if last.anchor.number > tip.number || last.anchor.epoch > epoch {
        return Err(RestoreError::Forgotten { path: path.to_owned(), anchor: last.anchor.number });
    }
    Ok(())
}

/// What a restore lost: the anchors that the database does not know, oldest first, from the file and, after its last, from the object
/// store.
pub async fn lost_lines(db: &Db, copies: Copies<'_>) -> Result<Vec<Line>, RestoreError> {
    let path = copies.file;
    let Tip { number, mut hash, .. } = store::tip(db.reader()).await?;
    let mut lost = lost_in_file(path, number).await?;
    let database = store::find_meta(db.reader(), false).await?.map(|(database, _)| database);
    if lost.iter().any(|line| Some(line.anchor.database) != database) {
        return Err(RestoreError::OtherDatabase(path.to_owned()));
    }
    let in_file = lost.len();
    if let Some(database) = database.filter(|_| copies.store.is_remote()) {
        let last = lost.last().map_or(number, |line| line.anchor.number);
        for next in last + 1.. {
            let Some(line) = find_stored(copies.store, database, next).await? else { break };
            lost.push(line);
        }
    }
    for (at, (expected, line)) in (number + 1..).zip(&lost).enumerate() {
        if line.anchor.number != expected || line.anchor.prev_hash != hash {
            return Err(if at < in_file { RestoreError::Apart(path.to_owned()) } else { RestoreError::ApartStored });
        }
        hash = line.anchor.hash();
    }
    Ok(lost)
}

/// The lines of the file after anchor `number`.
async fn lost_in_file(path: &Path, number: i64) -> Result<Vec<Line>, RestoreError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let lost = read(path, move |path| {
        let mut lost = Vec::new();
        file::each_line(path, |_, text| {
            match Line::parse(text) {
                Ok(line) if line.anchor.number <= number => {}
                line => lost.push(line.ok()),
            }
            Ok(())
        })?;
        Ok(lost)
    });
    lost.await?.into_iter().collect::<Option<_>>().ok_or_else(|| RestoreError::Unreadable(path.to_owned()))
}

/// Raises the restore epoch inside the caller's transaction, above that of every lost line, and keeps those as void, so that
/// the next anchor continues the file. Answers the new epoch.
pub async fn raise_epoch_in(tx: &DatabaseTransaction, lost: &[Line], now: Micros) -> Result<i64, Error> {
    raise_epoch_above_in(tx, lost, 0, now).await
}

/// As [`raise_epoch_in`], and above `epoch`, which the lost state is known to have had.
pub async fn raise_epoch_above_in(
    tx: &DatabaseTransaction,
    lost: &[Line],
    epoch: i64,
    now: Micros,
) -> Result<i64, Error> {
    store::find_meta(tx, true).await?;
    for line in lost {
        store::insert_line(tx, line, true).await?;
    }
    let above = lost.iter().map(|line| line.anchor.epoch).max().unwrap_or(0).max(epoch);
    if above > EPOCH_MAX {
        return Err(
            Internal::new("raising the epoch", "a lost anchor has an epoch that no count of restores reaches").into()
        );
    }
    Ok(store::raise_epoch(tx, above, now).await?)
}

async fn read<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> std::io::Result<T> + Send + 'static,
) -> Result<T, RestoreError> {
    let own = path.to_owned();
    let done = tokio::task::spawn_blocking(move || work(&own)).await;
    let done = done.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    done.map_err(|source| RestoreError::File { path: path.to_owned(), source })
}
