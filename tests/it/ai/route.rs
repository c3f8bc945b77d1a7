//! Which model a request goes to at run time, what it settles at, and when it waits: on several models of the sandbox.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use inkledger::{
    ai::{
        AiConfig, Spender,
        model::{AiModel, AiTask, AspectRatio, GateRules, PriceVersion, Rates, TaskStatus},
        provider::{
            Call, FailureCode, ImageProvider, ImageRequest, ImageResult, ProviderFuture, TextDeltas, TextProvider,
            TextRequest, TextResult,
            sandbox::{Sandbox, SandboxScript, Step},
        },
        routing::Providers,
        store::{self, NewModel},
    },
    clock::SECOND,
    db::Engine,
    doctor::records::audit_records,
    error::{Failure, Never},
    ids::Ids as _,
    jobs::JobsConfig,
};
use rstest::rstest;
use sea_orm::ConnectionTrait as _;
use uuid::Uuid;

use super::stage::{PATIENCE, Process, Stage, quick_ai, quick_jobs};

/// The sandbox, which writes down what it is asked for and how many calls it has at once.
#[derive(Clone)]
struct Watched {
    sandbox: Sandbox,
    asked: Arc<Mutex<Vec<ImageRequest>>>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Watched {
    fn new(script: SandboxScript) -> Self {
        Self { sandbox: Sandbox::new(script), asked: Arc::default(), now: Arc::default(), most: Arc::default() }
    }
}

impl ImageProvider for Watched {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn generate_image<'a>(&'a self, request: &'a ImageRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(request.clone());
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            let answer = self.sandbox.generate_image(request, call).await;
            self.now.fetch_sub(1, Ordering::SeqCst);
            answer
        })
    }
}

impl TextProvider for Watched {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn generate_text<'a>(
        &'a self,
        request: &'a TextRequest,
        call: &'a Call,
        deltas: Option<TextDeltas>,
    ) -> ProviderFuture<'a, TextResult> {
        self.sandbox.generate_text(request, call, deltas)
    }
}

/// Enters a model of the sandbox that stands in for others; what it costs, and what else is different about it.
pub async fn add_model(stage: &Stage, like: &str, name: &str, rates: Rates, change: impl FnOnce(&mut AiModel)) -> Uuid {
    let models = stage.process.ai.models(true).await.unwrap();
    let mut model = models.into_iter().find(|one| one.model.name == like).unwrap().model;
    model.id = stage.test.ids.uuid();
    model.name = name.to_owned();
    model.provider_model = name.to_owned();
    change(&mut model);
    let id = model.id;
    let price = PriceVersion {
        id: stage.test.ids.uuid(),
        ai_model_id: id,
        number: 1,
        rates,
        credit_price_nanousd: 10_000_000,
        created_at: 0,
    };
    let new = NewModel { model, price, shipped: None };
    let written = stage.test.db.write(new, |tx, new| {
        Box::pin(async move {
            store::insert_model(tx, new, 0).await?;
            Ok::<_, Failure<Never>>(())
        })
    });
    written.await.unwrap();
    id
}

fn an_image(credits_per_image: i64) -> Rates {
    Rates::Image { cost_nanousd: Some(1000), credits_per_image }
}

/// Image models `first` (5 credits), `second` and `third`; the sandbox's own is switched off.
struct Models {
    stage: Stage,
    watched: Watched,
    process: Process,
    first: Uuid,
}

impl Models {
    async fn open(engine: Engine, second: Option<i64>) -> Self {
        Self::with(engine, second, quick_ai(), quick_jobs(), |_| {}).await
    }

    async fn with(
        engine: Engine,
        second: Option<i64>,
        ai: AiConfig,
        jobs: JobsConfig,
        change: impl FnOnce(&mut AiModel),
    ) -> Self {
        let stage = Stage::open(engine).await;
        let first = add_model(&stage, "Sandbox Image", "first", an_image(5), |model| {
            model.capabilities.priority = 1;
            change(model);
        })
        .await;
        if let Some(credits) = second {
            let smaller = |model: &mut AiModel| {
                model.capabilities.priority = 2;
                model.capabilities.shapes = [(AspectRatio::SQUARE, (96, 96))].into();
                model.size = Some((96, 96));
                model.takes_seed = false;
            };
            add_model(&stage, "Sandbox Image", "second", an_image(credits), smaller).await;
        }
        stage.test.execute("UPDATE ai_model SET is_active = FALSE WHERE name = 'Sandbox Image'").await.unwrap();
        let watched = Watched::new(stage.script.clone());
        let providers = Providers::new().with(watched.clone());
        let (db, clock, ids) = (stage.test.db.clone(), stage.test.clock.clone(), stage.test.ids.clone());
        let process = Process::new(db, clock, ids, providers, stage.folder(), ai, jobs).await;
        Self { stage, watched, process, first }
    }

    async fn ask(&self, spender: Spender, count: i32) -> AiTask {
        let mut input = self.stage.images(count);
        input.ai_model_id = Some(self.first);
        input.seed = None;
        self.process.ai.generate_images(spender, input).await.unwrap()
    }

    /// The named model always fails so.
    fn fails(&self, model: &'static str, code: FailureCode) {
        self.stage.script.rule(move |call| (call.model == model).then(|| Step::fail(code)));
    }

    /// The models that were called, in order.
    fn called(&self) -> Vec<String> {
        self.stage.script.billing().into_iter().map(|line| line.model).collect()
    }

    async fn check(&self) {
        self.stage.check().await;
        let report = audit_records(&self.stage.test.db).await.unwrap();
        assert!(report.passes(false), "{:?}", report.lines());
    }

    async fn text(&self, sql: &str) -> String {
        let db = &self.stage.test.db;
        db.reader().query_one_raw(db.statement(sql, [])).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }

    /// Waits until the task has ended, with its job due all the time: it waits for minutes of the machine's clock, and what
    /// it waits for has passed on the test's.
    async fn ended_soon(&self, task: &AiTask) -> TaskStatus {
        let waiting = async {
            loop {
                let status = self.stage.view(task).await.task.status;
                if status.is_final() {
                    return status;
                }
                self.stage.test.execute("UPDATE job SET ready_at = 0 WHERE state = 'ready'").await.unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the task did not end")
    }

    /// Waits until `sql` answers `number`.
    async fn until(&self, sql: &str, number: i64) {
        let waiting = async {
            while self.stage.test.number(sql).await != number {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect(sql);
    }
}

// REQ-A-33, REQ-A-34, REQ-A-35: three tries, then the next model; the lower price settles, by the model that was called.
#[rstest]
#[case::cheaper(3, 3, "second")]
#[case::dearer(12, 5, "first")]
#[tokio::test]
async fn a_model_that_is_down_is_tried_three_times_and_the_lower_price_settles(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] second: i64,
    #[case] charged: i64,
    #[case] priced_by: &str,
) {
    let models = Models::open(engine, Some(second)).await;
    let spender = models.stage.spender(20).await;
    models.fails("first", FailureCode::ServiceUnavailable);
    let workers = models.process.start().await;
    let task = models.ask(spender, 1).await;
    let view = models.stage.ended(&task).await;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Success, charged));
    assert_eq!(models.called(), ["first", "first", "first", "second"]);
    assert_eq!(models.stage.balance(spender.account_id).await, (20 - charged, 0, charged));
    assert_eq!(models.text("SELECT model_name FROM credit_usage").await, "second");
    let by = "SELECT m.name FROM credit_usage u JOIN price_version p ON p.id = u.price_version_id \
              JOIN ai_model m ON m.id = p.ai_model_id";
    assert_eq!(models.text(by).await, priced_by);
    assert_eq!(models.text("SELECT model_name FROM image").await, "second");
    let sizes: Vec<_> =
        models.watched.asked.lock().unwrap().iter().map(|one| (one.width, one.seed.is_some())).collect();
    assert_eq!(sizes, [(512, true), (512, true), (512, true), (96, false)]);
    assert_eq!(models.stage.test.number("SELECT COUNT(*) FROM image WHERE seed IS NULL AND width = 96").await, 1);
    let listed = "SELECT COUNT(*) FROM ai_attempt WHERE price_version_id IS NOT NULL AND settings = '{}' \
                  AND credential_id IS NOT NULL AND sent_at IS NOT NULL AND finished_at IS NOT NULL";
    assert_eq!(models.stage.test.number(listed).await, 4);
    let retries = "SELECT COUNT(*) FROM ai_attempt WHERE is_retry = TRUE AND error_class = 'retryable'";
    assert_eq!(models.stage.test.number(retries).await, 2);
    assert_eq!(view.task.provider_cost_nanousd, Some(1000));
    models.check().await;
    workers.shutdown().await;
}

// prompts-and-images.md 7.6, the table of classes.
#[rstest]
#[case::next(FailureCode::GenerationFailed, &["first", "second"], None)]
#[case::unknown(FailureCode::UnknownError, &["first", "second"], None)]
#[case::key(FailureCode::InvalidApiKey, &["first", "second"], None)]
#[case::funds(FailureCode::ProviderFundsExhausted, &["first", "second"], None)]
#[case::last(FailureCode::ProviderRefused, &["first"], Some("PROVIDER_REFUSED"))]
#[case::parameters(FailureCode::InvalidParameters, &["first"], Some("INVALID_PARAMETERS"))]
#[case::malformed(FailureCode::ParseFailed, &["first", "first"], Some("PARSE_FAILED"))]
#[tokio::test]
async fn each_class_of_failure_has_its_own_way(
    #[case] code: FailureCode,
    #[case] called: &[&str],
    #[case] ends_with: Option<&str>,
) {
    let models = Models::open(Engine::Sqlite, Some(5)).await;
    let spender = models.stage.spender(20).await;
    models.fails("first", code);
    let workers = models.process.start().await;
    let task = models.ask(spender, 1).await;
    let view = models.stage.ended(&task).await;
    assert_eq!(models.called(), called);
    assert_eq!(view.task.error_code.as_deref(), ends_with);
    let spent = if ends_with.is_some() { 0 } else { 5 };
    assert_eq!(models.stage.balance(spender.account_id).await, (20 - spent, 0, spent));
    models.check().await;
    workers.shutdown().await;
}

// REQ-A-36: an operator's fault is never the user's lack of credits.
#[tokio::test]
async fn a_fault_of_the_operator_s_is_told_to_operators_and_costs_nothing() {
    let models = Models::open(Engine::Sqlite, None).await;
    let spender = models.stage.spender(20).await;
    models.fails("first", FailureCode::ProviderFundsExhausted);
    let workers = models.process.start().await;
    let task = models.ask(spender, 1).await;
    let view = models.stage.ended(&task).await;
    assert_eq!(view.task.error_code.as_deref(), Some("PROVIDER_FUNDS_EXHAUSTED"));
    let (_, _, message) = models.stage.messages(spender).await.remove(0);
    assert!(!message.to_lowercase().contains("credit"), "{message}");
    let providers = models.process.ai.providers().await.unwrap();
    let sandbox = providers.into_iter().find(|one| one.setup.name == "sandbox").unwrap();
    assert_eq!(sandbox.last_fault.unwrap().0, "PROVIDER_FUNDS_EXHAUSTED");
    models.check().await;
    workers.shutdown().await;
}

// REQ-A-34: six in all, whatever is left of the chain.
#[tokio::test]
async fn an_item_is_sent_six_times_at_most() {
    let models = Models::open(Engine::Sqlite, Some(5)).await;
    add_model(&models.stage, "first", "third", an_image(5), |model| model.capabilities.priority = 3).await;
    let spender = models.stage.spender(20).await;
    models.stage.script.rule(|_| Some(Step::Corrupt));
    let workers = models.process.start().await;
    let task = models.ask(spender, 1).await;
    let view = models.stage.ended(&task).await;
    assert_eq!(view.task.error_code.as_deref(), Some("CORRUPT_IMAGE"));
    assert_eq!(models.called(), ["first", "first", "first", "second", "second", "second"]);
    assert_eq!(models.stage.balance(spender.account_id).await, (20, 0, 0));
    models.check().await;
    workers.shutdown().await;
}

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

// REQ-A-35 for texts: the cheaper model's tokens, and never more than was held.
#[tokio::test]
async fn a_text_of_a_stand_in_settles_by_the_lower_price() {
    let stage = Stage::open(Engine::Sqlite).await;
    let spender = stage.spender(50).await;
    let by = |tokens_per_credit| Rates::Text { input_nanousd_per_1k: 1, output_nanousd_per_1k: 1, tokens_per_credit };
    let first = add_model(&stage, "Sandbox Text", "dear", by(10), |_| {}).await;
    add_model(&stage, "Sandbox Text", "cheap", by(100), |model| model.capabilities.priority = 1).await;
    stage.script.rule(|call| (call.model == "dear").then(|| Step::fail(FailureCode::UnknownError)));
    let workers = stage.process.start().await;
    let mut input = stage.text();
    input.ai_model_id = Some(first);
    let refused = stage.process.ai.generate_text(spender, input.clone()).await;
    assert!(refused.is_err(), "101 credits are held for it");
    stage.grant(spender.account_id, 200, false).await;
    input.idempotency_key = stage.key();
    let task = stage.process.ai.generate_text(spender, input).await.unwrap();
    let view = stage.ended(&task).await;
    let tokens = stage.script.billing().last().unwrap().tokens;
    let expected = (tokens.input + tokens.output).div_euclid(100) + 1;
    assert_eq!((view.task.status, view.task.credits_used), (TaskStatus::Success, expected));
    stage.check().await;
    assert!(audit_records(&stage.test.db).await.unwrap().passes(false));
    workers.shutdown().await;
}
