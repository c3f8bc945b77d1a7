//! T5: the real server, killed with SIGKILL while clients add credits over GraphQL, and started again, again and again. What was
//! acknowledged is there once; what was not, once or never, and once after it was asked again.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use inkledger::{
    clock::SystemClock,
    config::{Config, resolve},
    db::Db,
};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use crate::{
    place::{forget, guard, verify_all},
    slice::{Dice, Outcome, Slice, Tally, Violation, demand},
    support::{
        builders::{Api, Person},
        server::{Home, Process},
    },
};

const ACCOUNTS: usize = 3;
const CLIENTS: usize = 6;

/// A server that is not ready by then is broken.
const READY: Duration = Duration::from_secs(10);

const QUERY: &str = "mutation($i: AddCreditsInput!) { addCredits(input: $i) { added balanceAfter transaction { sequence } \
                     userErrors { code } } }";

/// One request, and what was answered: sequence and balance.
#[derive(Debug, Clone)]
struct Asked {
    whose: usize,
    key: String,
    amount: i64,
    answer: Option<(i64, i64)>,
}

pub async fn run(slice: &Slice) -> Outcome {
    let home = Home::open(slice.engine).await;
    let kept = Arc::clone(&home);
    guard(move || {
        let place = format!("{} {}", kept.folder().display(), kept.url().unwrap_or_default());
        std::mem::forget(kept);
        place
    })
    .await;
    let mut dice = Dice::new(slice.seed);
    let mut server = home.process(&[]).await;
    let token = server.claim_token().await;
    let hero = server.claim(&token, "hero").await;
    let mut people = Vec::new();
    for at in 0..ACCOUNTS {
        people.push(server.sign_up(&format!("reader{at}")).await);
    }
    let crowd = Arc::new(People { hero, people, next: AtomicU64::new(0) });
    let (mut tally, mut ready) = (Tally::default(), Vec::new());
    let mut books = Books::default();
    let mut asked_again = Vec::new();
    while slice.left(tally.count) > 0 {
        let moment = Duration::from_millis(5 + dice.below(296));
        let asked = load_and_kill(server, &crowd, moment).await?;
        let began = Instant::now();
        server = home.process(&[]).await;
        ready.push(began.elapsed());
        demand(began.elapsed() < READY, || format!("it was not ready after {:?}", began.elapsed()))?;
        books.check(&home, &asked, &asked_again).await?;
        tally.unknown += asked.iter().filter(|asked| asked.answer.is_none()).count() as u64;
        asked_again = ask_again(&server, &crowd, &asked).await?;
        tally.count += 1;
    }
    server.kill().await;
    books.check(&home, &[], &asked_again).await?;
    let db = look(&home).await;
    verify_all(&db, &SystemClock).await?;
    db.close().await;
    forget().await;
    ready.sort_unstable();
    let of = |part: usize| ready.get(ready.len().saturating_sub(1) * part / 100).map_or(0, Duration::as_millis) as u64;
    tally.config = json!({"requests": books.asked.len(), "unanswered_done": books.unanswered_done, "clients": CLIENTS,
        "accounts": ACCOUNTS, "ready_ms_p50": of(50), "ready_ms_max": of(100)});
    Ok(tally)
}

struct People {
    hero: Person,
    people: Vec<Person>,
    next: AtomicU64,
}

impl People {
    async fn ask(&self, api: &Api, asked: &Asked) -> Result<Value, reqwest::Error> {
        let input = json!({"target": {"userId": self.people[asked.whose].user}, "amount": asked.amount,
            "idempotencyKey": asked.key});
        api.request(Some(&self.hero.token), QUERY, json!({"i": input})).send().await?.json().await
    }
}

/// Sequence and balance of an answer that says it was done.
fn done(answer: &Value, amount: i64) -> Result<(i64, i64), String> {
    let payload = &answer["data"]["addCredits"];
    let found = (payload["transaction"]["sequence"].as_i64(), payload["balanceAfter"].as_i64());
    match found {
        (Some(sequence), Some(balance)) if payload["added"] == amount => Ok((sequence, balance)),
        _ => Err(format!("it was answered {answer}")),
    }
}

/// Clients add credits one after the other until the server is gone, which is killed after `moment`.
async fn load_and_kill(mut server: Process, crowd: &Arc<People>, moment: Duration) -> Result<Vec<Asked>, Violation> {
    let is_killed = Arc::new(AtomicBool::new(false));
    let clients = (0..CLIENTS).map(|client| {
        let (crowd, api, is_killed) = (Arc::clone(crowd), server.api.clone(), Arc::clone(&is_killed));
        tokio::spawn(async move {
            let mut all = Vec::new();
            loop {
                let number = crowd.next.fetch_add(1, Ordering::SeqCst);
                let whose = usize::try_from(number).unwrap() % ACCOUNTS;
                let amount = i64::try_from(1 + number % 9).unwrap();
                let mut asked = Asked { whose, key: format!("credits-{client}-{number}"), amount, answer: None };
                let answer = crowd.ask(&api, &asked).await;
                let is_over = answer.is_err();
                match answer {
                    Ok(answer) => asked.answer = Some(done(&answer, amount)?),
                    Err(error) if !is_killed.load(Ordering::SeqCst) => return Err(format!("before the kill: {error}")),
                    Err(_) => {}
                }
                all.push(asked);
                if is_over {
                    return Ok(all);
                }
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    tokio::time::sleep(moment).await;
    is_killed.store(true, Ordering::SeqCst);
    server.halt().await;
    let mut all = Vec::new();
    for client in join_all(clients).await {
        all.extend(client.unwrap()?);
    }
    Ok(all)
}

/// Asks what was not answered once more, and some of what was, which must be answered alike.
async fn ask_again(server: &Process, crowd: &People, asked: &[Asked]) -> Result<Vec<Asked>, Violation> {
    let mut again = Vec::new();
    let answered = asked.iter().filter(|asked| asked.answer.is_some()).take(2);
    for first in asked.iter().filter(|asked| asked.answer.is_none()).chain(answered) {
        let answer = crowd.ask(&server.api, first).await.map_err(|error| format!("asked again: {error}"))?;
        let found = done(&answer, first.amount)?;
        demand(first.answer.is_none_or(|before| before == found), || {
            format!("{} was answered {:?}, then {found:?}", first.key, first.answer)
        })?;
        again.push(Asked { answer: Some(found), ..first.clone() });
    }
    Ok(again)
}

async fn look(home: &Home) -> Db {
    let config = Config::from_resolved(&resolve(&home.flags(), None).unwrap()).unwrap();
    Db::open_to_read(&config.database.options).await.unwrap()
}

/// What the journals have been seen to hold.
#[derive(Default)]
struct Books {
    heads: HashMap<uuid::Uuid, i64>,
    /// Every key: sequence, amount, balance after it.
    keys: HashMap<String, (i64, i64, i64)>,
    /// Keys that were asked.
    asked: HashSet<String>,
    /// Requests without an answer that had been carried out.
    unanswered_done: usize,
}

impl Books {
    /// Reads what is new and compares it with what was asked and answered. What was asked again stands there since before the kill.
    async fn check(&mut self, home: &Home, asked: &[Asked], again: &[Asked]) -> Result<(), Violation> {
        self.asked.extend(asked.iter().map(|asked| asked.key.clone()));
        let db = look(home).await;
        let read = self.read(&db).await;
        db.close().await;
        read?;
        let is_there = |asked: &&Asked| asked.answer.is_none() && self.keys.contains_key(&asked.key);
        self.unanswered_done += asked.iter().filter(is_there).count();
        for asked in asked.iter().chain(again) {
            let Some((sequence, balance)) = asked.answer else { continue };
            let found = self.keys.get(&asked.key);
            demand(found == Some(&(sequence, asked.amount, balance)), || {
                format!("{asked:?} was acknowledged, and the journal has {found:?}")
            })?;
        }
        Ok(())
    }

    async fn read(&mut self, db: &Db) -> Result<(), Violation> {
        let accounts = "SELECT account_id, seq FROM ledger_account";
        for row in db.reader().query_all_raw(db.statement(accounts, [])).await.unwrap() {
            let (account, head): (uuid::Uuid, i64) =
                (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
            let mut seen = self.heads.get(&account).copied().unwrap_or(0);
            let sql = "SELECT seq, idem_key, amount, available_after FROM credit_transaction \
                       WHERE account_id = $1 AND seq > $2 ORDER BY seq";
            for row in db.reader().query_all_raw(db.statement(sql, [account.into(), seen.into()])).await.unwrap() {
                let number = |at| row.try_get_by_index::<i64>(at).unwrap();
                let stored: String = row.try_get_by_index(1).unwrap();
                let key = stored.strip_prefix("u:").unwrap_or(&stored).to_owned();
                let found = (number(0), number(2), number(3));
                demand(found.0 == seen + 1, || format!("{account} goes from {seen} to {}", found.0))?;
                seen = found.0;
                demand(self.asked.contains(&key), || format!("nobody asked for {key}"))?;
                let before = self.keys.insert(key.clone(), found);
                demand(before.is_none(), || format!("{key} is there twice: {before:?} and {found:?}"))?;
            }
            demand(seen == head, || format!("{account} is at {head}, its journal at {seen}"))?;
            self.heads.insert(account, head);
        }
        // What commits together is there together.
        let sql = "SELECT COUNT(*) FROM audit_entry WHERE action = 'credits.add'";
        let audited = crate::support::server::number(db, sql).await;
        demand(audited == i64::try_from(self.keys.len()).unwrap(), || {
            format!("{} transactions and {audited} audit entries", self.keys.len())
        })
    }
}
