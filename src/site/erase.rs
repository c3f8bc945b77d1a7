//! The sites of people who are deleted, with everything that was made for them. It alone names tables of features to the
//! right of sites: what hangs on a site goes before it, in the order that foreign keys allow.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use uuid::Uuid;

use crate::{
    audit::store::erase_words,
    auth::{AccountEraser, ErasureFuture},
    clock::Micros,
    db::{Db, engine_of, statement},
    error::{Error, Failure, Internal, Never},
    jobs::{HandlerFuture, Sweep},
};

/// Rows that one transaction deletes at most: few enough that other writers need not wait long.
const PORTION: u64 = 2_000;

/// What hangs on a site: each table before those that it names, with its key and where its rows are found from the site `s`.
const TABLES: [(&str, &str, &str); 17] = [
    (
        "automation_item",
        "run_id, stage, position",
        "JOIN automation_run r ON r.site_id = s.id JOIN automation_item t ON t.run_id = r.id",
    ),
    (
        "automation_product",
        "run_id, stage, subject_id",
        "JOIN automation_run r ON r.site_id = s.id JOIN automation_product t ON t.run_id = r.id",
    ),
    (
        "automation_stage",
        "run_id, stage",
        "JOIN automation_run r ON r.site_id = s.id JOIN automation_stage t ON t.run_id = r.id",
    ),
    (
        "automation_command",
        "account_id, idem_key",
        "JOIN automation_run r ON r.site_id = s.id JOIN automation_command t ON t.run_id = r.id",
    ),
    ("automation_run", "id", "JOIN automation_run t ON t.site_id = s.id"),
    ("automation_config", "site_id", "JOIN automation_config t ON t.site_id = s.id"),
    (
        "schedule_firing",
        "schedule_id, due_at",
        "JOIN schedule c ON c.subject_id = s.id JOIN schedule_firing t ON t.schedule_id = c.id",
    ),
    ("schedule", "id", "JOIN schedule t ON t.subject_id = s.id"),
    ("content_image", "id", "JOIN content_image t ON t.site_id = s.id"),
    (
        "content_revision",
        "content_id, version",
        "JOIN content c ON c.site_id = s.id JOIN content_revision t ON t.content_id = c.id",
    ),
    (
        "content_work",
        "content_id, ai_task_id, product_id",
        "JOIN content c ON c.site_id = s.id JOIN content_work t ON t.content_id = c.id",
    ),
    ("content", "id", "JOIN content t ON t.site_id = s.id"),
    ("content_task", "id", "JOIN content_task t ON t.site_id = s.id"),
    ("idea", "id", "JOIN idea t ON t.site_id = s.id"),
    ("keyword", "id", "JOIN keyword t ON t.site_id = s.id"),
    ("cluster", "id", "JOIN cluster t ON t.site_id = s.id"),
    ("sector", "id", "JOIN sector t ON t.site_id = s.id"),
];

/// The tables whose rows go, sites last.
pub fn tables() -> impl Iterator<Item = &'static str> {
    TABLES.into_iter().map(|(table, ..)| table).chain(["site"])
}

/// Deletes a personal account's sites with its person.
pub struct SiteEraser;

impl AccountEraser for SiteEraser {
    fn erase_in<'t>(&'t self, tx: &'t DatabaseTransaction, account: Uuid, _: Micros) -> ErasureFuture<'t> {
        Box::pin(async move {
            // Who did what and when stays.
            erase_words(tx, account, &tables().collect::<Vec<_>>()).await?;
            erase_portion(tx, account).await?;
            Ok(())
        })
    }
}

/// Deletes the next rows of what the account's sites have, and the sites in the end; answers whether all is gone.
/// Repeating is safe.
async fn erase_portion(tx: &impl ConnectionTrait, account: Uuid) -> Result<bool, DbErr> {
    // Whoever adds something to a site locks it, or names it, and waits.
    let lock = engine_of(tx).for_update();
    let sql = format!("SELECT id FROM site WHERE account_id = $1 ORDER BY id{lock}");
    tx.query_all_raw(statement(tx, sql, [account.into()])).await?;
    let mut left = PORTION;
    for (table, key, from) in TABLES.into_iter().chain([("site", "id", "JOIN site t ON t.id = s.id")]) {
        // The newest first: a run that was forked off another goes before it.
        let keys = key.split(", ").map(|column| format!("t.{column}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "DELETE FROM {table} WHERE ({key}) IN \
             (SELECT {keys} FROM site s {from} WHERE s.account_id = $1 ORDER BY {keys} DESC LIMIT $2)"
        );
        let most = i64::try_from(left).unwrap_or(i64::MAX);
        let deleted = tx.execute_raw(statement(tx, sql, [account.into(), most.into()])).await?.rows_affected();
        left = left.saturating_sub(deleted);
        if left == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Accounts, at most 100, whose person is deleted and that have sites all the same: there were too many rows for one
/// transaction, work under way made more, or they went before sites were erased.
async fn list_unerased(connection: &impl ConnectionTrait) -> Result<Vec<Uuid>, DbErr> {
    let sql = "SELECT DISTINCT s.account_id FROM app_user u JOIN account a ON a.personal_user_id = u.id \
               JOIN site s ON s.account_id = a.id WHERE u.deleted_at IS NOT NULL LIMIT 100";
    let rows = connection.query_all_raw(statement(connection, sql, [])).await?;
    rows.iter().map(|row| row.try_get("", "account_id")).collect()
}

/// Deletes, portion by portion, what is there after that.
pub struct SiteErasureSweep(pub Db);

impl Sweep for SiteErasureSweep {
    fn name(&self) -> &'static str {
        "site_erasure"
    }

    fn sweep(&self) -> HandlerFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            for account in list_unerased(self.0.reader()).await? {
                while !self.erase(account).await? {}
            }
            Ok(())
        })
    }
}

impl SiteErasureSweep {
    async fn erase(&self, account: Uuid) -> Result<bool, Error> {
        let erased = self.0.write((), move |tx, ()| {
            Box::pin(async move {
                let is_done = erase_portion(tx, account).await.map_err(Internal::from)?;
                if is_done {
                    erase_words(tx, account, &tables().collect::<Vec<_>>()).await.map_err(Internal::from)?;
                }
                Ok::<_, Failure<Never>>(is_done)
            })
        });
        Ok(erased.await?)
    }
}
