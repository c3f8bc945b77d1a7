//! The documentation of the whole server: its examples run, and no type or field of the schema is missing.

use std::collections::BTreeSet;

use async_graphql_parser::{
    parse_schema,
    types::{TypeKind, TypeSystemDefinition},
};
use inkledger::{db::Engine, graphql::sdl};
use serde_json::{Value, json};

use super::scenarios::operations;
use crate::support::{graphql_client::send, server::Server, ws_client::Ws};

/// Addresses within the documentation that a page leads to, without anchors.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.map(|link| link.split('#').next().unwrap()).filter(|link| link.starts_with("/docs"))
}

// G70: every page that a page leads to is there, none needs a script or another host, and every type has one.
#[tokio::test]
async fn every_link_of_the_documentation_leads_to_a_page_of_it() {
    let server = Server::open(Engine::Sqlite).await;
    let client = &server.client;
    let mut known: BTreeSet<String> = ["/docs".to_owned()].into();
    let mut waiting: Vec<String> = vec!["/docs".to_owned()];
    while let Some(path) = waiting.pop() {
        let page = send(client.request("GET", &path)).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
        for foreign in ["<script", "src=", "href=\"http", "href=\"//", "url(", "style=", "onclick"] {
            assert!(!page.text.contains(foreign), "{foreign} in {path}");
        }
        for link in links(&page.text) {
            if known.insert(link.to_owned()) {
                waiting.push(link.to_owned());
            }
        }
    }
    for name in ["Query", "Mutation", "Subscription"] {
        assert!(known.contains(&format!("/docs/types/{name}")), "{name}: {known:?}");
    }
    assert!(["/docs/errors", "/docs/limits", "/docs/examples"].into_iter().all(|path| known.contains(path)));
}

// G70, G76: every example that the documentation shows, as it is shown.
#[tokio::test]
async fn every_example_runs() {
    let server = Server::open(Engine::Sqlite).await;
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    let page = send(server.client.request("GET", "/docs/examples")).await.text;
    let examples = operations(include_str!("../../../docs/examples.graphql"));
    assert!(examples.len() >= 7);
    for example in examples {
        assert!(page.contains(&format!(" {}", example.name)), "{} is not shown", example.name);
        let asker = match example.caller.as_str() {
            "user" => Some(&user),
            "hero" => Some(&hero),
            _ => None,
        };
        let token = asker.map(|person| person.token.as_str());
        let variables = example.variables.replace("$user", &user.user).replace("$account", &user.account);
        let variables: Value = serde_json::from_str(&variables).unwrap();
        let answer = if example.document.starts_with("subscription") {
            let mut ws = Ws::ready(server.address(), token).await;
            let payload = json!({"query": example.document, "variables": variables});
            ws.send(json!({"type": "subscribe", "id": "1", "payload": payload})).await;
            ws.expect("next", "1").await
        } else {
            server.call(token, &example.document, variables).await
        };
        assert!(answer.get("errors").is_none(), "{}: {answer}", example.name);
        let refused = answer["data"].as_object().unwrap().values().find_map(|payload| payload["userErrors"].get(0));
        assert!(refused.is_none(), "{}: {answer}", example.name);
    }
}

// G70
#[tokio::test]
async fn every_type_and_field_has_its_place() {
    let server = Server::open(Engine::Sqlite).await;
    for definition in parse_schema(sdl()).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let name = &definition.node.name.node;
        let names: Vec<String> = match &definition.node.kind {
            TypeKind::Object(object) => object.fields.iter().map(|field| field.node.name.node.to_string()).collect(),
            TypeKind::Interface(interface) => {
                interface.fields.iter().map(|field| field.node.name.node.to_string()).collect()
            }
            TypeKind::InputObject(input) => input.fields.iter().map(|field| field.node.name.node.to_string()).collect(),
            TypeKind::Enum(values) => values.values.iter().map(|value| value.node.value.node.to_string()).collect(),
            _ => Vec::new(),
        };
        let page = send(server.client.request("GET", &format!("/docs/types/{name}"))).await;
        assert_eq!(page.status, 200, "{name}");
        for field in names {
            assert!(page.text.contains(&format!("<h3 id=\"{field}\">")), "{name}.{field}");
        }
    }
}
