//! Runs over what another run made: what it left, and what it did, done again.

use std::{collections::HashMap, time::Duration};

use inkledger::{
    ai::{
        model::AiFunction,
        provider::{FailureCode, sandbox::Step},
    },
    db::Engine,
};
use rstest::rstest;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    provider::Meets,
    records::rows,
    runner::{Runner, STAGES, texts},
};
use crate::{automation::stage::statuses, support::content::content};

/// A site whose run went through every stage; the run. Two articles, which the site approves and schedules by itself.
async fn finished(engine: Engine) -> (Runner, String) {
    let runner = Runner::priced_with(engine, 500, |_, seams| seams.ai.cancel_grace = Duration::from_millis(50)).await;
    let input = json!({"siteId": runner.site, "expectedVersion": 1, "autoApprove": true, "autoSchedule": true});
    let saved = runner.act("updateSite", "site { id }", input).await;
    assert_eq!(saved["userErrors"], json!([]), "{saved}");
    runner.import(&["tea pot", "tea cup"].map(str::to_owned), Value::Null).await;
    runner.only(&STAGES, json!({"stages": [{"stage": "CONTENT", "cap": 2}]})).await;
    let source = runner.started("start-key-1").await;
    let done = runner.reaches(&source, "COMPLETED").await;
    assert_eq!(done["stages"][6]["succeeded"], 2, "{done}");
    (runner, source)
}

async fn fork(runner: &Runner, source: &str, stage: &str) -> String {
    let key = format!("fork-of-{stage}");
    let input = json!({"runId": source, "fromStage": stage, "redo": true, "idempotencyKey": key});
    let forked = runner.act("forkAutomationRun", "run { id isRedo }", input).await;
    assert_eq!(forked["run"]["isRedo"], true, "{forked}");
    forked["run"]["id"].as_str().unwrap().to_owned()
}

fn of_stages(run: &Value, field: &str) -> Vec<i64> {
    run["stages"].as_array().unwrap().iter().map(|stage| stage[field].as_i64().unwrap()).collect()
}

/// The ids in a column, in the order of `rest`; `None` where there is none.
async fn ids(runner: &Runner, column: &str, rest: &str) -> Vec<Option<Uuid>> {
    let db = &runner.server.db;
    let query = db.statement(format!("SELECT {column} FROM {rest}"), []);
    let rows = db.reader().query_all_raw(query).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

/// Every place for an image, with its image.
async fn places(runner: &Runner) -> Vec<(Option<Uuid>, String)> {
    let all = "content_image ORDER BY id";
    let images = ids(runner, "image_id", all).await;
    images.into_iter().zip(rows(&runner.server.db, &["kind", "position", "prompt", "state"], all).await).collect()
}

// REQ-B-37
#[rstest]
#[tokio::test]
async fn a_fork_writes_what_its_source_left_and_nothing_else(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let runner = Runner::priced(engine, 100).await;
    runner.import(&["tea pot", "tea cup"].map(str::to_owned), Value::Null).await;
    runner.only(&["CLUSTER", "IDEAS", "CONTENT_TASKS", "CONTENT", "IMAGE_PROMPTS"], json!({})).await;
    runner.configure(json!({"stages": [{"stage": "CONTENT", "cap": 1}]})).await;
    let source = runner.started("start-key-1").await;
    let done = runner.reaches(&source, "COMPLETED").await;
    assert_eq!(done["stages"][2]["succeeded"], 3, "{done}");
    // It came later, and by hand; and so did an article without prompts.
    runner.content_tasks(&["By hand"]).await;
    let stranger = content(&runner.server.db, &json!(runner.site), "DRAFT", &[]).await;
    runner.configure(json!({"stages": [{"stage": "CONTENT", "cap": 10}]})).await;
    let before = runner.provider.calls().len();
    let input = json!({"runId": source, "fromStage": "CONTENT", "redo": false, "idempotencyKey": "fork-key-1"});
    let forked = runner.act("forkAutomationRun", "run { id }", input).await;
    let fork = forked["run"]["id"].as_str().unwrap_or_else(|| panic!("{forked}")).to_owned();
    let done = runner.reaches(&fork, "COMPLETED").await;
    assert_eq!(statuses(&done), ["SKIPPED", "SKIPPED", "SKIPPED", "COMPLETED", "COMPLETED", "SKIPPED", "SKIPPED"]);
    assert_eq!((&done["stages"][3]["total"], &done["stages"][4]["total"]), (&json!(2), &json!(2)), "{done}");
    let books = runner.provider.calls();
    assert!(books[before..].iter().all(|line| line.title() != "By hand"), "{books:?}");
    assert_eq!(
        runner.states("content_task").await,
        HashMap::from([("COMPLETED".to_owned(), 3), ("QUEUED".to_owned(), 1)])
    );
    let query = "query($id: ID!) { content(id: $id) { images { state } version } }";
    assert_eq!(runner.ask(query, json!({"id": stranger})).await, json!({"images": [], "version": 1}));
    runner.check_all().await;
}

// REQ-B-37: done again, an article is a new version; the one before stays.
#[rstest]
#[tokio::test]
async fn what_is_done_again_is_a_new_version_and_new_work(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (runner, source) = finished(engine).await;
    let db = &runner.server.db;
    let versions = async || rows(db, &["version", "html"], "content_revision ORDER BY content_id, version").await;
    let images = async || ids(&runner, "image_id", "content_image WHERE image_id IS NOT NULL ORDER BY id").await;
    let slugs = async || texts(db, "SELECT slug FROM content ORDER BY id").await;
    let (first, drawn, addresses) = (versions().await, images().await, slugs().await);
    let before = runner.run(&source).await;
    let sandbox = async || texts(db, "SELECT CASE WHEN is_sandbox THEN 'sandbox' ELSE 'model' END FROM content").await;
    let written_by = sandbox().await;
    runner.server.execute("UPDATE content SET is_sandbox = NOT is_sandbox").await;
    let again = fork(&runner, &source, "CONTENT").await;
    let done = runner.reaches(&again, "COMPLETED").await;
    assert_eq!(statuses(&done)[..3], ["SKIPPED"; 3]);
    let processed = of_stages(&done, "succeeded");
    assert_eq!(processed[3..], of_stages(&before, "succeeded")[3..], "{done}");
    let charged = |run: &Value| of_stages(run, "creditsUsed")[3..].iter().sum::<i64>();
    assert_eq!(done["creditsUsed"], charged(&before), "charged as new work");
    let second = versions().await;
    let kept: Vec<_> = second.iter().filter(|line| line.starts_with("1 |")).collect();
    assert_eq!(kept, first.iter().collect::<Vec<_>>(), "no version is overwritten");
    assert_eq!(second.len(), first.len() + 2);
    let cause = texts(db, "SELECT cause FROM content_revision").await;
    assert!(cause.iter().all(|cause| cause == "GENERATED"), "{cause:?}");
    assert_eq!(slugs().await, addresses);
    assert_eq!(sandbox().await, written_by, "it says who wrote it now");
    let redrawn = images().await;
    assert_eq!(redrawn.len(), drawn.len());
    assert!(redrawn.iter().all(|image| !drawn.contains(image)), "every image is another one");
    assert_eq!(runner.server.number("SELECT COUNT(*) FROM image").await, 2 * i64::try_from(drawn.len()).unwrap());
    assert_eq!(runner.states("content").await, HashMap::from([("SCHEDULED".to_owned(), 2)]), "approved again");
    assert_eq!(
        runner.server.number("SELECT COUNT(*) FROM audit_entry WHERE action = 'content.lose_approval'").await,
        2
    );
    runner.check_all().await;
}

// REQ-B-37: what came by hand or later is not touched, nor is what somebody discarded or published.
#[rstest]
#[tokio::test]
async fn only_what_the_source_made_and_may_still_change_is_done_again(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (runner, source) = finished(engine).await;
    let stranger = content(&runner.server.db, &json!(runner.site), "DRAFT", &[("prompts_made_at", "1")]).await;
    runner.import(&["pony stable", "pony saddle"].map(str::to_owned), Value::Null).await;
    runner.only(&["CLUSTER", "IDEAS", "CONTENT_TASKS"], json!({})).await;
    let other = runner.started("other-run").await;
    let other = runner.reaches(&other, "COMPLETED").await;
    assert!(other["stages"][2]["succeeded"].as_i64() > Some(0), "content tasks that the source did not make: {other}");
    runner.only(&STAGES, json!({})).await;
    runner.configure(json!({"stages": [{"stage": "CONTENT", "cap": 10}]})).await;
    let sql = "UPDATE content SET state = 'PUBLISHED', published_at = 1 \
               WHERE id = (SELECT id FROM content WHERE state = 'SCHEDULED' ORDER BY id LIMIT 1)";
    runner.server.execute(sql).await;
    let run = fork(&runner, &source, "CONTENT").await;
    let done = runner.reaches(&run, "COMPLETED").await;
    // One again, and the content task that the source's limit had left.
    let totals = of_stages(&done, "total");
    assert_eq!((totals[3], totals[4], totals[6]), (2, 2, 2), "{done}");
    let mut written =
        texts(&runner.server.db, "SELECT CAST(COUNT(*) AS text) FROM content_revision GROUP BY content_id").await;
    written.sort();
    assert_eq!(written, ["1", "1", "1", "2"], "the published one, the new one, the stranger; and the other one");
    let out = ids(&runner, "id", "content WHERE state = 'PUBLISHED'").await;
    assert_eq!(ids(&runner, "content_id", "content_revision WHERE version > 1").await.len(), 1);
    assert!(ids(&runner, "content_id", "content_revision WHERE version > 1").await != out);
    let query = "query($id: ID!) { content(id: $id) { images { state } version } }";
    assert_eq!(runner.ask(query, json!({"id": stranger})).await, json!({"images": [], "version": 1}));
    runner.check_all().await;
}

// REQ-B-37: ideas are found again beside those there are, and what is queued already is not queued twice.
#[rstest]
#[tokio::test]
async fn ideas_are_added_and_queued_ideas_keep_their_task(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (runner, source) = finished(engine).await;
    let count = async |table: &str| runner.server.number(&format!("SELECT COUNT(*) FROM {table}")).await;
    let (ideas, tasks) = (count("idea").await, count("content_task").await);
    let run = fork(&runner, &source, "CONTENT_TASKS").await;
    let done = runner.reaches(&run, "COMPLETED").await;
    assert_eq!((of_stages(&done, "succeeded")[2], count("content_task").await), (ideas, tasks), "{done}");
    let input = json!({"runId": source, "fromStage": "IDEAS", "redo": true, "idempotencyKey": "more-ideas"});
    let forked = runner.act("forkAutomationRun", "run { id }", input).await;
    let done = runner.reaches(forked["run"]["id"].as_str().unwrap(), "COMPLETED").await;
    assert_eq!(done["stages"][1]["total"], of_stages(&runner.run(&source).await, "total")[1], "{done}");
    runner.check_all().await;
}

// REQ-B-37: an image that is not drawn again stays.
#[rstest]
#[tokio::test]
async fn what_cannot_be_drawn_again_stays_as_it_was(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (runner, source) = finished(engine).await;
    let before = places(&runner).await;
    let drawn = runner.provider.counts()[AiFunction::GenerateImages.as_str()];
    runner.provider.rule(move |request| match request.function {
        AiFunction::GenerateImages if request.no == drawn + 2 => Meets::Step(Step::fail(FailureCode::ContentRefused)),
        _ => Meets::Step(Step::Ok),
    });
    let run = fork(&runner, &source, "IMAGES").await;
    let done = runner.reaches(&run, "COMPLETED_WITH_ERRORS").await;
    let all = i64::try_from(before.len()).unwrap();
    assert_eq!((of_stages(&done, "succeeded")[5], of_stages(&done, "failed")[5]), (all - 1, 1), "{done}");
    let after = places(&runner).await;
    assert_eq!(after.iter().filter(|line| before.contains(line)).count(), 1, "{after:?}");
    assert_eq!(runner.states("content_image").await, HashMap::from([("GENERATED".to_owned(), before.len())]));
    assert_eq!(runner.states("content").await, HashMap::from([("SCHEDULED".to_owned(), 2)]), "approved again");
    runner.check_all().await;
}

// REQ-B-37: what a person writes while it is written again is not written over, and costs nothing.
#[rstest]
#[tokio::test]
async fn a_person_who_edits_meanwhile_wins(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (runner, source) = finished(engine).await;
    runner.provider.rule(|_| Meets::Gate(Step::Ok));
    runner.only(&["CONTENT"], json!({})).await;
    let run = fork(&runner, &source, "CONTENT").await;
    runner.provider.waits(1).await;
    let all =
        runner.ask("query($s: ID!) { contents(siteId: $s) { nodes { id version } } }", json!({"s": runner.site})).await;
    for content in all["nodes"].as_array().unwrap() {
        let edit = json!({"contentId": content["id"], "expectedVersion": content["version"], "title": "My own words"});
        let edited = runner.act("updateContent", "content { version }", edit).await;
        assert_eq!(edited["userErrors"], json!([]), "{edited}");
    }
    runner.provider.lets(2);
    let done = runner.reaches(&run, "COMPLETED").await;
    // The second one was read after the edit: it is written again, as it was asked.
    assert_eq!((&done["stages"][3]["skipped"], &done["stages"][3]["succeeded"]), (&json!(1), &json!(1)), "{done}");
    assert_eq!(runner.server.number("SELECT COUNT(*) FROM content WHERE title = 'My own words'").await, 1);
    runner.check_all().await;
}

// REQ-B-37: nothing of what is there is lost by a run that is called off.
#[rstest]
#[tokio::test]
async fn called_off_everything_stays_as_it_was(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (runner, source) = finished(engine).await;
    let before = (places(&runner).await, runner.states("content").await, runner.states("content_task").await);
    for (at, stage) in ["CONTENT", "IMAGE_PROMPTS", "IMAGES"].into_iter().enumerate() {
        runner.provider.rule(|_| Meets::Gate(Step::Ok));
        let run = fork(&runner, &source, stage).await;
        runner.provider.waits(1).await;
        runner.command("cancel", &run, &format!("cancel-key-{at}")).await;
        let done = runner.reaches(&run, "CANCELLED").await;
        assert_eq!(done["creditsUsed"], 0, "{done}");
    }
    let after = (places(&runner).await, runner.states("content").await, runner.states("content_task").await);
    assert_eq!(after, before);
    runner.check_all().await;
}
