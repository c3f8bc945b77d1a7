//! The bus, through real servers: what one process says, the others hear.

use std::{sync::Arc, time::Duration};

use inkledger::bus::{Bus, Hint, local::LocalBus, nats::NatsBus, postgres::PostgresBus};
use secrecy::SecretString;

fn hint(body: &str) -> Hint {
    Hint { topic: "test".into(), key: "k".into(), sequence: 7, origin: "a".into(), body: body.into() }
}

fn server(variable: &str, default: &str) -> SecretString {
    SecretString::from(std::env::var(variable).unwrap_or_else(|_| default.to_owned()))
}

/// Other tests share the server, so hints are told apart by their body.
async fn hears(receiver: &mut tokio::sync::broadcast::Receiver<Hint>, body: &str) -> Hint {
    tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            let hint = receiver.recv().await.unwrap();
            if hint.body.starts_with(body) || hint.body.is_empty() && hint.topic == body {
                return hint;
            }
        }
    })
    .await
    .expect("the hint did not arrive; is the server running?")
}

async fn travels(one: Arc<dyn Bus>, other: Arc<dyn Bus>) {
    let (mut here, mut there) = (one.subscribe(), other.subscribe());
    let body = format!("{}-{}", std::process::id(), one.origin());
    one.publish(hint(&body));
    assert_eq!(hears(&mut there, &body).await, hint(&body));
    assert_eq!(hears(&mut here, &body).await, hint(&body));
}

#[tokio::test]
async fn a_hint_reaches_its_own_process() {
    let bus = Arc::new(LocalBus::new("local"));
    travels(bus.clone(), bus).await;
}

#[tokio::test]
async fn a_hint_travels_over_nats() {
    let url = server("INKLEDGER_TEST_NATS_URL", "nats://127.0.0.1:4222");
    let one = NatsBus::connect(&url, "nats-one").await.unwrap();
    let other = NatsBus::connect(&url, "nats-other").await.unwrap();
    travels(Arc::new(one), Arc::new(other)).await;
}

#[tokio::test]
async fn a_hint_travels_over_postgres() {
    let url = server("INKLEDGER_TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres");
    let one = PostgresBus::connect(&url, "pg-one").await.unwrap();
    let other = PostgresBus::connect(&url, "pg-other").await.unwrap();
    travels(Arc::new(one), Arc::new(other)).await;
}

#[tokio::test]
async fn a_hint_too_long_for_postgres_travels_without_its_body() {
    let url = server("INKLEDGER_TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres");
    let one = PostgresBus::connect(&url, "pg-long").await.unwrap();
    let mut there = one.subscribe();
    let topic = format!("long-{}", std::process::id());
    one.publish(Hint { topic: topic.clone(), ..hint(&"x".repeat(9_000)) });
    let heard = hears(&mut there, &topic).await;
    assert_eq!((heard.body.as_str(), heard.sequence), ("", 7));
}
