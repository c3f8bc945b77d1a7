//! The rate at the door: one bucket per address and user, whatever the transport; refusals in each transport's own form.

use std::sync::Arc;

use inkledger::{
    clock::{Clock as _, FixedClock, SECOND, SystemClock},
    graphql::gate::Limits,
    viewer::PlatformRole,
};
use serde_json::{Value, json};

use crate::support::{
    graphql_client::{Client, Reply, send},
    http_server::{Server, Setup, fresh},
    ws_client::Ws,
};

/// A query of `columns` times nine points: as deep and as wide as a caller without a session may ask.
fn columns(columns: usize) -> String {
    let column =
        |number: usize| format!("c{number}: {}hello{} ", "child { ".repeat(9), " }".repeat(9)).replace("c0: ", "");
    format!("{{ {} }}", (0..columns).map(column).collect::<String>())
}

/// A server with the limits as they ship, on a clock that stands still.
async fn metered(change: impl FnOnce(&mut Setup)) -> (Server, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::new(SystemClock.now()));
    let setup = Setup::with(|setup| {
        setup.limits = Limits::default();
        setup.clock = Some(clock.clone());
        change(setup);
    });
    (setup.start().await, clock)
}

fn cost(reply: &Reply) -> Value {
    reply.whole()["extensions"]["cost"].clone()
}

fn assert_limited(reply: &Reply, wait_ms: u64) {
    assert_eq!((reply.status, reply.code().as_str()), (429, "RATE_LIMITED"), "{}", reply.text);
    assert_eq!(reply.json()["errors"][0]["extensions"]["retryAfterMs"], wait_ms);
    assert_eq!(reply.header("retry-after"), wait_ms.div_ceil(1_000).to_string());
    assert!(reply.whole().get("data").is_none(), "{}", reply.text);
}

// G57: 1,000 points for an address, 20 a second; what is refused says when to come again.
#[tokio::test]
async fn an_address_may_spend_its_points_and_is_refused_then_on_every_transport() {
    let (server, clock) = metered(|_| {}).await;
    let client = Client::new(server.address);
    for spent in 1..=22 {
        let reply = send(client.query(&columns(5))).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(cost(&reply)["remaining"], 1_000 - 45 * spent);
    }
    // 10 are left, 35 are missing.
    let dear = columns(5);
    assert_limited(&send(client.query(&dear)).await, 1_750);
    assert_limited(&send(client.query(&dear).header("accept", "application/graphql-response+json")).await, 1_750);
    assert_limited(&send(client.get(&[("query", &dear)])).await, 1_750);
    for stream in ["text/event-stream", "multipart/mixed;subscriptionSpec=1.0"] {
        assert_limited(&send(client.query(&dear).header("accept", stream)).await, 1_750);
    }
    let mut ws = Ws::ready(server.address, None).await;
    ws.subscribe("1", &dear).await;
    let errors = ws.expect("error", "1").await;
    assert_eq!(errors[0]["extensions"]["code"], "RATE_LIMITED", "{errors}");
    assert_eq!(errors[0]["extensions"]["retryAfterMs"], 1_750, "{errors}");
    // What costs nothing runs on; a user has a bucket of their own; the socket lives.
    assert_eq!(send(client.query("{ hello }")).await.status, 200);
    assert_eq!(send(client.query(&dear).bearer_auth(fresh(PlatformRole::User))).await.status, 200);
    ws.subscribe("1", "{ hello }").await;
    assert_eq!(ws.expect("next", "1").await, json!({"data": {"hello": "hello"}}));
    clock.advance(1_750 * 1_000 - 1);
    assert_limited(&send(client.query(&dear)).await, 1);
    clock.advance(1);
    let reply = send(client.query(&dear)).await;
    assert_eq!((reply.status, &cost(&reply)["remaining"]), (200, &json!(0)));
}

// G57: admitted by the Gate but refused by the transport, it costs nothing.
#[tokio::test]
async fn what_a_transport_refuses_costs_nothing() {
    let (server, _) = metered(|_| {}).await;
    let client = Client::new(server.address);
    let mutation = send(client.get(&[("query", "mutation { bump }")])).await;
    let subscription = send(client.query("subscription { ticks(count: 1) }")).await;
    assert_eq!((mutation.status, subscription.status), (405, 406));
    assert_eq!(cost(&send(client.query("{ hello }")).await)["remaining"], 1_000);
}

// G58: the same figures on every transport; events tell none.
#[tokio::test]
async fn every_executed_answer_tells_its_cost() {
    let (server, clock) = metered(|_| {}).await;
    let client = Client::new(server.address);
    let query = columns(1);
    let reset = |spent: i64| inkledger::clock::to_rfc3339(clock.now() + spent * SECOND / 20);
    let expected = |spent: i64| {
        json!({
            "requested": 9, "actual": 9, "limit": 1_000, "remaining": 1_000 - spent, "restorePerSecond": 20,
            "resetAt": reset(spent),
        })
    };
    assert_eq!(cost(&send(client.query(&query)).await), expected(9));
    assert_eq!(cost(&send(client.get(&[("query", &query)])).await), expected(18));
    let events = send(client.query(&query).header("accept", "text/event-stream")).await;
    let data = events.text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(data).unwrap()["extensions"]["cost"], expected(27));
    let parts = send(client.query(&query).header("accept", "multipart/mixed;subscriptionSpec=1.0")).await;
    let part = parts.text.lines().find(|line| line.starts_with('{')).unwrap();
    assert_eq!(serde_json::from_str::<Value>(part).unwrap()["payload"]["extensions"]["cost"], expected(36));
    let mut ws = Ws::ready(server.address, None).await;
    ws.subscribe("1", &query).await;
    assert_eq!(ws.receive().await["payload"]["extensions"]["cost"], expected(45));
    assert_eq!(ws.receive().await["type"], "complete");
    ws.subscribe("2", "subscription { ticks(count: 1) }").await;
    assert_eq!(ws.receive().await["payload"], json!({"data": {"ticks": 1}}));
    // A refused document tells none.
    assert!(send(client.query("{ nope }")).await.whole().get("extensions").is_none());
}

// G60: addresses come from `X-Forwarded-For` only behind configured proxies, and an IPv6 network counts as one.
#[tokio::test]
async fn each_address_behind_a_proxy_has_a_bucket_and_a_network_has_one() {
    for (proxies, expected) in [(1, [200, 429, 200, 200, 429]), (0, [200, 429, 429, 429, 429])] {
        let (server, _) = metered(|setup| {
            setup.settings.trusted_proxies = proxies;
            setup.limits.anonymous.burst = 9;
        })
        .await;
        let client = Client::new(server.address);
        let mut found = Vec::new();
        for address in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"] {
            let reply = send(client.query(&columns(1)).header("x-forwarded-for", address)).await;
            found.push(reply.status);
        }
        assert_eq!(found, expected, "{proxies} proxies");
    }
}
