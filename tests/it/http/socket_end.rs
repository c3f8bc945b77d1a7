//! WebSockets: limits, slow clients, sessions that end, shutdown.

use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use inkledger::{
    clock::{Clock as _, SECOND, SystemClock},
    http::SessionEnd,
    viewer::PlatformRole::{Admin, User},
};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    http_server::{Setup, server, token},
    ws_client::Ws,
};

fn in_seconds(seconds: i64) -> i64 {
    SystemClock.now() + seconds * SECOND
}

// G16
#[tokio::test]
async fn the_server_pings_and_silence_ends_the_socket() {
    let setup = Setup::with(|setup| {
        setup.settings.timing.ping = Duration::from_millis(100);
        setup.settings.timing.silence = Duration::from_millis(600);
    });
    let server = setup.start().await;
    // A client that only reads answers pings by itself and lives.
    let mut ws = Ws::ready(server.address, None).await;
    let start = Instant::now();
    let mut pings = Vec::new();
    while pings.len() < 12 {
        if let Message::Ping(_) = ws.socket.next().await.unwrap().unwrap() {
            pings.push(start.elapsed().as_millis());
        }
    }
    let gaps: Vec<u128> = pings.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| (60..=220).contains(gap)), "{gaps:?}");
    assert!(start.elapsed() > Duration::from_millis(700));
    // One that does not read does not answer either.
    let mut mute = Ws::ready(server.address, None).await;
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    assert_eq!(mute.closed().await.0, 1001);
}

// G17
#[tokio::test]
async fn a_message_may_have_64_kib_and_no_byte_more() {
    let server = server().await;
    let ping = |bytes: usize| {
        let empty = json!({"type": "ping", "payload": {"pad": ""}}).to_string().len();
        json!({"type": "ping", "payload": {"pad": "x".repeat(bytes - empty)}}).to_string()
    };
    let mut ws = Ws::ready(server.address, None).await;
    ws.send_text(ping(65_536)).await;
    assert_eq!(ws.receive().await["type"], "pong");
    ws.send_text(ping(65_537)).await;
    assert_eq!(ws.closed().await.0, 1009);
    let mut ws = Ws::ready(server.address, None).await;
    ws.send_text(ping(1 << 20)).await;
    assert_eq!(ws.closed().await.0, 1009);
}

// G17
#[tokio::test]
async fn more_than_20_messages_a_second_close_1008() {
    let server = server().await;
    let mut ws = Ws::ready(server.address, None).await;
    for _ in 0..20 {
        ws.send(json!({"type": "ping"})).await;
    }
    for _ in 0..20 {
        assert_eq!(ws.receive().await["type"], "pong");
    }
    for _ in 0..40 {
        ws.send(json!({"type": "ping"})).await;
    }
    assert_eq!(ws.closed().await.0, 1008);
    // Ping frames count like messages.
    let mut ws = Ws::ready(server.address, None).await;
    for _ in 0..60 {
        let _ = ws.socket.send(Message::Ping(bytes::Bytes::new())).await;
    }
    assert_eq!(ws.closed().await.0, 1008);
}

// G17
#[tokio::test]
async fn operations_on_a_socket_are_capped_by_kind_of_caller() {
    let server = server().await;
    let user = token(User, 7, 7, in_seconds(600));
    for (who, maximum) in [(None, 2), (Some(user.as_str()), 20)] {
        let mut ws = Ws::ready(server.address, who).await;
        for id in 0..maximum {
            ws.subscribe(&id.to_string(), "subscription { quiet }").await;
        }
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        ws.subscribe("more", "subscription { quiet }").await;
        let errors = ws.expect("error", "more").await;
        let extensions = &errors[0]["extensions"];
        assert_eq!((&extensions["limit"], &extensions["maximum"]), (&json!("operationsPerSocket"), &json!(maximum)));
        ws.complete("0").await;
        ws.subscribe("more", "{ hello }").await;
        ws.expect("next", "more").await;
    }
}

// G17
#[tokio::test]
async fn sockets_are_capped_per_address_and_per_user() {
    let server = server().await;
    let mut anonymous = Vec::new();
    for _ in 0..20 {
        anonymous.push(Ws::ready(server.address, None).await);
    }
    let refused = async || {
        let mut ws = Ws::connect(server.address).await;
        ws.init(None).await;
        ws.closed().await
    };
    assert_eq!(refused().await, (1008, "TOO_MANY_SOCKETS".to_owned()));
    // A user counts for themselves, wherever they come from.
    let user = token(User, 8, 8, in_seconds(600));
    let mut own = Vec::new();
    for _ in 0..10 {
        own.push(Ws::ready(server.address, Some(&user)).await);
    }
    let mut ws = Ws::connect(server.address).await;
    ws.init(Some(&user)).await;
    assert_eq!(ws.closed().await.0, 1008);
    drop(anonymous.pop());
    while server.state.open_sockets() > 29 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ws::ready(server.address, None).await;
}

// G18
#[tokio::test]
async fn a_client_that_does_not_read_is_dropped_with_1013() {
    let server = Setup::with(|setup| setup.settings.timing.stall = Duration::from_millis(400)).start().await;
    let mut ws = Ws::ready(server.address, None).await;
    ws.subscribe("1", "subscription { flood(bytes: 60000) }").await;
    ws.expect("next", "1").await;
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    // What was on its way arrives, then the reason.
    assert_eq!(ws.closed().await.0, 1013);
    while server.state.open_sockets() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

// G19
#[tokio::test]
async fn the_socket_closes_when_its_token_ends() {
    let server = server().await;
    let expires_at = SystemClock.now() + SECOND;
    let mut ws = Ws::ready(server.address, Some(&token(User, 1, 1, expires_at))).await;
    ws.subscribe("1", "subscription { ticks(count: 1000000, everyMs: 20) }").await;
    assert_eq!(ws.closed().await, (4403, "TOKEN_EXPIRED".to_owned()));
    let late = SystemClock.now() - expires_at;
    assert!((0..SECOND).contains(&late), "{late}");
}

// G19
#[tokio::test]
async fn a_ping_with_a_fresh_token_of_the_same_session_moves_the_deadline() {
    let server = server().await;
    let end = SystemClock.now() + SECOND;
    let mut ws = Ws::ready(server.address, Some(&token(User, 1, 1, end))).await;
    let fresh = format!("Bearer {}", token(User, 1, 1, end + SECOND));
    ws.send(json!({"type": "ping", "payload": {"authorization": fresh}})).await;
    assert_eq!(ws.receive().await["type"], "pong");
    assert_eq!(ws.closed().await.1, "TOKEN_EXPIRED");
    assert!(SystemClock.now() >= end + SECOND);
    // Another session's token, another user's, a bad one: no.
    for other in [token(User, 1, 2, in_seconds(60)), token(Admin, 2, 1, in_seconds(60)), "nonsense".to_owned()] {
        let end = SystemClock.now() + SECOND / 2;
        let mut ws = Ws::ready(server.address, Some(&token(User, 1, 1, end))).await;
        ws.send(json!({"type": "ping", "payload": {"authorization": format!("Bearer {other}")}})).await;
        assert_eq!(ws.closed().await.1, "TOKEN_EXPIRED");
        assert!(SystemClock.now() < end + SECOND);
    }
}

// G19
#[tokio::test]
async fn sign_out_and_changed_rights_close_the_socket_with_the_reason() {
    let server = server().await;
    for (session, end, reason) in
        [(3, SessionEnd::SessionEnded, "SESSION_ENDED"), (4, SessionEnd::RightsChanged, "RIGHTS_CHANGED")]
    {
        let mut ws = Ws::ready(server.address, Some(&token(User, 1, session, in_seconds(600)))).await;
        let mut other = Ws::ready(server.address, Some(&token(User, 1, session + 10, in_seconds(600)))).await;
        ws.subscribe("1", "subscription { ticks(count: 1000000, everyMs: 20) }").await;
        ws.expect("next", "1").await;
        server.judge.end(session, end);
        assert_eq!(ws.closed().await, (4403, reason.to_owned()));
        other.subscribe("1", "{ hello }").await;
        other.expect("next", "1").await;
    }
}

// G20
#[tokio::test]
async fn shutdown_closes_sockets_with_1012_spread_over_time() {
    let mut server = Setup::with(|setup| setup.settings.timing.shutdown_spread = Duration::from_secs(1)).start().await;
    let mut sockets = Vec::new();
    for _ in 0..16 {
        let mut ws = Ws::ready(server.address, None).await;
        ws.subscribe("1", "subscription { quiet }").await;
        sockets.push(ws);
    }
    let start = Instant::now();
    server.shutdown.cancel();
    let closes = sockets.iter_mut().map(|ws| async move {
        let closed = ws.closed().await;
        (closed.0, start.elapsed())
    });
    let ends = futures_util::future::join_all(closes).await;
    assert!(ends.iter().all(|(code, _)| *code == 1012), "{ends:?}");
    let latest = ends.iter().map(|(_, at)| *at).max().unwrap();
    let earliest = ends.iter().map(|(_, at)| *at).min().unwrap();
    assert!(latest - earliest > Duration::from_millis(200) && latest < Duration::from_millis(1_500), "{ends:?}");
    drop(sockets);
    server.task.take().unwrap().await.unwrap();
}

// G20
#[tokio::test]
async fn while_draining_no_socket_opens_and_ready_says_503() {
    let server = Setup::with(|setup| setup.settings.timing.shutdown_spread = Duration::from_secs(2)).start().await;
    let _open = Ws::ready(server.address, None).await;
    server.shutdown.cancel();
    let refused = Ws::connect_with(server.address, &[("sec-websocket-protocol", "graphql-transport-ws")]).await;
    assert_eq!(refused.err().map(|status| status.as_u16()), Some(503));
    let client = crate::support::graphql_client::Client::new(server.address);
    let ready = crate::support::graphql_client::send(client.request("GET", "/readyz")).await;
    assert_eq!((ready.status, ready.json()["status"].clone()), (503, json!("draining")));
    let stream = client.stream("subscription { quiet }", "text/event-stream", None).await;
    assert_eq!(stream.status, 503);
}
