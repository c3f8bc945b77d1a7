//! POST and GET: negotiation, parameters, statuses, headers.

use std::time::Duration;

use inkledger::{
    http::{Origins, StatusProfile},
    viewer::PlatformRole,
};
use serde_json::{Value, json};

use crate::support::{
    graphql_client::{Client, raw, send},
    http_server::{ORIGIN, Setup, fresh, server},
};

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

/// Cases of the status table: body, then its status under GRAPHQL and JSON in the audit profile, and in the draft.
fn table() -> Vec<(&'static str, String, u16, u16, u16)> {
    let query = |text: &str| json!({"query": text}).to_string();
    vec![
        ("executed", query("{ hello }"), 200, 200, 200),
        ("partial", query("{ hello failing }"), 200, 200, 294),
        ("parse", query("{"), 400, 200, 400),
        ("validation", query("{ nothing }"), 400, 200, 422),
        ("limit", query(&"{ child ".repeat(40)), 400, 200, 422),
        ("variables", query("query($t: String!) { echo(text: $t) }"), 400, 200, 422),
        ("operation name", json!({"query": "query A { hello }", "operationName": "B"}).to_string(), 400, 200, 422),
        ("not JSON", "{".to_owned(), 400, 400, 400),
        ("duplicate key", r#"{"query":"{ hello }","query":"{ hello }"}"#.to_owned(), 400, 400, 400),
        ("missing", "{}".to_owned(), 400, 400, 422),
        ("wrong type", r#"{"query":1}"#.to_owned(), 400, 400, 422),
        ("batch", r#"[{"query":"{ hello }"}]"#.to_owned(), 400, 400, 422),
    ]
}

// G2
#[tokio::test]
async fn both_profiles_answer_with_the_statuses_of_the_table() {
    let audit = server().await;
    let draft = Setup::with(|setup| setup.settings.status_profile = StatusProfile::Draft202608).start().await;
    for (name, body, graphql, json, newer) in table() {
        for (server, accept, expected) in
            [(&audit, GRAPHQL, graphql), (&audit, JSON, json), (&draft, GRAPHQL, newer), (&draft, JSON, newer)]
        {
            let reply = send(Client::new(server.address).post(body.clone()).header("accept", accept)).await;
            assert_eq!(reply.status, expected, "{name} as {accept}: {}", reply.text);
            assert_eq!(reply.header("content-type"), format!("{accept}; charset=utf-8"), "{name}");
        }
    }
}

// G3
#[tokio::test]
async fn negotiates_the_answer_and_refuses_what_it_cannot_write() {
    let server = server().await;
    let client = Client::new(server.address);
    let cases = [
        (None, 200, JSON),
        (Some("*/*"), 200, JSON),
        (Some("application/json;q=0.5, application/graphql-response+json"), 200, GRAPHQL),
        (Some("text/html"), 406, JSON),
        (Some("application/json;q=0"), 406, JSON),
    ];
    for (accept, status, content_type) in cases {
        let mut request = client.query("{ hello }");
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        let reply = send(request).await;
        assert_eq!(reply.status, status, "{accept:?}");
        assert_eq!(reply.header("content-type"), format!("{content_type}; charset=utf-8"));
        if status == 406 {
            assert_eq!(reply.code(), "NOT_ACCEPTABLE");
        }
    }
    let subscription = send(client.query("subscription { ticks(count: 1) }")).await;
    assert_eq!((subscription.status, subscription.code().as_str()), (406, "NOT_ACCEPTABLE"));
}

// G3, G6
#[tokio::test]
async fn takes_only_a_body_declared_as_plain_json() {
    let server = server().await;
    let client = Client::new(server.address);
    let body = r#"{"query":"{ hello }"}"#;
    let cases = [
        ("application/json", 200),
        ("application/json; charset=UTF-8", 200),
        ("application/json; charset=latin1", 415),
        ("application/graphql", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
    ];
    for (content_type, status) in cases {
        let request = client.request("POST", "/graphql").header("content-type", content_type).body(body);
        let reply = send(request).await;
        assert_eq!(reply.status, status, "{content_type}");
    }
    let undeclared = send(client.request("POST", "/graphql").body(body)).await;
    assert_eq!((undeclared.status, undeclared.code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"));
    let packed = send(client.query("{ hello }").header("content-encoding", "gzip")).await;
    assert_eq!(packed.status, 415);
    let latin =
        send(client.request("POST", "/graphql").header("content-type", JSON).body(b"{\"query\":\"\xff\"}".to_vec()))
            .await;
    assert_eq!((latin.status, latin.code().as_str()), (400, "BAD_REQUEST"));
}

// G4
#[tokio::test]
async fn get_runs_queries_and_nothing_else() {
    let server = server().await;
    let client = Client::new(server.address);
    let hello = send(client.get(&[("query", "{ hello }")])).await;
    assert_eq!((hello.status, hello.json()), (200, json!({"data": {"hello": "hello"}})));
    let named =
        [("query", "query A { a: hello } query B { b: hello }"), ("operationName", "B"), ("operation_name", "A")];
    assert_eq!(send(client.get(&named)).await.json(), json!({"data": {"b": "hello"}}));
    let variables = [("query", "query($t: String!) { echo(text: $t) }"), ("variables", r#"{"t":"é&=+"}"#)];
    assert_eq!(send(client.get(&variables)).await.json(), json!({"data": {"echo": "é&=+"}}));
    for query in ["mutation { bump }", "subscription { ticks(count: 1) }"] {
        for accept in [JSON, "text/event-stream, application/json", "*/*"] {
            let reply = send(client.get(&[("query", query)]).header("accept", accept)).await;
            assert_eq!(
                (reply.status, reply.header("allow"), reply.code().as_str()),
                (405, "POST", "METHOD_NOT_ALLOWED")
            );
        }
    }
    for method in ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"] {
        let reply = send(client.request(method, "/graphql")).await;
        assert_eq!((reply.status, reply.header("allow")), (405, "GET, POST"), "{method}");
    }
    let missing = send(client.get(&[])).await;
    assert_eq!((missing.status, missing.code().as_str()), (400, "BAD_REQUEST"));
    let events = send(client.get(&[("query", "{ hello }")]).header("accept", "text/event-stream")).await;
    assert_eq!(events.status, 406);
}

// G4
#[tokio::test]
async fn an_address_may_have_8_kib_and_no_byte_more() {
    let server = server().await;
    let client = Client::new(server.address);
    let at = |bytes: usize| {
        let prefix = "/graphql?query=%7Bhello%7D&pad=";
        format!("{prefix}{}", "x".repeat(bytes - prefix.len()))
    };
    assert_eq!(send(client.request("GET", &at(8_192))).await.status, 200);
    let reply = send(client.request("GET", &at(8_193))).await;
    assert_eq!((reply.status, reply.code().as_str()), (414, "URI_TOO_LONG"));
}

// G5
#[tokio::test]
async fn identity_comes_from_the_bearer_header_and_never_from_a_cookie() {
    let server = server().await;
    let client = Client::new(server.address);
    let who = |request: reqwest::RequestBuilder| async { send(request).await.json()["data"]["who"].clone() };
    let token = fresh(PlatformRole::Hero);
    assert_eq!(who(client.query("{ who }")).await, "anonymous: MISSING");
    assert_eq!(who(client.query("{ who }").bearer_auth(&token)).await, "HERO");
    assert_eq!(who(client.query("{ who }").header("authorization", format!("bearer  {token}"))).await, "HERO");
    let cookies = format!("authorization=Bearer {token}; token={token}; session={token}");
    assert_eq!(who(client.query("{ who }").header("cookie", cookies.clone())).await, "anonymous: MISSING");
    assert_eq!(who(client.get(&[("query", "{ who }")]).header("cookie", cookies)).await, "anonymous: MISSING");
    let url = [("query", "{ who }"), ("access_token", token.as_str()), ("authorization", token.as_str())];
    assert_eq!(who(client.get(&url)).await, "anonymous: MISSING");
    for bad in ["Bearer", "Bearer ", "Basic abc", "nonsense", &token, "Bearer nonsense"] {
        assert_eq!(
            who(client.query("{ who }").header("authorization", bad)).await,
            "anonymous: TOKEN_INVALID",
            "{bad}"
        );
    }
    let twice = client.query("{ who }").bearer_auth(&token).bearer_auth(&token);
    assert_eq!(who(twice).await, "anonymous: TOKEN_INVALID");
    let down = send(client.query("{ who }").bearer_auth("broken")).await;
    assert_eq!((down.status, down.code().as_str()), (503, "DEPENDENCY_UNAVAILABLE"));
}

// G5
#[tokio::test]
async fn pages_of_listed_origins_may_read_answers_and_others_may_not() {
    let server = server().await;
    let client = Client::new(server.address);
    for (origin, allowed) in [(ORIGIN, true), ("https://app.example.com.evil.com", false), ("null", false)] {
        let preflight = client.request("OPTIONS", "/graphql").header("origin", origin);
        let preflight = preflight.header("access-control-request-method", "POST");
        let reply = send(preflight.header("access-control-request-headers", "authorization,content-type")).await;
        assert_eq!(reply.status, 204);
        let expected = if allowed { origin } else { "" };
        assert_eq!(reply.header("access-control-allow-origin"), expected);
        assert_eq!(reply.header("access-control-allow-methods").is_empty(), !allowed);
        assert_eq!(reply.header("access-control-allow-headers").contains("authorization"), allowed);
        let answer = send(client.query("{ hello }").header("origin", origin)).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, expected));
        for reply in [&reply, &answer] {
            assert_eq!(reply.header("access-control-allow-credentials"), "");
            assert!(reply.header("vary").contains("Origin"));
        }
    }
    assert!(Origins::parse(["*"]).is_err());
}

// G6
#[tokio::test]
async fn a_body_is_cut_at_the_cap_of_its_caller_while_it_is_read() {
    let server = server().await;
    let client = Client::new(server.address);
    let body = |bytes: usize| {
        let (head, tail) = (r#"{"query":"{ hello }","extensions":{"pad":""#, r#""}}"#);
        format!("{head}{}{tail}", "x".repeat(bytes - head.len() - tail.len()))
    };
    let kib = 1_024;
    let callers = [(None, 64 * kib), (Some(PlatformRole::User), 256 * kib), (Some(PlatformRole::Admin), 1_024 * kib)];
    for (role, cap) in callers {
        let request = |bytes| {
            let request = client.post(body(bytes));
            role.map_or_else(|| client.post(body(bytes)), |role| request.bearer_auth(fresh(role)))
        };
        assert_eq!(send(request(cap)).await.status, 200);
        let reply = send(request(cap + 1)).await;
        assert_eq!((reply.status, reply.code().as_str()), (413, "PAYLOAD_TOO_LARGE"), "{role:?}");
    }
    // Without a declared length the body is counted as it comes, and the rest is not waited for.
    let chunk = format!("{:x}\r\n{}\r\n", 16 * kib, " ".repeat(16 * kib));
    let head =
        "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = raw(server.address, format!("{head}{}", chunk.repeat(5)).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("PAYLOAD_TOO_LARGE"));
}

// G6
#[tokio::test]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let server = Setup::with(|setup| setup.settings.timing.body = Duration::from_millis(100)).start().await;
    let head = "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{";
    let answer = raw(server.address, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("TIMEOUT"), "{answer}");
}

#[tokio::test]
async fn headers_that_do_not_arrive_are_not_waited_for() {
    let server = Setup::with(|setup| setup.settings.timing.headers = Duration::from_millis(200)).start().await;
    let started = std::time::Instant::now();
    let answer = raw(server.address, b"GET /healthz HTTP/1.1\r\nHos").await;
    assert!(!answer.contains("200 OK") && started.elapsed() < Duration::from_secs(2), "{answer}");
    // Held back for good, the connection is gone for the server too.
    use tokio::io::AsyncReadExt as _;
    let mut idle = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let read = tokio::time::timeout(Duration::from_secs(5), idle.read(&mut [0; 256])).await;
    assert!(read.is_ok(), "the connection is still open");
}

// G7
#[tokio::test]
async fn every_error_is_coded_stamped_and_without_data() {
    let server = server().await;
    let client = Client::new(server.address);
    let mut replies = Vec::new();
    for (_, body, ..) in table() {
        replies.push(send(client.post(body)).await);
    }
    replies.push(send(client.query("{ hello }").header("accept", "text/html")).await);
    replies.push(send(client.request("DELETE", "/graphql")).await);
    replies.push(send(client.request("POST", "/graphql")).await);
    for reply in replies {
        for (name, value) in
            [("x-content-type-options", "nosniff"), ("vary", "Accept, Origin"), ("cache-control", "no-store")]
        {
            assert_eq!(reply.header(name), value, "{}", reply.text);
        }
        assert!(reply.header("content-type").ends_with("; charset=utf-8"));
        let id = reply.header("x-request-id");
        assert!(!id.is_empty());
        let body = reply.json();
        let Some(errors) = body.get("errors").and_then(Value::as_array) else { continue };
        let has_path = errors.iter().any(|error| error.get("path").is_some());
        assert_eq!(body.get("data").is_some(), has_path, "{body}");
        for error in errors {
            let extensions = &error["extensions"];
            assert_eq!(extensions["requestId"], id, "{error}");
            assert!(extensions["timestamp"].as_str().is_some_and(|at| at.ends_with('Z') && at.len() == 27), "{error}");
            assert!(extensions["code"].as_str().is_some_and(|code| !code.is_empty()));
            assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
        }
    }
}

#[tokio::test]
async fn echoes_a_sane_request_id_and_replaces_others() {
    let server = server().await;
    let client = Client::new(server.address);
    let with = |id: &str| send(client.query("{").header("x-request-id", id));
    let sane = with("trace-1.2_3").await;
    assert_eq!(sane.header("x-request-id"), "trace-1.2_3");
    assert_eq!(sane.json()["errors"][0]["extensions"]["requestId"], "trace-1.2_3");
    let replaced = with("a b<script>").await;
    assert_eq!(replaced.header("x-request-id").len(), 36);
}

// G32
#[tokio::test]
async fn a_panicking_resolver_is_an_internal_error_and_the_server_lives() {
    let server = server().await;
    let client = Client::new(server.address);
    let reply = send(client.query("{ panicking }")).await;
    assert_eq!((reply.status, reply.code().as_str()), (200, "INTERNAL"));
    assert!(!reply.text.contains("on purpose"));
    assert_eq!(send(client.query("{ hello }")).await.json(), json!({"data": {"hello": "hello"}}));
}

// G60
#[tokio::test]
async fn the_address_comes_from_the_socket_or_from_configured_proxies() {
    let of = |proxies: usize| async move {
        let server = Setup::with(|setup| setup.settings.trusted_proxies = proxies).start().await;
        let request =
            Client::new(server.address).query("{ address }").header("x-forwarded-for", "1.1.1.1, 198.51.100.7");
        send(request).await.json()["data"]["address"].clone()
    };
    assert_eq!(of(0).await, "127.0.0.1");
    assert_eq!(of(1).await, "198.51.100.7");
}
