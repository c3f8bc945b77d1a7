//! A server, and a member's site in it.

use inkledger::graphql::node::decode_any;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    place::{Place, Sql},
    rows::{Owner, fill},
};
use crate::support::{
    api::{Api, Person},
    server::Server,
};

/// Rows of each kind.
pub const ROWS: i64 = 10_000;
const SECTORS: usize = 10;

/// A server, and a member's site in it. The server ends before its place does.
pub struct World {
    pub server: Server,
    pub api: Api,
    pub owner: Person,
    pub site: String,
    pub sectors: Vec<String>,
    pub sql: Sql,
    _place: Place,
}

/// The UUID of a global id.
pub fn uuid_of(id: &str) -> Uuid {
    decode_any(&async_graphql::ID(id.to_owned())).unwrap().1
}

/// Microseconds since 1970, of the machine that both the server and this process run on.
pub fn now() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

/// The field of `data` that the answer has, which must be without errors.
pub fn field(answer: Value) -> Value {
    assert!(answer["errors"].is_null(), "{answer}");
    let Value::Object(data) = &answer["data"] else { panic!("{answer}") };
    let value = data.values().next().cloned().unwrap_or_default();
    assert!(!value.is_null(), "{answer}");
    assert!(value["userErrors"].as_array().is_none_or(Vec::is_empty), "{answer}");
    value
}

/// A site of the member's.
pub async fn create_site(api: &Api, owner: &Person, domain: &str) -> String {
    let query = "mutation($i: CreateSiteInput!) { createSite(input: $i) { site { id } userErrors { code } } }";
    let input = json!({"accountId": owner.account, "name": "Bench", "domain": domain, "timeZone": "Europe/Berlin"});
    let site = field(api.ask(&owner.token, query, json!({ "i": input })).await);
    site["site"]["id"].as_str().unwrap().to_owned()
}

impl World {
    /// A site with [`ROWS`] rows of each kind.
    pub async fn full(binary: &str, url: Option<&str>) -> Self {
        let place = Place::new(url).await;
        let server = place.start(binary);
        let api = Api::new(&server.url);
        let owner = api.sign_up("owner").await;
        let site = create_site(&api, &owner, "bench.example").await;
        let query =
            "mutation($i: CreateSectorInput!) { createSector(input: $i) { sector { id } userErrors { code } } }";
        let mut sectors = Vec::new();
        for number in 0..SECTORS {
            let input = json!({"siteId": site, "name": format!("Sector {number}")});
            let made = field(api.ask(&owner.token, query, json!({ "i": input })).await);
            sectors.push(made["sector"]["id"].as_str().unwrap().to_owned());
        }
        let viewer = field(api.ask(&owner.token, "{ viewer { id } }", Value::Null).await);
        let rows = Owner {
            account: uuid_of(&owner.account),
            user: uuid_of(viewer["id"].as_str().unwrap()),
            site: uuid_of(&site),
            sectors: sectors.iter().map(|id| uuid_of(id)).collect(),
        };
        drop(server);
        let mut sql = place.sql().await;
        fill(&mut sql, &rows, ROWS, now()).await;
        let server = place.start(binary);
        let api = Api::new(&server.url);
        Self { server, api, owner, site, sectors, sql, _place: place }
    }
}
