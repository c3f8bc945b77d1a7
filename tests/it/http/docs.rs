//! `/docs`: pages made from the schema, the codes and the limits, of which nothing is missing and nothing comes from outside.

use std::collections::BTreeSet;

use inkledger::graphql::{gate::CODES, sdl};

use crate::support::{
    graphql_client::{Client, send},
    http_server::{Setup, server},
};

/// Addresses within the documentation that a page leads to, without anchors.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.map(|link| link.split('#').next().unwrap()).filter(|link| link.starts_with("/docs"))
}

// G70: every page that a page leads to is there, none needs a script or another host, and every type has one.
#[tokio::test]
async fn every_link_of_the_documentation_leads_to_a_page_of_it() {
    let server = server().await;
    let client = Client::new(server.address);
    let mut known: BTreeSet<String> = ["/docs".to_owned()].into();
    let mut waiting: Vec<String> = vec!["/docs".to_owned()];
    while let Some(path) = waiting.pop() {
        let page = send(client.request("GET", &path)).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
        for foreign in ["<script", "src=", "http://", "url(", "style=", "onclick"] {
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
    let absent = send(client.request("GET", "/docs/types/Nothing")).await;
    assert_eq!((absent.status, absent.code().as_str()), (404, "NOT_FOUND"));
}

// G70
#[tokio::test]
async fn the_documentation_can_be_switched_off() {
    let server = Setup::with(|setup| setup.settings.docs = false).start().await;
    let reply = send(Client::new(server.address).request("GET", "/docs")).await;
    assert!(reply.status == 404 && reply.text.contains("http.docs"), "{}", reply.text);
}

// G70: all codes, and the limits in force, which are those of this server and not those that ship.
#[tokio::test]
async fn codes_and_limits_are_those_in_force() {
    let server = Setup::with(|setup| setup.limits.user.aliases = 4_321).start().await;
    let client = Client::new(server.address);
    let errors = send(client.request("GET", "/docs/errors")).await.text;
    for (code, _) in CODES {
        assert!(errors.contains(&format!("<code>{code}</code>")), "{code}");
    }
    let limits = send(client.request("GET", "/docs/limits")).await.text;
    assert!(
        limits.contains("<tr><td>Aliases</td><td class=\"number\">15</td><td class=\"number\">4,321</td>"),
        "{limits}"
    );
}

// G70: what is deprecated says so, arguments and their types are there.
#[tokio::test]
async fn a_page_tells_of_its_type_what_the_schema_does() {
    let server = server().await;
    let client = Client::new(server.address);
    let query = send(client.request("GET", "/docs/types/Query")).await.text;
    assert!(query.contains("<h3 id=\"hello\">hello<span class=\"soft\">: String!</span></h3>"), "{query}");
    assert!(query.contains("<strong>Deprecated.</strong> Use hello. Removed after 2027-01-01."), "{query}");
    assert!(
        query.contains("<code>text</code>: String!")
            && query.contains("<p>Role of the viewer, or why there is none.</p>")
    );
    assert!(sdl().contains("type RateLimit"));
}
