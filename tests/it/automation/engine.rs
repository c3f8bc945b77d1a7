//! Runs carried out stage by stage: in order, past failures and crashes, and to one end.

use std::{sync::Arc, time::Duration};

use inkledger::{
    automation::{
        Picked,
        model::{Pause, PauseReason, Stage as RunStage},
    },
    clock::{Clock as _, FixedClock, SECOND},
    db::Engine,
};
use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

use super::stage::{Plan, Stage, code, statuses};
use crate::support::{content::uuid_of, database::START};

// REQ-B-24
#[rstest]
#[tokio::test]
async fn a_full_run_goes_through_seven_stages_in_order(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({"itemsInFlight": 2, "stages": [{"stage": "IDEAS", "cap": 3}]})).await;
    let group = |at| Some(Uuid::from_u128(at));
    let keyword = |at: u128| Picked { subject_id: Uuid::from_u128(9000 + at), group_id: group(at % 2) };
    stage.script.pick(RunStage::Cluster, (0..5).map(keyword).collect());
    for (one, count) in RunStage::ALL.iter().skip(1).zip([4, 25, 3, 3, 5, 21]) {
        stage.script.wait_for(*one, count);
    }
    let run = stage.started("start-key-1").await;
    let done = stage.reaches(&run, "COMPLETED").await;
    assert_eq!(statuses(&done), ["COMPLETED"; 7]);
    let totals: Vec<_> = done["stages"].as_array().unwrap().iter().map(|one| one["total"].as_i64().unwrap()).collect();
    assert_eq!(totals, [5, 3, 25, 3, 3, 5, 21], "no more ideas than the cap");
    for one in done["stages"].as_array().unwrap() {
        assert_eq!((&one["processed"], &one["succeeded"]), (&one["total"], &one["total"]));
        assert_eq!((&one["remaining"], &one["percent"], &one["failed"]), (&json!(0), &json!(100), &json!(0)));
        assert!(one["startedAt"].as_str().unwrap() <= one["finishedAt"].as_str().unwrap());
    }
    assert_eq!((&done["currentStage"], &done["startedBy"]["username"]), (&json!(null), &json!("owner")));
    let calls = stage.script.calls();
    let order: Vec<_> = calls.iter().map(|call| call.stage).collect();
    assert!(order.is_sorted(), "{order:?}");
    // Keywords of two buckets are never clustered together; a local stage takes 20 at once.
    let sizes =
        |stage| calls.iter().filter(|call| call.stage == stage).map(|call| call.subjects.len()).collect::<Vec<_>>();
    assert_eq!((sizes(RunStage::Cluster), sizes(RunStage::ContentTasks)), (vec![3, 2], vec![20, 5]));
    assert_eq!((sizes(RunStage::Review), sizes(RunStage::Images)), (vec![20, 1], vec![1; 5]));
    assert_eq!(stage.messages().await, ["Automation completed: 65 items using 0 credits"]);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM automation_product").await, 65);
    let events = stage.events().await;
    assert_eq!((events[0].as_str(), events[1].as_str()), ("PENDING", "RUNNING"));
    assert_eq!(events[events.len() - 2..], ["COMPLETED", "FINISHED"]);
    for (at, event) in events.iter().enumerate().filter(|(_, event)| *event == "ITEM") {
        assert_eq!(events[at + 1], "STAGE", "{event} {at}");
    }
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn what_has_nothing_to_do_or_is_off_is_skipped(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({"stages": [{"stage": "IMAGES", "isEnabled": false}]})).await;
    stage.script.wait_for(RunStage::Ideas, 1);
    stage.script.wait_for(RunStage::Images, 3);
    let run = stage.started("start-key-1").await;
    let done = stage.reaches(&run, "COMPLETED").await;
    assert_eq!(statuses(&done), ["SKIPPED", "COMPLETED", "SKIPPED", "SKIPPED", "SKIPPED", "SKIPPED", "SKIPPED"]);
    assert_eq!(stage.script.calls().len(), 1);
    let asked: Vec<_> = stage.script.selections().iter().map(|selection| selection.stage).collect();
    assert!(!asked.contains(&RunStage::Images), "a stage that is off is not even asked");
    let filter = "query($s: ID!) { automationRuns(siteId: $s, state: COMPLETED) { nodes { id } totalCount } }";
    let listed = stage.server.payload(&stage.owner, filter, json!({"s": stage.site})).await;
    assert_eq!(listed, json!({"nodes": [{"id": run}], "totalCount": 1}));
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn failed_items_stop_no_stage(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({})).await;
    let ideas = stage.script.wait_for(RunStage::Ideas, 3);
    stage.script.plan(ideas[0], &[Plan::Fail]);
    stage.script.plan(ideas[1], &[Plan::Skip]);
    let contents = stage.script.wait_for(RunStage::Content, 1);
    stage.script.plan(contents[0], &[Plan::Fail]);
    stage.script.wait_for(RunStage::Review, 1);
    let run = stage.started("start-key-1").await;
    let done = stage.reaches(&run, "COMPLETED_WITH_ERRORS").await;
    let of = |at: usize| &done["stages"][at];
    assert_eq!((&of(1)["status"], &of(1)["failed"], &of(1)["skipped"]), (&json!("COMPLETED"), &json!(1), &json!(1)));
    assert_eq!((&of(1)["lastError"], &of(3)["status"]), (&json!("TOO_SHORT"), &json!("FAILED")));
    assert_eq!(of(6)["status"], "COMPLETED");
    assert_eq!(stage.messages().await, ["Automation completed: 2 items using 0 credits, 2 failed"]);
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn what_is_put_back_comes_again(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({})).await;
    let ideas = stage.script.wait_for(RunStage::Ideas, 2);
    stage.script.plan(ideas[0], &[Plan::PutBack, Plan::Fault]);
    let run = stage.started("start-key-1").await;
    stage.reaches(&run, "COMPLETED").await;
    let calls: Vec<_> = stage.script.calls().iter().map(|call| (call.subjects[0], call.is_left_over)).collect();
    // After a fault the item is still in flight: it is taken up again as what it is.
    assert_eq!(calls, [(ideas[0], false), (ideas[0], false), (ideas[0], true), (ideas[1], false)]);
    stage.check().await;
}

// REQ-B-34
#[rstest]
#[tokio::test]
async fn a_run_whose_worker_is_lost_goes_on_and_the_stale_one_writes_nothing(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    // The first worker's heartbeat never beats: it is frozen, and does not know it.
    let stage = Stage::with(engine, |_, seams| seams.jobs.heartbeat = Duration::from_secs(3600)).await;
    stage.configure(json!({})).await;
    let ideas = stage.script.wait_for(RunStage::Ideas, 2);
    stage.script.plan(ideas[0], &[Plan::Wait, Plan::Wait]);
    let run = stage.started("start-key-1").await;
    stage.script.waits().await;
    stage.server.execute("UPDATE job SET lease_until = 1 WHERE state = 'running'").await;
    stage.script.waits().await;
    let calls = stage.script.calls();
    assert_eq!((calls[0].is_left_over, calls[1].is_left_over), (false, true));
    assert!(calls[1].fence > calls[0].fence, "{calls:?}");
    // Both go on: the items can end but once, and only by the second.
    stage.script.gate.add_permits(2);
    let done = stage.reaches(&run, "COMPLETED").await;
    assert_eq!(done["stages"][1]["succeeded"], 2);
    assert_eq!(stage.events().await.iter().filter(|event| *event == "ITEM").count(), 2);
    assert_eq!(stage.messages().await, ["Automation completed: 2 items using 0 credits"]);
}

// REQ-B-30
#[rstest]
#[tokio::test]
async fn a_run_ends_at_its_deadline_and_pauses_do_not_count(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let clock = Arc::new(FixedClock::new(START));
    let seam = clock.clone();
    let stage = Stage::with(engine, move |_, seams| seams.clock = seam).await;
    stage.configure(json!({"activeHoursMax": 1})).await;
    let ideas = stage.script.wait_for(RunStage::Ideas, 4);
    stage.script.plan(ideas[0], &[Plan::Wait]);
    stage.script.plan(ideas[1], &[Plan::Wait]);
    let run = stage.started("start-key-1").await;
    stage.script.waits().await;
    let minute = 60 * SECOND;
    clock.advance(5 * minute);
    stage.command("pause", &run, "pause-key-1").await;
    stage.script.gate.add_permits(1);
    stage.reaches(&run, "PAUSED").await;
    clock.advance(48 * 60 * minute);
    let owner = stage.server.sign_in("owner").await;
    let input = json!({"runId": run, "idempotencyKey": "resume-key-1"});
    let resumed = stage.by(&owner, "resumeAutomationRun", "run { state }", input).await;
    assert_eq!(resumed["run"]["state"], "RUNNING", "{resumed}");
    stage.script.waits().await;
    assert!(clock.now() > START);
    // Five minutes before the pause, and fifty-six after it.
    clock.advance(56 * minute);
    stage.script.gate.add_permits(1);
    let finished = async {
        while stage.server.number("SELECT COUNT(*) FROM automation_run WHERE state = 'FAILED'").await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(super::stage::PATIENCE, finished).await.expect("it did not fail");
    let owner = stage.server.sign_in("owner").await;
    let query = "query($id: ID!) { automationRun(id: $id) { error { code } stages { status succeeded } } }";
    let failed = stage.server.payload(&owner, query, json!({"id": run})).await;
    assert_eq!(failed["error"]["code"], "RUN_DEADLINE");
    assert_eq!(failed["stages"][1], json!({"status": "FAILED", "succeeded": 2}), "what was in flight was saved");
    assert_eq!(stage.messages().await, ["Automation failed: the run was at work for longer than it may be"]);
    let events = stage.events().await;
    assert_eq!(events[events.len() - 3..], ["FAILED", "DRAINED", "FINISHED"]);
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn a_run_of_a_suspended_account_pauses(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({})).await;
    let ideas = stage.script.wait_for(RunStage::Ideas, 2);
    stage.script.plan(ideas[0], &[Plan::Wait]);
    let run = stage.started("start-key-1").await;
    stage.script.waits().await;
    stage.server.execute("UPDATE account SET state = 'SUSPENDED'").await;
    stage.script.gate.add_permits(1);
    let paused = stage.reaches(&run, "PAUSED").await;
    assert_eq!(paused["pauseReason"], PauseReason::AccountSuspended.as_str());
    assert_eq!(code(&stage.command("resume", &run, "resume-key-1").await), "ACCOUNT_SUSPENDED");
    stage.server.execute("UPDATE account SET state = 'ACTIVE'").await;
    stage.command("resume", &run, "resume-key-2").await;
    stage.reaches(&run, "COMPLETED").await;
    assert_eq!(stage.messages().await[0], "Automation paused: the account is suspended");
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn a_run_that_cannot_go_on_is_given_up_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({})).await;
    let ideas = stage.script.wait_for(RunStage::Ideas, 2);
    stage.script.plan(ideas[0], &[Plan::Wait]);
    let run = stage.started("start-key-1").await;
    stage.script.waits().await;
    // Its job has failed as often as it may but once.
    stage.server.execute("UPDATE job SET attempts = attempts_max - 1").await;
    stage.script.plan(ideas[1], &[Plan::Fault]);
    stage.script.gate.add_permits(1);
    let waiting = async {
        while stage.server.number("SELECT COUNT(*) FROM automation_run WHERE finished_at IS NOT NULL").await == 0 {
            stage.server.execute("UPDATE job SET ready_at = 0, attempts = attempts_max WHERE state = 'ready'").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(super::stage::PATIENCE, waiting).await.expect("it was not given up");
    let failed = stage.run(&run).await;
    assert_eq!((&failed["state"], &failed["error"]["code"]), (&json!("FAILED"), &json!("INTERNAL")));
    assert_eq!(stage.messages().await, ["Automation failed: an internal fault stopped the work"]);
    assert_eq!(stage.server.number("SELECT COUNT(*) FROM automation_item WHERE state = 'RUNNING'").await, 0);
    stage.check().await;
}

// REQ-B-37
#[rstest]
#[tokio::test]
async fn a_fork_is_about_what_its_source_made_before(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({})).await;
    let ideas = stage.script.wait_for(RunStage::Ideas, 2);
    stage.script.wait_for(RunStage::ContentTasks, 1);
    let source = stage.started("start-key-1").await;
    stage.reaches(&source, "COMPLETED").await;
    let before = (stage.script.selections().len(), stage.script.calls().len());
    let fork = async |from: &str, key: &str| {
        let input = json!({"runId": source, "fromStage": from, "redo": true, "idempotencyKey": key});
        stage.act("forkAutomationRun", &format!("run {{ {} }}", super::stage::RUN), input).await
    };
    assert_eq!(code(&fork("CLUSTER", "fork-key-0").await), "STAGE_INVALID");
    let forked = fork("CONTENT_TASKS", "fork-key-1").await;
    let run = forked["run"]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&forked["run"]["trigger"], &forked["run"]["fromStage"], &forked["run"]["sourceRun"]["id"]),
        (&json!("FORK"), &json!("CONTENT_TASKS"), &json!(source))
    );
    let done = stage.reaches(&run, "COMPLETED").await;
    assert_eq!(statuses(&done)[..3], ["SKIPPED", "SKIPPED", "COMPLETED"]);
    let made: Vec<Uuid> = ideas.iter().map(|id| Uuid::from_u128(id.as_u128() + 500)).collect();
    let (selections, calls) = (&stage.script.selections()[before.0..], &stage.script.calls()[before.1..]);
    let id = |run: &str| uuid_of(&json!(run));
    assert_eq!(selections[0].within, Some((id(&source), RunStage::Ideas)));
    let taken = |of: RunStage| -> Vec<Uuid> {
        calls.iter().filter(|call| call.stage == of).flat_map(|call| call.subjects.clone()).collect()
    };
    assert_eq!(taken(RunStage::ContentTasks), made, "the ideas of the source");
    assert!(selections[0].is_redo);
    // What follows is about what the fork itself made, and not about what the source made there.
    let own: Vec<Uuid> = made.iter().map(|id| Uuid::from_u128(id.as_u128() + 500)).collect();
    assert_eq!(selections[1].within, Some((id(&run), RunStage::ContentTasks)));
    assert_eq!(taken(RunStage::Content), own);
    assert_eq!(fork("CONTENT_TASKS", "fork-key-1").await["run"]["id"], json!(run), "the key answers the first");
    stage.script.plan(own[0], &[Plan::Pause(Pause::plain(PauseReason::ProviderDown))]);
    let input = json!({"runId": run, "fromStage": "CONTENT", "idempotencyKey": "fork-key-3"});
    let again = stage.act("forkAutomationRun", "run { id }", input).await;
    let third = again["run"]["id"].as_str().unwrap().to_owned();
    stage.reaches(&third, "PAUSED").await;
    let input = json!({"runId": third, "fromStage": "CONTENT", "idempotencyKey": "fork-key-4"});
    assert_eq!(code(&stage.act("forkAutomationRun", "run { id }", input).await), "ILLEGAL_STATE");
    assert_eq!(code(&fork("CONTENT", "fork-key-5").await), "RUN_ACTIVE");
    stage.check().await;
}
