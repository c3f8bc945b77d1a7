//! Sign-out, demotion and deletion close what is open within five seconds, and bite on the next request. G19, G56

use std::time::{Duration, Instant};

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::json;

use super::watch_balance;
use crate::support::{
    builders::{Person, next_event},
    server::{Home, Server},
    ws_client::Ws,
};

#[derive(Debug, Clone, Copy)]
enum End {
    SignOut,
    SignOutEverywhere,
    Demotion,
    Deletion,
}

async fn act(server: &Server, end: End, hero: &Person, person: &Person) {
    match end {
        End::SignOut => {
            let query = "mutation { signOut(input: {}) { sessionsEnded } }";
            assert_eq!(server.payload(person, query, json!({})).await, json!({"sessionsEnded": 1}));
        }
        End::SignOutEverywhere => {
            let query = "mutation { signOutEverywhere(input: {}) { sessionsEnded } }";
            server.payload(person, query, json!({})).await;
        }
        End::Demotion => server.assign_role(hero, person, "USER").await,
        End::Deletion => {
            let query = "mutation($i: DeleteUserInput!) { deleteUser(input: $i) { userErrors { code } } }";
            let payload = server.payload(hero, query, json!({"i": {"userId": person.user}})).await;
            assert_eq!(payload, json!({"userErrors": []}));
        }
    }
}

async fn closes_in_time(mut ws: Ws) {
    let began = Instant::now();
    let (code, _) = ws.closed().await;
    assert_eq!(code, 4403);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[rstest]
#[tokio::test]
async fn a_live_socket_closes_with_4403_within_five_seconds(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(End::SignOut, End::SignOutEverywhere, End::Demotion, End::Deletion)] end: End,
) {
    let server = Server::open(engine).await;
    let hero = server.hero().await;
    let admin = server.admin(&hero, "helper").await;
    let mut ws = watch_balance(&server, &admin, None).await;
    next_event(&mut ws, "balance").await;
    act(&server, end, &hero, &admin).await;
    closes_in_time(ws).await;
    let answer = server.call(Some(&admin.token), "{ myPermissions { feature } }", json!({})).await;
    match end {
        // The session goes on with the rights of now.
        End::Demotion => {
            let users = server.call(Some(&admin.token), "{ users { totalCount } }", json!({})).await;
            assert!(
                ["FORBIDDEN", "UNAUTHENTICATED"].contains(&users["errors"][0]["extensions"]["code"].as_str().unwrap())
            );
        }
        _ => {
            assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{answer}");
            assert_eq!(answer["errors"][0]["extensions"]["reason"], "SESSION_ENDED", "{answer}");
        }
    }
}

#[tokio::test]
async fn a_socket_of_another_server_closes_too() {
    let home = Home::open(Engine::Postgres).await;
    let (here, there) = (home.start().await, home.start().await);
    let hero = here.hero().await;
    let user = here.sign_up("reader").await;
    let mut ws = watch_balance(&there, &user, None).await;
    next_event(&mut ws, "balance").await;
    act(&here, End::Deletion, &hero, &user).await;
    closes_in_time(ws).await;
}
