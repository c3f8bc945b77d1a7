//! Checks a file of anchors against the journal: every line's signature and place in the chain, and every head.

use std::{io, path::Path};

use serde::Serialize;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{
    anchor::{Head, Line},
    file,
    key::PublicKeys,
    store,
};
use crate::{db::Db, error::Internal, ledger::model::Digest};

/// Something wrong with a line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineFault {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// What a file of anchors came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AnchorsReport {
    /// Lines read.
    pub lines: usize,
    /// Lines whose state was lost with an accepted restore, so that their heads are not looked for.
    pub void: usize,
    /// Heads looked for in the journal.
    pub heads: usize,
    /// The number of the last anchor that the database has and the file has not; `None` when it has all.
    pub lacking: Option<i64>,
    /// What is wrong with lines.
    pub faults: Vec<LineFault>,
}

/// A head that the journal does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// The head.
    pub head: Head,
    /// The anchor's number.
    pub anchor: i64,
}

/// What the first reading found.
#[derive(Default)]
struct Chain {
    report: AnchorsReport,
    /// Numbers of anchors above the first and below the second were lost.
    lost: Vec<(i64, i64)>,
    last: Option<(i64, i64, Digest)>,
}

impl Chain {
    fn take(&mut self, at: usize, text: &str, keys: &PublicKeys, database: Uuid) {
        self.report.lines = at;
        let line = match Line::parse(text) {
            Ok(line) => line,
            Err(error) => return self.fault(at, error.to_string()),
        };
        if let Err(error) = line.check(keys) {
            self.fault(at, error.to_string());
        }
        let anchor = &line.anchor;
        if anchor.database != database {
            self.fault(at, format!("it is of the database {}, and this is {database}", anchor.database));
        }
        let (number, epoch, hash) = self.last.unwrap_or((0, 1, [0; 32]));
        if number.checked_add(1) != Some(anchor.number) || anchor.prev_hash != hash {
            self.fault(at, format!("it does not follow the line before it, which is anchor {number}"));
        }
        if anchor.epoch < epoch {
            self.fault(at, "its epoch is lower than that of the line before it".to_owned());
        }
        if anchor.base != anchor.number - 1 {
            // Only a restore loses anchors, and it raises the epoch.
            if anchor.epoch <= epoch || anchor.base >= anchor.number {
                self.fault(at, "it leaves out anchors without a new epoch".to_owned());
            } else {
                self.lost.push((anchor.base, anchor.number));
            }
        }
        self.last = Some((anchor.number, anchor.epoch, anchor.hash()));
    }

    fn fault(&mut self, line: usize, what: String) {
        self.report.faults.push(LineFault { line, what });
    }

    fn is_lost(&self, number: i64) -> bool {
        self.lost.iter().any(|(base, next)| (base + 1..*next).contains(&number))
    }
}

/// Reads the file `path` twice: first its chain, then its heads, of `account` alone or of all, each against the journal. `each`
/// hears of every line of the second reading. Answers what it found, and the heads that the journal lacks.
///
/// # Errors
/// The file's own, and those of the database as [`io::ErrorKind::Other`].
pub async fn check_file(
    db: &Db,
    path: &Path,
    keys: &PublicKeys,
    account: Option<Uuid>,
    each: &(dyn Fn(usize, usize) + Sync),
) -> io::Result<(AnchorsReport, Vec<Missing>)> {
    let database = store::find_meta(db.reader(), false).await.map_err(other)?.map_or(Uuid::nil(), |meta| meta.0);
    let chain = {
        let (path, keys) = (path.to_owned(), keys.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let mut chain = Chain::default();
            file::each_line(&path, |at, text| {
                chain.take(at, text, &keys, database);
                Ok(())
            })?;
            Ok::<_, io::Error>(chain)
        });
        reading.await.map_err(io::Error::other)??
    };
    let (sender, mut lines) = mpsc::channel::<Line>(2);
    let reading = {
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || {
            file::each_line(&path, |_, text| {
                // What cannot be read was told of; nobody listens any more once the database failed.
                if let Ok(line) = Line::parse(text) {
                    sender.blocking_send(line).map_err(io::Error::other)?;
                }
                Ok(())
            })
        })
    };
    let total = chain.report.lines;
    let (mut done, mut heads, mut missing, mut void) = (0, 0, Vec::new(), 0);
    while let Some(line) = lines.recv().await {
        done += 1;
        each(done, total);
        if chain.is_lost(line.anchor.number) {
            void += 1;
            continue;
        }
        let wanted: Vec<Head> =
            line.heads.into_iter().filter(|head| account.is_none_or(|account| account == head.account)).collect();
        heads += wanted.len();
        let places: Vec<(Uuid, i64)> = wanted.iter().map(|head| (head.account, head.sequence)).collect();
        let found = store::load_hashes(db.reader(), &places).await.map_err(other)?;
        let gone = wanted.into_iter().filter(|head| found.get(&(head.account, head.sequence)) != Some(&head.hash));
        missing.extend(gone.map(|head| Missing { head, anchor: line.anchor.number }));
    }
    drop(lines);
    reading.await.map_err(io::Error::other)??;
    let tip = store::tip(db.reader()).await.map_err(other)?.number;
    let lacking = (tip > chain.last.map_or(0, |last| last.0)).then_some(tip);
    Ok((AnchorsReport { heads, void, lacking, ..chain.report }, missing))
}

fn other(error: sea_orm::DbErr) -> io::Error {
    io::Error::other(Internal::from(error).chain())
}
