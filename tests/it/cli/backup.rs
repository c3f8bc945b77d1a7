//! `inkledger backup` and `inkledger restore` through the real binary.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use inkledger::{config::flag_of, db::Engine};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{
    granted,
    place::{Answer, Place},
};
use crate::support::{
    builders::{Api, Person},
    server::Home,
    ws_client::Ws,
};

const ADD: &str = "mutation($i: AddCreditsInput!) { addCredits(input: $i) { added transaction { sequence } \
                   userErrors { code } } }";

/// The binary on a home's folder and database.
pub async fn on(home: &Home, arguments: &str) -> Answer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inkledger"));
    command.args(arguments.split_whitespace()).env_clear().stdin(Stdio::null()).kill_on_drop(true);
    for (key, value) in home.flags() {
        command.arg(flag_of(&key)).arg(value);
    }
    command.output().await.unwrap().into()
}

/// What was acknowledged: whose, under which key, as which transaction.
type Acked = (usize, String, i64);

struct Load {
    acked: Arc<Mutex<Vec<Acked>>>,
    stop: Arc<AtomicBool>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

pub async fn add(api: &Api, hero: &Person, person: &Person, key: &str) -> Option<i64> {
    let input = json!({"target": {"userId": person.user}, "amount": 1, "idempotencyKey": key});
    let answer = api.request(Some(&hero.token), ADD, json!({"i": input})).send().await.ok()?;
    let answer: Value = answer.json().await.ok()?;
    answer["data"]["addCredits"]["transaction"]["sequence"].as_i64()
}

impl Load {
    /// Clients that add credits, and one that spends them, until they are told to stop.
    fn start(api: &Api, hero: &Person, people: &[Person]) -> Self {
        let (acked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let adders = (0..4).map(|client| {
            let (api, hero, people) = (api.clone(), hero.clone(), people.to_vec());
            let (acked, stop) = (Arc::clone(&acked), Arc::clone(&stop));
            tokio::spawn(async move {
                for turn in 0.. {
                    let whose = turn % people.len();
                    let key = format!("load-client-{client}-{turn}");
                    if let Some(sequence) = add(&api, &hero, &people[whose], &key).await {
                        acked.lock().unwrap().push((whose, key, sequence));
                    }
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                }
            })
        });
        let (api, spender, stopped) = (api.clone(), people[0].clone(), Arc::clone(&stop));
        let spender = tokio::spawn(async move {
            let (query, mut turn) = (crate::support::builders::draw_query(), 0);
            while !stopped.load(Ordering::SeqCst) {
                let variables = crate::support::builders::draw_variables(1, &format!("load-spender-{turn}"));
                let _ = api.request(Some(&spender.token), &query, variables).send().await;
                turn += 1;
            }
        });
        let clients = adders.chain([spender]).collect();
        Self { acked, stop, clients }
    }

    fn acked(&self) -> Vec<Acked> {
        self.acked.lock().unwrap().clone()
    }

    async fn reaches(&self, count: usize) {
        let waiting = async {
            while self.acked.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("the load stands still");
    }

    async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.await.unwrap();
        }
    }
}

async fn balance_event(ws: &mut Ws, account: &str, after: Option<&str>) -> Value {
    let after = after.map(|cursor| format!(", after: \"{cursor}\"")).unwrap_or_default();
    let fields = "kind sequence cursor balance { available }";
    ws.subscribe("b", &format!("subscription {{ creditBalance(accountId: \"{account}\"{after}) {{ {fields} }} }}"))
        .await;
    ws.expect("next", "b").await["data"]["creditBalance"].take()
}

// T26: issue 6 is done when this holds.
#[rstest]
#[tokio::test]
async fn a_backup_taken_under_load_is_restored_with_a_new_epoch_and_clients_read_anew(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let home = Home::open(engine).await;
    let mut server = home.process(&[]).await;
    let hero = {
        let token = server.claim_token().await;
        server.claim(&token, "hero").await
    };
    let mut people = Vec::new();
    for name in ["ann", "bob", "cid"] {
        let person = server.sign_up(name).await;
        server.give(&hero, &person, 1_000).await;
        people.push(person);
    }
    let mut ws = Ws::ready(server.api.address, Some(&people[0].token)).await;
    let cursor = balance_event(&mut ws, &people[0].account, None).await["cursor"].as_str().unwrap().to_owned();
    let load = Load::start(&server.api, &hero, &people);
    load.reaches(40).await;

    let before = load.acked();
    let backup = home.folder().join("backups").join("first");
    let taken = on(&home, &format!("backup --json --objects --keys --output {}", backup.display())).await;
    assert_eq!(taken.code, 0, "{taken:?}");
    let taken = taken.json();
    load.reaches(load.acked().len() + 10).await;
    server.kill().await;
    load.end().await;
    drop(ws);
    assert_eq!(taken["epoch"], 1, "{taken}");
    assert!(taken["high_water"]["transactions"].as_i64().unwrap() >= before.len() as i64, "{taken}");

    let other = Home::open(engine).await;
    let restore = format!("restore --json --yes --from {}", backup.display());
    let restored = on(&other, &restore).await;
    assert_eq!(restored.code, 0, "{restored:?}");
    let restored = restored.json();
    assert_eq!((&restored["accepted"]["epoch"], &restored["verify"]["clean"]), (&json!(2), &json!(true)), "{restored}");
    assert_eq!(restored["verify"]["transactions"], taken["high_water"]["transactions"], "{restored}");
    let verified = on(&other, "ledger verify --json").await;
    assert_eq!((verified.code, &verified.json()["violations_count"]), (0, &json!(0)), "{verified:?}");

    let server = other.process(&[]).await;
    // The keys came along, so the token of before still opens; the cursor of before does not.
    let mut ws = Ws::ready(server.api.address, Some(&people[0].token)).await;
    let event = balance_event(&mut ws, &people[0].account, Some(&cursor)).await;
    assert_eq!(event["kind"], "RESYNC", "{event}");
    drop(ws);
    let hero = server.sign_in("hero").await;
    for (whose, key, sequence) in &before {
        let again = add(&server.api, &hero, &people[*whose], key).await;
        assert_eq!(again, Some(*sequence), "{key} was acknowledged before the backup began");
    }
    server.kill().await;
    let verified = on(&other, "ledger verify").await;
    assert_eq!(verified.code, 0, "{verified:?}");
    // The place is taken now.
    let again = on(&other, &restore).await;
    assert_eq!(again.code, 2, "{again:?}");
}

fn backup_of(place: &Place) -> PathBuf {
    place.folder.path().join("backup")
}

async fn taken(place: &Place, more: &str) -> Value {
    let answer = place.run(&format!("backup --json --output {} {more}", backup_of(place).display())).await;
    assert_eq!(answer.code, 0, "{answer:?}");
    answer.json()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn every_file(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(every_file(&path)) } else { found.push(path) }
    }
    found
}

#[rstest]
#[tokio::test]
async fn a_backup_is_for_its_owner_holds_no_keys_unasked_and_is_never_written_over(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let place = Place::migrated(engine).await;
    let output = format!("backup --output {}", backup_of(&place).display());
    let unused = place.run(&output).await;
    assert_eq!((unused.code, unused.err.contains("no server has used this database")), (2, true), "{unused:?}");
    assert!(!backup_of(&place).exists());
    granted(&place).await;
    std::fs::create_dir_all(place.data_dir().join("objects/images")).unwrap();
    for (file, text) in [("secret_key", [7; 32]), ("objects/images/a.png", [8; 32])] {
        std::fs::write(place.data_dir().join(file), text).unwrap();
    }
    // Holds the file's lock, as a server does.
    let server = place.open().await;
    let plain = taken(&place, "").await;
    assert_eq!((&plain["keys"], &plain["objects"]), (&json!(false), &json!(false)), "{plain}");
    assert_eq!(plain["engine"], engine.as_str());
    assert_eq!(plain["high_water"]["transactions"], 1, "{plain}");
    assert_eq!(mode(&backup_of(&place)), 0o700);
    for file in every_file(&backup_of(&place)) {
        assert_eq!(mode(&file), 0o600, "{file:?}");
        assert!(!file.ends_with("secret_key") && !file.ends_with("a.png"), "{file:?}");
    }
    let again = place.run(&output).await;
    assert_eq!((again.code, again.err.contains("nothing is written over")), (2, true), "{again:?}");
    std::fs::rename(backup_of(&place), place.folder.path().join("plain")).unwrap();
    taken(&place, "--keys --objects").await;
    assert_eq!(std::fs::read(backup_of(&place).join("keys/secret_key")).unwrap(), [7; 32]);
    assert_eq!(std::fs::read(backup_of(&place).join("objects/images/a.png")).unwrap(), [8; 32]);
    let left: Vec<_> =
        std::fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{left:?}");
    server.close().await;
}

/// Refused with `code` and these words, and nothing is there afterwards.
async fn refused(target: &Place, from: &Path, code: i32, words: &str) {
    let answer = target.run(&format!("restore --yes --from {}", from.display())).await;
    assert_eq!((answer.code, answer.err.contains(words)), (code, true), "{words}: {answer:?}");
    assert!(!target.data_dir().join("inkledger.sqlite3").exists());
}

fn changed(folder: &Path, file: &str, change: impl Fn(String) -> String) {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, change(text)).unwrap();
}

#[rstest]
#[tokio::test]
async fn a_restore_refuses_what_is_not_fit_and_leaves_nothing_behind(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let place = Place::migrated(engine).await;
    granted(&place).await;
    taken(&place, "").await;
    let (from, target) = (backup_of(&place), Place::new(engine).await);
    let unasked = target.run(&format!("restore --from {}", from.display())).await;
    assert_eq!((unasked.code, unasked.err.contains("--yes")), (2, true), "{unasked:?}");
    let taken_place = place.run(&format!("restore --yes --from {}", from.display())).await;
    assert_eq!(taken_place.code, 2, "{taken_place:?}");
    assert_eq!(place.run("ledger verify").await.code, 0, "it is as it was");

    refused(&target, place.folder.path(), 2, "is no backup").await;
    let manifest = std::fs::read_to_string(from.join("manifest.json")).unwrap();
    changed(&from, "manifest.json", |text| {
        text.replace("\"migrations\": [", "\"migrations\": [\"m99991231_000001_future\",")
    });
    refused(&target, &from, 1, "Install the newer version").await;
    changed(&from, "manifest.json", |_| manifest.replace(engine.as_str(), "dbase"));
    refused(&target, &from, 2, "dbase").await;
    std::fs::write(from.join("manifest.json"), &manifest).unwrap();
    let (other, word) = match engine {
        Engine::Sqlite => (Engine::Postgres, "Leave --database-url"),
        Engine::Postgres => (Engine::Sqlite, "with --database-url"),
    };
    refused(&Place::new(other).await, &from, 2, word).await;
    let file = match engine {
        Engine::Sqlite => "database.sqlite3",
        Engine::Postgres => "tables/credit_transaction.jsonl",
    };
    let whole = std::fs::read(from.join(file)).unwrap();
    let mut bitten = whole.clone();
    let middle = bitten.len() / 2;
    bitten[middle] ^= 1;
    std::fs::write(from.join(file), &bitten).unwrap();
    refused(&target, &from, 1, "damaged at").await;
    std::fs::write(from.join(file), &whole).unwrap();
    if engine == Engine::Sqlite {
        std::fs::create_dir_all(target.data_dir()).unwrap();
        let server = target.open().await;
        let answer = target.run(&format!("restore --yes --from {}", from.display())).await;
        assert_eq!((answer.code, answer.err.contains("another process uses")), (2, true), "{answer:?}");
        server.close().await;
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(target.data_dir().join(format!("inkledger.sqlite3{ending}")));
        }
    }
    let answer = target.run(&format!("restore --yes --from {}", from.display())).await;
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.out.contains("No violations") && answer.out.contains("The server starts now"), "{answer:?}");
    assert_eq!(target.run("ledger verify").await.code, 0);
    if engine == Engine::Sqlite {
        let left: Vec<_> =
            std::fs::read_dir(target.data_dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().contains("part")), "{left:?}");
    }
}

/// The ledger of a backup that somebody changed, sums and all.
#[rstest]
#[tokio::test]
async fn a_backup_whose_ledger_breaks_a_rule_is_not_restored(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let place = Place::migrated(engine).await;
    granted(&place).await;
    place.execute(&["UPDATE ledger_account SET issued = issued + 1, available = available + 1".to_owned()]).await;
    taken(&place, "").await;
    let target = Place::new(engine).await;
    refused(&target, &backup_of(&place), 1, "the ledger of the backup breaks").await;
}

#[tokio::test]
async fn an_older_backup_is_migrated_and_an_epoch_that_is_named_is_passed() {
    let place = Place::migrated(Engine::Postgres).await;
    granted(&place).await;
    let migrations = taken(&place, "").await["migrations"].as_array().unwrap().clone();
    // The last migration makes one table, so the version before had all but that.
    let last = migrations.last().unwrap().as_str().unwrap();
    assert!(last.ends_with("_create_api_key"), "a later migration changes tables: take its tables out of this backup");
    let manifest = backup_of(&place).join("manifest.json");
    let mut told: Value = serde_json::from_str(&std::fs::read_to_string(&manifest).unwrap()).unwrap();
    told["migrations"].as_array_mut().unwrap().pop();
    told["files"].as_array_mut().unwrap().retain(|file| file["path"] != "tables/api_key.jsonl");
    std::fs::remove_file(backup_of(&place).join("tables/api_key.jsonl")).unwrap();
    std::fs::write(&manifest, told.to_string()).unwrap();
    let target = Place::new(Engine::Postgres).await;
    let restore = format!("restore --yes --json --above-epoch 7 --from {}", backup_of(&place).display());
    let answer = target.run(&restore).await;
    assert_eq!(answer.code, 0, "{answer:?}");
    let done = answer.json();
    assert_eq!((&done["migrations"], &done["accepted"]["epoch"]), (&json!(1), &json!(8)), "{done}");
    assert_eq!(target.run("ledger verify").await.code, 0);
}
