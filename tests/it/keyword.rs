//! Keywords and clusters: imported, listed, grouped, put away, and nobody else's.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    server::{Home, Server},
};

const KEYWORD: &str = "id text country volume cpc difficulty intent state cluster { id } sector { id }";
const CLUSTER: &str = "id name type intent state description keywordCount volume difficulty rootKeyword \
                       keywords { nodes { text } totalCount }";

struct Stage {
    server: Server,
    owner: Person,
    site: Value,
    sector: Value,
}

fn kind(mutation: &str) -> String {
    format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..])
}

impl Stage {
    async fn open(engine: Engine) -> Self {
        let server = Home::open(engine).await.start().await;
        let owner = server.sign_up("owner").await;
        let mut stage = Self { server, owner, site: Value::Null, sector: Value::Null };
        let input = json!({"accountId": stage.owner.account, "name": "Shop", "domain": "shop.example"});
        stage.site = stage.act("createSite", "site { id }", input).await["site"]["id"].clone();
        let input = json!({"siteId": stage.site, "name": "Shoes"});
        stage.sector = stage.act("createSector", "sector { id }", input).await["sector"]["id"].clone();
        stage
    }

    async fn act(&self, mutation: &str, fields: &str, input: Value) -> Value {
        let query = format!(
            "mutation($i: {}!) {{ {mutation}(input: $i) {{ {fields} userErrors {{ code message path }} }} }}",
            kind(mutation)
        );
        self.server.payload(&self.owner, &query, json!({"i": input})).await
    }

    async fn import(&self, content: &str, more: Value) -> Value {
        let mut input = json!({"siteId": self.site, "file": {"content": content}});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.act("importKeywords", "added present refused rows { line outcome code field message }", input).await
    }

    /// The site's keywords by their text.
    async fn keywords(&self, filter: Value) -> Vec<Value> {
        let query = format!(
            "query($s: ID!, $f: KeywordFilter) {{ keywords(siteId: $s, filter: $f, first: 100) {{ nodes {{ {KEYWORD} }} totalCount }} }}"
        );
        let listed = self.server.payload(&self.owner, &query, json!({"s": self.site, "f": filter})).await;
        let mut nodes = listed["nodes"].as_array().unwrap().clone();
        assert_eq!(listed["totalCount"], nodes.len());
        nodes.sort_by_key(|node| node["text"].as_str().unwrap().to_owned());
        nodes
    }

    async fn cluster(&self, more: Value) -> Value {
        let mut input = json!({"siteId": self.site, "name": "Trail"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.act("createCluster", &format!("cluster {{ {CLUSTER} }}"), input).await
    }

    async fn assign(&self, keyword: &Value, cluster: &Value) -> Value {
        let input = json!({"keywordId": keyword["id"], "clusterId": cluster});
        self.act("updateKeyword", &format!("keyword {{ {KEYWORD} }}"), input).await
    }
}

fn texts(keywords: &[Value]) -> Vec<&str> {
    keywords.iter().map(|keyword| keyword["text"].as_str().unwrap()).collect()
}

fn code(payload: &Value) -> &str {
    payload["userErrors"][0]["code"].as_str().unwrap_or_else(|| panic!("{payload}"))
}

#[rstest]
#[tokio::test]
async fn a_file_is_imported_row_by_row_and_again_without_harm(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let file = "\u{feff}Keyword;Volume;Country;CPC;Difficulty;Intent\n\
                trail running shoes;1,900;de;0.123456789;43;commercial\n\
                Trail  Running SHOES;5;DE;;;\n\
                trail running shoes;;US;;;\n\
                road shoes;-1;;;;\n\
                ;;;;;\n\
                laces;;;;101;\n";
    let dry = stage.import(file, json!({"dryRun": true})).await;
    assert_eq!((&dry["added"], &dry["present"], &dry["refused"]), (&json!(2), &json!(0), &json!(3)), "{dry}");
    assert_eq!(stage.keywords(json!({})).await.len(), 0, "a dry run writes nothing");
    let done = stage.import(file, json!({})).await;
    assert_eq!(done["rows"], dry["rows"]);
    let refused: Vec<_> = done["rows"].as_array().unwrap().iter().filter(|row| row["outcome"] == "REFUSED").collect();
    let told: Vec<_> =
        refused.iter().map(|row| (row["line"].as_i64().unwrap(), row["code"].as_str().unwrap())).collect();
    assert_eq!(told, [(3, "KEYWORD_REPEATED"), (5, "VOLUME_INVALID"), (7, "DIFFICULTY_INVALID")]);
    let found = stage.keywords(json!({})).await;
    assert_eq!(texts(&found), ["trail running shoes", "trail running shoes"]);
    let german = found.iter().find(|keyword| keyword["country"] == "DE").unwrap();
    assert_eq!(
        (&german["volume"], &german["cpc"], &german["difficulty"], &german["intent"], &german["state"]),
        (&json!(1900), &json!("0.123456789"), &json!(43), &json!("COMMERCIAL"), &json!("NEW"))
    );
    let again = stage.import(file, json!({})).await;
    assert_eq!((&again["added"], &again["present"]), (&json!(0), &json!(2)));
    // The same keyword in a sector is another one.
    let other = stage.import("text\ntrail running shoes\n", json!({"sectorId": stage.sector})).await;
    assert_eq!(other["added"], 1);
    assert_eq!(stage.keywords(json!({"sectorId": stage.sector})).await.len(), 1);
    assert_eq!(stage.keywords(json!({"sectorId": null})).await.len(), 2);
    assert_eq!(stage.keywords(json!({"search": "RUNNING sh"})).await.len(), 3);
    assert_eq!(stage.keywords(json!({"search": "%"})).await.len(), 0, "a sign is a sign");
}

#[rstest]
#[tokio::test]
async fn a_file_that_is_no_good_is_refused_whole(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    for (file, expected) in
        [("", "FILE_EMPTY"), ("volume,country\n1,DE\n", "HEADER_MISSING"), ("keyword,text\na,b\n", "COLUMN_TWICE")]
    {
        let refused = stage.import(file, json!({})).await;
        assert_eq!((code(&refused), &refused["rows"]), (expected, &json!(null)), "{refused}");
    }
    let many = format!("keyword\n{}", (0..10_001).map(|at| format!("k{at}\n")).collect::<String>());
    assert_eq!(code(&stage.import(&many, json!({})).await), "TOO_MANY_ROWS");
    let other = stage.server.sign_up("other").await;
    let input = json!({"accountId": other.account, "name": "Other", "domain": "other.example"});
    let query = "mutation($i: CreateSiteInput!) { createSite(input: $i) { site { id } } }";
    let site = stage.server.payload(&other, query, json!({"i": input})).await["site"]["id"].clone();
    let query = "mutation($i: CreateSectorInput!) { createSector(input: $i) { sector { id } } }";
    let input = json!({"siteId": site, "name": "Theirs"});
    let theirs = stage.server.payload(&other, query, json!({"i": input})).await["sector"]["id"].clone();
    let refused = stage.import("keyword\nshoes\n", json!({"sectorId": theirs})).await;
    assert_eq!(code(&refused), "SECTOR_NOT_FOUND");
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM keyword").await, 0);
}

#[rstest]
#[tokio::test]
async fn a_large_file_comes_by_upload(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let made = stage.act("createUpload", "upload { id url }", json!({"purpose": "KEYWORD_IMPORT"})).await;
    let upload = &made["upload"];
    let import =
        || stage.act("importKeywords", "added", json!({"siteId": stage.site, "file": {"uploadId": upload["id"]}}));
    assert_eq!(code(&import().await), "UPLOAD_NOT_RECEIVED");
    let file = format!("keyword\n{}", (0..10_000).map(|at| format!("keyword number {at}\n")).collect::<String>());
    let sent = reqwest::Client::new().put(upload["url"].as_str().unwrap()).body(file).send().await.unwrap();
    assert!(sent.status().is_success(), "{}", sent.status());
    assert_eq!(import().await["added"], 10_000);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM keyword").await, 10_000);
}

#[rstest]
#[tokio::test]
async fn keywords_go_in_and_out_of_clusters(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.import("keyword,volume,difficulty\na,10,20\nb,5,\nc,,21\n", json!({})).await;
    let all = stage.keywords(json!({})).await;
    let made = stage.cluster(json!({"description": "Off the road", "type": "CATEGORY", "intent": "COMMERCIAL"})).await;
    let cluster = made["cluster"]["id"].clone();
    assert_eq!((&made["cluster"]["state"], &made["cluster"]["volume"]), (&json!("NEW"), &json!(null)));
    assert_eq!(code(&stage.cluster(json!({"name": " TRAIL "})).await), "NAME_TAKEN");
    assert_eq!(stage.cluster(json!({"sectorId": stage.sector})).await["userErrors"], json!([]), "another sector");
    for keyword in &all {
        let assigned = stage.assign(keyword, &cluster).await;
        assert_eq!(
            (&assigned["keyword"]["state"], &assigned["keyword"]["cluster"]["id"]),
            (&json!("CLUSTERED"), &cluster)
        );
    }
    let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on Cluster {{ {CLUSTER} }} }} }}");
    let seen = stage.server.payload(&stage.owner, &query, json!({"id": cluster})).await;
    assert_eq!(
        (&seen["keywordCount"], &seen["volume"], &seen["difficulty"], &seen["keywords"]["totalCount"]),
        (&json!(3), &json!(15), &json!(21), &json!(3)),
        "the mean of 20 and 21, half up"
    );
    assert_eq!(stage.keywords(json!({"clusterId": cluster})).await.len(), 3);
    // A cluster of another sector is none of this keyword's.
    let other = stage.cluster(json!({"sectorId": stage.sector, "name": "Other"})).await["cluster"]["id"].clone();
    assert_eq!(code(&stage.assign(&all[0], &other).await), "CLUSTER_NOT_FOUND");
    let out = stage.assign(&all[0], &json!(null)).await;
    assert_eq!((&out["keyword"]["state"], &out["keyword"]["cluster"]), (&json!("ORPHANED"), &json!(null)));
    assert_eq!(
        code(&stage.act("finalizeCluster", "cluster { id }", json!({"clusterId": cluster})).await),
        "ILLEGAL_TRANSITION"
    );
    let gone = stage.act("deleteCluster", "cluster { name } orphanedKeywords", json!({"clusterId": cluster})).await;
    assert_eq!((&gone["cluster"]["name"], &gone["orphanedKeywords"]), (&json!("Trail"), &json!(2)));
    assert_eq!(stage.keywords(json!({"state": "ORPHANED"})).await.len(), 3);
    // Every change of state left its row.
    let trail = "SELECT COUNT(*) FROM audit_entry WHERE target_kind = 'keyword'";
    assert_eq!(stage.server.number(trail).await, 3 + 1 + 2);
    let renamed =
        stage.act("updateCluster", "cluster { name }", json!({"clusterId": other, "name": " New  name "})).await;
    assert_eq!(renamed["cluster"]["name"], "New name");
}

#[rstest]
#[tokio::test]
async fn keywords_are_put_away_and_taken_back_all_or_none(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.import("keyword\na\nb\nc\n", json!({})).await;
    let all = stage.keywords(json!({})).await;
    let cluster = stage.cluster(json!({})).await["cluster"]["id"].clone();
    stage.assign(&all[0], &cluster).await;
    let ids =
        |keywords: &[Value]| Value::from(keywords.iter().map(|keyword| keyword["id"].clone()).collect::<Vec<_>>());
    let act = |mutation: &'static str, ids: Value| {
        let input = json!({"siteId": stage.site, "keywordIds": ids});
        stage.act(mutation, "keywords { state cluster { id } }", input)
    };
    let done = act("archiveKeywords", ids(&all[..2])).await;
    assert_eq!(
        done["keywords"],
        json!([{"state": "ARCHIVED", "cluster": null}, {"state": "ARCHIVED", "cluster": null}])
    );
    // Again, with one more: those that are away stay so.
    act("archiveKeywords", ids(&all)).await;
    assert_eq!(stage.keywords(json!({"state": "ARCHIVED"})).await.len(), 3);
    let back = act("restoreKeywords", ids(&all[..1])).await;
    assert_eq!(back["keywords"][0], json!({"state": "NEW", "cluster": null}));
    assert_eq!(code(&act("restoreKeywords", json!([])).await), "COUNT_OUT_OF_RANGE");
    assert_eq!(
        stage.server.number("SELECT COUNT(*) FROM audit_entry WHERE target_kind = 'keyword'").await,
        1 + 2 + 1 + 1
    );
    // One of somebody else's spoils the command.
    let other = stage.server.sign_up("other").await;
    let query = "mutation($i: CreateSiteInput!) { createSite(input: $i) { site { id } } }";
    let input = json!({"accountId": other.account, "name": "Other", "domain": "other.example"});
    let site = stage.server.payload(&other, query, json!({"i": input})).await["site"]["id"].clone();
    let query = "mutation($i: ArchiveKeywordsInput!) { archiveKeywords(input: $i) { userErrors { code } } }";
    let refused = stage.server.payload(&other, query, json!({"i": {"siteId": site, "keywordIds": ids(&all)}})).await;
    assert_eq!(code(&refused), "NOT_FOUND");
}

#[rstest]
#[tokio::test]
async fn keywords_of_another_site_are_none_of_this_ones(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.import("keyword\na\nb\n", json!({})).await;
    let input = json!({"accountId": stage.owner.account, "name": "Second", "domain": "second.example"});
    let second = stage.act("createSite", "site { id }", input).await["site"]["id"].clone();
    stage.act("importKeywords", "added", json!({"siteId": second, "file": {"content": "keyword\nc\n"}})).await;
    let query = "query($s: ID!) { keywords(siteId: $s) { nodes { id } } }";
    let listed = stage.server.payload(&stage.owner, query, json!({"s": second})).await;
    let own = stage.keywords(json!({})).await;
    let mixed = json!([own[0]["id"], listed["nodes"][0]["id"], own[1]["id"]]);
    for mutation in ["archiveKeywords", "restoreKeywords"] {
        let input = json!({"siteId": stage.site, "keywordIds": mixed});
        let refused = stage.act(mutation, "keywords { id }", input).await;
        assert_eq!((code(&refused), &refused["keywords"]), ("NOT_FOUND", &json!(null)), "{refused}");
        assert!(refused["userErrors"][0]["message"].as_str().unwrap().contains("number 2 "), "{refused}");
    }
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM keyword WHERE state = 'NEW'").await, 3);
}

// Each import sees what the others have added by then, and says what it added itself.
#[rstest]
#[tokio::test]
async fn imports_at_the_same_time_never_fill_a_site_too_far(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let id = match engine {
        Engine::Sqlite => "randomblob(16)",
        Engine::Postgres => "gen_random_uuid()",
    };
    let fill = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99000) \
         INSERT INTO keyword (id, account_id, site_id, bucket_id, text, text_key, country, state, created_at, updated_at) \
         SELECT {id}, s.account_id, s.id, s.id, 'old ' || i, 'old ' || i, '', 'NEW', 0, 0 FROM n, site s"
    );
    stage.server.execute(&fill).await;
    let file = |name: &str| format!("keyword\n{}", (0..450).map(|at| format!("{name} {at}\n")).collect::<String>());
    let (one, two, three) = (file("one"), file("two"), file("three"));
    let none = || json!({});
    let done = tokio::join!(stage.import(&one, none()), stage.import(&two, none()), stage.import(&three, none()));
    let mut added = 0;
    for import in [&done.0, &done.1, &done.2] {
        added += import["added"].as_i64().unwrap_or_default();
        for row in import["rows"].as_array().into_iter().flatten().filter(|row| row["outcome"] == "REFUSED") {
            assert_eq!(row["code"], "TOO_MANY_KEYWORDS");
        }
    }
    assert!((550..=1000).contains(&added), "{added}: at least one file fits, and all three never do");
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM keyword").await, 99_000 + added);
    let told = "SELECT SUM(CAST(REPLACE(after, ' keywords', '') AS integer)) FROM audit_entry \
                WHERE action = 'keyword.import'";
    assert_eq!(stage.server.number(told).await, added);
    // A dry run counts what it pretends to have added, and a file that cannot fit is refused whole.
    let large = format!("keyword\n{}", (0..1001).map(|at| format!("large {at}\n")).collect::<String>());
    for more in [json!({}), json!({"dryRun": true})] {
        let refused = stage.import(&large, more).await;
        assert_eq!((code(&refused), &refused["rows"]), ("TOO_MANY_KEYWORDS", &json!(null)), "{refused}");
    }
}
