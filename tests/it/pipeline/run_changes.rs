//! What people change under a run's hands: what is gone or not what it was costs nothing, and the run ends.

use inkledger::{ai::provider::sandbox::Step, db::Engine};
use rstest::rstest;
use serde_json::{Value, json};

use super::{provider::Meets, runner::Runner};

/// A run of one stage with a request at the provider.
async fn at_the_provider(engine: Engine, stage: &str, prepare: impl AsyncFn(&Runner)) -> (Runner, String) {
    let runner = Runner::priced(engine, 100).await;
    prepare(&runner).await;
    runner.only(&[stage], json!({})).await;
    runner.provider.rule(|_| Meets::Gate(Step::Ok));
    let run = runner.started("start-key-1").await;
    runner.provider.waits(1).await;
    (runner, run)
}

/// The stage that has something once the run has ended, in counts: succeeded, failed, skipped; and what it cost.
async fn outcome(runner: &Runner, run: &str, state: &str) -> (Value, Value) {
    runner.provider.lets(10);
    let done = runner.reaches(run, state).await;
    let stage = done["stages"].as_array().unwrap().iter().find(|stage| stage["total"] != 0).unwrap();
    runner.check_all().await;
    (json!([stage["succeeded"], stage["failed"], stage["skipped"]]), done["creditsUsed"].clone())
}

async fn done(runner: &Runner, mutation: &str, input: Value) {
    let done = runner.act(mutation, "__typename", input).await;
    assert_eq!(done["userErrors"], json!([]), "{mutation}: {done}");
}

async fn ids(runner: &Runner, list: &str) -> Vec<Value> {
    let query = format!("query($s: ID!) {{ {list}(siteId: $s, first: 10) {{ nodes {{ id }} }} }}");
    let listed = runner.ask(&query, json!({"s": runner.site})).await;
    listed["nodes"].as_array().unwrap().iter().map(|node| node["id"].clone()).collect()
}

#[rstest]
#[tokio::test]
async fn keywords_that_are_archived_meanwhile_cost_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let prepare = async |runner: &Runner| runner.import(&["tea pot", "tea cup"].map(str::to_owned), Value::Null).await;
    let (runner, run) = at_the_provider(engine, "CLUSTER", prepare).await;
    let keywords = ids(&runner, "keywords").await;
    done(&runner, "archiveKeywords", json!({"siteId": runner.site, "keywordIds": keywords})).await;
    assert_eq!(outcome(&runner, &run, "COMPLETED").await, (json!([0, 0, 2]), json!(0)));
    assert_eq!(runner.states("keyword").await["ARCHIVED"], 2);
    assert!(runner.states("cluster").await.is_empty());
}

#[rstest]
#[tokio::test]
async fn a_cluster_that_is_deleted_meanwhile_costs_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let prepare = async |runner: &Runner| {
        for name in ["Tea pots", "Tea cups"] {
            done(runner, "createCluster", json!({"siteId": runner.site, "name": name})).await;
        }
        // The other one is empty, which is nothing to have ideas about.
        runner.import(&["red tea pot", "blue tea pot"].map(str::to_owned), Value::Null).await;
        let full =
            "UPDATE keyword SET state = 'CLUSTERED', cluster_id = (SELECT id FROM cluster WHERE name = 'Tea pots')";
        runner.server.execute(full).await;
    };
    let (runner, run) = at_the_provider(engine, "IDEAS", prepare).await;
    for cluster in ids(&runner, "clusters").await {
        done(&runner, "deleteCluster", json!({"clusterId": cluster})).await;
    }
    assert_eq!(outcome(&runner, &run, "COMPLETED").await, (json!([0, 0, 2]), json!(0)));
    assert_eq!(runner.provider.calls().len(), 1, "nobody is asked about what is gone");
}

#[rstest]
#[tokio::test]
async fn content_that_is_archived_meanwhile_gets_no_prompts_and_costs_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let prepare = async |runner: &Runner| {
        crate::support::content::content(&runner.server.db, &json!(runner.site), "DRAFT", &[]).await;
    };
    let (runner, run) = at_the_provider(engine, "IMAGE_PROMPTS", prepare).await;
    for content in ids(&runner, "contents").await {
        done(&runner, "archiveContent", json!({"contentId": content, "expectedVersion": 1})).await;
    }
    assert_eq!(outcome(&runner, &run, "COMPLETED").await, (json!([0, 0, 1]), json!(0)));
}

// What was drawn is there and paid for, whatever the article has become.
#[rstest]
#[tokio::test]
async fn an_image_of_content_that_is_archived_meanwhile_is_kept(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let prepare = async |runner: &Runner| {
        runner.article(1).await;
    };
    let (runner, run) = at_the_provider(engine, "IMAGES", prepare).await;
    for content in ids(&runner, "contents").await {
        done(&runner, "archiveContent", json!({"contentId": content, "expectedVersion": 1})).await;
    }
    assert_eq!(outcome(&runner, &run, "COMPLETED").await, (json!([1, 0, 0]), json!(5)));
    assert_eq!(runner.states("content").await["ARCHIVED"], 1);
}
