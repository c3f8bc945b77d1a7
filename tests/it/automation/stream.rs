//! The live progress of a run: numbered without gap, resumable anywhere.

use inkledger::{automation::model::Stage as RunStage, db::Engine};
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::{Plan, Stage};
use crate::support::{builders::next_event, ws_client::Ws};

const EVENT: &str = "kind sequence cursor state message run { id state } stage { stage succeeded total } \
                     item { stage state count credits errorCode image { id } } balance { available }";

async fn follow(stage: &Stage, run: &str, after: Option<&str>) -> Ws {
    let mut ws = Ws::ready(stage.server.address(), Some(&stage.owner.token)).await;
    let after = after.map_or(String::new(), |cursor| format!(", after: \"{cursor}\""));
    let query = format!("subscription {{ automationProgress(runId: \"{run}\"{after}) {{ {EVENT} }} }}");
    ws.subscribe("one", &query).await;
    ws
}

async fn to_the_end(mut ws: Ws) -> Vec<Value> {
    let mut events = Vec::new();
    loop {
        let event = next_event(&mut ws, "one").await;
        let is_last = event["kind"] == "FINISHED";
        events.push(event);
        if is_last {
            return events;
        }
    }
}

fn numbers(events: &[Value]) -> Vec<(i64, &str)> {
    events.iter().map(|event| (event["sequence"].as_i64().unwrap(), event["kind"].as_str().unwrap())).collect()
}

// REQ-B-42
#[rstest]
#[tokio::test]
async fn a_run_is_followed_without_gap_over_every_reconnect(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    stage.configure(json!({})).await;
    let ideas = stage.script.wait_for(RunStage::Ideas, 3);
    stage.script.plan(ideas[0], &[Plan::Wait]);
    stage.script.plan(ideas[1], &[Plan::Fail]);
    let run = stage.started("start-key-1").await;
    let mut ws = follow(&stage, &run, None).await;
    let first = next_event(&mut ws, "one").await;
    assert_eq!((&first["kind"], &first["run"]["id"]), (&json!("SNAPSHOT"), &json!(run)));
    stage.script.waits().await;
    stage.command("pause", &run, "pause-key-1").await;
    stage.script.gate.add_permits(1);
    stage.reaches(&run, "PAUSED").await;
    stage.command("resume", &run, "resume-key-1").await;
    let mut events = vec![first];
    events.extend(to_the_end(ws).await);
    for pair in events.windows(2) {
        assert_eq!(pair[1]["sequence"].as_i64().unwrap(), pair[0]["sequence"].as_i64().unwrap() + 1, "{pair:?}");
    }
    let states: Vec<_> =
        events.iter().filter(|event| event["kind"] == "STATE").map(|event| event["state"].clone()).collect();
    for state in ["PAUSING", "PAUSED", "RUNNING", "COMPLETED_WITH_ERRORS"] {
        assert!(states.contains(&json!(state)), "{states:?}");
    }
    let items: Vec<_> = events.iter().filter(|event| event["kind"] == "ITEM").collect();
    assert_eq!(items.len(), 3);
    assert_eq!(
        items[1]["item"],
        json!({"stage": "IDEAS", "state": "FAILED", "count": 1, "credits": 0, "errorCode": "TOO_SHORT", "image": null})
    );
    assert_eq!(items[2]["stage"], json!({"stage": "IDEAS", "succeeded": 2, "total": 3}));
    let last = events.last().unwrap();
    assert_eq!(last["message"], "Automation completed: 2 items using 0 credits, 1 failed");
    // From every cursor the rest follows, without a snapshot.
    for (at, event) in events.iter().enumerate().take(events.len() - 1) {
        let ws = follow(&stage, &run, event["cursor"].as_str()).await;
        assert_eq!(numbers(&to_the_end(ws).await), numbers(&events[at + 1..]));
    }
    stage.check().await;
}

#[rstest]
#[tokio::test]
async fn cursors_of_others_are_refused_and_runs_of_others_not_found(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let one = stage.started("start-key-1").await;
    stage.reaches(&one, "COMPLETED").await;
    let two = stage.started("start-key-2").await;
    stage.reaches(&two, "COMPLETED").await;
    let mut ws = follow(&stage, &one, None).await;
    let snapshot = next_event(&mut ws, "one").await;
    let cursor = snapshot["cursor"].as_str().unwrap().to_owned();
    let refusal = async |mut ws: Ws| {
        let payload = ws.receive().await["payload"].take();
        // A refused subscription answers a list of errors, or a result with them.
        let errors = if payload.is_array() { &payload } else { &payload["errors"] };
        errors[0]["extensions"]["code"].clone()
    };
    assert_eq!(refusal(follow(&stage, &two, Some(&cursor)).await).await, "BAD_USER_INPUT");
    assert_eq!(refusal(follow(&stage, &two, Some("garbage")).await).await, "BAD_USER_INPUT");
    let stranger = stage.server.sign_up("stranger").await;
    let mut ws = Ws::ready(stage.server.address(), Some(&stranger.token)).await;
    ws.subscribe("one", &format!("subscription {{ automationProgress(runId: \"{one}\") {{ kind }} }}")).await;
    assert_eq!(refusal(ws).await, "NOT_FOUND");
    // Ahead of the run, as after a restore.
    stage.server.execute("UPDATE automation_run SET event_seq = event_seq - 1").await;
    let mut ws = follow(&stage, &one, Some(&cursor)).await;
    assert_eq!(next_event(&mut ws, "one").await["kind"], "RESYNC");
}
