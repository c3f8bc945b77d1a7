//! The live progress of a task: numbered without gap, resumable anywhere.

use futures_util::{Stream, StreamExt};
use inkledger::{
    ai::{
        model::{Phase, TaskStatus},
        progress::{ProgressEvent, ProgressKind},
        provider::sandbox::Step,
        routing::Providers,
    },
    db::Engine,
    error::Error,
};
use rstest::rstest;

use super::stage::{PATIENCE, Stage};
use crate::pipeline::provider::{Meets, Provider};

async fn all(stream: impl Stream<Item = Result<ProgressEvent, Error>>) -> Vec<ProgressEvent> {
    let collecting = stream.map(Result::unwrap).collect::<Vec<_>>();
    tokio::time::timeout(PATIENCE, collecting).await.expect("the stream did not end")
}

// G44, REQ-B-12, REQ-B-42
#[rstest]
#[tokio::test]
async fn a_task_is_followed_without_gap_from_snapshot_to_end(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(10).await;
    let task = stage.process.ai.generate_images(spender, stage.images(2)).await.unwrap();
    let ai = stage.process.ai.clone();
    let stream = ai.follow_task(spender.account_id, task.id, None).await.unwrap();
    let workers = stage.process.start().await;
    let events = all(stream).await;
    assert_eq!(events[0].told.kind, ProgressKind::Snapshot);
    assert_eq!(events[0].told.task.as_ref().unwrap().status, TaskStatus::Pending);
    for pair in events.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        assert!(pair[1].told.percent.unwrap_or(100) >= pair[0].told.percent.unwrap_or(0), "percent fell: {pair:?}");
    }
    let phases: Vec<_> = events
        .iter()
        .filter(|event| event.told.kind == ProgressKind::Phase)
        .filter_map(|event| event.told.phase)
        .collect();
    let one = [Phase::Prep, Phase::AiCall, Phase::Parse, Phase::Save];
    assert_eq!(phases, [one, one].concat());
    let items: Vec<_> = events.iter().filter(|event| event.told.kind == ProgressKind::Item).collect();
    assert_eq!(items.len(), 2);
    for (item, (available, held)) in items.iter().zip([(8, 1), (8, 0)]) {
        assert_eq!(item.told.credits, Some(1));
        assert!(item.told.image_id.is_some());
        let (_, now_available, now_held) = item.balance.unwrap();
        assert_eq!((now_available, now_held), (available, held));
    }
    let last = events.last().unwrap();
    assert_eq!(
        (last.told.kind, last.told.status, last.told.credits),
        (ProgressKind::Finished, Some(TaskStatus::Success), Some(2))
    );
    assert_eq!(last.told.message.as_deref(), Some("Generated 2 images using 2 credits"));
    // From every cursor the rest follows, without a snapshot.
    for (at, event) in events.iter().enumerate() {
        let resumed = all(ai.follow_task(spender.account_id, task.id, Some(event.cursor.clone())).await.unwrap()).await;
        assert_eq!(resumed, events[at + 1..]);
    }
    stage.check().await;
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn cursors_of_others_are_refused_and_old_ones_resynchronised() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(10).await;
    let stranger = stage.spender(10).await;
    let ai = stage.process.ai.clone();
    let one = ai.generate_text(spender, stage.text()).await.unwrap();
    let two = ai.generate_text(spender, stage.text()).await.unwrap();
    assert!(matches!(ai.follow_task(stranger.account_id, one.id, None).await.err(), Some(Error::NotFound)));
    let first = ai.follow_task(spender.account_id, one.id, None).await.unwrap();
    let cursor = Box::pin(first).next().await.unwrap().unwrap().cursor;
    let foreign = ai.follow_task(spender.account_id, two.id, Some(cursor)).await.err();
    assert!(matches!(foreign, Some(Error::BadUserInput { .. })));
    let garbage = ai.follow_task(spender.account_id, one.id, Some("garbage".into())).await.err();
    assert!(matches!(garbage, Some(Error::BadUserInput { .. })));
    // Ahead of the task, as after a restore.
    let finished = {
        let workers = stage.process.start().await;
        stage.ended(&one).await;
        let events = all(ai.follow_task(spender.account_id, one.id, None).await.unwrap()).await;
        workers.shutdown().await;
        events
    };
    assert_eq!((finished.len(), finished[0].told.kind), (1, ProgressKind::Snapshot));
    stage.test.execute("UPDATE ai_task SET event_seq = event_seq - 1").await.unwrap();
    let resync = all(ai.follow_task(spender.account_id, one.id, Some(finished[0].cursor.clone())).await.unwrap()).await;
    assert_eq!(resync[0].told.kind, ProgressKind::Resync);
}

#[rstest]
#[tokio::test]
async fn events_arrive_while_the_task_runs() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(10).await;
    let provider = Provider::new();
    provider.rule(|_| Meets::Gate(Step::Ok));
    let process = stage.process_with(Providers::new().with(provider.clone())).await;
    let workers = process.start().await;
    let task = process.ai.generate_images(spender, stage.images(1)).await.unwrap();
    let mut stream = Box::pin(process.ai.follow_task(spender.account_id, task.id, None).await.unwrap());
    let seen = async { while stream.next().await.unwrap().unwrap().told.phase != Some(Phase::AiCall) {} };
    // The provider answers nothing before that.
    tokio::time::timeout(PATIENCE, seen).await.expect("the phase is not shown during the call");
    provider.waits(1).await;
    provider.lets(1);
    stage.ended(&task).await;
    workers.shutdown().await;
}
