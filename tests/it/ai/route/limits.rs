//! How much a model, a credential and a task may be asked for at once, and what waits beyond it.

use super::*;

#[rstest]
#[tokio::test]
async fn no_more_requests_of_a_model_are_under_way_than_its_limit(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let two = |model: &mut AiModel| model.capabilities.concurrency = Some(2);
    let jobs = JobsConfig { workers: 8, account_running_max: 8, ..quick_jobs() };
    let models = Models::with(engine, None, quick_ai(), jobs, two).await;
    let spender = models.stage.spender(100).await;
    models.stage.script.rule(|_| Some(Step::Delay(Duration::from_millis(60))));
    let workers = models.process.start().await;
    let tasks = futures_util::future::join_all((0..8).map(|_| models.ask(spender, 1))).await;
    for task in &tasks {
        assert_eq!(models.stage.ended(task).await.task.status, TaskStatus::Success);
    }
    assert_eq!(models.watched.most.load(Ordering::SeqCst), 2);
    models.check().await;
    workers.shutdown().await;
}

#[tokio::test]
async fn the_rate_of_a_model_is_kept_and_waiting_for_it_is_nobody_s_failure() {
    let three = |model: &mut AiModel| model.capabilities.rate_per_minute = Some(3);
    let ai = AiConfig { item_patience: Duration::ZERO, ..quick_ai() };
    let models = Models::with(Engine::Sqlite, None, ai, quick_jobs(), three).await;
    let spender = models.stage.spender(100).await;
    let workers = models.process.start().await;
    let task = models.ask(spender, 4).await;
    models.until("SELECT items_delivered FROM ai_task", 3).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(models.called().len(), 3);
    models.stage.test.clock.advance(61 * SECOND);
    assert_eq!(models.ended_soon(&task).await, TaskStatus::Success);
    models.check().await;
    workers.shutdown().await;
}

// One tenant's prompts, or one model's trouble, must not hold up what another model can do.
#[tokio::test]
async fn beyond_the_budget_the_next_model_is_asked_and_repairs_spend_none_of_it() {
    let ai = AiConfig { retries_least: 1, ..quick_ai() };
    let models = Models::with(Engine::Sqlite, Some(5), ai, quick_jobs(), |_| {}).await;
    let spender = models.stage.spender(100).await;
    let workers = models.process.start().await;
    models.fails("first", FailureCode::ParseFailed);
    for _ in 0..3 {
        assert_eq!(models.stage.ended(&models.ask(spender, 1).await).await.task.status, TaskStatus::Error);
    }
    assert_eq!(models.called(), ["first"; 6], "each is repaired once");
    models.stage.script.clear();
    models.fails("first", FailureCode::ServiceUnavailable);
    for _ in 0..2 {
        assert_eq!(models.stage.ended(&models.ask(spender, 1).await).await.task.status, TaskStatus::Success);
    }
    // One retry a minute: the second task leaves the model that is down at once.
    assert_eq!(models.called()[6..], ["first", "first", "second", "first", "second"]);
    models.check().await;
    workers.shutdown().await;
}

#[tokio::test]
async fn retries_beyond_the_budget_of_a_credential_wait() {
    let ai = AiConfig { retries_least: 2, ..quick_ai() };
    let models = Models::with(Engine::Sqlite, None, ai, quick_jobs(), |_| {}).await;
    let spender = models.stage.spender(100).await;
    models.stage.script.extend((0..3).map(|_| Step::fail(FailureCode::NetworkError)));
    models.stage.script.push(Step::Ok);
    let workers = models.process.start().await;
    let first = models.ask(spender, 1).await;
    assert_eq!(models.stage.ended(&first).await.task.status, TaskStatus::Error);
    models.stage.script.clear();
    models.stage.script.push(Step::fail(FailureCode::NetworkError));
    let second = models.ask(spender, 1).await;
    models.until("SELECT COUNT(*) FROM ai_attempt WHERE state = 'received'", 4).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(models.called().len(), 4, "both retries of the minute are spent");
    models.stage.test.clock.advance(61 * SECOND);
    assert_eq!(models.ended_soon(&second).await, TaskStatus::Success);
    models.check().await;
    workers.shutdown().await;
}

// engine.md 5: a long task gives its worker up between two items.
#[rstest]
#[tokio::test]
async fn a_task_of_many_items_does_not_keep_others_from_theirs(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let ai = AiConfig { turn: Duration::ZERO, ..quick_ai() };
    let jobs = JobsConfig { workers: 1, ..quick_jobs() };
    let models = Models::with(engine, None, ai, jobs, |_| {}).await;
    let (busy, small) = (models.stage.spender(500).await, models.stage.spender(50).await);
    models.stage.script.rule(|_| Some(Step::Delay(Duration::from_millis(20))));
    let long: Vec<AiTask> = futures_util::future::join_all((0..4).map(|_| models.ask(busy, 5))).await;
    let short = models.ask(small, 1).await;
    let workers = models.process.start().await;
    models.stage.ended(&short).await;
    assert!(
        models.called().len() <= 8,
        "{} requests began before the other account's first ended",
        models.called().len()
    );
    for task in &long {
        assert_eq!(models.stage.ended(task).await.task.status, TaskStatus::Success);
    }
    models.check().await;
    workers.shutdown().await;
}
