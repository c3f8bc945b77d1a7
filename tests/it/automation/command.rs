//! Commands to runs, cell by cell, and what their keys make of repeats.

use futures_util::future::join_all;
use inkledger::{
    automation::model::{Pause, Stage as RunStage},
    db::Engine,
};
use rstest::rstest;
use serde_json::json;

use super::stage::{Plan, Stage, code, statuses};

// REQ-B-35
#[rstest]
#[tokio::test]
async fn of_twenty_starts_at_once_one_runs(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let first = stage.script.wait_for(RunStage::Ideas, 1);
    stage.script.plan(first[0], &[Plan::Wait]);
    let keys: Vec<String> = (0..20).map(|at| format!("concurrent-{at:02}")).collect();
    let answers = join_all(keys.iter().map(|key| stage.start(key))).await;
    let started: Vec<_> = answers.iter().filter(|answer| answer["userErrors"] == json!([])).collect();
    assert_eq!(started.len(), 1, "{answers:?}");
    for refused in answers.iter().filter(|answer| answer["userErrors"] != json!([])) {
        assert_eq!((code(refused), &refused["activeRun"]["id"]), ("RUN_ACTIVE", &started[0]["run"]["id"]));
    }
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM automation_run").await, 1);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM automation_stage").await, 7);
    stage.script.gate.add_permits(1);
    let run = started[0]["run"]["id"].as_str().unwrap().to_owned();
    stage.reaches(&run, "COMPLETED").await;
    stage.check().await;
}

// REQ-B-21
#[rstest]
#[tokio::test]
async fn a_repeated_key_changes_nothing_and_another_use_of_it_is_refused(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let first = stage.script.wait_for(RunStage::Ideas, 2);
    stage.script.plan(first[0], &[Plan::Wait]);
    let run = stage.started("start-key-1").await;
    stage.script.waits().await;
    let repeats = join_all((0..10).map(|_| stage.start("start-key-1"))).await;
    assert!(repeats.iter().all(|answer| answer["run"]["id"] == json!(run)), "{repeats:?}");
    stage.command("pause", &run, "pause-key-1").await;
    let events = stage.events().await;
    let again = join_all((0..10).map(|_| stage.command("pause", &run, "pause-key-1"))).await;
    assert!(again.iter().all(|answer| answer["userErrors"] == json!([])));
    assert_eq!(stage.events().await, events);
    let query = "mutation($i: ResumeAutomationRunInput!) { resumeAutomationRun(input: $i) { userErrors { code } } }";
    for key in ["pause-key-1", "start-key-1"] {
        let input = json!({"runId": run, "idempotencyKey": key});
        let answer = stage.server.call(Some(&stage.owner.token), query, json!({"i": input})).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "IDEMPOTENCY_KEY_REUSED");
    }
    stage.script.gate.add_permits(1);
    stage.reaches(&run, "PAUSED").await;
    stage.command("cancel", &run, "cancel-key-1").await;
    // The key of the pause still answers the run, whatever it has become.
    let late = stage.command("pause", &run, "pause-key-1").await;
    assert_eq!((&late["run"]["state"], &late["userErrors"]), (&json!("CANCELLED"), &json!([])));
    stage.check().await;
}

/// Puts the only run into `state`, as far as the table of commands is concerned.
async fn put(stage: &Stage, state: &str) {
    let (desired, reason, finished) = match state {
        "PAUSING" | "PAUSED" => ("pause", "'USER'", "NULL"),
        "CANCELLING" => ("cancel", "NULL", "NULL"),
        "PENDING" | "RUNNING" => ("run", "NULL", "NULL"),
        _ => ("run", "NULL", "1"),
    };
    // No worker may touch it: its job is away, and the sweep's is not due.
    stage
        .server
        .execute(&format!(
            "UPDATE automation_run SET state = '{state}', desired = '{desired}', pause_reason = {reason}, \
             finished_at = {finished}, active_since = NULL"
        ))
        .await;
}

// REQ-B-29
#[rstest]
#[tokio::test]
async fn the_table_of_commands_holds_cell_by_cell(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    // Without workers, so that nothing moves but by command.
    let stage = Stage::without_workers(engine).await;
    let run = stage.started("start-key-1").await;
    let table = [
        ("PENDING", ["PAUSED", "illegal", "CANCELLED"]),
        ("RUNNING", ["PAUSING", "no-op", "CANCELLING"]),
        ("PAUSING", ["no-op", "RUNNING", "CANCELLING"]),
        ("PAUSED", ["no-op", "RUNNING", "CANCELLED"]),
        ("CANCELLING", ["illegal", "illegal", "no-op"]),
        ("CANCELLED", ["illegal", "illegal", "no-op"]),
        ("COMPLETED", ["illegal", "illegal", "illegal"]),
        ("COMPLETED_WITH_ERRORS", ["illegal", "illegal", "illegal"]),
        ("FAILED", ["illegal", "illegal", "illegal"]),
    ];
    for (state, cells) in table {
        for (command, cell) in ["pause", "resume", "cancel"].into_iter().zip(cells) {
            put(&stage, state).await;
            stage.server.execute("DELETE FROM notification").await;
            let before = stage.events().await.len();
            let answer = stage.command(command, &run, &format!("{state}-{command}")).await;
            let after = stage.events().await;
            let new = &after[before..];
            let place = format!("{command} in {state}: {answer}");
            match cell {
                "illegal" => {
                    assert_eq!(code(&answer), "ILLEGAL_STATE", "{place}");
                    assert_eq!(answer["userErrors"][0]["illegalState"]["current"], state, "{place}");
                    assert!(new.is_empty(), "{place}");
                }
                "no-op" => {
                    assert_eq!((&answer["run"]["state"], new), (&json!(state), &[] as &[String]), "{place}");
                }
                next => {
                    assert_eq!(answer["run"]["state"], next, "{place}");
                    let expected: &[&str] = match next {
                        "PAUSED" => &["PAUSED", "DRAINED"],
                        "CANCELLED" => &["CANCELLED", "DRAINED", "FINISHED"],
                        next => &[next],
                    };
                    assert_eq!(new, expected, "{place}");
                    let told = i64::from(next == "CANCELLED");
                    assert_eq!(stage.server.number("SELECT COUNT(*) FROM notification").await, told, "{place}");
                    // Said again with another key, it is no news.
                    if next != "RUNNING" || state != "PENDING" {
                        let again = stage.command(command, &run, &format!("{state}-{command}-again")).await;
                        assert_eq!(again["userErrors"], json!([]), "{place}");
                        assert_eq!(stage.events().await, after, "{place}");
                    }
                }
            }
        }
    }
}

// REQ-B-25, REQ-B-26, REQ-B-27
#[rstest]
#[tokio::test]
async fn a_pause_drains_and_a_resume_goes_on_where_it_stood(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({})).await;
    let ideas = stage.script.wait_for(RunStage::Ideas, 3);
    stage.script.plan(ideas[1], &[Plan::Wait]);
    let run = stage.started("start-key-1").await;
    stage.script.waits().await;
    let pausing = stage.command("pause", &run, "pause-key-1").await;
    assert_eq!((&pausing["run"]["state"], &pausing["run"]["pauseReason"]), (&json!("PAUSING"), &json!("USER")));
    // Nothing new begins while one is in flight.
    assert_eq!(stage.script.calls().len(), 2);
    stage.script.gate.add_permits(1);
    let paused = stage.reaches(&run, "PAUSED").await;
    assert_eq!(statuses(&paused)[1], "PAUSED");
    assert_eq!((&paused["stages"][1]["succeeded"], &paused["stages"][1]["remaining"]), (&json!(2), &json!(1)));
    assert_eq!(stage.script.calls().len(), 2, "the last one was not begun");
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM job WHERE state IN ('ready', 'running')").await, 0);
    assert_eq!(stage.messages().await, [] as [String; 0], "nobody is told of what somebody asked for");
    let events = stage.events().await;
    assert_eq!(events[events.len() - 2..], ["PAUSED", "DRAINED"]);
    let resumed = stage.command("resume", &run, "resume-key-1").await;
    assert_eq!((&resumed["run"]["state"], &resumed["run"]["pauseReason"]), (&json!("RUNNING"), &json!(null)));
    let done = stage.reaches(&run, "COMPLETED").await;
    assert_eq!((&done["stages"][1]["succeeded"], &done["stages"][1]["percent"]), (&json!(3), &json!(100)));
    let subjects: Vec<_> = stage.script.calls().iter().map(|call| call.subjects[0]).collect();
    assert_eq!(subjects, ideas, "each once, in order");
    assert_eq!(stage.messages().await, ["Automation completed: 3 items using 0 credits"]);
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn a_pause_that_is_taken_back_before_it_drained_changes_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({})).await;
    let ideas = stage.script.wait_for(RunStage::Ideas, 2);
    stage.script.plan(ideas[0], &[Plan::Wait]);
    let run = stage.started("start-key-1").await;
    stage.script.waits().await;
    stage.command("pause", &run, "pause-key-1").await;
    stage.command("resume", &run, "resume-key-1").await;
    stage.script.gate.add_permits(1);
    stage.reaches(&run, "COMPLETED").await;
    assert!(!stage.events().await.contains(&"DRAINED".to_owned()));
    assert_eq!(stage.script.calls().len(), 2);
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn a_cancel_ends_what_is_in_flight_and_leaves_the_rest_as_it_was(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({})).await;
    let ideas = stage.script.wait_for(RunStage::Ideas, 3);
    stage.script.plan(ideas[0], &[Plan::Wait]);
    let run = stage.started("start-key-1").await;
    stage.script.waits().await;
    let cancelling = stage.command("cancel", &run, "cancel-key-1").await;
    assert_eq!(cancelling["run"]["state"], "CANCELLING");
    stage.script.gate.add_permits(1);
    let cancelled = stage.reaches(&run, "CANCELLED").await;
    assert_eq!((&cancelled["stages"][1]["succeeded"], &cancelled["stages"][1]["processed"]), (&json!(1), &json!(1)));
    let events = stage.events().await;
    assert_eq!(events[events.len() - 3..], ["CANCELLED", "DRAINED", "FINISHED"]);
    assert_eq!(stage.script.calls().len(), 1);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM automation_item WHERE state = 'PENDING'").await, 2);
    assert_eq!(stage.messages().await, ["Automation cancelled after 1 items using 0 credits"]);
    // The site is free for another one.
    let next = stage.started("start-key-2").await;
    stage.reaches(&next, "COMPLETED").await;
    stage.check().await;
}

// REQ-B-31, REQ-B-33
#[rstest]
#[tokio::test]
async fn a_run_without_credits_pauses_with_its_figures_and_goes_on_when_there_are_enough(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({"creditCap": 50})).await;
    let images = stage.script.wait_for(RunStage::Images, 2);
    let (short, above) = (Pause::short_of_credits(5, 2, 25), Pause::above_cap(60, 50, 60));
    stage.script.plan(images[1], &[Plan::Pause(short), Plan::Pause(above)]);
    let run = stage.started("start-key-1").await;
    let paused = stage.reaches(&run, "PAUSED").await;
    assert_eq!(
        (&paused["pauseReason"], &paused["creditsNext"], &paused["creditsShort"], &paused["creditsToFinish"]),
        (&json!("INSUFFICIENT_CREDITS"), &json!(5), &json!(3), &json!(25))
    );
    let refused = stage.command("resume", &run, "resume-key-1").await;
    assert_eq!(code(&refused), "INSUFFICIENT_CREDITS");
    assert_eq!(refused["userErrors"][0]["insufficientCredits"], json!({"required": 5, "available": 0, "short": 5}));
    let hero = stage.server.hero().await;
    stage.server.give(&hero, &stage.owner, 20).await;
    assert_eq!(stage.command("resume", &run, "resume-key-1").await["userErrors"], json!([]));
    let capped = stage.reaches(&run, "PAUSED").await;
    assert_eq!(capped["pauseReason"], "RUN_CAP");
    assert_eq!(code(&stage.command("resume", &run, "resume-key-2").await), "RUN_CAP");
    let raise = async |cap: i64, key: &str| {
        let input = json!({"runId": run, "creditCap": cap, "idempotencyKey": key});
        stage.act("raiseAutomationRunCap", "run { creditCap state creditsShort creditsRemaining }", input).await
    };
    assert_eq!(code(&raise(50, "raise-key-1").await), "CAP_INVALID");
    let raised = raise(60, "raise-key-2").await;
    assert_eq!(
        raised["run"],
        json!({"creditCap": 60, "state": "PAUSED", "creditsShort": 0, "creditsRemaining": 20}),
        "{raised}"
    );
    assert_eq!(stage.command("resume", &run, "resume-key-3").await["userErrors"], json!([]));
    stage.reaches(&run, "COMPLETED").await;
    assert_eq!(code(&raise(70, "raise-key-3").await), "ILLEGAL_STATE");
    assert_eq!(
        stage.messages().await,
        [
            "Automation paused: 3 more credits needed. Required: 5, Available: 2",
            "Automation paused: credit cap of 50 reached",
            "Automation completed: 2 items using 0 credits",
        ]
    );
    stage.check().await;
}

// REQ-B-32
#[rstest]
#[tokio::test]
async fn a_run_that_wishes_it_goes_on_by_itself_after_a_top_up(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({"resumesOnTopUp": true})).await;
    let images = stage.script.wait_for(RunStage::Images, 1);
    stage.script.plan(images[0], &[Plan::Pause(Pause::short_of_credits(5, 0, 5))]);
    let run = stage.started("start-key-1").await;
    stage.reaches(&run, "PAUSED").await;
    let hero = stage.server.hero().await;
    stage.server.give(&hero, &stage.owner, 5).await;
    stage.reaches(&run, "COMPLETED").await;
    stage.check().await;
}
