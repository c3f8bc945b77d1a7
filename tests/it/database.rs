//! What the database does when the machine fails it.

use inkledger::{
    db::{Db, Engine, Location, Options},
    error::{Failure, Never},
};
use sea_orm::ConnectionTrait as _;

async fn run(db: &Db, sql: &'static str) -> bool {
    let done = db.write((), move |tx, ()| {
        Box::pin(async move {
            tx.execute_unprepared(sql).await?;
            Ok::<_, Failure<Never>>(())
        })
    });
    done.await.is_ok()
}

// SQLite rolls back by itself when the disk is full; what is acknowledged afterwards must be there all the same.
#[tokio::test]
async fn a_full_disk_costs_the_write_that_met_it_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("test.db"));
    let db = Db::open(&Options { location, connections: 2 }).await.unwrap();
    assert_eq!(db.engine(), Engine::Sqlite);
    assert!(run(&db, "CREATE TABLE note (text text NOT NULL)").await);
    assert!(run(&db, "INSERT INTO note VALUES ('before')").await);
    // The connection may grow the file no more, as on a full disk: once for the write, once for the commit.
    for fills in [
        "INSERT INTO note VALUES (zeroblob(1000000))",
        "PRAGMA max_page_count = 1; INSERT INTO note VALUES (zeroblob(1000000))",
    ] {
        assert!(run(&db, "PRAGMA max_page_count = 1").await);
        assert!(!run(&db, fills).await, "{fills}");
    }
    // A refusal rolls back what was written; a commit after it must be one.
    let refused = db.write((), |tx, ()| {
        Box::pin(async move {
            tx.execute_unprepared("INSERT INTO note VALUES ('refused')").await?;
            Err::<(), _>(Failure::Refused("no"))
        })
    });
    assert!(matches!(refused.await, Err(Failure::Refused("no"))));
    assert!(run(&db, "INSERT INTO note VALUES ('after')").await);
    let sql = "SELECT group_concat(text) AS texts FROM (SELECT text FROM note ORDER BY rowid)";
    let row = db.reader().query_one_raw(db.statement(sql, [])).await.unwrap().unwrap();
    assert_eq!(row.try_get::<String>("", "texts").unwrap(), "before,after");
}
