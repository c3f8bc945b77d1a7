//! What lies beside `/graphql`: health, metrics, pages, assets, signed objects.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use inkledger::{
    clock::{Clock as _, FixedClock, SECOND},
    error::Error,
    http::{ContentTypes, StoredAs, StoredObjects},
    storage::{ObjectKey, Storage, UrlSigner},
};
use serde_json::json;

use crate::support::{
    graphql_client::{Client, send},
    http_server::{Setup, server},
};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn health_readiness_and_metrics_answer() {
    let server = Setup::with(|setup| setup.degraded = vec!["mail".to_owned()]).start().await;
    let client = Client::new(server.address);
    let get = |path: &str| send(client.request("GET", path));
    assert_eq!(get("/healthz").await.status, 200);
    let ready = get("/readyz").await;
    assert_eq!((ready.status, ready.json()), (200, json!({"status": "degraded", "degraded": ["mail"]})));
    let metrics = get("/metrics").await;
    assert_eq!((metrics.status, metrics.header("content-type")), (200, "text/plain; version=0.0.4; charset=utf-8"));
}

#[tokio::test]
async fn an_unknown_address_is_a_page_for_people_and_json_for_programs() {
    let server = server().await;
    let client = Client::new(server.address);
    let program = send(client.request("GET", "/no/such/thing")).await;
    assert_eq!((program.status, program.code().as_str()), (404, "NOT_FOUND"));
    assert!(program.json()["errors"][0]["extensions"]["requestId"].is_string());
    let base = client.base.clone();
    let request = client.request("GET", "/no/such/%3Cscript%3E?q={{back}}").header("accept", BROWSER);
    let person = send(request.header("referer", format!("{base}/graphiql"))).await;
    assert_eq!((person.status, person.header("content-type")), (404, "text/html; charset=utf-8"));
    assert!(person.text.contains(r#"href="/graphiql""#) && person.text.contains(r#"href="/""#));
    assert!(!person.text.contains("<script") && !person.text.contains("{{"));
    assert!(person.header("content-security-policy").contains("default-src 'none'; style-src 'sha256-"));
    let wrong = send(client.request("POST", "/healthz")).await;
    assert_eq!((wrong.status, wrong.code().as_str(), wrong.header("allow")), (405, "METHOD_NOT_ALLOWED", "GET, HEAD"));
    let home = send(client.request("GET", "/").header("accept", BROWSER)).await;
    assert_eq!(home.status, 200);
    assert!(home.text.contains("/graphiql"));
}

// G67
#[tokio::test]
async fn without_graphiql_its_address_says_how_to_get_it() {
    let server = Setup::with(|setup| setup.settings.graphiql = false).start().await;
    let client = Client::new(server.address);
    let program = send(client.request("GET", "/graphiql")).await;
    assert_eq!(program.status, 404);
    assert!(program.text.contains("http.graphiql"), "{}", program.text);
    let person = send(client.request("GET", "/graphiql").header("accept", BROWSER)).await;
    assert!(person.status == 404 && person.text.contains("http.graphiql"));
}

// G67, G68: with `web/dist` the page comes with its policy, without it the address says how to build it.
#[tokio::test]
async fn graphiql_has_its_policy_or_says_how_to_build_it() {
    let server = server().await;
    let client = Client::new(server.address);
    for path in ["/graphiql", "/claim"] {
        let page = send(client.request("GET", path).header("accept", BROWSER)).await;
        if page.status == 404 {
            assert!(page.text.contains("npm run build"), "{}", page.text);
            continue;
        }
        let policy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
        assert_eq!(page.header("content-security-policy"), policy);
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
        let again = client.request("GET", path).header("if-none-match", page.header("etag"));
        assert_eq!(send(again).await.status, 304);
        let mut names = page.text.split("/assets/").skip(1).filter_map(|rest| rest.split('"').next());
        let name = names.find(|name| name.ends_with(".js") && !name.starts_with("rolldown")).unwrap();
        let packed = send(client.request("GET", &format!("/assets/{name}")).header("accept-encoding", "gzip")).await;
        assert_eq!((packed.status, packed.header("content-encoding")), (200, "gzip"));
        assert_eq!(packed.header("cache-control"), "public, max-age=31536000, immutable");
        let plain = send(client.request("GET", &format!("/assets/{name}"))).await;
        assert_eq!((plain.status, plain.header("content-encoding")), (200, ""));
        assert_eq!(send(client.request("GET", &format!("/assets/{name}.gz"))).await.status, 404);
    }
    assert_eq!(send(client.request("GET", "/assets/no-such.js")).await.status, 404);
    assert_eq!(send(client.request("GET", "/assets/..%2fgraphiql.html")).await.status, 404);
}

struct Png;

impl ContentTypes for Png {
    fn stored_as<'a>(&'a self, key: &'a ObjectKey) -> BoxFuture<'a, Result<Option<StoredAs>, Error>> {
        let png = || StoredAs { content_type: "image/png".to_owned(), store: "local".to_owned() };
        let known = key.as_str().ends_with(".png").then(png);
        async { Ok(known) }.boxed()
    }
}

#[tokio::test]
async fn signed_objects_open_with_their_type_until_they_expire() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::local(folder.path()).unwrap();
    let signer = Arc::new(UrlSigner::new(&[7; 32]));
    let clock = Arc::new(FixedClock::new(1_767_323_045_000_000));
    let account = "018f3c5e-0000-7000-8000-000000000001";
    let key = |name: &str| {
        format!("images/{account}/018f3c5e-0000-7000-8000-0000000000ff/{name}").parse::<ObjectKey>().unwrap()
    };
    let (shown, gone) = (key("original.png"), key("gone.png"));
    storage.put(&shown, Bytes::from_static(b"0123456789")).await.unwrap();
    let objects = StoredObjects { storage, signer: signer.clone(), content_types: Arc::new(Png), clock: clock.clone() };
    let server = Setup::with(|setup| setup.objects = Some(Arc::new(objects))).start().await;
    let client = Client::new(server.address);

    let url = signer.sign(&shown, clock.now(), 60);
    let whole = send(client.request("GET", &url)).await;
    assert_eq!((whole.status, whole.text.as_str()), (200, "0123456789"));
    assert_eq!(whole.header("content-type"), "image/png");
    assert!(whole.header("cache-control").starts_with("private"));
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert!(whole.header("content-security-policy").contains("sandbox"));
    let part = send(client.request("GET", &url).header("range", "bytes=2-4")).await;
    assert_eq!((part.status, part.text.as_str(), part.header("content-range")), (206, "234", "bytes 2-4/10"));
    let head = send(client.request("HEAD", &url)).await;
    assert_eq!((head.status, head.header("content-length")), (200, "10"));
    assert_eq!(send(client.request("GET", &url).header("range", "bytes=50-")).await.status, 416);

    let forged = url.replace("original", "gone");
    let missing = signer.sign(&gone, clock.now(), 60);
    for url in [forged.as_str(), missing.as_str(), url.split('?').next().unwrap(), "/files/../Cargo.toml"] {
        let reply = send(client.request("GET", url)).await;
        assert_eq!((reply.status, reply.code().as_str()), (404, "NOT_FOUND"), "{url}");
    }
    clock.advance(61 * SECOND);
    let late = send(client.request("GET", &url)).await;
    assert!(late.status == 404 && late.text.contains("expired"), "{}", late.text);
}
