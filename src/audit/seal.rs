//! Seals rows of the trail into the chain, a thousand at a time, and writes its head down outside the database.
//!
//! Rows are written in many transactions at once, also in those of the ledger; were each chained as it is written, all of them
//! would wait for one lock. So a trigger notes every new row, and this takes what is noted, in the order of the ids, under a
//! lock that only others who seal want. The order of the chain is that of sealing: a row that commits late gets a later number,
//! so none has to be waited for.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, Value};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    chain::{self, Digest, Head, Line, Link, Signer},
    file,
    store::recorded_from,
};
use crate::{
    clock::{Clock, Micros},
    db::{Db, Engine, engine_of, many, places, statement},
    error::{Error, Failure, Internal, Never},
    ids::{Ids, random},
    jobs::{HandlerFuture, Sweep},
};

/// Rows that one transaction seals at most.
pub(super) const PORTION: i64 = 1_000;

/// Ids in one statement that deletes.
const IDS_AT_ONCE: usize = 500;

/// What the chain is made with.
pub struct AuditChainParts {
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub ids: Arc<dyn Ids>,
    /// What signs heads.
    pub signer: Arc<dyn Signer>,
    /// The file of heads.
    pub file: PathBuf,
}

/// The chain over the trail. Cloning is cheap.
#[derive(Clone)]
pub struct AuditChain(Arc<AuditChainParts>);

pub(super) fn broken(what: &'static str) -> DbErr {
    DbErr::Type(format!("a stored link of the audit trail: {what}"))
}

pub(super) fn digest_of(row: &QueryResult, column: &str) -> Result<Digest, DbErr> {
    let bytes: Vec<u8> = row.try_get("", column)?;
    Digest::try_from(bytes).map_err(|_| broken("a hash of another length"))
}

/// The last link's number and hash; 0 and zeros before the first.
pub(super) async fn tip(connection: &impl ConnectionTrait) -> Result<(i64, Digest), DbErr> {
    let sql = "SELECT number, hash FROM audit_link ORDER BY number DESC LIMIT 1";
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    row.map_or(Ok((0, chain::NOTHING_BEFORE)), |row| Ok((row.try_get("", "number")?, digest_of(&row, "hash")?)))
}

/// The database's id and restore epoch; `None` before a server has named it.
pub(super) async fn meta(connection: &impl ConnectionTrait) -> Result<Option<(Uuid, i64)>, DbErr> {
    let sql = "SELECT database_id, epoch FROM ledger_meta WHERE id = 1";
    let row = connection.query_one_raw(statement(connection, sql, [])).await?;
    row.map(|row| Ok((row.try_get("", "database_id")?, row.try_get("", "epoch")?))).transpose()
}

/// Seals the next rows in the caller's transaction; answers how many.
async fn seal_in(tx: &DatabaseTransaction, seed: &[u8; 32], now: Micros) -> Result<usize, DbErr> {
    let engine = engine_of(tx);
    let shared = match engine {
        Engine::Postgres => {
            // Who seals holds it; readers and those who write rows of the trail do not want it.
            tx.execute_raw(statement(tx, "LOCK TABLE audit_link IN SHARE ROW EXCLUSIVE MODE", [])).await?;
            // An erasure of words waits, and then finds the links.
            " FOR SHARE OF e"
        }
        Engine::Sqlite => "",
    };
    let sql = format!(
        "SELECT e.id, e.account_id, e.actor_kind, e.actor_id, e.action, e.target_kind, e.target_id, e.before, e.after, \
         e.request_id, e.at FROM audit_unsealed q JOIN audit_entry e ON e.id = q.entry_id ORDER BY q.entry_id LIMIT $1{shared}"
    );
    let rows = tx.query_all_raw(statement(tx, sql, [PORTION.into()])).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let (mut number, mut hash) = tip(tx).await?;
    let (mut links, mut ids): (Vec<Vec<Value>>, Vec<Uuid>) = (Vec::new(), Vec::new());
    for row in &rows {
        let row = recorded_from(row)?;
        number += 1;
        let salt = chain::salt(seed, row.id);
        let words = chain::words(&salt, row.before.as_deref(), row.after.as_deref());
        hash = chain::link(&hash, &Link { number, sealed_at: now, words }, &row);
        ids.push(row.id);
        let (salt, words, hash) = (salt.to_vec(), words.to_vec(), hash.to_vec());
        links.push(vec![number.into(), row.id.into(), words.into(), salt.into(), hash.into(), now.into()]);
    }
    for part in many::parts(engine, &links, IDS_AT_ONCE) {
        let (source, values) = many::source(engine, part.to_vec());
        let sql = format!("INSERT INTO audit_link (number, entry_id, words, salt, hash, sealed_at) {source}");
        tx.execute_raw(statement(tx, sql, values)).await?;
    }
    for part in ids.chunks(IDS_AT_ONCE) {
        let sql = format!("DELETE FROM audit_unsealed WHERE entry_id IN ({})", places(1, part.len()));
        tx.execute_raw(statement(tx, sql, part.iter().map(|id| (*id).into()))).await?;
    }
    Ok(rows.len())
}

impl AuditChain {
    /// Takes the parts; nothing runs yet.
    pub fn new(parts: AuditChainParts) -> Self {
        Self(Arc::new(parts))
    }

    /// Seals every row that is there, and writes the head down. Answers how many rows were sealed. Repeating is safe, in several
    /// processes at once too.
    pub async fn seal(&self) -> Result<usize, Error> {
        let AuditChainParts { db, clock, ids, .. } = self.0.as_ref();
        let mut sealed = 0;
        loop {
            let context = (random::<32>(ids.as_ref()), clock.now());
            let done = db.write(context, |tx, (seed, now)| {
                Box::pin(async move { Ok::<_, Failure<Never>>(seal_in(tx, seed, *now).await?) })
            });
            let done = done.await?;
            sealed += done;
            if i64::try_from(done) != Ok(PORTION) {
                break;
            }
        }
        self.write_head().await?;
        Ok(sealed)
    }

    /// Adds the head to the file, when the chain has moved since its last line.
    async fn write_head(&self) -> Result<(), Error> {
        let AuditChainParts { db, clock, signer, file, .. } = self.0.as_ref();
        let Some((database, epoch)) = meta(db.reader()).await? else { return Ok(()) };
        let (number, hash) = tip(db.reader()).await?;
        if number == 0 {
            return Ok(());
        }
        let line = Line::seal(Head { database, epoch, number, hash, at: clock.now() }, signer.as_ref());
        let path = file.clone();
        let added = tokio::task::spawn_blocking(move || file::add(&path, &line)).await;
        added
            .unwrap_or_else(|error| Err(std::io::Error::other(error)))
            .map_err(|error| Internal::new("writing the head of the audit trail down", error))?;
        Ok(())
    }
}

/// Seals whenever the time has come. Paced by this process's own steady clock.
pub struct SealSweep {
    chain: AuditChain,
    every: Duration,
    last: Mutex<Instant>,
}

impl SealSweep {
    /// The first pass comes `every` from now.
    pub fn new(chain: AuditChain, every: Duration) -> Self {
        Self { chain, every, last: Mutex::new(Instant::now()) }
    }
}

impl Sweep for SealSweep {
    fn name(&self) -> &'static str {
        "audit.seal"
    }

    fn sweep(&self) -> HandlerFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            {
                let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
                if last.elapsed() < self.every {
                    return Ok(());
                }
                *last = Instant::now();
            }
            let rows = self.chain.seal().await?;
            if rows > 0 {
                tracing::debug!(rows, "the audit trail was sealed");
            }
            Ok(())
        })
    }
}
