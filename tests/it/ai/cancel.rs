//! Cancelling: at once while pending, after the grace while a request is out; no request leaves after the answer.

use std::{sync::Arc, time::Duration};

use inkledger::{
    ai::{
        AiConfig,
        model::{ItemState, TaskStatus},
        provider::{
            Call, FailureCode, ProviderFailure, ProviderFuture, TextDeltas, TextProvider, TextRequest, TextResult,
            TokenUsage, sandbox::Step,
        },
        routing::Providers,
        service::CancelError,
    },
    db::Engine,
    doctor::records::audit_records,
    error::{Error, Failure},
};
use rstest::rstest;

use super::stage::{Stage, quick_ai, quick_jobs};

#[rstest]
#[tokio::test]
async fn a_pending_task_is_cancelled_at_once(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(10).await;
    let task = stage.process.ai.generate_images(spender, stage.images(3)).await.unwrap();
    let cancelled = stage.process.ai.cancel_ai_task(spender, task.id).await.unwrap();
    assert_eq!(cancelled.status, TaskStatus::Cancelled);
    assert_eq!(stage.balance(spender.account_id).await, (10, 0, 0));
    stage.check().await;
    assert_eq!(
        stage.messages(spender).await,
        [("ai_image_cancelled".into(), "INFO".into(), "Generated 0 images using 0 credits before cancellation".into())]
    );
    // Repeating is a no-op; nobody is called.
    let again = stage.process.ai.cancel_ai_task(spender, task.id).await.unwrap();
    assert_eq!((again.status, again.event_seq), (TaskStatus::Cancelled, cancelled.event_seq));
    let workers = stage.process.start().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(stage.calls(), 0);
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn a_request_that_answers_in_time_is_delivered_and_the_rest_given_back(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let patient = AiConfig { cancel_grace: Duration::from_secs(20), ..quick_ai() };
    let stage = Stage::with(engine, patient, quick_jobs()).await;
    let spender = stage.spender(10).await;
    stage.script.extend([Step::Ok, Step::Delay(Duration::from_millis(1500))]);
    let workers = stage.process.start().await;
    let task = stage.process.ai.generate_images(spender, stage.images(3)).await.unwrap();
    while stage.calls() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let asked = stage.process.ai.cancel_ai_task(spender, task.id).await.unwrap();
    assert!(asked.is_cancelling);
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Cancelled, 2));
    let states: Vec<_> = view.items.iter().map(|item| item.state).collect();
    assert_eq!(states, [ItemState::Delivered, ItemState::Delivered, ItemState::Cancelled]);
    assert_eq!(stage.messages(spender).await[0].2, "Generated 2 images using 2 credits before cancellation");
    assert_eq!(stage.balance(spender.account_id).await, (8, 0, 2));
    stage.check().await;
    assert_eq!(stage.calls(), 2);
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn an_image_that_comes_too_late_costs_nothing() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(10).await;
    stage.script.push(Step::Delay(Duration::from_secs(60)));
    let workers = stage.process.start().await;
    let task = stage.process.ai.generate_images(spender, stage.images(2)).await.unwrap();
    while stage.calls() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stage.process.ai.cancel_ai_task(spender, task.id).await.unwrap();
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Cancelled, 0));
    assert_eq!(stage.balance(spender.account_id).await, (10, 0, 0));
    stage.check().await;
    assert_eq!(stage.calls(), 1);
    workers.shutdown().await;
}

// R9. The clock of a worker may be ahead of that of the process that takes the cancel.
#[rstest]
#[tokio::test]
async fn a_cancel_is_never_told_as_earlier_than_what_was_sent_before_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(10).await;
    stage.script.push(Step::Delay(Duration::from_secs(60)));
    let workers = stage.process.start().await;
    let task = stage.process.ai.generate_images(spender, stage.images(1)).await.unwrap();
    while stage.calls() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stage.test.execute("UPDATE ai_attempt SET sent_at = sent_at + 5000000").await.unwrap();
    stage.process.ai.cancel_ai_task(spender, task.id).await.unwrap();
    assert_eq!(stage.ended(&task).await.task.status, TaskStatus::Cancelled);
    stage.check().await;
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn an_ended_task_cannot_be_cancelled_and_another_account_s_is_not_found() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(10).await;
    let stranger = stage.spender(10).await;
    let workers = stage.process.start().await;
    let task = stage.process.ai.generate_text(spender, stage.text()).await.unwrap();
    let foreign = stage.process.ai.cancel_ai_task(stranger, task.id).await;
    assert!(matches!(foreign, Err(Failure::Fault(Error::NotFound))));
    stage.ended(&task).await;
    let late = stage.process.ai.cancel_ai_task(spender, task.id).await;
    let ended = CancelError::TaskEnded { status: TaskStatus::Success };
    assert!(matches!(late, Err(Failure::Refused(refusal)) if refusal == ended));
    workers.shutdown().await;
}

// T12, REQ-B-28, small: no attempt is sent after an answered cancel.
#[rstest]
#[tokio::test]
async fn no_request_leaves_after_a_cancel_was_answered(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let spender = stage.spender(1000).await;
    stage.script.rule(|call| (call.no % 3 == 0).then_some(Step::Delay(Duration::from_millis(call.no % 40))));
    let workers = stage.process.start().await;
    let rounds = if engine == Engine::Sqlite { 40 } else { 25 };
    for round in 0..rounds {
        let task = stage.process.ai.generate_images(spender, stage.images(4)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(round * 7 % 160)).await;
        let answered = stage.process.ai.cancel_ai_task(spender, task.id).await;
        let sent = async || {
            let attempts = stage.process.ai.attempts(task.id).await.unwrap();
            attempts.iter().filter(|attempt| attempt.sent_at.is_some()).count()
        };
        let before = sent().await;
        let view = stage.ended(&task).await;
        if answered.is_ok() {
            assert_eq!(sent().await, before, "a request left after the answer");
            assert!(matches!(view.task.status, TaskStatus::Cancelled | TaskStatus::Success));
        }
    }
    stage.check().await;
    workers.shutdown().await;
}

/// A provider that reports what it used when it is withdrawn.
struct Counting;

impl TextProvider for Counting {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn generate_text<'a>(
        &'a self,
        _: &'a TextRequest,
        call: &'a Call,
        _: Option<TextDeltas>,
    ) -> ProviderFuture<'a, TextResult> {
        Box::pin(async move {
            call.cancel.cancelled().await;
            let usage = Some(TokenUsage { input: 300, output: 900 });
            Err(ProviderFailure { usage, ..ProviderFailure::new(FailureCode::Cancelled, "withdrawn") })
        })
    }
}

// pipeline.md, 6: tokens that an aborted call used are settled.
#[rstest]
#[tokio::test]
async fn a_withdrawn_text_with_known_usage_is_charged_for_it(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let process = stage.process_with(Providers::new().with_text(Arc::new(Counting))).await;
    let spender = stage.spender(10).await;
    let workers = process.start().await;
    let task = process.ai.generate_text(spender, stage.text()).await.unwrap();
    while stage.test.number("SELECT COUNT(*) FROM ai_attempt WHERE state = 'sent'").await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    process.ai.cancel_ai_task(spender, task.id).await.unwrap();
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Cancelled, 2));
    assert_eq!(view.items[0].state, ItemState::Cancelled);
    assert_eq!(stage.messages(spender).await[0].2, "Generated 0 texts using 2 credits before cancellation");
    stage.check().await;
    assert!(audit_records(&stage.test.db).await.unwrap().passes(false));
    workers.shutdown().await;
}

#[rstest]
#[tokio::test]
async fn a_task_that_waits_for_another_try_is_cancelled_without_waiting(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let patient = AiConfig { throttle_max: Duration::from_secs(300), ..quick_ai() };
    let stage = Stage::with(engine, patient, quick_jobs()).await;
    let spender = stage.spender(10).await;
    stage.script.push(Step::Fail { code: FailureCode::RateLimited, retry_after: Some(Duration::from_secs(300)) });
    let workers = stage.process.start().await;
    let task = stage.process.ai.generate_images(spender, stage.images(2)).await.unwrap();
    let waiting = async {
        while stage.test.number("SELECT COUNT(*) FROM job WHERE state = 'ready' AND fence = 1").await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(super::stage::PATIENCE, waiting).await.expect("the task does not wait");
    stage.process.ai.cancel_ai_task(spender, task.id).await.unwrap();
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Cancelled, 0));
    stage.check().await;
    assert_eq!(stage.calls(), 1);
    workers.shutdown().await;
}

// Twice the grace has passed, and the provider still says nothing: what it may have cost is ours to find out.
#[rstest]
#[tokio::test]
async fn a_cancel_ends_even_when_the_provider_hangs() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(10).await;
    stage.script.push(Step::Hang { billed: true });
    let workers = stage.process.start().await;
    let task = stage.process.ai.generate_text(spender, stage.text()).await.unwrap();
    while stage.calls() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stage.process.ai.cancel_ai_task(spender, task.id).await.unwrap();
    let view = stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Cancelled, 0));
    stage.check().await;
    workers.shutdown().await;
}
