//! Which programs use what is deprecated.

use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;

use crate::support::{
    graphql_client::{Client, send},
    http_server::server,
    ws_client::Ws,
};

// G46: by the name that the program gives itself, on every transport.
#[tokio::test]
async fn uses_of_what_is_deprecated_are_counted_by_program() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    // For this thread alone, on which the server runs too.
    let _guard = metrics::set_default_local_recorder(&recorder);
    let server = server().await;
    let client = Client::new(server.address);
    let named = |query: &str, name: &'static str| client.query(query).header("x-client-name", name);
    for _ in 0..2 {
        assert_eq!(send(named("{ greeting again: greeting }", "console")).await.status, 200);
    }
    send(named("{ hello }", "innocent")).await;
    send(named("{ greeting nope }", "refused")).await;
    send(named("{ greeting }", "not a \"label\"")).await;
    send(client.query("{ greeting }")).await;
    let headers = [("sec-websocket-protocol", "graphql-transport-ws"), ("x-client-name", "phone")];
    let mut ws = Ws::connect_with(server.address, &headers).await.unwrap();
    ws.init(None).await;
    assert_eq!(ws.receive().await, json!({"type": "connection_ack"}));
    ws.subscribe("1", "{ greeting }").await;
    ws.expect("next", "1").await;

    let page = page.render();
    let counts: Vec<&str> = page.lines().filter(|line| line.starts_with("graphql_deprecated_uses_total")).collect();
    let count = |client: &str| {
        let label = format!("client=\"{client}\"");
        let line = counts.iter().find(|line| line.contains(&label) && line.contains("thing=\"Query.greeting\""));
        line.and_then(|line| line.rsplit(' ').next())
    };
    assert_eq!([count("console"), count("phone"), count("unknown")], [Some("2"), Some("1"), Some("2")], "{page}");
    assert_eq!(counts.len(), 3, "{page}");
}
