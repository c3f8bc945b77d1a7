//! The 61 audits of npm graphql-http 1.23.1 (G1), by their ids. `web/checks/audits.mjs` runs the package itself against
//! the release binary; these fail earlier and need no Node.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::{
    graphql_client::{Client, Reply, send},
    http_server::server,
};

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

/// What an audit asks of an answer.
enum Must {
    /// This status.
    Be(u16),
    /// A status between 400 and 499.
    BeClientError,
    /// Status 200 of this content type.
    BeOf(&'static str),
    /// Status 200 without `errors`.
    Succeed,
    /// No `data`.
    HaveNoData,
}

struct Audit {
    id: String,
    request: RequestBuilder,
    must: Must,
}

fn audits(client: &Client) -> Vec<Audit> {
    let mut audits = Vec::new();
    let mut add =
        |id: &str, request: RequestBuilder, must: Must| audits.push(Audit { id: id.to_owned(), request, must });
    let plain = |body: Value| client.post(body.to_string());
    let as_type = |accept: &str, body: Value| plain(body).header("accept", accept);
    let typename = || json!({"query": "{ __typename }"});
    let with = |name: &str, value: Value| json!({"query": "{ __typename }", name: value});
    let get = |pairs: &[(&str, &str)], accept: &str| client.get(pairs).header("accept", accept);

    add("22EB", as_type(GRAPHQL, typename()), Must::BeOf(GRAPHQL));
    add("4655", as_type(JSON, typename()), Must::BeOf(JSON));
    add("47DE", as_type("*/*", typename()), Must::BeOf(JSON));
    add("80D8", plain(typename()), Must::BeOf(JSON));
    add("82A3", plain(typename()), Must::Be(200));
    let swimmer = json!({"query": "{ __type(name: \"Run🏃Swim🏊\") { name } }"}).to_string();
    let utf8 = client.request("POST", "/graphql").header("content-type", "application/json; charset=utf-8");
    add("BF61", utf8.body(swimmer), Must::Be(200));
    add("78D5", plain(typename()), Must::Be(200));
    add("2C94", plain(typename()), Must::Be(200));
    add("5A70", client.get(&[("query", "{ __typename }")]), Must::Be(200));
    add("9C48", get(&[("query", "mutation { __typename }")], GRAPHQL), Must::BeClientError);
    add("9ABE", client.request("POST", "/graphql").body(typename().to_string()), Must::BeClientError);
    add("03D4", plain(typename()), Must::Be(200));
    add("A5BF", client.post(""), Must::Be(400));
    add("423L", as_type(GRAPHQL, json!({"notquery": "{ __typename }"})), Must::Be(400));
    let wrong = || [json!({"obj": "ect"}), json!(0), json!(false), json!(["array"])];
    for (index, value) in wrong().into_iter().enumerate() {
        add(&format!("LKJ{index}"), plain(json!({"query": value})), Must::Be(400));
        add(&format!("6C0{index}"), plain(with("operationName", value)), Must::Be(400));
    }
    add("34A2", as_type(GRAPHQL, typename()), Must::Be(200));
    add("13EE", as_type(JSON, typename()), Must::Succeed);
    let named = || json!({"operationName": "Query", "query": "query Query { __typename }"});
    add("8161", as_type(GRAPHQL, named()), Must::Be(200));
    add("B8B3", as_type(JSON, named()), Must::Succeed);
    for (index, name) in ["variables", "operationName", "extensions"].into_iter().enumerate() {
        add(&format!("94B{index}"), as_type(GRAPHQL, with(name, Value::Null)), Must::Succeed);
        add(&format!("022{index}"), as_type(JSON, with(name, Value::Null)), Must::Succeed);
    }
    for (index, value) in [json!("string"), json!(0), json!(false), json!(["array"])].into_iter().enumerate() {
        add(&format!("476{index}"), plain(with("variables", value.clone())), Must::Be(400));
        add(&format!("58B{index}"), plain(with("extensions", value)), Must::Be(400));
    }
    let query = "query Type($name: String!) { __type(name: $name) { name } }";
    let variables = || json!({"query": query, "variables": {"name": "sometype"}});
    add("2EA1", as_type(GRAPHQL, variables()), Must::Be(200));
    add("28B9", as_type(JSON, variables()), Must::Succeed);
    let pairs = [("query", query), ("variables", r#"{"name":"sometype"}"#)];
    add("D6D5", get(&pairs, GRAPHQL), Must::Succeed);
    add("6A70", get(&pairs, JSON), Must::Succeed);
    add("428F", as_type(GRAPHQL, with("extensions", json!({"some": "value"}))), Must::Be(200));
    add("1B7A", as_type(JSON, with("extensions", json!({"some": "value"}))), Must::Succeed);
    let broken = |accept: &str| client.post("{ \"not a JSON").header("accept", accept);
    add("B6DC", broken(JSON), Must::BeClientError);
    add("BCF8", broken(JSON), Must::Be(400));
    add("B7N8", broken(GRAPHQL), Must::Be(400));
    let typo = || json!({"qeury": "{ __typename }"});
    add("8764", plain(typo()), Must::BeClientError);
    add("3E3A", plain(typo()), Must::Be(400));
    let (parse, validate) = (|| json!({"query": "{"}), || json!({"query": "{ 8f31403dfe404bccbb0e835f2629c6a7 }"}));
    let coerce = || json!({"query": "query CoerceFailure($id: ID!){ __typename }", "variables": {"id": null}});
    add("572B", as_type(JSON, parse()), Must::Be(200));
    add("FDE2", as_type(JSON, validate()), Must::Be(200));
    add("7B9B", as_type(JSON, coerce()), Must::Be(200));
    add("865D", as_type(GRAPHQL, parse()), Must::BeClientError);
    add("556A", as_type(GRAPHQL, parse()), Must::Be(400));
    add("D586", as_type(GRAPHQL, parse()), Must::HaveNoData);
    add("51FE", as_type(GRAPHQL, validate()), Must::BeClientError);
    add("74FF", as_type(GRAPHQL, validate()), Must::Be(400));
    add("5E5B", as_type(GRAPHQL, validate()), Must::HaveNoData);
    add("86EE", as_type(GRAPHQL, coerce()), Must::Be(400));
    audits
}

fn judge(reply: &Reply, must: &Must) -> bool {
    match must {
        Must::Be(status) => reply.status == *status,
        Must::BeClientError => (400..500).contains(&reply.status),
        Must::BeOf(content_type) => reply.status == 200 && reply.header("content-type").contains(content_type),
        Must::Succeed => reply.status == 200 && reply.json().get("errors").is_none(),
        Must::HaveNoData => reply.json().get("data").is_none(),
    }
}

// G1
#[tokio::test]
async fn all_61_audits_of_graphql_http_pass() {
    let server = server().await;
    let audits = audits(&Client::new(server.address));
    assert_eq!(audits.len(), 61);
    for audit in audits {
        let reply = send(audit.request).await;
        assert!(judge(&reply, &audit.must), "{}: {} {}", audit.id, reply.status, reply.text);
    }
}
