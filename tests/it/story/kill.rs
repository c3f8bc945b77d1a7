//! The real process, killed with SIGKILL while it works, and started again.

use std::time::Duration;

use inkledger::{db::Engine, doctor::records::audit_records};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    builders::{Api, Person, draw_query, draw_variables},
    fake_openai,
    fake_provider::{FakeProvider, Reply},
    server::{Home, check_ledger, number},
};

async fn check_books(home: &Home, tasks: i64, images: i64) {
    let db = home.look().await;
    for (sql, expected) in [
        ("SELECT COUNT(*) FROM ai_task", tasks),
        ("SELECT COUNT(*) FROM ai_task WHERE status = 'SUCCESS'", tasks),
        ("SELECT COUNT(*) FROM notification", tasks),
        ("SELECT COUNT(*) FROM image", images),
        ("SELECT COUNT(*) FROM credit_usage", images),
        ("SELECT COUNT(*) FROM credit_transaction WHERE kind = 'settle'", images),
        ("SELECT COUNT(*) FROM credit_hold WHERE state = 'held'", 0),
        ("SELECT COUNT(*) FROM ai_attempt WHERE state IN ('sent', 'unknown', 'prepared')", 0),
    ] {
        assert_eq!(number(&db, sql).await, expected, "{sql}");
    }
    check_ledger(&db).await;
    let report = audit_records(&db).await.unwrap();
    assert!(report.passes(false), "{}", report.lines().join("\n"));
    db.close().await;
}

/// A small PNG of the size the model promises.
fn png() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(1024, 1024).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

async fn openai_model(api: &Api, person: &Person) -> String {
    let models = api.payload(person, "{ aiModels { id name } }", json!({})).await;
    let model = models.as_array().unwrap().iter().find(|model| model["name"] == "GPT Image 1").unwrap();
    model["id"].as_str().unwrap().to_owned()
}

// REQ-B-18: killed in the middle of a provider's call, of which nobody will ever hear the answer.
#[rstest]
#[tokio::test]
async fn a_server_killed_in_the_middle_of_a_call_finishes_the_task_after_its_restart(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let image = || fake_openai::image(&png(), None);
    let provider = FakeProvider::with([image(), Reply::Silence]).await;
    let base = provider.base_url();
    let settings = [("ai.openai.base_url", base.as_str()), ("ai.openai.api_key", "sk-test")];
    let home = Home::open(engine).await;
    let mut first = home.process(&settings).await;
    let token = first.claim_token().await;
    let hero = first.claim(&token, "hero").await;
    let user = first.sign_up("reader").await;
    first.give(&hero, &user, 100).await;
    let model = openai_model(&first, &user).await;
    let mut input = draw_variables(3, "killed-mid-call");
    input["i"]["modelId"] = json!(model);
    // This model takes none.
    input["i"].as_object_mut().unwrap().remove("seed");
    let payload = first.payload(&user, &draw_query(), input.clone()).await;
    let task = payload["task"]["id"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned();
    while provider.received().len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    first.kill().await;
    home.lapse_leases().await;
    (0..3).for_each(|_| provider.push(image()));
    let second = home.process(&settings).await;
    let ended = second.ended(&user, &task).await;
    assert_eq!((&ended["status"], &ended["creditsUsed"]), (&json!("SUCCESS"), &json!(15)), "{ended}");
    assert_eq!(second.balance(&user).await, (85, 0));
    // The key still finds the first answer.
    let again = second.payload(&user, &draw_query(), input).await;
    assert_eq!(again["task"]["id"], task);
    // Three images billed, and the one whose answer was lost, at our cost.
    assert_eq!(provider.received().len(), 4);
    second.kill().await;
    check_books(&home, 1, 3).await;
}

// The retry budget admits three in a minute: what our own death left without an answer is none of them.
#[rstest]
#[tokio::test]
async fn calls_that_died_with_the_server_are_repeated_at_once(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let provider = FakeProvider::with((0..4).map(|_| Reply::Silence)).await;
    let base = provider.base_url();
    let settings = [("ai.openai.base_url", base.as_str()), ("ai.openai.api_key", "sk-test")];
    let home = Home::open(engine).await;
    let mut first = home.process(&settings).await;
    let token = first.claim_token().await;
    let hero = first.claim(&token, "hero").await;
    let mut drawn = Vec::new();
    for name in ["ada", "bob", "cleo", "dan"] {
        let person = first.sign_up(name).await;
        first.give(&hero, &person, 100).await;
        let mut input = draw_variables(1, &format!("killed-{name}"));
        input["i"]["modelId"] = json!(openai_model(&first, &person).await);
        input["i"].as_object_mut().unwrap().remove("seed");
        let payload = first.payload(&person, &draw_query(), input).await;
        let task = payload["task"]["id"].as_str().unwrap_or_else(|| panic!("{payload}")).to_owned();
        drawn.push((person, task));
    }
    while provider.received().len() < 4 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    first.kill().await;
    home.lapse_leases().await;
    (0..4).for_each(|_| provider.push(fake_openai::image(&png(), None)));
    let second = home.process(&settings).await;
    for (person, task) in &drawn {
        let ended = second.ended(person, task).await;
        assert_eq!((&ended["status"], &ended["creditsUsed"]), (&json!("SUCCESS"), &json!(5)), "{ended}");
    }
    second.kill().await;
    check_books(&home, 4, 4).await;
}

// T5's small sister: acknowledged work is done once; what was not acknowledged, once or never.
#[rstest]
#[tokio::test]
async fn ten_kills_at_random_moments_lose_nothing_and_charge_nothing_twice(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let home = Home::open(engine).await;
    let mut process = home.process(&[]).await;
    let token = process.claim_token().await;
    let hero = process.claim(&token, "hero").await;
    let user = process.sign_up("reader").await;
    process.give(&hero, &user, 1_000).await;
    for cycle in 0..10_u64 {
        let request =
            process.request(Some(&user.token), &draw_query(), draw_variables(2, &format!("cycle-{cycle:03}")));
        // The kill falls anywhere from before the answer to after the work: 0–500 ms, differently each time.
        let moment = Duration::from_millis(cycle * 7919 % 500);
        let answered = tokio::time::timeout(moment, async { request.send().await?.text().await }).await;
        if let Ok(Ok(text)) = answered {
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert!(answer["data"]["generateImages"]["task"]["id"].is_string(), "{answer}");
        }
        process.kill().await;
        home.lapse_leases().await;
        process = home.process(&[]).await;
        // A job that dies with three processes is given up; here each dies with two at most.
        if cycle % 2 == 1 {
            for cycle in [cycle - 1, cycle] {
                let task = process.drawing(&user, 2, &format!("cycle-{cycle:03}")).await;
                process.ended(&user, &task).await;
            }
        }
    }
    for cycle in 0..10 {
        let task = process.drawing(&user, 2, &format!("cycle-{cycle:03}")).await;
        let ended = process.ended(&user, &task).await;
        assert_eq!((&ended["status"], &ended["creditsUsed"]), (&json!("SUCCESS"), &json!(2)), "{ended}");
    }
    assert_eq!(process.balance(&user).await, (980, 0));
    process.kill().await;
    check_books(&home, 10, 20).await;
}
