//! `/docs`: pages made from the schema, the codes and the limits, of which nothing is missing and nothing comes from outside.

use inkledger::graphql::{gate::CODES, sdl};

use crate::support::{
    graphql_client::{Client, send},
    http_server::{Setup, server},
};

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
    let absent = send(client.request("GET", "/docs/types/Nothing")).await;
    assert_eq!((absent.status, absent.code().as_str()), (404, "NOT_FOUND"));
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
