//! What runs may spend, what they say is missing, and which of them go on when credits come.

use std::time::Duration;

use inkledger::{
    ai::provider::{
        TokenUsage,
        sandbox::{SandboxAnswer, Step},
    },
    automation::model::{Pause, Stage as RunStage},
    db::Engine,
    error::{Failure, Never},
};
use rstest::rstest;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    provider::{Meets, tokens},
    runner::Runner,
};
use crate::{
    automation::stage::{PATIENCE, Plan, Stage},
    support::content::{literal, uuid_of},
};

// REQ-B-33: a provider may report more tokens than the hold was reckoned for.
#[rstest]
#[tokio::test]
async fn a_run_with_a_cap_is_never_charged_above_it(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    const CAP: i64 = 8;
    let runner = Runner::priced(engine, 100).await;
    runner.content_tasks(&["Tent one", "Tent two"]).await;
    runner.only(&["CONTENT"], json!({"creditCap": CAP})).await;
    runner.provider.rule(|_| tokens(4000, 12_000));
    let run = runner.started("start-key-1").await;
    let paused = runner.reaches(&run, "PAUSED").await;
    assert_eq!(paused["pauseReason"], "RUN_CAP");
    let used = paused["creditsUsed"].as_i64().unwrap();
    assert!((1..=CAP).contains(&used), "{used} of {CAP}");
    assert_eq!(paused["creditsNext"].as_i64().unwrap() - (CAP - used), paused["creditsShort"], "{paused}");
    runner.check_all().await;
    // Without a cap it is charged as any command is.
    runner.command("cancel", &run, "cancel-key-1").await;
    runner.configure(json!({"creditCap": Value::Null})).await;
    let run = runner.started("start-key-2").await;
    assert_eq!(runner.reaches(&run, "COMPLETED").await["creditsUsed"], 16);
    runner.check_all().await;
}

// REQ-B-31: with more than one in flight, what they give back when they end is there for the next one.
#[rstest]
#[tokio::test]
async fn a_run_does_not_pause_for_credits_that_come_back_when_its_others_end(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let runner = Runner::priced(engine, 8).await;
    runner.content_tasks(&["Tent one", "Tent two"]).await;
    runner.only(&["CONTENT"], json!({"itemsInFlight": 2})).await;
    // Each holds more than half of what there is, and costs a quarter of it.
    runner.provider.rule(|_| {
        let usage = Some(TokenUsage { input: 1000, output: 1000 });
        Meets::Gate(Step::Answer(SandboxAnswer { usage, ..SandboxAnswer::default() }))
    });
    let run = runner.started("start-key-1").await;
    runner.provider.waits(1).await;
    // Time for the other one to be refused.
    tokio::time::sleep(Duration::from_millis(500)).await;
    runner.provider.lets(2);
    let done = runner.reaches(&run, "COMPLETED").await;
    assert_eq!((&done["creditsUsed"], &done["stages"][3]["succeeded"]), (&json!(4), &json!(2)));
    assert_eq!(runner.messages().await, ["Automation completed: 2 items using 4 credits"]);
    runner.check_all().await;
}

/// A run that waits for five credits, and wishes to go on when they are there.
async fn short(engine: Engine) -> (Stage, String) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({"resumesOnTopUp": true})).await;
    let images = stage.script.wait_for(RunStage::Images, 1);
    stage.script.plan(images[0], &[Plan::Pause(Pause::short_of_credits(5, 0, 5))]);
    let run = stage.started("start-key-1").await;
    stage.reaches(&run, "PAUSED").await;
    (stage, run)
}

/// More runs that wait for credits longer than this one, and do not wish to go on by themselves.
async fn others(stage: &Stage, run: &str, count: usize) {
    let db = &stage.server.db;
    let of = literal(db, uuid_of(&json!(run)));
    for at in 0..count {
        let input = json!({
            "accountId": stage.owner.account, "name": format!("Shop {at}"), "domain": format!("shop{at}.example")
        });
        let made = stage.act("createSite", "site { id }", input).await;
        let site = literal(db, uuid_of(&made["site"]["id"]));
        let sql = format!(
            "INSERT INTO automation_run (id, account_id, site_id, cause, is_redo, state, desired, fence, event_seq, config, \
             pause_reason, credits_next, credits_short, credits_to_finish, pauses, credits_start, credits_used, \
             credits_committed, credit_limit, active_us, created_at, updated_at) \
             SELECT {site}, account_id, {site}, cause, is_redo, state, desired, 0, 0, \
             REPLACE(config, '\"resumes_on_top_up\":true', '\"resumes_on_top_up\":false'), pause_reason, credits_next, \
             credits_short, credits_to_finish, 1, 0, 0, 0, credit_limit, 0, 0, 0 FROM automation_run WHERE id = {of}"
        );
        stage.server.execute(&sql).await;
    }
}

// REQ-B-32
#[rstest]
#[tokio::test]
async fn a_top_up_reaches_its_run_however_many_others_wait(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    const OTHERS: usize = 101;
    let (stage, run) = short(engine).await;
    others(&stage, &run, OTHERS).await;
    let hero = stage.server.hero().await;
    stage.server.give(&hero, &stage.owner, 5).await;
    stage.reaches(&run, "COMPLETED").await;
    let wait = "SELECT COUNT(*) FROM automation_run WHERE state = 'PAUSED'";
    assert_eq!(stage.server.number(wait).await, i64::try_from(OTHERS).unwrap(), "they did not wish it");
}

// REQ-B-32: for that reason only. The run at its cap would have the credits, and comes first in line.
#[rstest]
#[tokio::test]
async fn a_top_up_does_not_resume_a_run_at_its_cap(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (stage, run) = short(engine).await;
    others(&stage, &run, 1).await;
    let db = &stage.server.db;
    let (first, of) = (literal(db, Uuid::from_u128(1)), literal(db, uuid_of(&json!(run))));
    let capped = format!(
        "UPDATE automation_run SET id = {first}, pause_reason = 'RUN_CAP', \
         config = REPLACE(config, '\"resumes_on_top_up\":false', '\"resumes_on_top_up\":true') WHERE id <> {of}"
    );
    stage.server.execute(&capped).await;
    let hero = stage.server.hero().await;
    stage.server.give(&hero, &stage.owner, 10).await;
    stage.reaches(&run, "COMPLETED").await;
    let wait = "SELECT COUNT(*) FROM automation_run WHERE state = 'PAUSED' AND pause_reason = 'RUN_CAP'";
    assert_eq!(stage.server.number(wait).await, 1);
}

// REQ-B-32: for that reason only, whatever it was when the credits were looked at.
#[tokio::test]
async fn a_top_up_does_not_resume_a_run_that_somebody_paused_meanwhile() {
    let (stage, run) = short(Engine::Postgres).await;
    let (db, id) = (stage.server.db.clone(), literal(&stage.server.db, uuid_of(&json!(run))));
    let waits = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%automation_run%' \
                 AND datname = current_database()";
    let look = db.clone();
    // Whoever resumes it has seen why it is paused, and waits for its lock, when it becomes somebody's pause.
    let meanwhile = db.write(id, move |tx, id| {
        let look = look.clone();
        Box::pin(async move {
            tx.execute_unprepared(&format!("SELECT 1 FROM automation_run WHERE id = {id} FOR UPDATE")).await?;
            let blocked = async {
                while crate::support::server::number(&look, waits).await == 0 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(PATIENCE, blocked).await.expect("nobody resumes it");
            let sql = format!(
                "UPDATE automation_run SET pause_reason = 'USER', credits_next = NULL, credits_short = NULL, \
                 credits_to_finish = NULL WHERE id = {id}"
            );
            tx.execute_unprepared(&sql).await?;
            Ok::<_, Failure<Never>>(())
        })
    });
    let hero = stage.server.hero().await;
    let ((), written) = tokio::join!(stage.server.give(&hero, &stage.owner, 5), meanwhile);
    written.unwrap();
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = stage.run(&run).await;
        assert_eq!((&now["state"], &now["pauseReason"]), (&json!("PAUSED"), &json!("USER")), "{now}");
    }
}
