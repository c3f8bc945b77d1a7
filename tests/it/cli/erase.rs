//! `inkledger users erase`: nothing of a person stays, and no backup brings them back (T30).

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::backup::{add, on};
use crate::support::{
    builders::Person,
    dump::dump,
    server::{Home, Server},
};

/// The person's name; their address and their words have it too.
const CANARY: &str = "canary-9d24";

async fn draw(server: &Server, person: &Person) {
    let draw = "mutation($i: GenerateImagesInput!) { generateImages(input: $i) { task { id } userErrors { code } } }";
    let input = json!({"prompt": format!("a portrait of {CANARY}"), "count": 1, "idempotencyKey": "erase-draw-1"});
    let drawn = server.payload(person, draw, json!({"i": input})).await;
    server.ended(person, drawn["task"]["id"].as_str().unwrap_or_else(|| panic!("{drawn}"))).await;
}

/// Whether any file that is not an image has the canary.
fn in_files(home: &Home) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(home.folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && std::fs::read(&path).unwrap().windows(CANARY.len()).any(|part| part == CANARY.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[rstest]
#[tokio::test]
async fn a_person_is_erased_with_proof_and_a_restored_backup_does_not_bring_them_back(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let home = Home::open(engine).await;
    let server = home.start().await;
    let hero = server.hero().await;
    let (person, other) = (server.sign_up(CANARY).await, server.sign_up("other").await);
    // Keys of commands are part of the chain of hashes and stay: this one names nobody.
    for turn in 0..9 {
        add(&server, &hero, &person, &format!("neutral-{turn}")).await.unwrap();
    }
    server.give(&hero, &other, 5).await;
    draw(&server, &person).await;
    assert!(dump(&server).await.contains(CANARY));
    server.stop().await;
    let backup = home.folder().join("backups").join("old");
    let taken = on(&home, &format!("backup --output {}", backup.display())).await;
    assert_eq!(taken.code, 0, "{taken:?}");

    let unasked = on(&home, &format!("users erase {CANARY}")).await;
    assert_eq!((unasked.code, unasked.err.contains("--yes")), (2, true), "{unasked:?}");
    let missing = on(&home, "users erase nobody --yes").await;
    assert_eq!((missing.code, missing.err.contains("users list")), (1, true), "{missing:?}");
    let last = on(&home, "users erase hero --yes").await;
    assert_eq!((last.code, last.err.contains("last HERO")), (1, true), "{last:?}");
    let erased = on(&home, &format!("users erase {CANARY} --yes --json")).await;
    assert_eq!(erased.code, 0, "{erased:?}");
    let told = erased.json();
    let named: Vec<&str> =
        told["before"].as_array().unwrap().iter().map(|found| found["column"].as_str().unwrap()).collect();
    for column in ["username", "email", "name"] {
        assert!(named.contains(&column), "the search finds them while they are there: {told}");
    }
    assert_eq!((&told["clean"], &told["after"]), (&json!(true), &json!([])), "{told}");
    assert!(told["stays"]["credit transactions"].as_i64().unwrap() >= 2, "the ledger stays: {told}");
    assert_eq!(in_files(&home), Vec::<String>::new());
    assert_eq!(on(&home, "ledger verify").await.code, 0);
    let server = home.start().await;
    assert!(!dump(&server).await.contains(CANARY));
    assert_eq!(server.balance(&server.sign_in("other").await).await, (5, 0));
    server.stop().await;

    // T30: on another machine, where nothing but the list of the deleted is left of the first.
    let second = Home::open(engine).await;
    std::fs::copy(home.folder().join("erased.jsonl"), second.folder().join("erased.jsonl")).unwrap();
    let restored = on(&second, &format!("restore --yes --json --from {}", backup.display())).await;
    assert_eq!(restored.code, 0, "{restored:?}");
    let done: Value = restored.json();
    assert_eq!(done["erased_again"], json!([told["user"]]), "{done}");
    assert_eq!(done["verify"]["clean"], true, "{done}");
    assert_eq!(in_files(&second), Vec::<String>::new());
    let server = second.start().await;
    assert!(!dump(&server).await.contains(CANARY));
    assert_eq!(server.balance(&server.sign_in("other").await).await, (5, 0));
    server.stop().await;
}

/// Who was deleted through the API is on the list too, and a copy put back by hand forgets nobody either.
#[rstest]
#[tokio::test]
async fn whoever_was_deleted_through_the_api_stays_deleted_after_a_restore(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let home = Home::open(engine).await;
    let server = home.start().await;
    let (hero, person) = (server.hero().await, server.sign_up(CANARY).await);
    server.give(&hero, &person, 5).await;
    server.stop().await;
    let backup = home.folder().join("backups").join("old");
    assert_eq!(on(&home, &format!("backup --output {}", backup.display())).await.code, 0);
    let server = home.start().await;
    let hero = server.sign_in("hero").await;
    let delete = "mutation($i: DeleteUserInput!) { deleteUser(input: $i) { userErrors { code } } }";
    let deleted = server.payload(&hero, delete, json!({"i": {"userId": person.user}})).await;
    assert_eq!(deleted["userErrors"], json!([]));
    server.stop().await;
    let list = std::fs::read_to_string(home.folder().join("erased.jsonl")).unwrap();
    assert_eq!(list.lines().count(), 1, "{list}");
    assert!(!list.contains(CANARY), "{list}");
    // As a crash would leave it, and another machine that was never told.
    std::fs::remove_file(home.folder().join("erased.jsonl")).unwrap();
    home.start().await.stop().await;
    assert_eq!(std::fs::read_to_string(home.folder().join("erased.jsonl")).unwrap(), list);

    let second = Home::open(engine).await;
    std::fs::copy(home.folder().join("erased.jsonl"), second.folder().join("erased.jsonl")).unwrap();
    let restored = on(&second, &format!("restore --yes --from {}", backup.display())).await;
    assert_eq!(restored.code, 0, "{restored:?}");
    let again = restored.out.lines().find(|line| line.starts_with("people deleted again")).unwrap();
    assert!(again.ends_with(" 1"), "{again}");
    let listed = on(&second, "users list").await;
    assert!(listed.out.contains("hero") && !listed.out.contains(CANARY), "{listed:?}");
}

/// What cannot be erased is told: the keys of commands are part of the chain of hashes.
#[tokio::test]
async fn whatever_still_names_a_person_is_named_and_is_no_success() {
    let home = Home::open(Engine::Sqlite).await;
    let server = home.start().await;
    let (hero, person) = (server.hero().await, server.sign_up(CANARY).await);
    add(&server, &hero, &person, &format!("for-{CANARY}-1")).await.unwrap();
    server.stop().await;
    let erased = on(&home, &format!("users erase {} --yes --json", person.user)).await;
    assert_eq!(erased.code, 1, "{erased:?}");
    let told = erased.json();
    assert_eq!(told["after"], json!([{"table": "credit_transaction", "column": "idem_key", "rows": 1}]), "{told}");
    assert_eq!(on(&home, &format!("users erase {CANARY} --yes")).await.code, 1, "the person is gone all the same");
}
