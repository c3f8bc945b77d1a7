//! A server whose stages do what a script says.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use inkledger::{
    app::Seams,
    automation::{
        ItemEnd, Picked, Prices, Selection, StageWork, Step, StepEnd, Stepped, WorkFuture,
        model::{ItemState, Pause, Stage as RunStage},
        step_end_effects,
    },
    config::{Config, Role},
    db::{Db, Engine},
    error::{Error, Failure, Internal},
    jobs::{Lost, write_in},
    ledger::{
        Command, Ledger, Refusal,
        model::{Actor, Credits, HoldItem, IdemKey, Operation, WorkKind},
    },
};
use sea_orm::{ConnectionTrait as _, QueryResult};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::support::{
    builders::Person,
    server::{Home, Server},
};

/// How long anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(40);

pub const RUN: &str = "id state trigger currentStage pauseReason creditsNext creditsShort creditsToFinish creditsStart \
                       creditsUsed creditsHeld creditsRemaining creditCap isRedo fromStage sourceRun { id } \
                       error { code message } sequence site { id } startedBy { username } startedAt finishedAt \
                       stages { stage position status total processed succeeded failed skipped remaining percent \
                       creditsUsed lastError startedAt finishedAt }";

/// What one step does instead of succeeding.
#[derive(Debug, Clone)]
pub enum Plan {
    /// Its items fail.
    Fail,
    /// Its items have nothing to be done.
    Skip,
    /// The run pauses before it begins.
    Pause(Pause),
    /// It waits until the test lets it go on, and then succeeds.
    Wait,
    /// It is not done now.
    PutBack,
    /// Our fault.
    Fault,
    /// It holds the first, when the test lets it, and is charged the second.
    Pay { hold: i64, actual: i64, waits: bool },
}

/// One step that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub stage: RunStage,
    pub subjects: Vec<Uuid>,
    pub is_left_over: bool,
    pub fence: i64,
}

/// What stages are about, and what their steps do.
pub struct Script {
    waiting: Mutex<HashMap<RunStage, Vec<Picked>>>,
    plans: Mutex<HashMap<Uuid, VecDeque<Plan>>>,
    calls: Mutex<Vec<Call>>,
    selections: Mutex<Vec<Selection>>,
    db: OnceLock<Db>,
    pub ledger: OnceLock<Ledger>,
    /// A permit for each step that waits.
    pub entered: Semaphore,
    /// A permit lets one go on.
    pub gate: Semaphore,
    pub holds: Mutex<Option<i64>>,
}

impl Script {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            plans: Mutex::default(),
            calls: Mutex::default(),
            selections: Mutex::default(),
            db: OnceLock::new(),
            ledger: OnceLock::new(),
            entered: Semaphore::new(0),
            gate: Semaphore::new(0),
            holds: Mutex::new(Some(5)),
        })
    }

    /// `count` things wait for a stage, all of one group.
    pub fn wait_for(&self, stage: RunStage, count: u128) -> Vec<Uuid> {
        let base = u128::try_from(stage.position()).unwrap() * 1000;
        let subjects: Vec<Uuid> = (0..count).map(|at| Uuid::from_u128(base + at)).collect();
        let picked = subjects.iter().map(|id| Picked { subject_id: *id, group_id: None }).collect();
        self.waiting.lock().unwrap().insert(stage, picked);
        subjects
    }

    pub fn pick(&self, stage: RunStage, picked: Vec<Picked>) {
        self.waiting.lock().unwrap().insert(stage, picked);
    }

    /// What the next steps that begin with `subject` do.
    pub fn plan(&self, subject: Uuid, plans: &[Plan]) {
        self.plans.lock().unwrap().insert(subject, plans.iter().cloned().collect());
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub fn selections(&self) -> Vec<Selection> {
        self.selections.lock().unwrap().clone()
    }

    /// Returns once a step waits.
    pub async fn waits(&self) {
        tokio::time::timeout(PATIENCE, self.entered.acquire()).await.expect("no step waits").unwrap().forget();
    }

    fn next_plan(&self, subject: Uuid) -> Option<Plan> {
        self.plans.lock().unwrap().get_mut(&subject).and_then(VecDeque::pop_front)
    }

    /// Holds, and settles with the end of the step, as an AI stage does.
    async fn pay(&self, step: &Step, (hold, actual): (i64, i64), waits: bool) -> Result<Stepped, Error> {
        if waits {
            self.entered.add_permits(1);
            self.gate.acquire().await.unwrap().forget();
        }
        let (account, now) = (step.run.account_id, step.run.updated_at + 1);
        let hold_id =
            Uuid::from_u128(u128::try_from(step.grip.fence).unwrap() * 1_000_000 + step.items[0].subject_id.as_u128());
        let command = |key, operation, effects| Command {
            account,
            key: IdemKey::server(key, hold_id),
            actor: Actor::System,
            operation,
            open_account: false,
            effects,
            otherwise: Vec::new(),
        };
        let item = HoldItem {
            hold_id,
            work_kind: WorkKind::AiTaskItem,
            work_id: hold_id,
            run_id: Some(step.run.id),
            user_id: None,
            price_version_id: Uuid::nil(),
            prompt_version_id: None,
            amount: Credits::new(hold).unwrap(),
            expires_at: inkledger::clock::NEVER,
        };
        let ledger = self.ledger.get().unwrap();
        let held = ledger.submit(command("hold", Operation::Hold(vec![item]), step.grip.hold_effects(hold, now))).await;
        match held {
            Ok(_) => {}
            Err(Failure::Refused(Refusal::EffectRefused { .. })) if waits => return Ok(Stepped::PutBack),
            Err(Failure::Refused(Refusal::EffectRefused { .. })) => {
                return Ok(Stepped::Pause(Pause::above_cap(hold, step.run.cap_left().unwrap(), hold)));
            }
            Err(failure) => panic!("{failure:?}"),
        }
        let end = StepEnd {
            hold,
            is_charged: true,
            moves_credits: true,
            ..StepEnd::free(
                step.stage,
                vec![ItemEnd { position: step.items[0].position, state: ItemState::Succeeded, error_code: None }],
                Vec::new(),
            )
        };
        let settle = Operation::Settle { hold: hold_id, actual };
        ledger.submit(command("settle", settle, step_end_effects(&step.grip, &end, now))).await.unwrap();
        Ok(Stepped::Ended)
    }

    async fn end(&self, step: &Step, state: ItemState) -> Result<Stepped, Error> {
        let code = (state == ItemState::Failed).then(|| "TOO_SHORT".to_owned());
        let end = |item: &inkledger::automation::model::RunItem| ItemEnd {
            position: item.position,
            state,
            error_code: code.clone(),
        };
        let products = if state == ItemState::Succeeded {
            step.items.iter().map(|item| Uuid::from_u128(item.subject_id.as_u128() + 500)).collect()
        } else {
            Vec::new()
        };
        let end = StepEnd::free(step.stage, step.items.iter().map(end).collect(), products);
        let now = step.run.updated_at + 1;
        let effects = step_end_effects(&step.grip, &end, now);
        let written = self
            .db
            .get()
            .unwrap()
            .write((effects, now), |tx, (effects, now)| Box::pin(async move { write_in(tx, effects, *now).await }));
        match written.await {
            Ok(()) => Ok(Stepped::Ended),
            Err(Failure::Refused(Lost)) => Ok(Stepped::Lost),
            Err(Failure::Fault(error)) => Err(error),
        }
    }
}

impl StageWork for Script {
    fn give_up<'a>(&'a self, _: &'a Step) -> WorkFuture<'a, Stepped> {
        Box::pin(async { Ok(Stepped::PutBack) })
    }

    fn select<'a>(&'a self, selection: &'a Selection) -> WorkFuture<'a, Vec<Picked>> {
        Box::pin(async move {
            self.selections.lock().unwrap().push(selection.clone());
            if let Some((run, feed)) = selection.within {
                let sql =
                    "SELECT subject_id FROM automation_product WHERE run_id = $1 AND stage = $2 ORDER BY subject_id";
                let db = self.db.get().unwrap();
                let query = db.statement(sql, [run.into(), feed.as_str().into()]);
                let rows = db.reader().query_all_raw(query).await.unwrap();
                let picked =
                    |row: &QueryResult| Picked { subject_id: row.try_get("", "subject_id").unwrap(), group_id: None };
                return Ok(rows.iter().map(picked).collect());
            }
            Ok(self.waiting.lock().unwrap().get(&selection.stage).cloned().unwrap_or_default())
        })
    }

    fn step<'a>(&'a self, step: &'a Step) -> WorkFuture<'a, Stepped> {
        Box::pin(async move {
            let subjects: Vec<Uuid> = step.items.iter().map(|item| item.subject_id).collect();
            self.calls.lock().unwrap().push(Call {
                stage: step.stage,
                subjects: subjects.clone(),
                is_left_over: step.is_left_over,
                fence: step.grip.fence,
            });
            match self.next_plan(subjects[0]) {
                None => self.end(step, ItemState::Succeeded).await,
                Some(Plan::Fail) => self.end(step, ItemState::Failed).await,
                Some(Plan::Skip) => self.end(step, ItemState::Skipped).await,
                Some(Plan::Pause(pause)) => Ok(Stepped::Pause(pause)),
                Some(Plan::Pay { hold, actual, waits }) => self.pay(step, (hold, actual), waits).await,
                Some(Plan::PutBack) => Ok(Stepped::PutBack),
                Some(Plan::Fault) => Err(Internal::new("a scripted step", "it was told to fail").into()),
                Some(Plan::Wait) => {
                    self.entered.add_permits(1);
                    self.gate.acquire().await.unwrap().forget();
                    self.end(step, ItemState::Succeeded).await
                }
            }
        })
    }
}

impl Prices for Script {
    fn hold_of(&self, _: Uuid, _: RunStage) -> WorkFuture<'_, Option<i64>> {
        Box::pin(async move { Ok(*self.holds.lock().unwrap()) })
    }
}

/// A server, its script, and an owner with a site.
pub struct Stage {
    pub server: Server,
    pub script: Arc<Script>,
    pub owner: Person,
    pub site: String,
}

fn kind(mutation: &str) -> String {
    format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..])
}

impl Stage {
    pub async fn open(engine: Engine) -> Self {
        Self::with(engine, |_, _| {}).await
    }

    /// A server that claims no job and sweeps nothing.
    pub async fn without_workers(engine: Engine) -> Self {
        Self::with(engine, |config, _| config.role = Role::Api).await
    }

    pub async fn with(engine: Engine, change: impl FnOnce(&mut Config, &mut Seams)) -> Self {
        let script = Script::new();
        let seam = script.clone();
        let start = Home::open(engine).await;
        let server = start.start_with(|config, seams| {
            seams.stage_work = Some(seam.clone());
            seams.stage_prices = Some(seam);
            change(config, seams);
        });
        let server = server.await;
        assert!(script.db.set(server.db.clone()).is_ok());
        Self::on(server, script).await
    }

    /// A new owner with a site.
    pub async fn on(server: Server, script: Arc<Script>) -> Self {
        let owner = server.sign_up("owner").await;
        let input = json!({"accountId": owner.account, "name": "Shop", "domain": "shop.example"});
        let query = "mutation($i: CreateSiteInput!) { createSite(input: $i) { site { id } } }";
        let made = server.payload(&owner, query, json!({"i": input})).await;
        let site = made["site"]["id"].as_str().unwrap().to_owned();
        Self { server, script, owner, site }
    }

    /// The payload of a mutation by somebody.
    pub async fn by(&self, person: &Person, mutation: &str, fields: &str, input: Value) -> Value {
        let errors = "userErrors { code message path illegalState { current } versionConflict { expected current } \
                      insufficientCredits { required available short } }";
        let query = format!("mutation($i: {}!) {{ {mutation}(input: $i) {{ {fields} {errors} }} }}", kind(mutation));
        self.server.payload(person, &query, json!({"i": input})).await
    }

    pub async fn act(&self, mutation: &str, fields: &str, input: Value) -> Value {
        self.by(&self.owner, mutation, fields, input).await
    }

    /// Starts a run, or is refused.
    pub async fn start(&self, key: &str) -> Value {
        let input = json!({"siteId": self.site, "idempotencyKey": key});
        self.act("startAutomationRun", &format!("run {{ {RUN} }} activeRun {{ id }}"), input).await
    }

    /// Starts a run: its id.
    pub async fn started(&self, key: &str) -> String {
        let payload = self.start(key).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        payload["run"]["id"].as_str().unwrap().to_owned()
    }

    /// `pause`, `resume` or `cancel`.
    pub async fn command(&self, command: &str, run: &str, key: &str) -> Value {
        let input = json!({"runId": run, "idempotencyKey": key});
        self.act(&format!("{command}AutomationRun"), &format!("run {{ {RUN} }}"), input).await
    }

    pub async fn run(&self, run: &str) -> Value {
        let query = format!("query($id: ID!) {{ automationRun(id: $id) {{ {RUN} }} }}");
        self.server.payload(&self.owner, &query, json!({"id": run})).await
    }

    /// Waits until the run is in `state`.
    pub async fn reaches(&self, run: &str, state: &str) -> Value {
        let waiting = async {
            loop {
                let found = self.run(run).await;
                if found["state"] == state {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(found) => found,
            Err(_) => panic!("it did not become {state}: {}", self.run(run).await),
        }
    }

    /// Changes the config; no delays unless the edit says so.
    pub async fn configure(&self, edit: Value) -> Value {
        let query = "query($s: ID!) { site(id: $s) { automationConfig { version } } }";
        let site = self.server.payload(&self.owner, query, json!({"s": self.site})).await;
        let mut input = json!({
            "siteId": self.site, "expectedVersion": site["automationConfig"]["version"], "itemDelaySeconds": 0,
            "stageDelaySeconds": 0,
        });
        input.as_object_mut().unwrap().extend(edit.as_object().unwrap().clone());
        let payload = self.act("updateAutomationConfig", "config { version nextRunAt }", input).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        payload["config"].clone()
    }

    /// The kinds of the run's events in order, with the state that they tell of.
    pub async fn events(&self) -> Vec<String> {
        use sea_orm::ConnectionTrait as _;
        let sql = "SELECT kind, payload FROM run_event WHERE subject_kind = 'automation_run' ORDER BY subject_id, seq";
        let rows = self.server.db.reader().query_all_raw(self.server.db.statement(sql, [])).await.unwrap();
        let told = rows.iter().map(|row| {
            let (kind, payload): (String, String) =
                (row.try_get("", "kind").unwrap(), row.try_get("", "payload").unwrap());
            let payload: Value = serde_json::from_str(&payload).unwrap();
            match (kind.as_str(), payload["state"].as_str()) {
                ("STATE", Some(state)) => state.to_owned(),
                _ => kind,
            }
        });
        told.collect()
    }

    /// The account's notifications of runs, oldest first.
    pub async fn messages(&self) -> Vec<String> {
        use sea_orm::ConnectionTrait as _;
        let sql = "SELECT message FROM notification WHERE subject_kind = 'automation_run' ORDER BY id";
        let rows = self.server.db.reader().query_all_raw(self.server.db.statement(sql, [])).await.unwrap();
        rows.iter().map(|row| row.try_get("", "message").unwrap()).collect()
    }

    /// Fails unless the rules of work hold and numbers of events have no gap.
    pub async fn check(&self) {
        let gaps = "SELECT COUNT(*) FROM automation_run r WHERE r.event_seq <> (SELECT COUNT(*) FROM run_event e \
                    WHERE e.subject_kind = 'automation_run' AND e.subject_id = r.id)";
        assert_eq!(self.server.number(gaps).await, 0, "an event is missing");
        let report = inkledger::doctor::work::audit_work(&self.server.db).await.unwrap();
        assert!(report.passes(false), "{:?}", report.lines());
    }
}

pub fn code(payload: &Value) -> &str {
    payload["userErrors"][0]["code"].as_str().unwrap_or_else(|| panic!("{payload}"))
}

/// The stages' statuses, in order.
pub fn statuses(run: &Value) -> Vec<&str> {
    run["stages"].as_array().unwrap().iter().map(|stage| stage["status"].as_str().unwrap()).collect()
}
