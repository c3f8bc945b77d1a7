//! `createUpload` and the address that it makes.

use std::sync::Arc;

use inkledger::{
    clock::{Clock as _, FixedClock, SECOND, SystemClock},
    db::Engine,
    error::Failure,
    storage::upload::{ReadUploadError, UploadPurpose},
};
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    builders::Person,
    graphql_client::{Reply, raw, send},
    server::{Home, Server},
};

const MIB: usize = 1024 * 1024;
const CREATE: &str = "mutation($i: CreateUploadInput!) { createUpload(input: $i) \
    { upload { id purpose url bytesMax bytes expiresAt createdAt } userErrors { code message path } } }";

struct Desk {
    server: Server,
    clock: Arc<FixedClock>,
    hero: Person,
}

impl Desk {
    async fn open(engine: Engine) -> Self {
        let clock = Arc::new(FixedClock::new(SystemClock.now()));
        let seam = clock.clone();
        let server = Home::open(engine).await.start_with(|_, seams| seams.clock = seam).await;
        let hero = server.hero().await;
        Self { server, clock, hero }
    }

    async fn create(&self, person: &Person) -> Value {
        let payload = self.server.payload(person, CREATE, json!({"i": {"purpose": "PROMPT_IMPORT"}})).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        payload["upload"].clone()
    }

    /// Sends bytes to an address.
    async fn put(&self, url: &str, bytes: impl Into<reqwest::Body>) -> Reply {
        send(self.server.client.http.put(url).body(bytes)).await
    }

    async fn node(&self, person: &Person, upload: &Value) -> Value {
        let query = "query($id: ID!) { node(id: $id) { ... on Upload { url bytes } } }";
        self.server.payload(person, query, json!({"id": upload["id"]})).await
    }

    async fn read(&self, upload: &Value, person: &Person) -> Result<Vec<u8>, ReadUploadError> {
        let (id, user) = (uuid_of(&upload["id"]), uuid_of(&json!(person.user)));
        match self.server.uploads.read(id, user, UploadPurpose::PromptImport).await {
            Ok(bytes) => Ok(bytes.to_vec()),
            Err(Failure::Refused(refusal)) => Err(refusal),
            Err(Failure::Fault(fault)) => panic!("{fault:?}"),
        }
    }
}

fn uuid_of(id: &Value) -> Uuid {
    let id = async_graphql::ID::from(id.as_str().unwrap());
    inkledger::graphql::node::decode_any(&id).unwrap().1
}

fn url(upload: &Value) -> &str {
    upload["url"].as_str().unwrap()
}

// REQ-A-27, G6
#[rstest]
#[tokio::test]
async fn a_file_goes_up_once_and_is_read_by_whoever_made_the_address(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let desk = Desk::open(engine).await;
    let upload = desk.create(&desk.hero).await;
    assert_eq!(
        (&upload["purpose"], &upload["bytesMax"], &upload["bytes"]),
        (&json!("PROMPT_IMPORT"), &json!(5 * MIB), &Value::Null)
    );
    assert!(url(&upload).starts_with(&format!("{}/files/uploads/", desk.server.client.base)), "{upload}");
    assert_eq!(desk.read(&upload, &desk.hero).await, Err(ReadUploadError::NotReceived));

    // Every byte may be in it: it is kept as it is.
    let bytes: Vec<u8> = (0..=255).collect();
    let answer = desk.put(url(&upload), bytes.clone()).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""), "{answer:?}");
    assert_eq!(desk.put(url(&upload), bytes.clone()).await.status, 204, "the same again is answered alike");
    let other = desk.put(url(&upload), "another").await;
    assert_eq!((other.status, other.code().as_str()), (409, "UPLOAD_RECEIVED"));
    assert_eq!(desk.node(&desk.hero, &upload).await, json!({"url": null, "bytes": 256}));
    for _ in 0..2 {
        assert_eq!(desk.read(&upload, &desk.hero).await.as_ref(), Ok(&bytes), "reading takes nothing away");
    }
    let admin = desk.server.admin(&desk.hero, "helper").await;
    assert_eq!(desk.read(&upload, &admin).await, Err(ReadUploadError::NotFound));
    assert_eq!(desk.node(&admin, &upload).await, Value::Null);

    // A file of exactly the limit; kept for an hour, then gone.
    let full = desk.create(&desk.hero).await;
    assert_eq!(desk.put(url(&full), vec![b'x'; 5 * MIB]).await.status, 204);
    assert_eq!(desk.read(&full, &desk.hero).await.unwrap().len(), 5 * MIB);
    desk.clock.advance(3_600 * SECOND);
    assert_eq!(desk.read(&full, &desk.hero).await, Err(ReadUploadError::NotFound));
    desk.server.uploads.remove_old().await.unwrap();
    assert_eq!(desk.server.number("SELECT COUNT(*) FROM upload").await, 0);
}

#[tokio::test]
async fn an_address_takes_one_file_within_its_limits_and_nothing_else() {
    let desk = Desk::open(Engine::Sqlite).await;
    let upload = desk.create(&desk.hero).await;
    let url = url(&upload);
    let client = &desk.server.client;

    let empty = desk.put(url, "").await;
    assert_eq!((empty.status, empty.code().as_str()), (400, "UPLOAD_EMPTY"));
    let packed = send(client.http.put(url).header("content-encoding", "gzip").body("x")).await;
    assert_eq!(packed.status, 415);
    for method in ["GET", "POST", "DELETE"] {
        let answer = send(client.http.request(method.parse().unwrap(), url).body("x")).await;
        assert_eq!((answer.status, answer.header("allow")), (405, "PUT"), "{method}");
    }

    // Forged, altered, or another one's signature: not found, before a byte is read.
    let (path, query) = url.split_once('?').unwrap();
    let other = desk.create(&desk.hero).await;
    let foreign = other["url"].as_str().unwrap().split_once('?').unwrap().1;
    let later = query.replace("expires=1", "expires=2");
    for forged in [
        path.to_owned(),
        format!("{path}?{foreign}"),
        format!("{path}?{later}"),
        format!("{path}?{query}&x=1"),
        format!("{}/files/uploads/{}?{query}", client.base, Uuid::from_u128(1)),
        format!("{}/files/uploads/..%2f..%2fetc?{query}", client.base),
    ] {
        let answer = desk.put(&forged, "x").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "NOT_FOUND"), "{forged}");
    }
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
        url.trim_start_matches(client.base.as_str())
    );
    // Raw, since a client that still sends may miss the answer to what it said before.
    let over = raw(desk.server.address(), head.as_bytes()).await;
    assert!(over.starts_with("HTTP/1.1 413") && over.contains("\"maximum\":5242880"), "{over}");
    assert_eq!(desk.server.number("SELECT COUNT(*) FROM upload WHERE content IS NOT NULL").await, 0);

    desk.clock.advance(15 * 60 * SECOND);
    let late = desk.put(url, "x").await;
    assert_eq!((late.status, late.code().as_str()), (410, "UPLOAD_EXPIRED"));
    let hero = desk.server.sign_in("hero").await;
    assert_eq!(desk.node(&hero, &upload).await, json!({"url": null, "bytes": null}));
}

#[tokio::test]
async fn of_many_who_send_to_one_address_one_wins() {
    let desk = Desk::open(Engine::Postgres).await;
    let upload = desk.create(&desk.hero).await;
    let sending = (0..12).map(|no| desk.put(url(&upload), format!("file {no}")));
    let answers = futures_util::future::join_all(sending).await;
    let won: Vec<usize> = (0..12).filter(|at| answers[*at].status == 204).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer.status, 204 | 409)), "{answers:?}");
    assert_eq!(desk.read(&upload, &desk.hero).await.unwrap(), format!("file {}", won[0]).into_bytes());
}

#[tokio::test]
async fn a_person_keeps_at_most_twenty_an_hour() {
    let desk = Desk::open(Engine::Sqlite).await;
    for _ in 0..20 {
        desk.create(&desk.hero).await;
    }
    let refused = desk.server.payload(&desk.hero, CREATE, json!({"i": {"purpose": "PROMPT_IMPORT"}})).await;
    assert_eq!((&refused["userErrors"][0]["code"], &refused["upload"]), (&json!("TOO_MANY_UPLOADS"), &Value::Null));
    let admin = desk.server.admin(&desk.hero, "helper").await;
    desk.create(&admin).await;
    desk.clock.advance(3_601 * SECOND);
    let hero = desk.server.sign_in("hero").await;
    desk.create(&hero).await;
}

// A page of an allowed origin may send; of another one the browser asks in vain.
#[tokio::test]
async fn pages_of_allowed_origins_may_send() {
    let home = Home::open(Engine::Sqlite).await;
    let server =
        home.start_with(|config, _| config.http.allowed_origins = vec!["https://app.example.com".to_owned()]).await;
    let ask = |origin: &'static str| {
        server
            .client
            .request("OPTIONS", "/files/uploads/018f3c5e-0000-7000-8000-0000000000ff?expires=1&signature=x")
            .header("origin", origin)
            .header("access-control-request-method", "PUT")
    };
    let allowed = send(ask("https://app.example.com")).await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (204, "https://app.example.com"));
    assert_eq!(allowed.header("access-control-allow-methods"), "PUT");
    assert_eq!(send(ask("https://evil.example.com")).await.header("access-control-allow-origin"), "");
}
