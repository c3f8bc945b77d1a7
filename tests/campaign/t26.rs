//! T26: a backup is taken beside a server under load, which is then killed; the backup is restored into an empty place. What was
//! acknowledged before the backup began is there under its number, nothing else than what was asked is, the rules hold, the epoch
//! is higher, and a cursor of before is answered with a resync.

use std::{
    collections::HashMap,
    path::Path,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use inkledger::config::flag_of;
use serde_json::{Value, json};

use crate::{
    place::{forget, guard},
    slice::{Dice, Outcome, Slice, Tally, Violation, demand},
    support::{
        builders::{Api, Person},
        server::{Home, Process},
        ws_client::Ws,
    },
};

const ACCOUNTS: usize = 3;
const CLIENTS: usize = 6;

const QUERY: &str =
    "mutation($i: AddCreditsInput!) { addCredits(input: $i) { transaction { sequence } userErrors { code } } }";

/// Key: whose, sequence.
type Acknowledged = HashMap<String, (usize, i64)>;

struct Crowd {
    hero: Person,
    people: Vec<Person>,
    next: AtomicU64,
    acknowledged: Mutex<Acknowledged>,
}

impl Crowd {
    async fn ask(&self, api: &Api, hero: &Person, whose: usize, key: &str) -> Result<Option<i64>, reqwest::Error> {
        let input = json!({"target": {"userId": self.people[whose].user}, "amount": 1, "idempotencyKey": key});
        let answer = api.request(Some(&hero.token), QUERY, json!({"i": input})).send().await?;
        let answer: Value = answer.json().await?;
        Ok(answer["data"]["addCredits"]["transaction"]["sequence"].as_i64())
    }

    async fn load(self: Arc<Self>, api: Api, is_over: Arc<AtomicBool>) {
        while !is_over.load(Ordering::SeqCst) {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            let (whose, key) = (usize::try_from(number).unwrap() % ACCOUNTS, format!("credits-{number}"));
            if let Ok(Some(sequence)) = self.ask(&api, &self.hero, whose, &key).await {
                self.acknowledged.lock().unwrap().insert(key, (whose, sequence));
            }
        }
    }
}

/// The binary on a home's folder and database; its answer in JSON.
async fn command(home: &Home, arguments: &[&str]) -> Result<Value, Violation> {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_inkledger"));
    command.args(arguments).arg("--json").env_clear().stdin(Stdio::null()).kill_on_drop(true);
    for (key, value) in home.flags() {
        command.arg(flag_of(&key)).arg(value);
    }
    let output = command.output().await.unwrap();
    let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    demand(output.status.success(), || format!("{arguments:?}: {}{}", told(&output.stdout), told(&output.stderr)))?;
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{arguments:?}: {error}").into())
}

async fn balance_event(api: &Api, person: &Person, after: Option<&str>) -> Value {
    let mut ws = Ws::ready(api.address, Some(&person.token)).await;
    let after = after.map(|cursor| format!(", after: \"{cursor}\"")).unwrap_or_default();
    let query = format!("subscription {{ creditBalance(accountId: \"{}\"{after}) {{ kind cursor }} }}", person.account);
    ws.subscribe("b", &query).await;
    ws.expect("next", "b").await["data"]["creditBalance"].take()
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
    let crowd = Crowd { hero, people, next: AtomicU64::new(0), acknowledged: Mutex::default() };
    let (crowd, mut tally) = (Arc::new(crowd), Tally::default());
    let (mut meanwhile, mut longest) = (0, Duration::ZERO);
    while slice.left(tally.count) > 0 {
        let backup = home.folder().join(format!("backup-{}", tally.count));
        let cursor = balance_event(&server.api, &crowd.people[0], None).await["cursor"].as_str().unwrap().to_owned();
        let (before, taken, took) = backup_under_load(&home, server, &crowd, &backup, &mut dice).await?;
        longest = longest.max(took);
        meanwhile += crowd.acknowledged.lock().unwrap().len() - before.len();
        check(slice, &crowd, &backup, &taken, &before, &cursor).await?;
        std::fs::remove_dir_all(&backup).unwrap();
        tally.count += 1;
        server = home.process(&[]).await;
    }
    server.kill().await;
    forget().await;
    let acknowledged = crowd.acknowledged.lock().unwrap().len();
    tally.config = json!({"clients": CLIENTS, "accounts": ACCOUNTS, "acknowledged": acknowledged,
        "acknowledged_meanwhile": meanwhile, "backup_ms_max": u64::try_from(longest.as_millis()).unwrap()});
    Ok(tally)
}

/// What was acknowledged before the backup began, what it says of itself, and how long it took. The server is killed at the end.
async fn backup_under_load(
    home: &Home,
    server: Process,
    crowd: &Arc<Crowd>,
    backup: &Path,
    dice: &mut Dice,
) -> Result<(Acknowledged, Value, Duration), Violation> {
    let is_over = Arc::new(AtomicBool::new(false));
    let load = || tokio::spawn(Arc::clone(crowd).load(server.api.clone(), Arc::clone(&is_over)));
    let clients: Vec<_> = (0..CLIENTS).map(|_| load()).collect();
    tokio::time::sleep(Duration::from_millis(50 + dice.below(400))).await;
    let (before, began) = (crowd.acknowledged.lock().unwrap().clone(), Instant::now());
    let taken = command(home, &["backup", "--output", &backup.display().to_string()]).await;
    let took = began.elapsed();
    tokio::time::sleep(Duration::from_millis(dice.below(100))).await;
    server.kill().await;
    is_over.store(true, Ordering::SeqCst);
    join_all(clients).await;
    Ok((before, taken?, took))
}

async fn check(
    slice: &Slice,
    crowd: &Crowd,
    backup: &Path,
    taken: &Value,
    before: &Acknowledged,
    cursor: &str,
) -> Result<(), Violation> {
    let other = Home::open(slice.engine).await;
    let restored = command(&other, &["restore", "--yes", "--from", &backup.display().to_string()]).await?;
    let epochs = (taken["epoch"].as_i64().unwrap(), restored["accepted"]["epoch"].as_i64().unwrap());
    demand(epochs.1 > epochs.0, || format!("the epoch went from {} to {}", epochs.0, epochs.1))?;
    demand(restored["verify"]["transactions"] == taken["high_water"]["transactions"], || {
        format!("{} transactions in the backup, {} after restoring", taken["high_water"], restored["verify"])
    })?;
    command(&other, &["ledger", "verify"]).await?;
    let server = other.process(&[]).await;
    let reader = server.sign_in("reader0").await;
    let event = balance_event(&server.api, &reader, Some(cursor)).await;
    demand(event["kind"] == "RESYNC", || format!("an old cursor was answered with {event}"))?;
    let hero = server.sign_in("hero").await;
    for (key, (whose, sequence)) in before {
        let again =
            crowd.ask(&server.api, &hero, *whose, key).await.map_err(|error| format!("asked again: {error}"))?;
        demand(again == Some(*sequence), || {
            format!("{key} was acknowledged as {sequence} before the backup began, and is {again:?} after restoring it")
        })?;
    }
    server.kill().await;
    Ok(())
}
