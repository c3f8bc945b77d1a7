//! Models that are down for all, and the work that waits for them.

use super::*;

// REQ-A-37: five failures, 60 s open, one probe, for all processes.
#[rstest]
#[tokio::test]
async fn a_breaker_opens_for_all_lets_one_probe_pass_and_closes_again(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let models = Models::open(engine, Some(5)).await;
    let spender = models.stage.spender(500).await;
    models.fails("first", FailureCode::GenerationFailed);
    let workers = models.process.start().await;
    for _ in 0..5 {
        models.stage.ended(&models.ask(spender, 1).await).await;
    }
    assert_eq!(models.text("SELECT state FROM provider_gate WHERE model = 'first'").await, "open");
    workers.shutdown().await;
    let before = models.called().len();
    // Another process, which has seen none of the failures.
    let seed = 77;
    let second = match engine {
        Engine::Postgres => Some(models.stage.second(seed).await),
        Engine::Sqlite => None,
    };
    let workers = second.as_ref().unwrap_or(&models.process).start().await;
    models.stage.ended(&models.ask(spender, 1).await).await;
    assert_eq!(models.called().split_off(before), ["second"]);
    // The time is over: of many, one asks.
    models.stage.test.clock.advance(61 * SECOND);
    models.stage.script.rule(|call| (call.model == "first").then_some(Step::Delay(Duration::from_millis(1500))));
    let before = models.called().len();
    let asked = futures_util::future::join_all((0..6).map(|_| models.ask(spender, 1))).await;
    // Whoever finds the probe taken looks again a moment later, by the clock of the jobs.
    let clock = models.stage.test.clock.clone();
    let ticking = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            clock.advance(SECOND / 50);
        }
    });
    for task in &asked {
        models.stage.ended(task).await;
    }
    ticking.abort();
    let called = models.called().split_off(before);
    assert_eq!(called.iter().filter(|model| *model == "first").count(), 1, "{called:?}");
    assert_eq!(models.text("SELECT state FROM provider_gate WHERE model = 'first'").await, "closed");
    models.stage.ended(&models.ask(spender, 1).await).await;
    assert_eq!(models.called().last().unwrap(), "first");
    models.check().await;
    workers.shutdown().await;
    if let Some(second) = second {
        second.db.close().await;
    }
}

#[rstest]
#[tokio::test]
async fn without_another_model_the_work_waits_for_the_probe_and_a_cancel_does_not(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let ai = AiConfig { breaker: GateRules { failures: 1, open_first: SECOND / 2, open_max: SECOND }, ..quick_ai() };
    let models = Models::with(engine, None, ai, quick_jobs(), |_| {}).await;
    let spender = models.stage.spender(50).await;
    models.fails("first", FailureCode::GenerationFailed);
    let workers = models.process.start().await;
    models.stage.ended(&models.ask(spender, 1).await).await;
    let (waits, doomed) = (models.ask(spender, 1).await, models.ask(spender, 1).await);
    models.until("SELECT COUNT(*) FROM ai_task_item WHERE state = 'PENDING' AND begun_at IS NOT NULL", 2).await;
    models.process.ai.cancel_ai_task(spender, doomed.id).await.unwrap();
    assert_eq!(models.stage.ended(&doomed).await.task.status, TaskStatus::Cancelled);
    assert_eq!(models.called().len(), 1);
    models.stage.script.clear();
    models.stage.test.clock.advance(SECOND);
    assert_eq!(models.stage.ended(&waits).await.task.status, TaskStatus::Success);
    models.check().await;
    workers.shutdown().await;
}

#[tokio::test]
async fn work_that_would_wait_longer_than_its_patience_fails_uncharged() {
    let ai = AiConfig {
        breaker: GateRules { failures: 1, open_first: 60 * SECOND, open_max: 60 * SECOND },
        item_patience: Duration::from_secs(30),
        ..quick_ai()
    };
    let models = Models::with(Engine::Sqlite, None, ai, quick_jobs(), |_| {}).await;
    let spender = models.stage.spender(50).await;
    models.fails("first", FailureCode::GenerationFailed);
    let workers = models.process.start().await;
    models.stage.ended(&models.ask(spender, 1).await).await;
    let view = models.stage.ended(&models.ask(spender, 1).await).await;
    assert_eq!(view.task.error_code.as_deref(), Some("SERVICE_UNAVAILABLE"));
    assert_eq!(models.stage.balance(spender.account_id).await, (50, 0, 0));
    assert_eq!(models.called().len(), 1);
    models.check().await;
    workers.shutdown().await;
}
