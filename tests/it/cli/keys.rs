//! `inkledger keys`: new keys, and what the old ones still count for.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use inkledger::{
    ai::{model::Sealed, vault::Vault},
    db::Engine,
    ledger::proof::Look,
};
use rstest::rstest;
use sea_orm::ConnectionTrait as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::backup::{add, on};
use crate::support::server::{Home, Server};

async fn is_signed_in(server: &Server, token: &str) -> bool {
    server.call(Some(token), "{ viewer { id } }", json!({})).await["data"]["viewer"].is_object()
}

fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn tokens_of_a_replaced_signing_key_are_good_until_their_time_is_over() {
    let home = Home::open(Engine::Sqlite).await;
    let server = home.start().await;
    let old = server.sign_up("ann").await;
    server.stop().await;
    let rotated = on(&home, "keys rotate signing --json").await;
    assert_eq!((rotated.code, &rotated.json()["from"]), (0, &json!(kid(&old.token))), "{rotated:?}");

    let server = home.start().await;
    let new = server.sign_in("ann").await;
    assert_eq!(json!(kid(&new.token)), rotated.json()["to"]);
    assert!(is_signed_in(&server, &old.token).await && is_signed_in(&server, &new.token).await);
    server.stop().await;

    // Two hours later, but for the token itself, which would have ended by then.
    let file = home.folder().join("signing_key.pk8.former");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{} 2020-01-01T00:00:00Z\n", text.split(' ').next().unwrap())).unwrap();
    let server = home.start().await;
    assert!(!is_signed_in(&server, &old.token).await && is_signed_in(&server, &new.token).await);
    server.stop().await;

    let stolen = on(&home, "keys rotate signing --forget").await;
    assert_eq!(stolen.code, 0, "{stolen:?}");
    let server = home.start().await;
    assert!(!is_signed_in(&server, &new.token).await, "what a stolen key signed counts no more");
    server.stop().await;
}

#[tokio::test]
async fn proofs_of_a_replaced_ledger_key_stay_proofs_until_it_is_forgotten() {
    let home = Home::open(Engine::Sqlite).await;
    let anchored = async |turn: u32| {
        let server = home.start().await;
        let hero = match turn {
            0 => server.hero().await,
            _ => server.sign_in("hero").await,
        };
        add(&server, &hero, &hero, &format!("anchored-{turn}")).await.unwrap();
        server.anchors.write(Look::Everything).await.unwrap();
        let told = server.client.request("GET", "/.well-known/inkledger-ledger-keys.json").send().await.unwrap();
        let keys: Value = serde_json::from_str(&told.text().await.unwrap()).unwrap();
        server.stop().await;
        keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect::<Vec<_>>()
    };
    let first = anchored(0).await;
    let rotated = on(&home, "keys rotate ledger --json").await;
    assert_eq!(rotated.code, 0, "{rotated:?}");
    let rotated = rotated.json();
    assert_eq!(json!(first), json!([rotated["from"]]));
    assert_eq!(json!(anchored(1).await), json!([rotated["to"], rotated["from"]]));
    let verify = format!("ledger verify --anchors {}", home.folder().join("anchors.jsonl").display());
    let verified = on(&home, &verify).await;
    assert_eq!((verified.code, verified.out.contains("2 anchors")), (0, true), "{verified:?}");
    let listed = on(&home, "keys list --json").await.json();
    let ledger = listed.as_array().unwrap().iter().find(|key| key["key"] == "ledger").unwrap().clone();
    assert_eq!((&ledger["name"], &ledger["former"][0]["name"]), (&rotated["to"], &rotated["from"]), "{ledger}");

    assert_eq!(on(&home, "keys rotate ledger --forget").await.code, 0);
    let verified = on(&home, &verify).await;
    assert_eq!((verified.code, verified.out.contains("not among the public keys")), (1, true), "{verified:?}");
}

#[rstest]
#[tokio::test]
async fn provider_keys_are_encrypted_anew_all_at_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    const KEY: &str = "sk-canary-rotate-51";
    let home = Home::open(engine).await;
    let server = home.start().await;
    let hero = server.hero().await;
    let query =
        "mutation($i: UpdateProviderSettingsInput!) { updateProviderSettings(input: $i) { userErrors { code } } }";
    let input = json!({"provider": "sandbox", "expectedVersion": 0, "isEnabled": true});
    let payload = server.payload(&hero, query, json!({"i": input})).await;
    assert_eq!(payload["userErrors"], json!([]));
    server.stop().await;
    let path = home.folder().join("secret_key");
    let old = Vault::open(&path).unwrap();
    let ids = crate::support::planning::ids();
    let sealed = old.seal("sandbox", &KEY.into(), ids.as_ref()).unwrap();
    let db = home.look().await;
    let sql = "UPDATE ai_provider SET key_id = $1, key_nonce = $2, key_ciphertext = $3, key_fingerprint = 'f', key_set_at = 1";
    let values = [sealed.key_id.clone().into(), sealed.nonce.clone().into(), sealed.ciphertext.clone().into()];
    db.migration_connection().execute_raw(db.statement(sql, values)).await.unwrap();
    db.close().await;
    drop(db);

    for (more, keys_left) in [("", 2), (" --forget", 1)] {
        let rotated = on(&home, &format!("keys rotate secret --json{more}")).await;
        assert_eq!(rotated.code, 0, "{rotated:?}");
        assert!(!rotated.out.contains(KEY));
        let vault = Vault::open(&path).unwrap();
        assert_eq!((json!(vault.key_id()), vault.key_ids().len()), (rotated.json()["to"].clone(), keys_left));
        let db = home.look().await;
        let row = db.statement("SELECT key_id, key_nonce, key_ciphertext FROM ai_provider WHERE name = 'sandbox'", []);
        let row = db.reader().query_one_raw(row).await.unwrap().unwrap();
        let stored = Sealed {
            key_id: row.try_get("", "key_id").unwrap(),
            nonce: row.try_get("", "key_nonce").unwrap(),
            ciphertext: row.try_get("", "key_ciphertext").unwrap(),
        };
        db.close().await;
        assert_eq!(stored.key_id, vault.key_id(), "under the new key alone");
        assert_eq!(vault.unseal("sandbox", &stored).unwrap().expose_secret(), KEY);
        assert!(old.unseal("sandbox", &stored).is_err());
    }
    home.start().await.stop().await;
}
