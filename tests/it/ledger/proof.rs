//! What tests of anchors, receipts and restores share.

use std::path::{Path, PathBuf};

use inkledger::{
    db::{Db, Engine},
    ledger::{
        Ledger,
        proof::{Anchors, AnchorsParts, LedgerKey, Line, PublicKeys, file, restore::Copies},
        verify::{Checks, Report, VerifyError, verify_with},
    },
    storage::Storage,
};
use tempfile::TempDir;
use uuid::Uuid;

use super::support::{command, grant};
use crate::support::database::TestDb;

/// A folder for a file of anchors, and what writes it.
pub struct Proof {
    _folder: TempDir,
    pub anchors: Anchors,
    file: PathBuf,
    storage: Storage,
}

pub fn key() -> LedgerKey {
    LedgerKey::from_seed([5; 32]).unwrap()
}

pub fn keys() -> PublicKeys {
    PublicKeys::new(key().public().clone(), Vec::new())
}

impl Proof {
    pub fn new(test: &TestDb) -> Self {
        Self::on(test, test.db.clone())
    }

    /// As another process on the same database would have it.
    pub fn on(test: &TestDb, db: Db) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::local(folder.path()).unwrap();
        Self::with(test, db, folder, storage)
    }

    pub fn with(test: &TestDb, db: Db, folder: TempDir, storage: Storage) -> Self {
        let file = folder.path().join("anchors.jsonl");
        let parts = AnchorsParts {
            db,
            clock: test.clock.clone(),
            key: key(),
            former: Vec::new(),
            file: file.clone(),
            storage: storage.clone(),
        };
        Self { _folder: folder, anchors: Anchors::new(parts), file, storage }
    }

    pub fn file(&self) -> PathBuf {
        self.file.clone()
    }

    pub fn copies(&self) -> Copies<'_> {
        Copies { file: &self.file, store: &self.storage }
    }

    pub fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    pub fn lines(&self) -> Vec<Line> {
        file::tail(&self.file(), 10_000).unwrap().iter().map(|text| Line::parse(text).unwrap()).collect()
    }
}

/// Everything that `ledger verify --anchors` checks.
pub async fn judge(test: &TestDb, file: &Path) -> Result<Report, VerifyError> {
    let keys = keys();
    let checks = Checks { account: None, anchors: Some((file, &keys)), watch: &|_| {} };
    verify_with(&test.db, test.clock.as_ref(), &checks).await
}

pub async fn give(ledger: &Ledger, account: Uuid, name: &str, amount: i64) {
    let key = format!("give-credits-{}", name.replace(' ', "-"));
    ledger.submit(command(account, &key, grant(amount))).await.unwrap();
}

/// Takes away what keeps the tables of the journal as they are, foreign keys included.
pub async fn unlock(test: &TestDb) {
    let statements = match test.db.engine() {
        Engine::Sqlite => vec![
            "PRAGMA foreign_keys = OFF",
            "DROP TRIGGER credit_transaction_no_update",
            "DROP TRIGGER credit_transaction_no_delete",
            "DROP TRIGGER credit_entry_no_update",
            "DROP TRIGGER credit_entry_no_delete",
        ],
        Engine::Postgres => vec![
            "ALTER TABLE credit_transaction DISABLE TRIGGER ALL",
            "ALTER TABLE credit_entry DISABLE TRIGGER ALL",
            "ALTER TABLE credit_grant DISABLE TRIGGER ALL",
            "ALTER TABLE ledger_account DISABLE TRIGGER ALL",
            "ALTER TABLE ledger_anchored_head DISABLE TRIGGER ALL",
            "ALTER TABLE ledger_anchor DISABLE TRIGGER ALL",
        ],
    };
    for sql in statements {
        test.execute(sql).await.unwrap();
    }
}

/// Cuts the last transaction of the one account off, a grant of 10, so that everything left adds up.
pub async fn cut(test: &TestDb) {
    let last = test.number("SELECT seq FROM ledger_account").await;
    for sql in [
        format!(
            "UPDATE ledger_account SET seq = seq - 1, issued = issued - 10, available = available - 10, head_hash = \
             (SELECT prev_hash FROM credit_transaction WHERE seq = {last}), ledger_now = \
             (SELECT at FROM credit_transaction WHERE seq = {last} - 1)"
        ),
        format!("DELETE FROM credit_entry WHERE seq = {last}"),
        format!("DELETE FROM credit_grant WHERE granted_seq = {last}"),
        format!("DELETE FROM credit_transaction WHERE seq = {last}"),
    ] {
        test.execute(&sql).await.unwrap();
    }
}
