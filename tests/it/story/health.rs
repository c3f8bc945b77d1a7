//! `ledgerHealth` and `diagnoseCredits`: what administrators see of the ledger.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::json;

use crate::support::server::Server;

const HEALTH: &str = "{ ledgerHealth { engine epoch gapFills overdueGrants overdueHolds shortfallLastDay frozenCount \
                      frozenAccounts { id } lastCheck { violations } lanes { queued oldestWaitUs batchSizeP50 batchSizeP99 \
                      commitTimeUsP50 commitTimeUsP99 busy fallbacks unknownCommits } } }";
const DIAGNOSE: &str = "query($a: ID!) { diagnoseCredits(accountId: $a) { isConsistent standing sequence openHolds openHeld \
                        recorded { issued available held spent expired revoked } journal { issued available } \
                        grants { issued available } violations { rule sequence } } }";

#[rstest]
#[tokio::test]
async fn administrators_see_how_the_ledger_is(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 100).await;
    let health = server.payload(&hero, HEALTH, json!({})).await;
    let name = if engine == Engine::Sqlite { "SQLITE" } else { "POSTGRES" };
    assert_eq!((&health["engine"], &health["epoch"], &health["frozenCount"]), (&json!(name), &json!(1), &json!(0)));
    assert_eq!(health["lanes"].as_array().unwrap().len(), if engine == Engine::Sqlite { 1 } else { 2 });
    let asked = json!({"a": user.account});
    let found = server.payload(&hero, DIAGNOSE, asked.clone()).await;
    assert_eq!((&found["isConsistent"], &found["violations"]), (&json!(true), &json!([])), "{found}");
    assert_eq!(found["recorded"]["available"], found["journal"]["available"]);
    // Behind the ledger's back; what people see of it is judged by the rest.
    let account = server.number("SELECT COUNT(*) FROM ledger_account").await;
    server.execute("UPDATE ledger_account SET issued = issued + 7, available = available + 7").await;
    let found = server.payload(&hero, DIAGNOSE, asked.clone()).await;
    assert_eq!(found["isConsistent"], json!(false), "{found} of {account}");
    assert!(found["violations"].as_array().unwrap().iter().any(|one| one["rule"] == "I1"), "{found}");
    server.execute("UPDATE ledger_account SET issued = issued - 7, available = available - 7, state = 'frozen'").await;
    let health = server.payload(&hero, HEALTH, json!({})).await;
    assert!(health["frozenAccounts"].as_array().unwrap().contains(&json!({"id": user.account})), "{health}");
    let found = server.payload(&hero, DIAGNOSE, asked.clone()).await;
    assert_eq!((&found["isConsistent"], &found["standing"]), (&json!(true), &json!("FROZEN")), "{found}");
    for query in [HEALTH, DIAGNOSE] {
        let refused = server.call(Some(&user.token), query, asked.clone()).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN", "{refused}");
    }
}
