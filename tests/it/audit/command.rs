//! `inkledger audit verify`, the doctor's check, and the trail of a person who is deleted.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::server::Home;

async fn run(home: &Home, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_inkledger"));
    command.args(arguments).env_clear().kill_on_drop(true);
    for (key, value) in home.flags() {
        command.arg(inkledger::config::flag_of(&key)).arg(value);
    }
    let output = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[rstest]
#[tokio::test]
async fn an_operator_verifies_the_trail(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let home = Home::open(engine).await;
    let server = home.start().await;
    let hero = server.hero().await;
    let person = server.sign_up("person").await;
    server.assign_role(&hero, &person, "ADMIN").await;
    let (code, _, _) = run(&home, &["audit", "verify"]).await;
    assert_eq!(code, Some(0), "nothing is sealed yet");
    assert!(server.audit_chain.seal().await.unwrap() >= 2);
    let (code, out, _) = run(&home, &["audit", "verify"]).await;
    assert_eq!((code, out.contains("Verdict: CLEAN")), (Some(0), true), "{out}");
    let check = async || {
        let query = "{ environmentAudit { checks { name status finding remedy } } }";
        let audit = server.payload(&hero, query, json!({})).await;
        audit["checks"].as_array().unwrap().iter().find(|check| check["name"] == "audit").unwrap().clone()
    };
    assert_eq!(check().await["status"], "OK");
    let file = home.folder().join("audit_anchors.jsonl");
    let lines = std::fs::read_to_string(&file).unwrap();
    assert!(!lines.contains("person") && lines.lines().count() == 1, "{lines}");
    // Without the file an end that was cut off would not show, so nobody says that all is well.
    std::fs::rename(&file, home.folder().join("aside")).unwrap();
    let (code, _, err) = run(&home, &["audit", "verify"]).await;
    assert_eq!((code, err.contains("--database-only")), (Some(2), true), "{err}");
    assert_eq!(run(&home, &["audit", "verify", "--database-only"]).await.0, Some(0));
    assert_eq!(check().await["status"], "WARN");
    std::fs::rename(home.folder().join("aside"), &file).unwrap();
    let unlock = match engine {
        Engine::Sqlite => "DROP TRIGGER audit_entry_no_update",
        Engine::Postgres => "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
    };
    server.execute(unlock).await;
    server.execute("UPDATE audit_entry SET after = 'USER' WHERE action = 'user.assign_role'").await;
    let (code, out, _) = run(&home, &["audit", "verify", "--json"]).await;
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &told["clean"], &told["faults"][0]["code"]),
        (Some(1), &json!(false), &json!("CHANGED")),
        "{told}"
    );
    assert_eq!(check().await["status"], "FAIL");
}

// §1.8: who did what stays, the words go, and the chain holds.
#[rstest]
#[tokio::test]
async fn deleting_a_person_leaves_the_chain_whole_and_no_words(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let home = Home::open(engine).await;
    let server = home.start().await;
    let hero = server.hero().await;
    let gone = server.sign_up("goneperson").await;
    let query = "query($id: ID!) { account(id: $id) { version } }";
    let account = server.payload(&gone, query, json!({"id": gone.account})).await;
    let input = json!({"accountId": gone.account, "expectedVersion": account["version"], "name": "Canary Gone"});
    let query = "mutation($i: UpdateAccountInput!) { updateAccount(input: $i) { userErrors { code } } }";
    assert_eq!(server.payload(&gone, query, json!({"i": input})).await["userErrors"], json!([]));
    server.audit_chain.seal().await.unwrap();
    let query = "mutation($i: DeleteUserInput!) { deleteUser(input: $i) { userErrors { code } } }";
    assert_eq!(server.payload(&hero, query, json!({"i": {"userId": gone.user}})).await["userErrors"], json!([]));
    server.audit_chain.seal().await.unwrap();
    let (code, out, _) = run(&home, &["audit", "verify"]).await;
    assert_eq!((code, out.contains("the words of 1 went")), (Some(0), true), "{out}");
    let words = "SELECT COUNT(*) FROM audit_entry WHERE COALESCE(before, '') || COALESCE(after, '') LIKE '%gone%' \
                 OR COALESCE(before, '') || COALESCE(after, '') LIKE '%Gone%'";
    assert_eq!(server.number(words).await, 0);
    assert_eq!(server.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'account.update'").await, 1);
    assert_eq!(server.number("SELECT COUNT(*) FROM audit_link WHERE salt IS NULL").await, 1);
}
