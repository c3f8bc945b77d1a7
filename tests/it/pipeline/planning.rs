//! Keywords to clusters, clusters to ideas.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::{Stage, refusal};

const KEYWORDS: [&str; 6] =
    ["trail shoes", "trail shoes women", "trail shoes men", "tent pegs", "tent pegs steel", "family tent"];

// REQ-B-2, REQ-B-13
#[rstest]
#[tokio::test]
async fn keywords_become_clusters_and_clusters_ideas_for_what_they_cost(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine, 100).await;
    let keywords = stage.keywords(&KEYWORDS).await;
    let task = stage.made("clusterKeywords", "keywordIds", &keywords, "cluster-1").await;
    assert_eq!((&task["status"], &task["phase"], &task["percent"]), (&json!("SUCCESS"), &json!("DONE"), &json!(100)));
    let clusters = task["products"].as_array().unwrap();
    assert!(!clusters.is_empty() && clusters.iter().all(|cluster| cluster["state"] == "NEW"), "{task}");
    let clustered: i64 = clusters.iter().map(|cluster| cluster["keywordCount"].as_i64().unwrap()).sum();
    assert_eq!(clustered, 6, "{task}");
    let (credits, count) = (task["creditsUsed"].as_i64().unwrap(), clusters.len());
    assert_eq!(stage.told().await, [format!("Clustered 6 keywords into {count} clusters using {credits} credits")]);
    // The answer itself is nobody's product.
    assert_eq!(task["items"][0]["text"], Value::Null);

    let ideas = stage.made("generateIdeas", "clusterIds", &Stage::products(&task), "ideas-01").await;
    assert_eq!((&ideas["status"], &ideas["itemsDelivered"]), (&json!("SUCCESS"), &json!(count)));
    let found = ideas["products"].as_array().unwrap();
    assert_eq!(found.len(), 3 * count);
    assert!(found.iter().all(|idea| idea["state"] == "NEW" && idea["title"] != ""));
    let message = format!("Generated {} ideas using {} credits", 3 * count, ideas["creditsUsed"]);
    assert_eq!(stage.told().await[0], message);
    let listed =
        stage.ask("query($s: ID!) { clusters(siteId: $s) { nodes { state } } }", json!({"s": stage.site})).await;
    assert!(listed["nodes"].as_array().unwrap().iter().all(|cluster| cluster["state"] == "MAPPED"), "{listed}");
    let (available, held) = stage.server.balance(&stage.owner).await;
    assert_eq!((available, held), (100 - credits - ideas["creditsUsed"].as_i64().unwrap(), 0));
    let query = "query($s: ID!) { workflowStats(siteId: $s, period: TODAY) { planner { ideas } usage { \
                 operations { function credits providerCost } tasksSucceeded tasksFailed } } }";
    let stats = stage.ask(query, json!({"s": stage.site})).await;
    assert_eq!(stats["planner"]["ideas"], 3 * count);
    assert_eq!(
        stats["usage"],
        json!({"tasksSucceeded": 2, "tasksFailed": 0, "operations": [
            {"function": "CLUSTER_KEYWORDS", "credits": credits, "providerCost": null},
            {"function": "GENERATE_IDEAS", "credits": ideas["creditsUsed"], "providerCost": null},
        ]})
    );
    // A repeat of the key answers the first task, and does nothing.
    let again = stage.command("generateIdeas", "clusterIds", &Stage::products(&task), "ideas-01").await;
    assert_eq!(again["task"]["id"], ideas["id"]);
    assert_eq!(stage.server.script.billing().len(), 1 + count);
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn keywords_are_clustered_by_their_words_for_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, 0).await;
    let keywords = stage.keywords(&KEYWORDS).await;
    let input = json!({"siteId": stage.site, "keywordIds": keywords, "method": "LEXICAL"});
    let done = stage.act("clusterKeywords", "task { id } clusters { name keywordCount }", input.clone()).await;
    assert_eq!((&done["task"], &done["userErrors"]), (&Value::Null, &json!([])));
    let clusters = done["clusters"].as_array().unwrap();
    assert!(clusters.len() >= 2, "{done}");
    assert_eq!(stage.server.script.billing().len(), 0);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM ai_task").await, 0);
    let again = stage.act("clusterKeywords", "clusters { name }", input).await;
    assert_eq!(refusal(&again).0, "WRONG_STATE");
}

// REQ-B-8: one repair under the same hold, with the faults listed; then the item fails and nothing is charged.
#[rstest]
#[tokio::test]
async fn an_answer_that_cannot_be_used_is_repaired_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine, 100).await;
    let keywords = stage.keywords(&["tea pot", "tea cup"]).await;
    let good = r#"```json
        {"clusters": [{"name": "Tea", "keywords": ["TEA  pot", "coffee"], "colour": "red"}]}
        ```"#;
    stage.answers(&[r#"{"clusters": [{"name": "Tea"}]}"#, good]);
    let task = stage.made("clusterKeywords", "keywordIds", &keywords, "repaired-1").await;
    assert_eq!((&task["status"], &task["products"][0]["keywordCount"]), (&json!("SUCCESS"), &json!(1)), "{task}");
    let calls = stage.server.script.billing();
    assert_eq!(calls.len(), 2);
    let first = &calls[0].prompt;
    let repair = calls[1].prompt.strip_prefix(first.as_str()).unwrap();
    assert!(repair.contains("\n- clusters[0].keywords: is missing\n"), "{repair}");
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM credit_hold").await, 1);
    // One keyword is left; what nobody can use is charged to nobody.
    let (before, _) = stage.server.balance(&stage.owner).await;
    let more = stage.keywords(&["green tea"]).await;
    let unclear = [keywords[1].clone(), more[0].clone()];
    for (key, answers, code) in [
        ("repaired-2", ["no json at all", "still none"], "PARSE_FAILED"),
        (
            "repaired-3",
            [r#"{"clusters": []}"#, r#"{"clusters": [{"name": "x", "keywords": ["y"]}]}"#],
            "NOTHING_USABLE",
        ),
        ("repaired-4", ["Error: overloaded", "No response."], "EMPTY_OUTPUT"),
        ("repaired-5", [r#"{"clusters": [{"name": "#, r#"{"clusters": [{"#], "OUTPUT_TRUNCATED"),
    ] {
        stage.answers(&answers);
        let task = stage.made("clusterKeywords", "keywordIds", &unclear, key).await;
        let told = (&task["status"], &task["error"]["code"], &task["creditsUsed"], &task["phase"]);
        assert_eq!(told, (&json!("ERROR"), &json!(code), &json!(0), &json!("PARSE")), "{key}: {task}");
        assert!(stage.told().await[0].starts_with("Keyword clustering failed: "), "{key}");
    }
    assert_eq!(stage.server.script.billing().len(), 2 + 4 * 2);
    // A refusal is not worth a repair.
    stage.answers(&["I'm sorry, but I can't help with that."]);
    let task = stage.made("clusterKeywords", "keywordIds", &unclear, "refused-1").await;
    assert_eq!(task["error"]["code"], "CONTENT_REFUSED", "{task}");
    assert_eq!(stage.server.script.billing().len(), 2 + 4 * 2 + 1);
    assert_eq!(stage.server.balance(&stage.owner).await, (before, 0));
    let states = "query($s: ID!) { keywords(siteId: $s, filter: {state: NEW}) { totalCount } }";
    assert_eq!(stage.ask(states, json!({"s": stage.site})).await["totalCount"], 2);
    stage.check().await;
}

// REQ-B-17
#[rstest]
#[tokio::test]
async fn one_of_two_clusters_gets_ideas_and_only_those_are_charged(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine, 100).await;
    let keywords = stage.keywords(&["tea pot", "tea cup", "tent pegs", "family tent"]).await;
    stage.answers(&[
        r#"{"clusters": [{"name": "Tea", "keywords": ["tea pot", "tea cup"]}, {"name": "Tents", "keywords": ["tent pegs", "family tent"]}]}"#,
    ]);
    let clusters = stage.made("clusterKeywords", "keywordIds", &keywords, "cluster-1").await;
    let ideas = r#"{"ideas": [{"title": "How to pour tea"}, {"title": "how to  POUR tea"}, {"title": "Tea"}]}"#;
    stage.answers(&[ideas, "none", "none"]);
    let task = stage.made("generateIdeas", "clusterIds", &Stage::products(&clusters), "ideas-01").await;
    let told = (&task["status"], &task["itemsDelivered"], &task["itemsFailed"]);
    assert_eq!(told, (&json!("PARTIAL"), &json!(1), &json!(1)), "{task}");
    assert_eq!(task["products"].as_array().unwrap().len(), 1);
    let credits = &task["creditsUsed"];
    let message = format!("Generated 1 ideas using {credits} credits (1 failed, not charged)");
    assert_eq!(stage.told().await[0], message);
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_worked_on_is_refused_at_its_place_and_nothing_is_held(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine, 100).await;
    let keywords = stage.keywords(&["tea pot", "tea cup", "tent pegs"]).await;
    let one = stage.command("clusterKeywords", "keywordIds", &keywords[..1], "refused-1").await;
    assert_eq!(refusal(&one).0, "TOO_FEW_KEYWORDS");
    let twice = [keywords[0].clone(), keywords[1].clone(), keywords[0].clone()];
    let twice = stage.command("clusterKeywords", "keywordIds", &twice, "refused-2").await;
    assert_eq!(refusal(&twice), ("NAMED_TWICE".to_owned(), json!(["input", "keywordIds", "2"])));
    let input = json!({"siteId": stage.site, "keywordIds": [keywords[2]]});
    stage.act("archiveKeywords", "keywords { id }", input).await;
    let archived = stage.command("clusterKeywords", "keywordIds", &keywords, "refused-3").await;
    assert_eq!(refusal(&archived), ("WRONG_STATE".to_owned(), json!(["input", "keywordIds", "2"])));
    // Of another site of the account, and of another account: both are not there.
    let input = json!({"accountId": stage.owner.account, "name": "Other", "domain": "other.example"});
    let other = stage.act("createSite", "site { id }", input).await["site"]["id"].clone();
    let input = json!({"siteId": other, "keywordIds": keywords[..2], "idempotencyKey": "refused-4"});
    let elsewhere = stage.act("clusterKeywords", "task { id }", input).await;
    assert_eq!(refusal(&elsewhere).0, "NOT_FOUND");
    let stranger = stage.server.sign_up("stranger").await;
    let query =
        "mutation($i: ClusterKeywordsInput!) { clusterKeywords(input: $i) { task { id } userErrors { code } } }";
    let input = json!({"siteId": stage.site, "keywordIds": keywords[..2], "idempotencyKey": "refused-5"});
    let reply = stage.server.call(Some(&stranger.token), query, json!({"i": input})).await;
    assert_eq!(reply["errors"][0]["extensions"]["code"], "NOT_FOUND", "{reply}");
    let input = json!({"accountId": stranger.account, "name": "Theirs", "domain": "theirs.example"});
    let query = "mutation($i: CreateSiteInput!) { createSite(input: $i) { site { id } userErrors { code } } }";
    let theirs = stage.server.payload(&stranger, query, json!({"i": input})).await["site"]["id"].clone();
    let query =
        "mutation($i: ClusterKeywordsInput!) { clusterKeywords(input: $i) { task { id } userErrors { code path } } }";
    let input = json!({"siteId": theirs, "keywordIds": keywords[..2], "idempotencyKey": "refused-6"});
    let foreign = stage.server.payload(&stranger, query, json!({"i": input})).await;
    assert_eq!(refusal(&foreign).0, "NOT_FOUND");
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM ai_task").await, 0);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM credit_hold").await, 0);
}
