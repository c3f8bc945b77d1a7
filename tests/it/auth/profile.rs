//! One's own name and sessions through the API.

use std::env;

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    builders::{Api, PASSWORD, Person},
    graphql_client::send,
    server::{Home, Server},
    ws_client::Ws,
};

const SESSIONS: &str =
    "{ viewer { sessions { totalCount nodes { id client isCurrent createdAt lastUsedAt expiresAt } } } }";

async fn sessions(api: &Api, person: &Person) -> Vec<Value> {
    let found = api.data(Some(&person.token), SESSIONS, json!({})).await;
    let nodes = found["viewer"]["sessions"]["nodes"].as_array().unwrap().clone();
    assert_eq!(found["viewer"]["sessions"]["totalCount"], nodes.len());
    nodes
}

/// Signs in with a header of the client's; the access and the refresh token.
async fn sign_in_as(api: &Api, name: &str, header: (&str, &str)) -> (String, String) {
    let query = "mutation($i: SignInInput!) { signIn(input: $i) { session { accessToken refreshToken } } }";
    let request = api.request(None, query, json!({"i": {"identity": name, "password": PASSWORD}}));
    let answer = send(request.header(header.0, header.1)).await.json();
    let text = |field: &str| answer["data"]["signIn"]["session"][field].as_str().unwrap().to_owned();
    (text("accessToken"), text("refreshToken"))
}

#[rstest]
#[tokio::test]
async fn a_person_sees_their_sessions_and_ends_one(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let (ada, hero) = (server.sign_up("Ada").await, server.hero().await);
    let long = "y".repeat(300);
    let (console, refresh) = sign_in_as(&server, "Ada", ("x-client-name", "Ink  Console\t2")).await;
    let (phone, _) = sign_in_as(&server, "Ada", ("user-agent", &long)).await;
    let found = sessions(&server, &ada).await;
    let labels: Vec<_> = found.iter().map(|one| one["client"].clone()).collect();
    assert_eq!(labels, [json!("y".repeat(100)), json!("Ink Console 2"), Value::Null]);
    let current: Vec<_> = found.iter().map(|one| one["isCurrent"].clone()).collect();
    assert_eq!(current, [false, false, true]);
    assert_eq!(found[1]["createdAt"], found[1]["lastUsedAt"]);

    // Only a refresh is noted.
    let next = "mutation($i: RefreshSessionInput!) { refreshSession(input: $i) { session { accessToken } } }";
    server.data(None, next, json!({"i": {"refreshToken": refresh}})).await;
    let used = sessions(&server, &ada).await;
    assert!(used[1]["lastUsedAt"].as_str() > used[1]["createdAt"].as_str(), "{used:?}");
    assert_eq!(used[2]["lastUsedAt"], found[2]["lastUsedAt"]);

    // Nobody else sees or ends them.
    let of = "query($id: ID!) { user(id: $id) { username sessions { totalCount } } }";
    let seen = server.data(Some(&hero.token), of, json!({"id": ada.user})).await;
    assert_eq!(seen["user"], json!({"username": "Ada", "sessions": null}));
    let node = "query($id: ID!) { node(id: $id) { id } }";
    let id = found[1]["id"].clone();
    assert_eq!(server.data(Some(&hero.token), node, json!({ "id": id })).await["node"], Value::Null);
    assert_eq!(server.data(Some(&ada.token), node, json!({ "id": id })).await["node"]["id"], id);
    let end = async |person: &Person, id: &Value| {
        let answer = server.mutate(person, "signOut", "sessionsEnded", json!({"sessionId": id})).await;
        answer["data"]["signOut"]["sessionsEnded"].clone()
    };
    assert_eq!(end(&hero, &id).await, 0, "another's session is answered like none");

    let mut ws = Ws::ready(server.address(), Some(&console)).await;
    let mut other = Ws::ready(server.address(), Some(&phone)).await;
    assert_eq!(end(&ada, &id).await, 1);
    assert_eq!(ws.closed().await, (4403, "SESSION_ENDED".to_owned()));
    assert_eq!(end(&ada, &id).await, 0, "repeating is harmless");
    assert_eq!(sessions(&server, &ada).await.len(), 2);
    let viewer = "{ viewer { username } }";
    assert_eq!(server.data(Some(&console), viewer, json!({})).await["viewer"], Value::Null);
    other.send(json!({"type": "ping"})).await;
    assert_eq!(other.receive().await["type"], "pong", "the other session goes on");
    let both = json!({"sessionId": found[0]["id"], "everywhere": true});
    assert_eq!(server.refusal(&ada, "signOut", both).await, "BAD_USER_INPUT");
    assert_eq!(server.refusal(&ada, "signOut", json!({"sessionId": ada.user})).await, "BAD_USER_INPUT");
}

/// One database, two processes, hints over NATS: what one ends or takes away closes at the other.
#[tokio::test]
async fn what_ends_in_one_process_closes_in_the_other() {
    let home = Home::open(Engine::Postgres).await;
    let url = env::var("INKLEDGER_TEST_NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    let settings = [("nats.url", url.as_str())];
    let (one, two) = tokio::join!(home.process(&settings), home.process(&settings));
    let (ada, bob) = (one.sign_up("Ada").await, one.sign_up("Bob").await);
    let there = two.sign_in("Ada").await;
    let mut session = Ws::ready(two.address, Some(&there.token)).await;
    let id = sessions(&two, &there).await[0]["id"].clone();
    let ended = one.mutate(&ada, "signOut", "sessionsEnded", json!({"sessionId": id})).await;
    assert_eq!(ended["data"]["signOut"]["sessionsEnded"], 1);
    assert_eq!(session.closed().await, (4403, "SESSION_ENDED".to_owned()));

    let account = one.account(&ada, "Studio").await;
    let db = home.look().await;
    crate::support::members::join_in(&db, &account, &bob, "EDITOR").await;
    db.close().await;
    let mut member = Ws::ready(two.address, Some(&bob.token)).await;
    assert_eq!(one.remove(&ada, &account, &bob).await, "");
    assert_eq!(member.closed().await, (4403, "RIGHTS_CHANGED".to_owned()));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_takes_another_name_if_it_is_free(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Server::open(engine).await;
    let (ada, bob) = (server.sign_up("Ada").await, server.sign_up("Bob").await);
    let rename =
        async |person: &Person, name: &str| server.refusal(person, "updateViewer", json!({ "username": name })).await;
    assert_eq!(rename(&ada, "x").await, "USERNAME_INVALID");
    assert_eq!(rename(&ada, "bOB").await, "USERNAME_TAKEN");
    assert_eq!(server.refusal(&ada, "updateViewer", json!({"username": null})).await, "BAD_USER_INPUT");
    assert_eq!(server.refusal(&ada, "updateViewer", json!({})).await, "", "nothing changes");
    assert_eq!(rename(&ada, "Ada_L").await, "");
    assert_eq!(rename(&ada, "ADA_l").await, "", "one's own name in other letters");
    assert_eq!(server.sign_in("ada_L").await.name, "ADA_l");
    assert_eq!(server.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'user.update'").await, 2);
    let (one, two) = tokio::join!(rename(&ada, "Same"), rename(&bob, "sAME"));
    let mut codes = [one.as_str(), two.as_str()];
    codes.sort_unstable();
    assert_eq!(codes, ["", "USERNAME_TAKEN"]);
}
