//! Credits of runs: what a step holds and is charged moves the run's figures in the ledger's own transaction.

use std::sync::Arc;

use inkledger::{
    automation::model::Stage as RunStage,
    bus::local::LocalBus,
    clock::SystemClock,
    db::Engine,
    ids::SystemIds,
    ledger::{Ledger, LedgerOptions},
};
use rstest::rstest;
use serde_json::json;

use super::stage::{Plan, Stage};

async fn paid(engine: Engine, credits: i64) -> Stage {
    let stage = Stage::open(engine).await;
    let clock = Arc::new(SystemClock);
    let (ids, bus) = (Arc::new(SystemIds::new(clock.clone())), Arc::new(LocalBus::new("steps")));
    let ledger = Ledger::open(stage.server.db.clone(), clock, ids, bus, LedgerOptions::default()).await.unwrap();
    assert!(stage.script.ledger.set(ledger).is_ok());
    let hero = stage.server.hero().await;
    stage.server.give(&hero, &stage.owner, credits).await;
    stage
}

// REQ-B-33
#[rstest]
#[tokio::test]
async fn a_run_is_charged_step_by_step_and_never_goes_above_its_cap(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = paid(engine, 20).await;
    stage.configure(json!({"creditCap": 12})).await;
    let pay = Plan::Pay { hold: 5, actual: 4, waits: false };
    for image in stage.script.wait_for(RunStage::Images, 3) {
        stage.script.plan(image, &[pay.clone(), pay.clone()]);
    }
    let run = stage.started("start-key-1").await;
    let capped = stage.reaches(&run, "PAUSED").await;
    assert_eq!(
        (&capped["pauseReason"], &capped["creditsUsed"], &capped["creditsHeld"], &capped["creditsRemaining"]),
        (&json!("RUN_CAP"), &json!(8), &json!(0), &json!(4)),
        "8 and 5 are more than 12"
    );
    assert_eq!((&capped["creditsNext"], &capped["creditsShort"]), (&json!(5), &json!(1)));
    assert_eq!(stage.server.balance(&stage.owner).await, (12, 0));
    let input = json!({"runId": run, "creditCap": 13, "idempotencyKey": "raise-key-1"});
    stage.act("raiseAutomationRunCap", "run { id }", input).await;
    stage.command("resume", &run, "resume-key-1").await;
    let done = stage.reaches(&run, "COMPLETED").await;
    assert_eq!((&done["creditsStart"], &done["creditsUsed"]), (&json!(20), &json!(12)));
    assert_eq!(done["stages"][5]["creditsUsed"], 12);
    assert_eq!(stage.messages().await[1], "Automation completed: 3 items using 12 credits");
    // Each event that credits moved with carries the account's number and balance after it.
    let carried =
        "SELECT COUNT(*) FROM run_event WHERE subject_kind = 'automation_run' AND credit_seq IS NOT NULL AND held = 0";
    assert_eq!(stage.server.number(carried).await, 6);
    stage.server.check_ledger().await;
}

// REQ-B-25
#[rstest]
#[tokio::test]
async fn no_hold_is_made_after_a_pause_was_answered(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = paid(engine, 20).await;
    stage.configure(json!({})).await;
    let images = stage.script.wait_for(RunStage::Images, 1);
    let pay = |waits| Plan::Pay { hold: 5, actual: 5, waits };
    stage.script.plan(images[0], &[pay(true), pay(false)]);
    let run = stage.started("start-key-1").await;
    stage.script.waits().await;
    stage.command("pause", &run, "pause-key-1").await;
    // The step was taken before, and holds only now: too late.
    stage.script.gate.add_permits(1);
    stage.reaches(&run, "PAUSED").await;
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM credit_hold").await, 0);
    stage.command("resume", &run, "resume-key-1").await;
    let done = stage.reaches(&run, "COMPLETED").await;
    assert_eq!((&done["creditsUsed"], &done["stages"][5]["succeeded"]), (&json!(5), &json!(1)));
    assert_eq!(stage.server.balance(&stage.owner).await, (15, 0));
}
