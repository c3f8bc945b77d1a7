//! Which model a request goes to at run time, what it settles at, and when it waits: on several models of the sandbox.

mod breaker;
mod limits;

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
