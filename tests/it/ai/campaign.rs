//! T10: provider faults at random, at every moment of a call, while processes die and users cancel. The provider keeps
//! books of its own; at the end customers have paid for what was delivered, once each, by a reckoning that shares no code
//! with ours.
//!
//! `INKLEDGER_CAMPAIGN` is how many calls reach the provider, over both databases; 600 when it is not set.
//! `INKLEDGER_CAMPAIGN_SEED` repeats a run.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use inkledger::{
    ai::{
        AiConfig, Spender,
        model::{AiTask, AspectRatio, Attempt, AttemptState, GateRules, ItemState, Rates},
        points::{FailPoints, Point},
        provider::{
            Call, FailureCode, ImageProvider, ImageRequest, ImageResult, ProviderFailure, ProviderFuture, TextDeltas,
            TextProvider, TextRequest, TextResult, Timeouts, TokenUsage,
            sandbox::{BillingLine, BillingOutcome, CallKind, Sandbox, SandboxAnswer, SandboxScript, Step},
        },
        routing::Providers,
    },
    clock::SECOND,
    db::Engine,
    doctor::records::audit_records,
};
use rstest::rstest;

use super::{
    route::add_model,
    stage::{PATIENCE, Process, Stage, quick_ai, short_leases},
};

/// A small generator of the test's own.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// One kind of fault: its name, and what the provider does.
#[derive(Clone)]
enum Kind {
    /// The provider's own.
    Step(Step),
    /// Nothing leaves: the connection is refused.
    Unsent(FailureCode),
    /// It answers, and the line is cut before the answer is here: done and billed.
    CutAfter,
    /// It answers just as the time is over.
    Late,
}

/// Every kind of provider fault, with a name.
fn kinds() -> Vec<(String, Kind)> {
    let mut all = Vec::new();
    for code in FailureCode::ALL.iter().filter(|code| **code != FailureCode::Cancelled) {
        all.push((format!("{code}"), Kind::Step(Step::fail(*code))));
    }
    for (code, wait) in [
        (FailureCode::RateLimited, 20),
        (FailureCode::RateLimited, 100_000),
        (FailureCode::QuotaExceeded, 40),
        (FailureCode::ServiceUnavailable, 30),
    ] {
        let retry_after = Some(Duration::from_millis(wait));
        all.push((format!("{code} asking for {wait} ms"), Kind::Step(Step::Fail { code, retry_after })));
    }
    for code in [
        FailureCode::NetworkError,
        FailureCode::TimeoutTotal,
        FailureCode::TimeoutChunk,
        FailureCode::OutputTruncated,
        FailureCode::ParseFailed,
        FailureCode::ContentRefused,
    ] {
        all.push((format!("{code} after the work was billed"), Kind::Step(Step::FailBilled(code))));
    }
    let usage = |input, output| Some(TokenUsage { input, output });
    let answer = |answer: SandboxAnswer| Kind::Step(Step::Answer(answer));
    all.extend([
        ("a damaged file".to_owned(), Kind::Step(Step::Corrupt)),
        ("a stall before the work".to_owned(), Kind::Step(Step::Hang { billed: false })),
        ("a stall after the work".to_owned(), Kind::Step(Step::Hang { billed: true })),
        ("a panic of the adapter".to_owned(), Kind::Step(Step::Panic)),
        ("a slow answer".to_owned(), Kind::Step(Step::Delay(Duration::from_millis(30)))),
        ("an answer when the time is over".to_owned(), Kind::Late),
        ("a refused connection".to_owned(), Kind::Unsent(FailureCode::NetworkError)),
        ("no connection in time".to_owned(), Kind::Unsent(FailureCode::TimeoutConnect)),
        ("a line cut behind the answer".to_owned(), Kind::CutAfter),
        ("no report of tokens".to_owned(), answer(SandboxAnswer { usage_hidden: true, ..SandboxAnswer::default() })),
        (
            "more tokens than held".to_owned(),
            answer(SandboxAnswer { usage: usage(9000, 9000), ..SandboxAnswer::default() }),
        ),
        ("no tokens at all".to_owned(), answer(SandboxAnswer { usage: usage(0, 0), ..SandboxAnswer::default() })),
    ]);
    all
}

/// The provider: the sandbox with its books, and what goes wrong before and behind it.
#[derive(Clone)]
struct Faulty {
    sandbox: Sandbox,
    script: SandboxScript,
    dice: Arc<Mutex<Dice>>,
    kinds: Arc<Vec<(String, Kind)>>,
    met: Arc<Mutex<BTreeMap<String, usize>>>,
    turn: Arc<AtomicUsize>,
}

impl Faulty {
    fn new(script: SandboxScript, seed: u64) -> Self {
        Self {
            sandbox: Sandbox::new(script.clone()),
            script,
            dice: Arc::new(Mutex::new(Dice(seed))),
            kinds: Arc::new(kinds()),
            met: Arc::default(),
            turn: Arc::default(),
        }
    }

    /// Half of the calls succeed; the others take the kinds in turn, so that none is left out.
    fn plan(&self) -> Option<Kind> {
        if self.dice.lock().unwrap().below(2) == 0 {
            return None;
        }
        let turn = self.turn.fetch_add(1, Ordering::SeqCst);
        let (name, kind) = self.kinds[turn % self.kinds.len()].clone();
        *self.met.lock().unwrap().entry(name).or_default() += 1;
        Some(kind)
    }

    /// Does what was planned round `work`, which begins when it is awaited, by the step that is queued for it. The test's
    /// runtime has one thread, so nothing comes between the two.
    async fn disturbed<T>(&self, call: &Call, work: ProviderFuture<'_, T>) -> Result<T, ProviderFailure> {
        let kind = self.plan();
        let cut = |code| ProviderFailure::new(code, "cut");
        match kind {
            None => work.await,
            Some(Kind::Step(step)) => {
                self.script.push(step);
                work.await
            }
            Some(Kind::Unsent(code)) => Err(ProviderFailure::unsent(code, "refused")),
            Some(Kind::CutAfter) => {
                let _ = work.await;
                Err(cut(FailureCode::NetworkError))
            }
            Some(Kind::Late) => {
                let _ = work.await;
                tokio::time::sleep(call.timeouts.total / 4).await;
                Err(cut(FailureCode::TimeoutTotal))
            }
        }
    }
}

impl ImageProvider for Faulty {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn generate_image<'a>(&'a self, request: &'a ImageRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        Box::pin(self.disturbed(call, self.sandbox.generate_image(request, call)))
    }
}

impl TextProvider for Faulty {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn generate_text<'a>(
        &'a self,
        request: &'a TextRequest,
        call: &'a Call,
        deltas: Option<TextDeltas>,
    ) -> ProviderFuture<'a, TextResult> {
        Box::pin(self.disturbed(call, self.sandbox.generate_text(request, call, deltas)))
    }
}

/// Kills the process between two steps: when it is armed, the next run that passes its point stops for ever, and every
/// other run at its next one.
#[derive(Default)]
struct Killer {
    armed: Mutex<Option<Point>>,
    is_down: AtomicBool,
}

impl Killer {
    fn is_hit(&self, point: Point) -> bool {
        self.armed.lock().unwrap().take_if(|armed| *armed == point).is_some()
    }
}

impl FailPoints for Killer {
    fn reach(&self, point: Point) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if self.is_hit(point) {
                self.is_down.store(true, Ordering::SeqCst);
            }
            if self.is_down.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
        })
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn config() -> AiConfig {
    let limits = |text: Timeouts| Timeouts { total: Duration::from_millis(250), ..text };
    AiConfig {
        text_timeouts: limits(Timeouts::text()),
        image_timeouts: limits(Timeouts::image()),
        breaker: GateRules { failures: 5, open_first: 2 * SECOND, open_max: 4 * SECOND },
        ..quick_ai()
    }
}

struct Campaign {
    stage: Stage,
    faulty: Faulty,
    process: Process,
    /// Accepts work whose holds are over almost at once.
    hasty: Process,
    killer: Arc<Killer>,
    accounts: Vec<Spender>,
    dice: Dice,
    prices: HashMap<String, Rates>,
}

const GRANTED: i64 = 10_000_000;

impl Campaign {
    async fn open(engine: Engine, seed: u64) -> Self {
        let stage = Stage::open(engine).await;
        let image = |credits_per_image| Rates::Image { cost_nanousd: Some(1000), credits_per_image };
        let text =
            |tokens_per_credit| Rates::Text { input_nanousd_per_1k: 10, output_nanousd_per_1k: 20, tokens_per_credit };
        let prices = [
            ("i1", "Sandbox Image", image(5)),
            ("i2", "Sandbox Image", image(3)),
            ("i3", "Sandbox Image", image(9)),
            ("t1", "Sandbox Text", text(100)),
            ("t2", "Sandbox Text", text(300)),
        ];
        for (number, (name, like, rates)) in prices.iter().enumerate() {
            let small = |model: &mut inkledger::ai::model::AiModel| {
                model.capabilities.priority = i32::try_from(number).unwrap();
                if matches!(rates, Rates::Image { .. }) {
                    model.capabilities.shapes = [(AspectRatio::SQUARE, (64, 64))].into();
                    model.size = Some((64, 64));
                }
            };
            add_model(&stage, like, name, *rates, small).await;
        }
        stage.test.execute("UPDATE ai_model SET is_active = FALSE WHERE shipped IS NOT NULL").await.unwrap();
        let faulty = Faulty::new(stage.script.clone(), seed);
        let process = async |ai: AiConfig| {
            let providers = Providers::new().with(faulty.clone());
            let (db, clock, ids) = (stage.test.db.clone(), stage.test.clock.clone(), stage.test.ids.clone());
            Process::new(db, clock, ids, providers, stage.folder(), ai, short_leases()).await
        };
        let hasty = process(AiConfig { hold_life: Duration::from_millis(1), ..config() }).await;
        let process = process(config()).await;
        let mut accounts = Vec::new();
        for _ in 0..4 {
            accounts.push(stage.spender(GRANTED).await);
        }
        let prices = prices.into_iter().map(|(name, _, rates)| (name.to_owned(), rates)).collect();
        Self { stage, faulty, process, hasty, killer: Arc::default(), accounts, dice: Dice(seed ^ 0xABCD), prices }
    }

    async fn order(&mut self) -> AiTask {
        let spender = self.accounts[usize::try_from(self.dice.below(4)).unwrap()];
        let models = self.process.ai.models(false).await.unwrap();
        let named = |name: &str| models.iter().find(|one| one.model.name == name).unwrap().model.id;
        let ai = if self.dice.below(25) == 0 { &self.hasty.ai } else { &self.process.ai };
        if self.dice.below(3) == 0 {
            let mut input = self.stage.text();
            let count = usize::try_from(self.dice.below(3)).unwrap() + 1;
            input.prompts = (0..count).map(|number| format!("Write about fox {number}.")).collect();
            input.ai_model_id = Some(named(if self.dice.below(2) == 0 { "t1" } else { "t2" }));
            ai.generate_text(spender, input).await.unwrap()
        } else {
            let mut input = self.stage.images(i32::try_from(self.dice.below(4)).unwrap() + 1);
            input.ai_model_id = Some(named(["i1", "i2", "i3"][usize::try_from(self.dice.below(3)).unwrap()]));
            ai.generate_images(spender, input).await.unwrap()
        }
    }

    /// Orders, cancels, kills and breaks the store until the provider was called so often; then lets all work end.
    async fn run(&mut self, calls: usize) -> Vec<AiTask> {
        let ai = self.process.ai.clone().with_fail_points(self.killer.clone());
        let mut workers = self.process.start_with(ai.clone()).await;
        let (mut all, mut open): (Vec<AiTask>, Vec<AiTask>) = (Vec::new(), Vec::new());
        let kill_every = (calls / Point::ALL.len()).clamp(10, 45);
        let (mut kills, mut breaks) = (0, 0);
        loop {
            let done = self.stage.calls();
            let is_over = done >= calls;
            while !is_over && open.len() < 12 {
                let task = self.order().await;
                all.push(task.clone());
                open.push(task);
            }
            // Time runs twenty times as fast here.
            self.stage.test.clock.advance(SECOND / 10);
            tokio::time::sleep(Duration::from_millis(5)).await;
            if !open.is_empty() && self.dice.below(40) == 0 {
                let task = &open[usize::try_from(self.dice.below(open.len() as u64)).unwrap()];
                let owner = self.accounts.iter().find(|one| one.account_id == task.account_id).unwrap();
                let _ = self.process.ai.cancel_ai_task(*owner, task.id).await;
            }
            if !is_over && done > (kills + 1) * kill_every {
                *self.killer.armed.lock().unwrap() = Some(Point::ALL[kills % Point::ALL.len()]);
                kills += 1;
            }
            if self.killer.is_down.load(Ordering::SeqCst) {
                workers.abort().await;
                self.killer.is_down.store(false, Ordering::SeqCst);
                workers = self.process.start_with(ai.clone()).await;
            }
            if !is_over && done > (breaks + 1) * (calls / 4) {
                breaks += 1;
                self.break_store().await;
            }
            let mut left = Vec::new();
            for task in open {
                if !self.stage.view(&task).await.task.status.is_final() {
                    left.push(task);
                }
            }
            open = left;
            if is_over && open.is_empty() {
                workers.shutdown().await;
                return all;
            }
        }
    }

    /// For a moment there is a file where the store's folder was.
    async fn break_store(&self) {
        let (folder, aside) = (self.stage.folder().join("objects"), self.stage.folder().join("objects-aside"));
        std::fs::rename(&folder, &aside).unwrap();
        std::fs::write(&folder, b"not a folder").unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        std::fs::remove_file(&folder).unwrap();
        std::fs::rename(&aside, &folder).unwrap();
    }

    /// Credits by a reckoning of the test's own, from what the provider's books say.
    fn price(&self, model: &str, line: &BillingLine) -> i64 {
        match self.prices[model] {
            Rates::Image { credits_per_image, .. } => credits_per_image * i64::from(line.images),
            Rates::Text { tokens_per_credit, .. } => {
                let tokens = line.tokens.input + line.tokens.output;
                (tokens / tokens_per_credit + i64::from(tokens % tokens_per_credit > 0)).max(1)
            }
        }
    }

    /// Compares the customers' side with the provider's books.
    async fn compare(&self, tasks: &[AiTask]) -> Figures {
        let books = self.stage.script.billing();
        let lines: HashMap<&str, &BillingLine> = books.iter().map(|line| (line.request_key.as_str(), line)).collect();
        assert_eq!(lines.len(), books.len(), "a request was sent twice");
        let names: HashMap<_, _> =
            self.process.ai.models(true).await.unwrap().into_iter().map(|one| (one.model.id, one.model.name)).collect();
        let mut figures = Figures::default();
        let mut spent: HashMap<_, i64> = HashMap::new();
        let mut listed = HashSet::new();
        for task in tasks {
            let view = self.stage.view(task).await;
            assert!(view.task.status.is_final());
            let attempts = self.process.ai.attempts(task.id).await.unwrap();
            listed.extend(attempts.iter().filter(|one| one.sent_at.is_some()).map(|one| one.id.to_string()));
            *spent.entry(task.account_id).or_default() += view.task.credits_used;
            for item in &view.items {
                let mine: Vec<&Attempt> = attempts.iter().filter(|one| one.item_id == item.id).collect();
                let sent = mine.iter().filter(|one| one.sent_at.is_some()).count();
                assert!(sent <= 6, "{sent} requests for one item");
                for name in mine.iter().map(|one| &names[&one.ai_model_id]) {
                    assert!(name.len() == 2, "{name} is no model of the campaign");
                }
                let settled: Vec<_> = mine.iter().filter(|one| one.state == AttemptState::Settled).collect();
                let billed = mine.iter().filter(|one| {
                    lines.get(one.id.to_string().as_str()).is_some_and(|line| line.outcome == BillingOutcome::Billed)
                });
                let billed = billed.count();
                figures.billed += billed;
                if item.state != ItemState::Delivered {
                    // Nothing reports tokens of a call that was withdrawn, so whatever was not delivered is free.
                    assert_eq!((settled.len(), item.credits.unwrap_or(0)), (0, 0), "{item:?}");
                    figures.extra += billed;
                    continue;
                }
                assert_eq!(settled.len(), 1, "{item:?}");
                figures.delivered += 1;
                figures.extra += billed - 1;
                let attempt = settled[0];
                let line = lines[attempt.id.to_string().as_str()];
                assert_eq!(line.outcome, BillingOutcome::Billed, "charged, and the provider did nothing");
                let (quoted, used) = (&view.task.payload.model, &names[&attempt.ai_model_id]);
                let lower = self.price(quoted, line).min(self.price(used, line));
                let charged = item.credits.unwrap();
                let most = if attempt.tokens_estimated || quoted != used { item.hold_amount } else { i64::MAX };
                if attempt.tokens_estimated {
                    assert!(charged >= 1 && charged <= item.hold_amount, "an estimate of {charged}");
                } else {
                    assert_eq!((charged, &line.model), (lower.min(most), used), "quoted by {quoted}");
                }
                assert_eq!(line.kind == CallKind::Image, item.image_id.is_some());
            }
        }
        for spender in &self.accounts {
            let charged = spent.get(&spender.account_id).copied().unwrap_or(0);
            assert_eq!(self.stage.balance(spender.account_id).await, (GRANTED - charged, 0, charged));
        }
        for line in &books {
            assert!(listed.contains(&line.request_key), "call {} of the provider is on no list of ours", line.no);
        }
        figures.calls = books.len();
        figures
    }
}

#[derive(Debug, Default)]
struct Figures {
    calls: usize,
    billed: usize,
    delivered: usize,
    /// Billed and not delivered: our cost, listed with the attempts.
    extra: usize,
}

// T10
#[rstest]
#[tokio::test]
async fn what_customers_pay_is_what_the_provider_did_for_them_under_every_fault(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let calls = usize::try_from(setting("INKLEDGER_CAMPAIGN", 600) / 2).unwrap();
    let seed = setting("INKLEDGER_CAMPAIGN_SEED", 20_261_121);
    let mut campaign = Campaign::open(engine, seed).await;
    let limit = PATIENCE.max(Duration::from_millis(400) * u32::try_from(calls).unwrap());
    let tasks = tokio::time::timeout(limit, campaign.run(calls)).await.expect("work did not end");
    campaign.stage.check().await;
    let report = audit_records(&campaign.stage.test.db).await.unwrap();
    assert!(report.passes(false), "{:?}", report.lines());
    let figures = campaign.compare(&tasks).await;
    let met = campaign.faulty.met.lock().unwrap().clone();
    assert!(met.len() >= 30, "only {} kinds of fault were met: {met:?}", met.len());
    assert!(figures.delivered > calls / 6, "{figures:?}");
    for state in ["sent", "unknown", "prepared"] {
        let open = format!("SELECT COUNT(*) FROM ai_attempt WHERE state = '{state}'");
        assert_eq!(campaign.stage.test.number(&open).await, 0, "{state}");
    }
    let Figures { calls, billed, delivered, extra } = figures;
    println!(
        "seed {seed}: {} tasks, {calls} calls of {} kinds of fault, {billed} billed, {delivered} delivered and charged, \
         {extra} billed beyond them and listed",
        tasks.len(),
        met.len()
    );
}
