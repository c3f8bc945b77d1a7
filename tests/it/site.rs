//! Sites and sectors: made, changed, listed, refused, and nobody else's.

mod erasure;

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    server::{Home, Server},
};

const SITE: &str = "id name domain timeZone language audience isActive autoApprove autoSchedule version \
                    sectors { nodes { id name slug isActive site { id } } totalCount }";

struct Stage {
    server: Server,
    owner: Person,
}

impl Stage {
    async fn open(engine: Engine) -> Self {
        let server = Home::open(engine).await.start().await;
        let owner = server.sign_up("owner").await;
        Self { server, owner }
    }

    async fn create(&self, person: &Person, more: Value) -> Value {
        let mut input = json!({"accountId": self.owner.account, "name": "Shop", "domain": "shop.example"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let query = format!(
            "mutation($i: CreateSiteInput!) {{ createSite(input: $i) {{ site {{ {SITE} }} userErrors {{ code message path }} }} }}"
        );
        self.server.payload(person, &query, json!({"i": input})).await
    }

    async fn update(&self, input: Value) -> Value {
        let query = format!(
            "mutation($i: UpdateSiteInput!) {{ updateSite(input: $i) \
             {{ site {{ {SITE} }} userErrors {{ code path versionConflict {{ expected current }} }} }} }}"
        );
        self.server.payload(&self.owner, &query, json!({"i": input})).await
    }

    async fn sector(&self, mutation: &str, input: Value) -> Value {
        let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
        let query = format!(
            "mutation($i: {kind}!) {{ {mutation}(input: $i) {{ sector {{ id name slug isActive }} userErrors {{ code path }} }} }}"
        );
        self.server.payload(&self.owner, &query, json!({"i": input})).await
    }
}

fn refusal(payload: &Value) -> (&str, Value) {
    let error = &payload["userErrors"][0];
    (error["code"].as_str().unwrap_or_else(|| panic!("{payload}")), error["path"].clone())
}

#[rstest]
#[tokio::test]
async fn a_site_is_made_changed_and_listed(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let made = stage.create(&stage.owner, json!({"domain": " https://Shop.Example/path "})).await;
    let site = &made["site"];
    assert_eq!(
        (&site["domain"], &site["timeZone"], &site["language"]),
        (&json!("shop.example"), &json!("UTC"), &json!("en"))
    );
    assert_eq!(
        (&site["isActive"], &site["autoApprove"], &site["autoSchedule"]),
        (&json!(true), &json!(false), &json!(false))
    );
    let id = site["id"].as_str().unwrap();

    let edit = json!({
        "siteId": id, "expectedVersion": 1, "timeZone": "Europe/Berlin", "language": "de", "audience": "runners",
        "autoApprove": true
    });
    let changed = stage.update(edit.clone()).await;
    assert_eq!((&changed["site"]["version"], &changed["site"]["timeZone"]), (&json!(2), &json!("Europe/Berlin")));
    // The same edit again was made from an older version.
    let conflict = stage.update(edit).await;
    assert_eq!(conflict["userErrors"][0]["versionConflict"], json!({"expected": 1, "current": 2}));
    // One that changes nothing raises nothing, and what is omitted stays.
    let same = stage.update(json!({"siteId": id, "expectedVersion": 2, "language": "de"})).await;
    assert_eq!((&same["site"]["version"], &same["site"]["audience"]), (&json!(2), &json!("runners")));
    let cleared = stage.update(json!({"siteId": id, "expectedVersion": 2, "audience": null, "isActive": false})).await;
    assert_eq!((&cleared["site"]["audience"], &cleared["site"]["isActive"]), (&json!(null), &json!(false)));

    let second = stage.create(&stage.owner, json!({"domain": "second.example"})).await["site"]["id"].clone();
    let query = "query($a: ID!, $on: Boolean) { sites(accountId: $a, isActive: $on) { nodes { id } totalCount } }";
    for (on, ids) in [(json!(null), vec![second.clone(), json!(id)]), (json!(true), vec![second.clone()])] {
        let listed =
            stage.server.data(Some(&stage.owner.token), query, json!({"a": stage.owner.account, "on": on})).await;
        let nodes: Vec<Value> =
            listed["sites"]["nodes"].as_array().unwrap().iter().map(|node| node["id"].clone()).collect();
        assert_eq!((nodes, &listed["sites"]["totalCount"]), (ids.clone(), &json!(ids.len())));
    }
    let trail = "SELECT COUNT(*) FROM audit_entry WHERE action IN ('site.create', 'site.update')";
    assert_eq!(stage.server.number(trail).await, 4);
}

#[rstest]
#[tokio::test]
async fn a_site_is_switched_off_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let id = stage.create(&stage.owner, json!({})).await["site"]["id"].clone();
    let query = "mutation($i: DeactivateSiteInput!) { deactivateSite(input: $i) \
                 { site { id isActive version } userErrors { code } } }";
    for _ in 0..2 {
        let off = stage.server.payload(&stage.owner, query, json!({"i": {"siteId": id}})).await;
        assert_eq!(off, json!({"site": {"id": id, "isActive": false, "version": 2}, "userErrors": []}));
    }
    let trail = "SELECT COUNT(*) FROM audit_entry WHERE action = 'site.deactivate'";
    assert_eq!(stage.server.number(trail).await, 1);
    let on = stage.update(json!({"siteId": id, "expectedVersion": 2, "isActive": true})).await;
    assert_eq!((&on["site"]["isActive"], &on["site"]["version"]), (&json!(true), &json!(3)));
    // A VIEWER sees the site and may not; somebody else does not see it.
    let viewer = stage.server.sign_up("viewer").await;
    let member = "INSERT INTO account_member (account_id, user_id, role, created_at) \
                  SELECT s.account_id, u.id, 'VIEWER', 0 FROM site s, app_user u WHERE u.username = 'viewer'";
    stage.server.execute(member).await;
    let stranger = stage.server.sign_up("stranger").await;
    for (person, expected) in [(&viewer, "FORBIDDEN"), (&stranger, "NOT_FOUND")] {
        let answer = stage.server.call(Some(&person.token), query, json!({"i": {"siteId": id}})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], expected, "{answer}");
    }
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM site WHERE is_active").await, 1);
}

#[rstest]
#[tokio::test]
async fn what_is_wrong_about_a_site_is_named(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.create(&stage.owner, json!({})).await;
    for (more, code, field) in [
        (json!({"name": "  "}), "NAME_INVALID", "name"),
        (json!({"domain": "not a host"}), "DOMAIN_INVALID", "domain"),
        (json!({"domain": "SHOP.example"}), "DOMAIN_TAKEN", "domain"),
        (json!({"timeZone": "Mars/Base"}), "TIME_ZONE_UNKNOWN", "timeZone"),
        (json!({"language": "en_US"}), "LANGUAGE_INVALID", "language"),
        (json!({"audience": "a".repeat(501)}), "AUDIENCE_INVALID", "audience"),
        (json!({"name": "a\u{1}b"}), "NAME_INVALID", "name"),
    ] {
        let refused = stage.create(&stage.owner, more).await;
        assert_eq!(refusal(&refused), (code, json!(["input", field])), "{refused}");
        assert_eq!(refused["site"], json!(null));
    }
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM site").await, 1);
    // Another account may have the same domain.
    let other = stage.server.sign_up("other").await;
    let made = stage.create(&other, json!({"accountId": other.account})).await;
    assert_eq!(made["userErrors"], json!([]));
}

#[rstest]
#[tokio::test]
async fn sectors_have_slugs_of_their_own_in_a_site(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let site = stage.create(&stage.owner, json!({})).await["site"]["id"].clone();
    let made = stage.sector("createSector", json!({"siteId": site, "name": "Running Shoes"})).await;
    assert_eq!(made["sector"]["slug"], "running-shoes");
    let sector = made["sector"]["id"].clone();
    let twice = stage.sector("createSector", json!({"siteId": site, "name": "running shoes"})).await;
    assert_eq!(refusal(&twice), ("SLUG_TAKEN", json!(["input", "slug"])));
    let wrong = stage.sector("createSector", json!({"siteId": site, "name": "x", "slug": "No Slug"})).await;
    assert_eq!(refusal(&wrong), ("SLUG_INVALID", json!(["input", "slug"])));
    let input = json!({"sectorId": sector, "name": "Shoes", "slug": "shoes", "isActive": false});
    let changed = stage.sector("updateSector", input).await;
    assert_eq!(changed["sector"], json!({"id": sector, "name": "Shoes", "slug": "shoes", "isActive": false}));
    let query = format!("query($id: ID!) {{ site(id: $id) {{ {SITE} }} }}");
    let seen = stage.server.data(Some(&stage.owner.token), &query, json!({"id": site})).await;
    assert_eq!(seen["site"]["sectors"]["nodes"][0]["site"]["id"], site);
    assert_eq!(seen["site"]["sectors"]["totalCount"], 1);
}

#[rstest]
#[tokio::test]
async fn a_schedule_changes_field_by_field_and_each_fault_is_named(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let schedule = "schedule { interval publishTime weekdays dayOfMonth postsPerDay }";
    let id = stage.create(&stage.owner, json!({})).await["site"]["id"].clone();
    let query = format!(
        "mutation($i: UpdateSiteInput!) {{ updateSite(input: $i) {{ site {{ {schedule} }} userErrors {{ code path }} }} }}"
    );
    let update = async |version: i64, change: Value| {
        let input = json!({"siteId": id, "expectedVersion": version, "schedule": change});
        stage.server.payload(&stage.owner, &query, json!({"i": input})).await
    };
    let week = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
    let first = update(1, json!({"interval": "EVERY_2_DAYS", "publishTime": "23:59"})).await;
    assert_eq!(
        first["site"]["schedule"],
        json!({"interval": "EVERY_2_DAYS", "publishTime": "23:59", "weekdays": week, "dayOfMonth": 1, "postsPerDay": 1})
    );
    let second =
        update(2, json!({"weekdays": ["FRIDAY", "MONDAY", "FRIDAY"], "dayOfMonth": 31, "postsPerDay": 50})).await;
    assert_eq!(
        second["site"]["schedule"],
        json!({"interval": "EVERY_2_DAYS", "publishTime": "23:59", "weekdays": ["MONDAY", "FRIDAY"], "dayOfMonth": 31, "postsPerDay": 50})
    );
    let refused = update(3, json!({"weekdays": [], "dayOfMonth": 0, "postsPerDay": 51})).await;
    let fault = |field: &str| json!({"code": "SCHEDULE_INVALID", "path": ["input", "schedule", field]});
    assert_eq!(refused["userErrors"], json!([fault("weekdays"), fault("dayOfMonth"), fault("postsPerDay")]));
    let input = json!({"siteId": id, "expectedVersion": 3, "schedule": {"publishTime": "9:00"}});
    let answer = stage.server.call(Some(&stage.owner.token), &query, json!({"i": input})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    let stored = "SELECT COUNT(*) FROM site WHERE weekdays = 17 AND publish_minute = 1439 AND version = 3";
    assert_eq!(stage.server.number(stored).await, 1);
}
