//! Runs that meet trouble: items that fail, keywords that nobody wants, caps, providers that are away.

use std::{collections::HashMap, time::Duration};

use inkledger::{
    ai::{
        model::{AiFunction, GateRules},
        provider::{FailureCode, sandbox::Step},
    },
    clock::SECOND,
    db::Engine,
};
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    provider::{Meets, answer, tokens},
    records::rows,
    runner::{Runner, texts},
};
use crate::{
    automation::stage::code,
    support::{builders::next_event, ws_client::Ws},
};

fn fails(code: FailureCode) -> Meets {
    Meets::Step(Step::fail(code))
}

// REQ-B-17, REQ-B-24
#[rstest]
#[tokio::test]
async fn an_article_that_fails_is_not_charged_and_stops_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let runner = Runner::priced(engine, 100).await;
    runner.content_tasks(&["Tent one", "Tent two", "Tent three"]).await;
    runner.only(&["CONTENT", "IMAGE_PROMPTS"], json!({})).await;
    runner.provider.rule(|request| match (request.function, request.no) {
        (AiFunction::GenerateContent, 2) => fails(FailureCode::ContentRefused),
        (AiFunction::GenerateImagePrompts, _) => fails(FailureCode::ContentRefused),
        _ => tokens(1000, 1000),
    });
    let run = runner.started("start-key-1").await;
    let done = runner.reaches(&run, "COMPLETED_WITH_ERRORS").await;
    let (articles, prompts) = (&done["stages"][3], &done["stages"][4]);
    assert_eq!(
        (&articles["status"], &articles["failed"], &articles["creditsUsed"]),
        (&json!("COMPLETED"), &json!(1), &json!(4))
    );
    assert_eq!((&prompts["status"], &prompts["failed"], &prompts["total"]), (&json!("FAILED"), &json!(2), &json!(2)));
    assert_eq!(
        runner.task_messages().await,
        [
            "Generated 2 articles using 4 credits (1 failed, not charged)",
            "Image prompt generation failed: the model declined to write this",
        ]
    );
    assert_eq!(runner.messages().await, ["Automation completed: 2 items using 4 credits, 3 failed"]);
    let tasks = runner.ai_tasks(&run, "status creditsUsed error { code }").await;
    assert_eq!(tasks[0], json!({"status": "PARTIAL", "creditsUsed": 4, "error": {"code": "CONTENT_REFUSED"}}));
    assert_eq!(tasks[1], json!({"status": "ERROR", "creditsUsed": 0, "error": {"code": "CONTENT_REFUSED"}}));
    assert_eq!(runner.states("content_task").await["FAILED"], 1);
    runner.check_all().await;
}

// Section 2, clusters: what the model leaves out keeps its state, and comes again with the next run.
#[rstest]
#[tokio::test]
async fn keywords_that_no_cluster_takes_are_left_as_they_are(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let runner = Runner::priced(engine, 100).await;
    let keywords = ["tea pot", "tea cup", "tea towel", "garden gnome"];
    runner.import(&keywords.map(str::to_owned), Value::Null).await;
    runner.only(&["CLUSTER"], json!({})).await;
    runner.provider.rule(|_| {
        let clusters = json!({"clusters": [{"name": "Tea", "keywords": ["tea pot", "tea cup", "tea towel"]}]});
        answer(Some(clusters.to_string()), Some((500, 500)))
    });
    let run = runner.started("start-key-1").await;
    let done = runner.reaches(&run, "COMPLETED").await;
    let stage = &done["stages"][0];
    assert_eq!(
        (&stage["total"], &stage["succeeded"], &stage["skipped"], &stage["failed"]),
        (&json!(4), &json!(3), &json!(1), &json!(0))
    );
    assert_eq!((&stage["percent"], &stage["creditsUsed"]), (&json!(100), &json!(1)));
    assert_eq!(runner.states("keyword").await, HashMap::from([("CLUSTERED".to_owned(), 3), ("NEW".to_owned(), 1)]));
    assert_eq!(runner.task_messages().await, ["Clustered 3 keywords into 1 clusters using 1 credits"]);
    runner.check_all().await;
    // Alone it is no work for a model: it is left out, and nobody is asked.
    let next = runner.started("start-key-2").await;
    let done = runner.reaches(&next, "COMPLETED").await;
    assert_eq!((&done["creditsUsed"], runner.provider.calls().len()), (&json!(0), 1));
    assert_eq!(runner.states("keyword").await["NEW"], 1);
    runner.check_all().await;
    // Others that come later are not kept waiting by it: where a run takes few, they are the first.
    runner.import(&["tea tray", "tea towel rail"].map(str::to_owned), Value::Null).await;
    runner.only(&["CLUSTER"], json!({"stages": [{"stage": "CLUSTER", "cap": 2}]})).await;
    runner.provider.rule(|_| {
        let clusters =
            json!({"clusters": [{"name": "Tea", "keywords": ["tea tray", "tea towel rail", "garden gnome"]}]});
        answer(Some(clusters.to_string()), Some((500, 500)))
    });
    let last = runner.started("start-key-3").await;
    assert_eq!(runner.reaches(&last, "COMPLETED").await["stages"][0]["succeeded"], 2);
    assert_eq!(texts(&runner.server.db, "SELECT text FROM keyword WHERE state = 'NEW'").await, ["garden gnome"]);
    runner.check_all().await;
}

// Section 6, stage 1: per sector bucket. The keyword that is alone in its sector is left out, the others are not held up.
#[rstest]
#[tokio::test]
async fn a_keyword_alone_in_its_sector_is_left_out(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let runner = Runner::priced(engine, 100).await;
    let sector = async |name: &str| {
        let input = json!({"siteId": runner.site, "name": name});
        runner.act("createSector", "sector { id }", input).await["sector"]["id"].clone()
    };
    let (tents, tea) = (sector("Tents").await, sector("Tea").await);
    runner.import(&["family tent".to_owned()], tents).await;
    runner.import(&["tea pot", "tea cup"].map(str::to_owned), tea).await;
    runner.import(&["trail shoes", "hiking shoes", "running shoes"].map(str::to_owned), Value::Null).await;
    runner.only(&["CLUSTER"], json!({})).await;
    let run = runner.started("start-key-1").await;
    let done = runner.reaches(&run, "COMPLETED").await;
    let stage = &done["stages"][0];
    assert_eq!(
        (&stage["total"], &stage["succeeded"], &stage["skipped"], &stage["failed"]),
        (&json!(6), &json!(5), &json!(1), &json!(0))
    );
    let asked = runner.provider.calls();
    let sizes: Vec<usize> = asked.iter().map(|line| line.data["keywords"].as_array().unwrap().len()).collect();
    assert!(sizes == [2, 3] || sizes == [3, 2], "never two sectors in one call: {sizes:?}");
    assert_eq!(runner.states("keyword").await["NEW"], 1);
    runner.check_all().await;
}

#[rstest]
#[tokio::test]
async fn the_more_urgent_content_task_is_written_first(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let runner = Runner::priced(engine, 100).await;
    runner.content_tasks(&["Some day", "Next week"]).await;
    let input = json!({"siteId": runner.site, "title": "At once", "targetWords": 60, "priority": 50});
    runner.act("createContentTask", "contentTask { id }", input).await;
    runner.only(&["CONTENT"], json!({})).await;
    let run = runner.started("start-key-1").await;
    runner.reaches(&run, "COMPLETED").await;
    let titles: Vec<String> = runner.provider.calls().iter().map(|line| line.title().to_owned()).collect();
    assert_eq!(titles, ["At once", "Some day", "Next week"]);
}

// REQ-B-33
#[rstest]
#[tokio::test]
async fn a_run_pauses_at_its_cap_and_goes_on_when_it_is_raised(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let runner = Runner::priced(engine, 100).await;
    runner.article(3).await;
    runner.only(&["IMAGES"], json!({"creditCap": 12})).await;
    let run = runner.started("start-key-1").await;
    let capped = runner.reaches(&run, "PAUSED").await;
    assert_eq!(
        (&capped["pauseReason"], &capped["creditsNext"], &capped["creditsShort"], &capped["creditsToFinish"]),
        (&json!("RUN_CAP"), &json!(5), &json!(3), &json!(5)),
        "{capped}"
    );
    assert_eq!((&capped["creditsUsed"], &capped["creditsRemaining"]), (&json!(10), &json!(2)));
    assert_eq!((runner.server.balance(&runner.owner).await, runner.provider.calls().len()), ((90, 0), 2));
    assert_eq!(runner.messages().await, ["Automation paused: credit cap of 12 reached"]);
    assert_eq!(code(&runner.command("resume", &run, "resume-key-1").await), "RUN_CAP");
    let input = json!({"runId": run, "creditCap": 15, "idempotencyKey": "raise-key-1"});
    runner.act("raiseAutomationRunCap", "run { id }", input).await;
    runner.command("resume", &run, "resume-key-2").await;
    let done = runner.reaches(&run, "COMPLETED").await;
    assert_eq!((&done["creditsUsed"], &done["creditsRemaining"]), (&json!(15), &json!(0)));
    assert_eq!(runner.task_messages().await, ["Generated 3 images using 15 credits"]);
    assert_eq!(runner.messages().await[1..], ["Automation completed: 3 items using 15 credits"]);
    runner.check_all().await;
}

// REQ-B-33: with four in flight the cap holds all the same.
#[rstest]
#[tokio::test]
async fn four_in_flight_stay_below_the_cap(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let runner = Runner::priced(engine, 100).await;
    runner.article(6).await;
    runner.only(&["IMAGES"], json!({"creditCap": 13, "itemsInFlight": 4})).await;
    let run = runner.started("start-key-1").await;
    let capped = runner.reaches(&run, "PAUSED").await;
    assert_eq!(
        (&capped["pauseReason"], &capped["creditsUsed"], &capped["creditsHeld"]),
        (&json!("RUN_CAP"), &json!(10), &json!(0))
    );
    assert_eq!(
        runner.states("content_image").await,
        HashMap::from([("GENERATED".to_owned(), 2), ("PENDING".to_owned(), 4)])
    );
    assert_eq!(runner.messages().await.len(), 1);
    runner.check_all().await;
}

// REQ-B-31: with four in flight a run out of credits pauses once, when those in flight have ended.
#[rstest]
#[tokio::test]
async fn four_in_flight_run_out_of_credits_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let mut runner = Runner::priced(engine, 12).await;
    runner.article(6).await;
    runner.only(&["IMAGES"], json!({"itemsInFlight": 4})).await;
    let run = runner.started("start-key-1").await;
    let paused = runner.reaches(&run, "PAUSED").await;
    assert_eq!(
        (&paused["pauseReason"], &paused["creditsNext"], &paused["creditsShort"], &paused["creditsToFinish"]),
        (&json!("INSUFFICIENT_CREDITS"), &json!(5), &json!(3), &json!(20)),
        "{paused}"
    );
    assert_eq!(runner.server.balance(&runner.owner).await, (2, 0));
    assert_eq!(runner.messages().await, ["Automation paused: 3 more credits needed. Required: 5, Available: 2"]);
    runner.check_all().await;
    runner.give(18).await;
    runner.command("resume", &run, "resume-key-1").await;
    assert_eq!(runner.reaches(&run, "COMPLETED").await["creditsUsed"], 30);
    runner.check_all().await;
}

// Section 6: a provider that is away pauses the run. What only the operator can mend fails nothing; what was tried as often
// as it may be has failed, and nothing else is begun.
#[rstest]
#[tokio::test]
async fn a_provider_that_is_away_pauses_the_run(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values((FailureCode::InvalidApiKey, 0), (FailureCode::ServiceUnavailable, 1))] (away, failed): (FailureCode, i64),
) {
    let rules = GateRules { failures: 1, open_first: SECOND / 4, open_max: SECOND / 4 };
    let runner = Runner::priced_with(engine, 100, |_, seams| seams.ai.breaker = rules).await;
    runner.content_tasks(&["Tent one", "Tent two"]).await;
    runner.only(&["CONTENT"], json!({})).await;
    runner.provider.rule(move |_| fails(away));
    let run = runner.started("start-key-1").await;
    let paused = runner.reaches(&run, "PAUSED").await;
    assert_eq!(
        (&paused["pauseReason"], &paused["creditsUsed"], &paused["creditsHeld"]),
        (&json!("PROVIDER_DOWN"), &json!(0), &json!(0))
    );
    assert_eq!((&paused["stages"][3]["failed"], &paused["creditsNext"]), (&json!(failed), &Value::Null));
    assert_eq!(runner.messages().await, ["Automation paused: no AI provider answers"]);
    assert_eq!(runner.states("content_task").await["QUEUED"], 2 - usize::try_from(failed).unwrap());
    runner.check_all().await;
    runner.provider.rule(|_| tokens(1000, 1000));
    // As long as the way to the model is closed, it pauses again.
    for round in 0..50 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        runner.command("resume", &run, &format!("resume-key-{round}")).await;
        while runner.run(&run).await["state"] == "RUNNING" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if runner.run(&run).await["state"] != "PAUSED" {
            break;
        }
    }
    let done = runner.run(&run).await;
    assert_eq!(done["state"], if failed == 0 { "COMPLETED" } else { "COMPLETED_WITH_ERRORS" }, "{done}");
    assert_eq!((&done["stages"][3]["succeeded"], &done["creditsUsed"]), (&json!(2 - failed), &json!(2 * (2 - failed))));
    runner.check_all().await;
}

// REQ-B-49: nothing is drawn for what was discarded, by a run or by hand.
#[rstest]
#[tokio::test]
async fn images_of_discarded_content_are_not_drawn(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let runner = Runner::priced(engine, 100).await;
    let article = runner.article(2).await;
    let query = "query($id: ID!) { content(id: $id) { version images { id } } }";
    let found = runner.ask(query, json!({"id": article})).await;
    let input = json!({"contentId": article, "expectedVersion": found["version"]});
    let archived = runner.act("archiveContent", "content { state }", input).await;
    assert_eq!(archived["content"]["state"], "ARCHIVED", "{archived}");
    runner.only(&["IMAGES"], json!({})).await;
    let run = runner.started("start-key-1").await;
    let done = runner.reaches(&run, "COMPLETED").await;
    assert_eq!(done["stages"][5]["status"], "SKIPPED", "{done}");
    let input = json!({"accountId": runner.owner.account, "contentImageIds": [found["images"][0]["id"]], "idempotencyKey": "by-hand-1"});
    let refused = runner.act("generateImages", "task { id }", input).await;
    assert_eq!((code(&refused), runner.provider.calls().len()), ("WRONG_STATE", 0), "{refused}");
    runner.check_all().await;
}

/// The events of a subscription's only field, to its end or until there are so many.
async fn heard(ws: &mut Ws, id: &str, until: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let mut events = Vec::new();
    while !until(&events) {
        events.push(next_event(ws, id).await);
    }
    events
}

// REQ-B-42, section 8: the panel, the task and the header show one balance after every image.
#[rstest]
#[tokio::test]
async fn all_streams_tell_the_same_balance_after_every_image(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    const IMAGES: usize = 4;
    let runner = Runner::priced(engine, 100).await;
    runner.article(i32::try_from(IMAGES).unwrap()).await;
    runner.only(&["IMAGES"], json!({})).await;
    runner.provider.rule(|_| Meets::Gate(Step::Ok));
    let follow = async |query: String| {
        let mut ws = Ws::ready(runner.server.address(), Some(&runner.owner.token)).await;
        ws.subscribe("one", &query).await;
        ws
    };
    const BALANCE: &str = "balance { sequence available held }";
    let account = &runner.owner.account;
    let mut header =
        follow(format!("subscription {{ creditBalance(accountId: \"{account}\") {{ {BALANCE} }} }}")).await;
    let run = runner.started("start-key-1").await;
    let panel = format!(
        "kind message {BALANCE} item {{ state credits image {{ id }} }} run {{ creditsUsed creditsRemaining }}"
    );
    let mut panel = follow(format!("subscription {{ automationProgress(runId: \"{run}\") {{ {panel} }} }}")).await;
    runner.provider.waits(1).await;
    let task = runner.ai_tasks(&run, "id").await[0]["id"].as_str().unwrap().to_owned();
    let work = format!("kind credits message {BALANCE} item {{ image {{ id }} }} percent");
    let mut work = follow(format!("subscription {{ aiTaskProgress(taskId: \"{task}\") {{ {work} }} }}")).await;
    runner.provider.lets(IMAGES);
    let is_over = |events: &[Value]| events.last().is_some_and(|event| event["kind"] == "FINISHED");
    let panel = heard(&mut panel, "one", is_over).await;
    let work = heard(&mut work, "one", is_over).await;
    // A snapshot, then a hold and a charge for each image.
    let header = heard(&mut header, "one", |events| events.len() == 1 + 2 * IMAGES).await;
    let shown: HashMap<i64, &Value> =
        header.iter().map(|event| (event["balance"]["sequence"].as_i64().unwrap(), &event["balance"])).collect();
    let items = |events: &[Value]| events.iter().filter(|event| event["kind"] == "ITEM").cloned().collect::<Vec<_>>();
    let (of_run, of_task) = (items(&panel), items(&work));
    assert_eq!((of_run.len(), of_task.len()), (IMAGES, IMAGES));
    for (available, (run_item, task_item)) in [95, 90, 85, 80].iter().zip(of_run.iter().zip(&of_task)) {
        assert_eq!((&run_item["item"]["credits"], &task_item["credits"]), (&json!(5), &json!(5)));
        let image = &run_item["item"]["image"]["id"];
        assert!(image.is_string() && *image == task_item["item"]["image"]["id"], "{run_item} {task_item}");
        let balance = &run_item["balance"];
        assert_eq!((balance, balance["available"].as_i64()), (&task_item["balance"], Some(*available)));
        assert_eq!(Some(&balance), shown.get(&balance["sequence"].as_i64().unwrap()));
    }
    // Every event that credits moved with says what the account's own stream says under that number.
    for event in panel.iter().chain(&work).filter(|event| !event["balance"].is_null()) {
        assert_eq!(Some(&&event["balance"]), shown.get(&event["balance"]["sequence"].as_i64().unwrap()), "{event}");
    }
    let percents: Vec<i64> = work.iter().filter_map(|event| event["percent"].as_i64()).collect();
    assert!(percents.is_sorted(), "{percents:?}");
    let last = &panel[panel.len() - 1];
    assert_eq!(last["message"], "Automation completed: 4 items using 20 credits");
    assert_eq!(last["run"], json!({"creditsUsed": 20, "creditsRemaining": 80}));
    assert_eq!(work[work.len() - 1]["message"], "Generated 4 images using 20 credits");
    let numbers = "run_event e WHERE e.subject_kind = 'ai_task' ORDER BY e.seq";
    let numbers = rows(&runner.server.db, &["e.seq"], numbers).await;
    assert_eq!(numbers, (1..=numbers.len()).map(|no| no.to_string()).collect::<Vec<_>>());
    runner.check_all().await;
}
