//! Recomputes the chain over the trail and compares it with the signed heads outside the database.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use serde::Serialize;
use uuid::Uuid;

use super::{
    chain::{self, Checker, Digest, Line, Link, Salt},
    file,
    seal::{PORTION, broken, digest_of, meta, tip},
    store::recorded_from,
};
use crate::{
    clock::{Micros, SECOND},
    db::{Db, statement},
    error::Internal,
};

/// Links read at once.
const PAGE: i64 = 1_000;

/// The most faults that are listed; all are counted.
pub const FAULTS_MAX: usize = 1_000;

/// How much older than the pass before its own a row may be: clocks of processes differ, and transactions wait.
const LATE: Micros = 3_600 * SECOND;

/// How old a row may be that was not sealed, where rows are sealed `every` so often: two passes, and transactions that wait.
pub fn unsealed_for(every: Duration) -> Micros {
    i64::try_from(every.as_micros()).unwrap_or(i64::MAX).saturating_mul(2).saturating_add(600 * SECOND)
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// `CHANGED`, `DELETED`, `CUT` and the like.
    pub code: &'static str,
    /// The number of the link, where there is one.
    pub number: Option<i64>,
    /// The row of the trail, where it is known.
    pub entry: Option<Uuid>,
    /// The line of the file, from 1, where it is about one.
    pub line: Option<usize>,
    /// In words.
    pub what: String,
}

/// What a check came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Links recomputed.
    pub links: i64,
    /// Rows whose words went with a person who was deleted.
    pub erased: i64,
    /// Rows that wait to be sealed.
    pub unsealed: i64,
    /// Lines of the file.
    pub lines: i64,
    /// Lines of before a restore that was accepted, whose part of the chain was given up.
    pub void: i64,
    /// How many faults there are.
    pub faults_count: usize,
    /// The first 1,000 of them.
    pub faults: Vec<Fault>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn clean(&self) -> bool {
        self.faults_count == 0
    }

    fn fault(&mut self, code: &'static str, number: Option<i64>, entry: Option<Uuid>, what: impl Into<String>) {
        self.push(Fault { code, number, entry, line: None, what: what.into() });
    }

    fn push(&mut self, fault: Fault) {
        self.faults_count += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

/// What is checked.
pub struct Checks<'a> {
    /// The file of heads, and what knows the keys; `None` looks at the database alone, where a cut end does not show.
    pub heads: Option<(&'a Path, &'a dyn Checker)>,
    /// Only so many of the last links and about 50 of the last lines; `None` is everything.
    pub last: Option<i64>,
    /// The present.
    pub now: Micros,
    /// How old a row may be that was not sealed.
    pub unsealed_for: Micros,
}

/// Why nothing could be checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The database.
    #[error(transparent)]
    Fault(#[from] Internal),
    /// The file.
    #[error("cannot read {0}: {1}")]
    File(PathBuf, io::Error),
}

impl From<DbErr> for VerifyError {
    fn from(error: DbErr) -> Self {
        Self::Fault(error.into())
    }
}

/// The place in the chain before the next link.
struct Walk {
    number: i64,
    hash: Digest,
    /// When the pass before this one sealed.
    pass: Option<Micros>,
    sealed_at: Option<Micros>,
    /// Links that were sealed at `sealed_at` so far.
    run: i64,
    /// Whether the walk began in the middle of the chain and has not met another pass yet.
    is_amid: bool,
}

impl Walk {
    /// When rows of the pass that sealed at `sealed_at` may have been written at the earliest: a row is sealed by the pass after it,
    /// so that one before an earlier pass was put in later. Clocks that were set back are no fault.
    fn earliest(&mut self, sealed_at: Micros) -> Micros {
        if self.sealed_at != Some(sealed_at) {
            // A full portion was followed by another one of the same backlog.
            let goes_on = self.run > 0 && self.run % PORTION == 0;
            if !goes_on && !self.is_amid {
                self.pass = self.sealed_at;
            }
            self.is_amid &= self.sealed_at.is_none();
            (self.sealed_at, self.run) = (Some(sealed_at), 0);
        }
        self.run += 1;
        self.pass.map_or(Micros::MIN, |pass| pass.min(sealed_at).saturating_sub(LATE))
    }
}

fn salt_of(row: &QueryResult) -> Result<Option<Salt>, DbErr> {
    let salt: Option<Vec<u8>> = row.try_get("", "salt")?;
    salt.map(|bytes| Salt::try_from(bytes).map_err(|_| broken("a salt of another length"))).transpose()
}

/// Recomputes one link against the one before it.
fn check_link(row: &QueryResult, walk: &mut Walk, report: &mut Report) -> Result<(), DbErr> {
    let (number, entry): (i64, Uuid) = (row.try_get("", "number")?, row.try_get("", "entry_id")?);
    let (words, hash) = (digest_of(row, "words")?, digest_of(row, "hash")?);
    let sealed_at: Micros = row.try_get("", "sealed_at")?;
    report.links += 1;
    if number != walk.number + 1 {
        let what = format!("the links after {} are gone", walk.number);
        report.fault("MISSING", Some(number), Some(entry), what);
    }
    let earliest = walk.earliest(sealed_at);
    let previous = std::mem::replace(&mut walk.hash, hash);
    walk.number = number;
    if row.try_get::<Option<Uuid>>("", "id")?.is_none() {
        report.fault("DELETED", Some(number), Some(entry), "the row is gone that was sealed here");
        return Ok(());
    }
    let recorded = recorded_from(row)?;
    if chain::link(&previous, &Link { number, sealed_at, words }, &recorded) != hash {
        report.fault("CHANGED", Some(number), Some(entry), "the row, its place or its link is not what was sealed");
        return Ok(());
    }
    let (before, after) = (recorded.before.as_deref(), recorded.after.as_deref());
    match salt_of(row)? {
        Some(salt) if chain::words(&salt, before, after) == words => {}
        None if before.is_none() && after.is_none() && row.try_get::<Option<i64>>("", "deleted_at")?.is_some() => {
            report.erased += 1;
        }
        _ => report.fault("CHANGED", Some(number), Some(entry), "the words of the row are not what was sealed"),
    }
    if recorded.at < earliest {
        let what = "the row says that it is older than rows that were sealed long before it: it was put in afterwards";
        report.fault("INSERTED", Some(number), Some(entry), what);
    }
    Ok(())
}

async fn check_links(
    connection: &impl ConnectionTrait,
    checks: &Checks<'_>,
    heads: &mut Heads,
    report: &mut Report,
) -> Result<(), DbErr> {
    let (last, _) = tip(connection).await?;
    let from = checks.last.map_or(0, |count| last.saturating_sub(count).max(0));
    let mut walk =
        Walk { number: 0, hash: chain::NOTHING_BEFORE, pass: None, sealed_at: None, run: 0, is_amid: from > 0 };
    if from > 0 {
        let sql = "SELECT number, hash FROM audit_link WHERE number = $1";
        if let Some(row) = connection.query_one_raw(statement(connection, sql, [from.into()])).await? {
            walk.hash = digest_of(&row, "hash")?;
        }
        walk.number = from;
    }
    loop {
        let sql = "SELECT l.number, l.entry_id, l.words, l.salt, l.hash, l.sealed_at, e.id, e.account_id, e.actor_kind, \
                   e.actor_id, e.action, e.target_kind, e.target_id, e.before, e.after, e.request_id, e.at, u.deleted_at \
                   FROM audit_link l LEFT JOIN audit_entry e ON e.id = l.entry_id \
                   LEFT JOIN account a ON a.id = e.account_id LEFT JOIN app_user u ON u.id = a.personal_user_id \
                   WHERE l.number > $1 ORDER BY l.number LIMIT $2";
        let rows = connection.query_all_raw(statement(connection, sql, [walk.number.into(), PAGE.into()])).await?;
        for row in &rows {
            check_link(row, &mut walk, report)?;
            heads.meet(walk.number, &walk.hash);
        }
        if i64::try_from(rows.len()) != Ok(PAGE) {
            heads.checked_from = from;
            return Ok(());
        }
    }
}

/// The lines of the file, and what the chain has at their places.
#[derive(Default)]
struct Heads {
    lines: Vec<(usize, Line)>,
    wanted: HashMap<i64, Option<Digest>>,
    /// Links up to this one were not walked.
    checked_from: i64,
}

impl Heads {
    fn meet(&mut self, number: i64, hash: &Digest) {
        if let Some(found) = self.wanted.get_mut(&number) {
            *found = Some(*hash);
        }
    }

    /// What the lines say, against what the walk met.
    fn judge(&self, (database, epoch): (Uuid, i64), checker: &dyn Checker, report: &mut Report) {
        for (at, line) in &self.lines {
            let head = &line.head;
            let mut fault = |code, what: String| {
                report.push(Fault { code, number: Some(head.number), entry: None, line: Some(*at), what });
            };
            if let Err(error) = checker.check(&line.key, &head.bytes(), &line.signature) {
                fault("LINE", error);
                continue;
            }
            if head.database != database {
                fault("LINE", format!("it is of the database {}, and this is {database}", head.database));
                continue;
            }
            if head.number <= self.checked_from {
                continue;
            }
            match self.wanted.get(&head.number) {
                Some(Some(hash)) if *hash == head.hash => {}
                // A restore that was accepted gave up what came after the backup.
                _ if head.epoch < epoch => report.void += 1,
                Some(Some(_)) => fault("REWRITTEN", "the chain is another one than the one that was signed".to_owned()),
                _ => fault("CUT", "the chain ends before this head, or lacks its link".to_owned()),
            }
        }
    }
}

fn read_heads(path: &Path, is_short: bool, report: &mut Report) -> io::Result<Heads> {
    let mut heads = Heads::default();
    let mut take = |at: usize, text: &str| {
        report.lines += 1;
        match Line::parse(text) {
            Some(line) => {
                heads.wanted.insert(line.head.number, None);
                heads.lines.push((at, line));
            }
            None => report.push(Fault {
                code: "LINE",
                number: None,
                entry: None,
                line: Some(at),
                what: "this is not a head of the audit trail".to_owned(),
            }),
        }
    };
    if is_short {
        for (at, text) in (1..).zip(file::last_lines(path)?) {
            take(at, &text);
        }
    } else {
        file::each_line(path, take)?;
    }
    Ok(heads)
}

/// Rows that nobody sealed: those that wait, and those that are old and do not even wait.
async fn check_unsealed(
    connection: &impl ConnectionTrait,
    checks: &Checks<'_>,
    report: &mut Report,
) -> Result<(), DbErr> {
    let sql = "SELECT COUNT(*) AS waiting FROM audit_unsealed";
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    report.unsealed = row.map_or(Ok(0), |row| row.try_get("", "waiting"))?;
    let old = checks.now.saturating_sub(checks.unsealed_for);
    // What waits is few; a whole look also finds what was never noted.
    let sql = if checks.last.is_some() {
        "SELECT q.entry_id, e.id FROM audit_unsealed q LEFT JOIN audit_entry e ON e.id = q.entry_id \
         WHERE e.id IS NULL OR e.at < $1 ORDER BY q.entry_id LIMIT $2"
    } else {
        "SELECT e.id AS entry_id, e.id FROM audit_entry e WHERE e.at < $1 \
         AND NOT EXISTS (SELECT 1 FROM audit_link l WHERE l.entry_id = e.id) \
         UNION ALL SELECT q.entry_id, NULL FROM audit_unsealed q \
         WHERE NOT EXISTS (SELECT 1 FROM audit_entry e WHERE e.id = q.entry_id) LIMIT $2"
    };
    let most = i64::try_from(FAULTS_MAX).unwrap_or(i64::MAX);
    for row in connection.query_all_raw(statement(connection, sql, [old.into(), most.into()])).await? {
        let entry = Some(row.try_get("", "entry_id")?);
        if row.try_get::<Option<Uuid>>("", "id")?.is_some() {
            report.fault("UNSEALED", None, entry, "the row is old and was not sealed");
        } else {
            report.fault("DELETED", None, entry, "the row is gone that waited to be sealed");
        }
    }
    Ok(())
}

/// Recomputes the chain, a thousand links at a time, and compares it with the signed heads. Reads only; what is sealed meanwhile
/// does no harm.
pub async fn verify(db: &Db, checks: &Checks<'_>) -> Result<Report, VerifyError> {
    let mut report = Report::default();
    // The lines before the links: whoever seals writes the links first.
    let mut heads = match checks.heads {
        None => Heads::default(),
        Some((path, _)) => read_heads(path, checks.last.is_some(), &mut report)
            .map_err(|error| VerifyError::File(path.to_owned(), error))?,
    };
    let reader = db.reader();
    // Before the links too: a row that is sealed meanwhile waits no more.
    check_unsealed(reader, checks, &mut report).await?;
    check_links(reader, checks, &mut heads, &mut report).await?;
    if let Some((_, checker)) = checks.heads {
        let meta = meta(reader).await?.unwrap_or((Uuid::nil(), 1));
        heads.judge(meta, checker, &mut report);
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(is_amid: bool) -> Walk {
        Walk { number: 0, hash: chain::NOTHING_BEFORE, pass: None, sealed_at: None, run: 0, is_amid }
    }

    /// The earliest time after `links` links of each pass.
    fn after(walk: &mut Walk, passes: &[(Micros, i64)]) -> Micros {
        let mut earliest = Micros::MIN;
        for (sealed_at, links) in passes {
            for _ in 0..*links {
                earliest = walk.earliest(*sealed_at);
            }
        }
        earliest
    }

    #[test]
    fn a_backlog_of_many_portions_is_one_pass() {
        let far = 10 * LATE;
        assert_eq!(after(&mut walk(false), &[(far, PORTION), (far + 1, PORTION), (far + 2, 7)]), Micros::MIN);
        assert_eq!(after(&mut walk(false), &[(far, 7), (far + 1, 1)]), far - LATE);
        let backlog = [(far, 7), (2 * far, PORTION), (2 * far + 1, 3), (3 * far, 1)];
        assert_eq!(after(&mut walk(false), &backlog[..3]), far - LATE);
        assert_eq!(after(&mut walk(false), &backlog), 2 * far + 1 - LATE);
    }

    #[test]
    fn a_walk_that_begins_amid_a_pass_knows_nothing_of_it() {
        let far = 10 * LATE;
        assert_eq!(after(&mut walk(true), &[(far, 7), (2 * far, 1)]), Micros::MIN);
        assert_eq!(after(&mut walk(true), &[(far, 7), (2 * far, 1), (3 * far, 1)]), 2 * far - LATE);
    }
}
