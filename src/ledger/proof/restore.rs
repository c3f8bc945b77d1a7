//! Backups that were put back: one that nobody announced is noticed at start by the anchors, which are outside the database;
//! one that is accepted raises the epoch, so that no number given since counts any more.

use std::path::{Path, PathBuf};

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{
    anchor::Line,
    file,
    store::{self, Tip},
};
use crate::{
    clock::Micros,
    db::Db,
    error::{Error, Internal},
    ledger::store::list_sequences,
};

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

/// Refuses a database that is behind the last anchors in the file `path`, of the database's own epoch. Reads at most 60 lines
/// and 10,000 heads; a file that is not there says nothing.
pub async fn refuse_behind(db: &Db, path: &Path) -> Result<(), RestoreError> {
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

/// What a restore lost: the lines of the file that the database does not know, oldest first.
pub async fn lost_lines(db: &Db, path: &Path) -> Result<Vec<Line>, RestoreError> {
    let Tip { number, hash, .. } = store::tip(db.reader()).await?;
    if !path.exists() {
        return Ok(Vec::new());
    }
    let texts = read(path, |path| {
        let mut texts = Vec::new();
        file::each_line(path, |_, text| {
            texts.push(text.to_owned());
            Ok(())
        })?;
        Ok(texts)
    })
    .await?;
    let mut lost = Vec::new();
    for text in texts {
        let line = Line::parse(&text).map_err(|_| RestoreError::Unreadable(path.to_owned()))?;
        if line.anchor.number > number {
            lost.push(line);
        }
    }
    if lost.first().is_some_and(|line| line.anchor.number != number + 1 || line.anchor.prev_hash != hash) {
        return Err(RestoreError::Apart(path.to_owned()));
    }
    let database = store::find_meta(db.reader(), false).await?.map(|(database, _)| database);
    if lost.iter().any(|line| Some(line.anchor.database) != database) {
        return Err(RestoreError::OtherDatabase(path.to_owned()));
    }
    Ok(lost)
}

/// Raises the restore epoch inside the caller's transaction, above that of every lost line, and keeps those as void, so that
/// the next anchor continues the file. Answers the new epoch.
pub async fn raise_epoch_in(tx: &DatabaseTransaction, lost: &[Line], now: Micros) -> Result<i64, Error> {
    store::find_meta(tx, true).await?;
    for line in lost {
        store::insert_line(tx, line, true).await?;
    }
    let mut epoch = store::raise_epoch(tx, now).await?;
    while lost.iter().any(|line| line.anchor.epoch >= epoch) {
        epoch = store::raise_epoch(tx, now).await?;
    }
    Ok(epoch)
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
