//! The ledger's writer alone, in this process: holds and settles on one account and on many, each durable and answered on its
//! own, beside the patterns that a first version would use. `script/bench ledger` runs it. It prints one table row per figure.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a measuring tool stops at the first surprise"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use inkledger::{
    bus::local::LocalBus,
    clock::SystemClock,
    db::{Db, Location, Options, migrate::migrate},
    ids::{Ids, SystemIds},
    ledger::{
        Command, IdemKey, Ledger, LedgerOptions,
        model::{Actor, Credits, GrantSource, HoldItem, NewGrant, Operation, WorkKind},
        verify::verify,
    },
};
use sqlx::{Connection, Executor, PgConnection, PgPool, SqlitePool};
use uuid::Uuid;

const SPELL: Duration = Duration::from_secs(8);
/// Commands in flight.
const CLIENTS: usize = 2_048;
/// Clients of the naive patterns.
const NAIVE_CLIENTS: usize = 16;
const ACCOUNTS: usize = 10_000;
/// Accounts and entries between which the cost of an operation is compared.
const FEW_ACCOUNTS: usize = 1_000;
const MANY_ACCOUNTS: usize = 1_000_000;
const MANY_ENTRIES: usize = 10_000_000;
/// Items of one hold that makes entries.
const ITEMS: usize = 100;

fn row(what: &str, value: impl std::fmt::Display) {
    println!("| {what} | {value} |");
}

fn command(account: Uuid, key: IdemKey, operation: Operation) -> Command {
    Command {
        account,
        key,
        actor: Actor::System,
        operation,
        open_account: false,
        effects: Vec::new(),
        otherwise: Vec::new(),
    }
}

async fn open(location: Location) -> (Db, Ledger) {
    let db = Db::open(&Options { location, connections: 4 }).await.unwrap();
    migrate(&db).await.unwrap();
    let bus = Arc::new(LocalBus::new("bench"));
    let ledger = Ledger::open(
        db.clone(),
        Arc::new(SystemClock),
        Arc::new(SystemIds::new(Arc::new(SystemClock))),
        bus,
        LedgerOptions::default(),
    );
    let ledger = ledger.await.unwrap();
    (db, ledger)
}

async fn fund(ledger: &Ledger, ids: &SystemIds, count: usize) -> Vec<Uuid> {
    let accounts: Vec<Uuid> = (0..count).map(|_| ids.uuid()).collect();
    let grants = accounts.iter().map(|account| {
        let grant = NewGrant {
            source: GrantSource::Admin,
            amount: Credits::new(1_000_000_000).unwrap(),
            expires_at: None,
            note: None,
        };
        let key = IdemKey::client("the-first-grant").unwrap();
        let command = command(*account, key, Operation::Grant(grant));
        ledger.submit(Command { open_account: true, ..command })
    });
    // Below the limit of the queue.
    let mut grants = grants.peekable();
    while grants.peek().is_some() {
        let some: Vec<_> = grants.by_ref().take(1_000).collect();
        for answer in futures_util::future::join_all(some).await {
            answer.unwrap();
        }
    }
    accounts
}

fn item(hold: Uuid, work: Uuid) -> HoldItem {
    HoldItem {
        hold_id: hold,
        work_kind: WorkKind::AiTaskItem,
        work_id: work,
        run_id: None,
        user_id: None,
        price_version_id: work,
        prompt_version_id: None,
        amount: Credits::new(1).unwrap(),
        expires_at: 4_000_000_000_000_000,
    }
}

/// Holds credits for many items at once and gives them back, on one account after the other, until there are so many entries.
async fn fill(ledger: &Ledger, accounts: &[Uuid], entries: usize) {
    let commands = entries / ITEMS / 2;
    let filling = (0..64).map(|client| {
        let (ledger, accounts) = (ledger.clone(), accounts.to_vec());
        tokio::spawn(async move {
            let ids = SystemIds::new(Arc::new(SystemClock));
            for number in (client..commands).step_by(64) {
                let account = accounts[number % accounts.len()];
                let (key, holds): (Uuid, Vec<Uuid>) = (ids.uuid(), (0..ITEMS).map(|_| ids.uuid()).collect());
                let items = holds.iter().map(|hold| item(*hold, ids.uuid())).collect();
                let hold = command(account, IdemKey::server("hold", key), Operation::Hold(items));
                ledger.submit(hold).await.unwrap();
                let release = command(account, IdemKey::server("release", key), Operation::Release(holds));
                ledger.submit(release).await.unwrap();
            }
        })
    });
    for one in filling.collect::<Vec<_>>() {
        one.await.unwrap();
    }
}

/// What an operation costs in a small ledger and in a large one: on all its accounts, and on a thousand of them.
async fn grow(location: Location) {
    let (db, ledger) = open(location).await;
    let ids = SystemIds::new(Arc::new(SystemClock));
    let few = Arc::new(fund(&ledger, &ids, FEW_ACCOUNTS).await);
    fill(&ledger, &few, 10_000).await;
    // Statements are prepared and plans made in a spell that is not read.
    hold_and_settle(&ledger, few.clone()).await;
    let (rate, small, _) = hold_and_settle(&ledger, few.clone()).await;
    row(&format!("{FEW_ACCOUNTS} accounts, 10,000 entries and its own"), format!("{rate:.0}/s, p50 {small:.1?}"));
    let mut all = fund(&ledger, &ids, MANY_ACCOUNTS - FEW_ACCOUNTS).await;
    fill(&ledger, &all[..50_000], MANY_ENTRIES).await;
    all.extend(few.iter());
    for (what, accounts) in [("on the first 1,000", few), ("on all", Arc::new(all))] {
        let (rate, large, _) = hold_and_settle(&ledger, accounts).await;
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        row(
            &format!("{MANY_ACCOUNTS} accounts, {MANY_ENTRIES} entries, {what}"),
            format!("{rate:.0}/s, p50 {large:.1?}: {ratio:.2} times"),
        );
    }
    ledger.close().await;
    assert!(verify(&db, &SystemClock, None).await.unwrap().clean());
    db.close().await;
}

/// Holds a credit and settles it, again and again, for one spell: operations a second, and how long one took.
///
/// Accounts are taken in an order of their own, so that neighbours in it are none in the tables.
async fn hold_and_settle(ledger: &Ledger, accounts: Arc<Vec<Uuid>>) -> (f64, Duration, Duration) {
    let began = Instant::now();
    let done = Arc::new(AtomicU64::new(0));
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let (ledger, accounts, done) = (ledger.clone(), accounts.clone(), done.clone());
        clients.push(tokio::spawn(async move {
            let ids = SystemIds::new(Arc::new(SystemClock));
            let (mut took, mut number) = (Vec::new(), client);
            while began.elapsed() < SPELL {
                let account = accounts[number.wrapping_mul(7_919) % accounts.len()];
                number += CLIENTS;
                let (hold, work) = (ids.uuid(), ids.uuid());
                let steps = [
                    (IdemKey::server("hold", work), Operation::Hold(vec![item(hold, work)])),
                    (IdemKey::server("settle", work), Operation::Settle { hold, actual: 1 }),
                ];
                for (key, operation) in steps {
                    let one = Instant::now();
                    ledger.submit(command(account, key, operation)).await.unwrap();
                    took.push(one.elapsed());
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
            took
        }));
    }
    let mut took = Vec::new();
    for client in clients {
        took.extend(client.await.unwrap());
    }
    let rate = done.load(Ordering::SeqCst) as f64 / began.elapsed().as_secs_f64();
    took.sort_unstable();
    (rate, took[took.len() / 2], took[took.len() * 99 / 100])
}

async fn measure(location: Location) {
    let (db, ledger) = open(location).await;
    let ids = SystemIds::new(Arc::new(SystemClock));
    let one = Arc::new(fund(&ledger, &ids, 1).await);
    let many = Arc::new(fund(&ledger, &ids, ACCOUNTS).await);
    for (what, accounts) in [("one account", one), ("10,000 accounts", many)] {
        let (rate, half, most) = hold_and_settle(&ledger, accounts).await;
        row(
            &format!("holds and settles on {what}, {CLIENTS} in flight"),
            format!("{rate:.0}/s, p50 {half:.1?}, p99 {most:.1?}"),
        );
    }
    ledger.close().await;
    let began = Instant::now();
    let report = verify(&db, &SystemClock, None).await.unwrap();
    assert!(report.clean(), "{report:?}");
    row("all invariants and hashes of it, verified in", format!("{:.1?}", began.elapsed()));
    db.close().await;
}

/// What a first version does: reads the balance, judges it, writes it, and writes a journal row; and the same as one statement.
const NAIVE_TABLES: [&str; 2] = [
    "CREATE TABLE naive_account (id integer PRIMARY KEY, available bigint NOT NULL)",
    "CREATE TABLE naive_entry (id integer PRIMARY KEY, account_id integer NOT NULL, amount bigint NOT NULL)",
];

async fn naive_postgres(url: &str) {
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(NAIVE_CLIENTS as u32).connect(url).await.unwrap();
    for table in NAIVE_TABLES {
        let table = table.replace("id integer PRIMARY KEY, account", "id serial PRIMARY KEY, account");
        pool.execute(sqlx::AssertSqlSafe(table)).await.unwrap();
    }
    pool.execute("INSERT INTO naive_account VALUES (1, 1000000000)").await.unwrap();
    for (what, is_one) in [("in four statements", false), ("in one statement", true)] {
        let rate = closed_loop(pool.clone(), move |pool: PgPool| async move {
            let mut tx = pool.begin().await.unwrap();
            if is_one {
                let sql = "WITH taken AS (UPDATE naive_account SET available = available - 1 WHERE id = 1 AND available >= 1 \
                           RETURNING id) INSERT INTO naive_entry (account_id, amount) SELECT id, 1 FROM taken";
                tx.execute(sql).await.unwrap();
            } else {
                let (available,): (i64,) =
                    sqlx::query_as("SELECT available FROM naive_account WHERE id = 1 FOR UPDATE")
                        .fetch_one(&mut *tx)
                        .await
                        .unwrap();
                assert!(available > 0);
                tx.execute("UPDATE naive_account SET available = available - 1 WHERE id = 1").await.unwrap();
                tx.execute("INSERT INTO naive_entry (account_id, amount) VALUES (1, 1)").await.unwrap();
            }
            tx.commit().await.unwrap();
        });
        row(&format!("naive: one account, {what}, {NAIVE_CLIENTS} clients"), format!("{:.0}/s", rate.await));
    }
    pool.close().await;
}

async fn naive_sqlite(folder: &std::path::Path) {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.join("naive.db"))
        .create_if_missing(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Full);
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    for table in NAIVE_TABLES {
        pool.execute(table).await.unwrap();
    }
    pool.execute("INSERT INTO naive_account VALUES (1, 1000000000)").await.unwrap();
    let rate = closed_loop(pool.clone(), |pool: SqlitePool| async move {
        let mut tx = pool.begin().await.unwrap();
        let (available,): (i64,) =
            sqlx::query_as("SELECT available FROM naive_account WHERE id = 1").fetch_one(&mut *tx).await.unwrap();
        assert!(available > 0);
        tx.execute("UPDATE naive_account SET available = available - 1 WHERE id = 1").await.unwrap();
        tx.execute("INSERT INTO naive_entry (account_id, amount) VALUES (1, 1)").await.unwrap();
        tx.commit().await.unwrap();
    });
    row(&format!("naive: one account, in four statements, {NAIVE_CLIENTS} clients"), format!("{:.0}/s", rate.await));
    pool.close().await;
}

async fn closed_loop<P, F, Fut>(pool: P, work: F) -> f64
where
    P: Clone + Send + 'static,
    F: Fn(P) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let began = Instant::now();
    let mut clients = Vec::new();
    for _ in 0..NAIVE_CLIENTS {
        let (pool, work) = (pool.clone(), work.clone());
        clients.push(tokio::spawn(async move {
            let mut done = 0_u32;
            while began.elapsed() < SPELL {
                work(pool.clone()).await;
                done += 1;
            }
            done
        }));
    }
    let mut done = 0;
    for client in clients {
        done += client.await.unwrap();
    }
    f64::from(done) / began.elapsed().as_secs_f64()
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(url) = arguments.next() else {
        println!("usage: script/bench ledger");
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = |name: &str| url.replace("/postgres?", &format!("/{name}?"));
    let heading = |engine: &str| println!("\n{engine}:\n\n| figure | value |\n|---|---|");
    heading("SQLite");
    runtime.block_on(async {
        measure(Location::File(folder.path().join("ledger.db"))).await;
        naive_sqlite(folder.path()).await;
    });
    heading("PostgreSQL");
    runtime.block_on(async {
        let mut admin = PgConnection::connect(&url).await.unwrap();
        for name in ["bench_ledger", "bench_large"] {
            admin.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        }
        admin.close().await.unwrap();
        measure(Location::Server(database("bench_ledger").into())).await;
        naive_postgres(&database("bench_ledger")).await;
    });
    // Half an hour, so last.
    heading("A large ledger on SQLite");
    runtime.block_on(grow(Location::File(folder.path().join("large.db"))));
    heading("A large ledger on PostgreSQL");
    runtime.block_on(grow(Location::Server(database("bench_large").into())));
}
