//! Writes anchors and issues receipts. Lines are decided in the database, where one transaction makes each, and then copied
//! to the file and the object store: a crash between the two leaves a line to be copied later, never one too many.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use tokio::sync::Mutex;
use uuid::{Builder, Uuid};

use super::{
    anchor::{Anchor, Head, LEAVES_MAX, Line},
    file::{self, Added},
    key::{LedgerKey, PublicKey, PublicKeys},
    merkle,
    receipt::{Covering, Receipt, marks},
    store::{self, Moved},
};
use crate::{
    clock::{Clock, SECOND},
    db::Db,
    error::{Error, Failure, Internal, Never},
    ledger::model::{Digest, Transaction, transaction_bytes},
    storage::{Storage, StorageError},
};

/// Lines that are read and copied at once.
const LINES_AT_ONCE: i64 = 16;

/// How often so many lines go to the object store in one round: other work of the same task waits meanwhile.
const STORED_AT_ONCE: usize = 8;

/// How much older than the last anchor a transaction's id may be and still be found by a look at recent ones: it is drawn when
/// the command comes in, by the clock of that process.
const RECENT_SLACK: i64 = 60 * SECOND;

/// Which accounts are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Those with transactions since the last anchor, by the time in their ids: a range of an index.
    Recent,
    /// All: also finds what a clock that jumped has hidden.
    Everything,
}

/// What became of one line.
enum Turn {
    /// No account moved.
    Nothing,
    /// Another process wrote one meanwhile.
    Again,
    /// Written, with as many leaves as go into one.
    Full,
    /// Written, with all that moved.
    Last,
}

/// What anchors are made with.
pub struct AnchorsParts {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What signs.
    pub key: LedgerKey,
    /// Public keys of those that signed before.
    pub former: Vec<PublicKey>,
    /// The file of anchors.
    pub file: PathBuf,
    /// Where copies go when it is not a folder of this machine.
    pub storage: Storage,
}

/// Anchors and receipts of one database. Cloning is cheap.
#[derive(Clone)]
pub struct Anchors(Arc<Inner>);

struct Inner {
    parts: AnchorsParts,
    /// One at a time within a process.
    turn: Mutex<()>,
}

impl Anchors {
    /// Takes the parts; nothing runs yet.
    pub fn new(parts: AnchorsParts) -> Self {
        Self(Arc::new(Inner { parts, turn: Mutex::new(()) }))
    }

    /// The public keys that check what this installation signs and signed.
    pub fn public_keys(&self) -> PublicKeys {
        PublicKeys::new(self.0.parts.key.public().clone(), self.0.parts.former.clone())
    }

    /// Anchors every account that moved, brings the file up to date, then the object store. Answers how many lines are new in
    /// the database. Repeating is safe, in several processes at once too.
    pub async fn write(&self, look: Look) -> Result<usize, Error> {
        let _turn = self.0.turn.lock().await;
        let Some((database, _)) = store::find_meta(self.0.parts.db.reader(), false).await? else { return Ok(0) };
        let since = match look {
            Look::Recent => self.since(database).await?,
            Look::Everything => None,
        };
        let mut written = 0;
        loop {
            let turn = self.write_one(since).await?;
            written += usize::from(matches!(turn, Turn::Full | Turn::Last));
            // What moves from now on is the next anchor's: under load there would be no end of it.
            if matches!(turn, Turn::Last | Turn::Nothing) {
                break;
            }
        }
        // One that cannot be reached keeps nothing from the other.
        let (to_file, to_store) = (self.copy_to_file(database).await, self.copy_to_store(database).await);
        to_file.and(to_store).map(|()| written)
    }

    /// The least id of transactions since the last anchor; `None` before the first.
    async fn since(&self, database: Uuid) -> Result<Option<Uuid>, Error> {
        let reader = self.0.parts.db.reader();
        let tip = store::tip(reader).await?;
        let last = store::find_line(reader, database, tip.number).await?;
        Ok(last.map(|line| {
            let millis = u64::try_from((line.anchor.at - RECENT_SLACK) / 1000).unwrap_or(0);
            Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
        }))
    }

    /// Writes one line, if an account moved.
    async fn write_one(&self, since: Option<Uuid>) -> Result<Turn, Error> {
        let AnchorsParts { db, clock, key, .. } = &self.0.parts;
        let Some((database, epoch)) = store::find_meta(db.reader(), false).await? else { return Ok(Turn::Nothing) };
        let tip = store::tip(db.reader()).await?;
        let heads = self.leaves(&store::list_moved(db.reader(), since, LEAVES_MAX).await?).await?;
        if heads.is_empty() {
            return Ok(Turn::Nothing);
        }
        let is_full = heads.len() >= LEAVES_MAX;
        let base = if tip.is_void { store::last_valid(db.reader()).await? } else { tip.number };
        let (number, at, prev_hash) = (tip.number + 1, clock.now(), tip.hash);
        let anchor = Anchor { database, number, base, epoch, at, prev_hash, count: 0, root: [0; 32] };
        let line = Line::seal(anchor, heads, key);
        let is_written = db
            .write((line, tip, (database, epoch)), |tx, (line, tip, meta)| {
                Box::pin(async move {
                    // Whoever writes an anchor holds this row; another process may have been first, and this one decides anew then.
                    let as_it_was = store::find_meta(tx, true).await? == Some(*meta) && store::tip(tx).await? == *tip;
                    if as_it_was {
                        store::insert_line(tx, line, false).await?;
                    }
                    Ok::<_, Failure<Never>>(as_it_was)
                })
            })
            .await?;
        Ok(match (is_written, is_full) {
            (false, _) => Turn::Again,
            (true, true) => Turn::Full,
            (true, false) => Turn::Last,
        })
    }

    /// The leaves of the next anchor: of each account that moved its marks and its head, as many as go into one.
    async fn leaves(&self, moved: &[Moved]) -> Result<Vec<Head>, Error> {
        let mut places: Vec<(Uuid, i64, Option<Digest>)> = Vec::new();
        for Moved { head, anchored } in moved {
            let room = LEAVES_MAX.saturating_sub(places.len());
            let marks = marks(*anchored, head.sequence, room);
            let has_room = marks.len() < room;
            places.extend(marks.into_iter().map(|mark| (head.account, mark, None)));
            if !has_room {
                break;
            }
            places.push((head.account, head.sequence, Some(head.hash)));
        }
        let marks: Vec<(Uuid, i64)> =
            places.iter().filter(|place| place.2.is_none()).map(|place| (place.0, place.1)).collect();
        let hashes = store::load_hashes(self.0.parts.db.reader(), &marks).await?;
        let heads = places.into_iter().filter_map(|(account, sequence, hash)| {
            // A mark that is missing is for verification to tell of; the head covers what there is.
            let hash = hash.or_else(|| hashes.get(&(account, sequence)).copied())?;
            Some(Head { account, sequence, hash })
        });
        Ok(heads.collect())
    }

    async fn copy_to_file(&self, database: Uuid) -> Result<(), Error> {
        let path = self.0.parts.file.clone();
        let last = blocking(move || file::tail(&path, 1)).await?.pop();
        let last = last.map(|text| Line::parse(&text)).transpose();
        let last = last.map_err(|error| Internal::new("reading the last line of the anchor file", error))?;
        let mut number = last.map_or(0, |line| line.anchor.number);
        loop {
            let lines = store::list_lines(self.0.parts.db.reader(), database, number, LINES_AT_ONCE).await?;
            let Some(newest) = lines.last() else { return Ok(()) };
            number = newest.anchor.number;
            let path = self.0.parts.file.clone();
            if blocking(move || file::add(&path, &lines)).await? == Added::Apart {
                let what = "the anchors of the database do not continue those of the file; see docs/proof.md";
                return Err(Internal::new("copying anchors to the file", what).into());
            }
        }
    }

    /// Copies lines to the object store, when it is not a folder of this machine. What fails waits for the next time.
    async fn copy_to_store(&self, database: Uuid) -> Result<(), Error> {
        let AnchorsParts { db, clock, storage, .. } = &self.0.parts;
        if !storage.is_remote() {
            return Ok(());
        }
        for _ in 0..STORED_AT_ONCE {
            let lines = store::list_unstored(db.reader(), database, LINES_AT_ONCE).await?;
            if lines.is_empty() {
                return Ok(());
            }
            for line in lines {
                let (number, now) = (line.anchor.number, clock.now());
                match store_line(storage, &stored_name(database, number), line.to_text()).await {
                    Ok(true) => {}
                    Ok(false) => {
                        tracing::error!(anchor.number = number, "{APART_STORED}");
                        return Ok(());
                    }
                    Err(error) => {
                        let error = crate::storage::chain(&error);
                        tracing::warn!(
                            anchor.number = number,
                            error,
                            "an anchor could not be copied to the object store"
                        );
                        return Ok(());
                    }
                }
                db.write((number, now), |tx, (number, now)| {
                    Box::pin(async move {
                        store::update_stored(tx, *number, *now).await?;
                        Ok::<_, Failure<Never>>(())
                    })
                })
                .await?;
            }
        }
        Ok(())
    }

    /// The receipt of a transaction, which the viewer may see. It has no anchor while none covers the transaction.
    pub async fn receipt(&self, transaction: &Transaction) -> Result<Receipt, Error> {
        let AnchorsParts { db, key, .. } = &self.0.parts;
        let (account, sequence) = (transaction.account_id, transaction.sequence);
        let broken = |what: &'static str| Internal::new("issuing a receipt", what);
        let (database, _) =
            store::find_meta(db.reader(), false).await?.ok_or_else(|| broken("there is no database id"))?;
        let covering = store::find_covering(db.reader(), account, sequence).await?;
        let upto = covering.map_or(sequence, |(anchored, _)| anchored);
        let mut journal = store::list_journal(db.reader(), account, sequence, upto).await?.into_iter();
        let (row, entries) = journal.next().ok_or_else(|| broken("the transaction is gone"))?;
        let bytes = transaction_bytes(&row, &entries);
        let anchor = match covering {
            None => None,
            Some((anchored, number)) => {
                let line = store::find_line(db.reader(), database, number).await?;
                let line = line.ok_or_else(|| broken("an anchor is gone"))?;
                if !self.public_keys().has(&line.key) {
                    // Nobody can check it: the operator has given its key up. The receipt stands for itself then.
                    let receipt = Receipt::issue(database, bytes, None, key);
                    return Ok(receipt.ok_or_else(|| broken("the bytes cannot be read"))?);
                }
                let links = journal.map(|(row, entries)| transaction_bytes(&row, &entries)).collect();
                Some(cover(line, account, anchored, links).ok_or_else(|| broken("a head is not in its anchor"))?)
            }
        };
        let receipt = Receipt::issue(database, bytes, anchor, key).ok_or_else(|| broken("the bytes cannot be read"))?;
        // What we could not check ourselves would be no proof to anybody.
        receipt.check(&self.public_keys()).map_err(|error| Internal::new("checking a new receipt", error))?;
        Ok(receipt)
    }
}

fn cover(line: Line, account: Uuid, sequence: i64, links: Vec<Vec<u8>>) -> Option<Covering> {
    let index = line.heads.iter().position(|head| head.account == account && head.sequence == sequence)?;
    let leaves: Vec<Digest> = line.heads.iter().map(Head::leaf).collect();
    let path = merkle::path(&leaves, index);
    let index = i64::try_from(index).ok()?;
    Some(Covering { anchor: line.anchor, key: line.key, signature: line.signature, links, sequence, index, path })
}

/// What is wrong when the store has another anchor of a number, and what to do.
pub(super) const APART_STORED: &str = "the anchors in the object store do not continue those of the database. They prove credits that \
                                       this database does not know: find out why, then move what is under anchors/ there away";

/// Stores an anchor, unless another one is there: what is there is never written over. Whether it is there now.
async fn store_line(storage: &Storage, name: &str, text: String) -> Result<bool, StorageError> {
    match storage.find_beside(name).await? {
        Some(there) => Ok(there == text.as_bytes()),
        None => storage.put_beside(name, Bytes::from(text)).await.map(|()| true),
    }
}

/// Where the object store has an anchor.
pub(super) fn stored_name(database: Uuid, number: i64) -> String {
    format!("anchors/{database}/{number:012}.json")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Internal> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    done.map_err(|error| Internal::new("using the anchor file", error))
}
