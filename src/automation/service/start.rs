//! Starting runs: by hand, over what another run made, or by a schedule.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{
    Again, Automation, Order, TRIES,
    command::{first_answer_in, key_taken, note_key_in},
};
use crate::{
    audit::{Trace, store::insert_entry},
    auth::MemberRight,
    automation::{
        model::{
            AutomationConfig, AutomationRun, Desired, ForkError, RunSettings, RunState, Stage, StartError, Trigger,
            request_hash,
        },
        store::{self, SUBJECT, change::state_payload, effect::event_effects},
    },
    clock::Micros,
    db::constraint::violated,
    error::{Error, Failure, Internal},
    jobs::{Lane, Lost, NewJob, enqueue_effect, write_in},
};

/// A run to be started.
#[derive(Debug, Clone)]
pub struct StartAutomationRun {
    /// Over which site.
    pub site_id: Uuid,
    /// The client's key.
    pub idempotency_key: String,
    /// The request, for the audit row.
    pub request_id: Option<String>,
}

/// A run over what another one made.
#[derive(Debug, Clone)]
pub struct ForkAutomationRun {
    /// The other one.
    pub run_id: Uuid,
    /// Where it begins.
    pub from_stage: Stage,
    /// Whether what is done is done again.
    pub is_redo: bool,
    /// The client's key.
    pub idempotency_key: String,
    /// The request, for the audit row.
    pub request_id: Option<String>,
}

/// A fork's source, and where it begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fork {
    source: Uuid,
    from_stage: Stage,
    is_redo: bool,
}

/// What starting needs inside its transaction.
pub(super) struct Starting {
    order: Order,
    site_id: Uuid,
    trigger: Trigger,
    user_id: Option<Uuid>,
    fork: Option<Fork>,
    run_id: Uuid,
    entry_id: Uuid,
    pub(super) job: NewJob,
    available: i64,
    now: Micros,
}

impl Starting {
    pub(super) fn account(&self) -> Uuid {
        self.order.account
    }

    pub(super) fn site(&self) -> Uuid {
        self.site_id
    }
}

impl Automation {
    /// Starts a run over a site: the run, its stages, its first event and its job in one transaction. A repeat of the key
    /// answers the first run.
    /// Refuses: see [`StartError`]. Faults: `NotFound`, `IdempotencyKeyReused`, `Forbidden` when the member is no EDITOR.
    pub async fn start_automation_run(
        &self,
        right: MemberRight,
        input: StartAutomationRun,
    ) -> Result<AutomationRun, Failure<StartError>> {
        let hash = request_hash("start", input.site_id, "");
        let order = self.order(right, &input.idempotency_key, hash, input.request_id)?;
        let begun = self.start(&order, input.site_id, (Trigger::Manual, Some(right.user_id())), None).await;
        begun.map_err(|failure| match failure {
            Failure::Refused(ForkError::Start(refusal)) => Failure::Refused(refusal),
            Failure::Refused(other) => Internal::new("starting a run", other).into(),
            Failure::Fault(error) => error.into(),
        })
    }

    /// Starts a run over what another one made before `from_stage`, which must have ended; earlier stages are skipped.
    /// Refuses: see [`ForkError`]. Faults as [`Automation::start_automation_run`].
    pub async fn fork_automation_run(
        &self,
        right: MemberRight,
        input: ForkAutomationRun,
    ) -> Result<AutomationRun, Failure<ForkError>> {
        let details = format!("{}\n{}", input.from_stage.as_str(), input.is_redo);
        let hash = request_hash("fork", input.run_id, &details);
        let order = self.order(right, &input.idempotency_key, hash, input.request_id)?;
        if input.from_stage.fed_by().is_none() {
            return Err(Failure::Refused(ForkError::StageInvalid(input.from_stage)));
        }
        let source = store::run::find_run(self.parts.db.reader(), order.account, input.run_id).await?;
        let source = source.ok_or(Error::NotFound)?;
        let fork = Fork { source: source.id, from_stage: input.from_stage, is_redo: input.is_redo };
        let by = (Trigger::Fork, Some(right.user_id()));
        self.start(&order, source.site_id, by, Some(fork)).await
    }

    async fn start(
        &self,
        order: &Order,
        site: Uuid,
        by: (Trigger, Option<Uuid>),
        fork: Option<Fork>,
    ) -> Result<AutomationRun, Failure<ForkError>> {
        for _ in 0..TRIES {
            let starting = self.starting(order.clone(), site, by, fork).await?;
            match self.parts.db.write(starting, |tx, starting| Box::pin(start_in(tx, starting))).await {
                Ok((run, is_new)) => {
                    if is_new {
                        self.started(&run);
                    }
                    return Ok(run);
                }
                Err(Failure::Refused(Again::KeyTaken)) => {}
                Err(Failure::Refused(Again::Refused(refusal))) => return Err(Failure::Refused(refusal)),
                Err(Failure::Fault(error)) => return Err(error.into()),
            }
        }
        Err(Internal::new("starting a run", "its key is taken, and nothing is there under it").into())
    }

    async fn starting(
        &self,
        order: Order,
        site_id: Uuid,
        (trigger, user_id): (Trigger, Option<Uuid>),
        fork: Option<Fork>,
    ) -> Result<Starting, Error> {
        let (run_id, now) = (self.parts.ids.uuid(), self.parts.clock.now());
        Ok(Starting {
            available: self.available(order.account).await?,
            job: self.job(run_id, order.account, now),
            entry_id: self.parts.ids.uuid(),
            order,
            site_id,
            trigger,
            user_id,
            fork,
            run_id,
            now,
        })
    }

    /// A run that a schedule starts.
    pub(super) async fn starting_by_schedule(&self, account: Uuid, site: Uuid) -> Result<Starting, Error> {
        self.starting(Order::of_system(account), site, (Trigger::Scheduled, None), None).await
    }

    pub(super) fn started(&self, run: &AutomationRun) {
        self.hint(run.id);
        self.parts.jobs.wake(Lane::Bulk);
        tracing::info!(
            automation_run.id = %run.id, account.id = %run.account_id, site.id = %run.site_id,
            cause = run.trigger.as_str(), "automation run accepted"
        );
    }
}

async fn start_in(
    tx: &DatabaseTransaction,
    starting: &Starting,
) -> Result<(AutomationRun, bool), Failure<Again<ForkError>>> {
    let order = &starting.order;
    let is_active = store::run::lock_site(tx, order.account, starting.site_id).await?.ok_or(Error::NotFound)?;
    if let Some(first) = first_answer_in(tx, order).await? {
        return Ok((first, false));
    }
    let refused = |refusal: ForkError| Failure::Refused(Again::Refused(refusal));
    if let Some(fork) = starting.fork {
        let source = store::run::find_run(tx, order.account, fork.source).await?.ok_or(Error::NotFound)?;
        if !source.state.is_final() {
            return Err(refused(ForkError::IllegalState { current: source.state }));
        }
    }
    if !is_active {
        return Err(refused(StartError::SiteInactive.into()));
    }
    if store::run::is_suspended(tx, order.account).await? {
        return Err(refused(StartError::AccountSuspended.into()));
    }
    if let Some(run_id) = store::run::find_unfinished(tx, starting.site_id).await? {
        return Err(refused(StartError::RunActive { run_id }.into()));
    }
    let run = insert_in(tx, starting).await?;
    note_key_in(tx, order, run.id, starting.now).await.map_err(key_taken)?;
    Ok((run, true))
}

/// Whether `error` says that the site has a run that has not ended.
fn is_active_run(error: &sea_orm::DbErr) -> bool {
    violated(error).as_deref() == Some("automation_run_site_id_key")
}

/// Writes the run, its stages, its first event and its job. The caller has locked the site and found no run of it.
pub(super) async fn insert_in<R>(tx: &DatabaseTransaction, starting: &Starting) -> Result<AutomationRun, Failure<R>> {
    let Starting { order, now, .. } = starting;
    let config = store::config::find_config(tx, starting.site_id).await?;
    let config = config.unwrap_or_else(|| AutomationConfig::default_of(starting.site_id, order.account));
    let mut run = new_run(starting, config.settings);
    store::run::insert_run(tx, &run).await.map_err(|error| {
        if is_active_run(&error) {
            // The site's lock keeps this from happening; the key would keep it otherwise.
            return Internal::new("starting a run", "the site has one");
        }
        error.into()
    })?;
    store::stage::insert_stages(tx, run.id, run.account_id).await?;
    let mut effects = event_effects(run.id, run.account_id, ("STATE", state_payload(&run)), *now).to_vec();
    effects.push(enqueue_effect(&starting.job));
    write_in(tx, &effects, *now).await.map_err(|failure| match failure {
        Failure::Fault(error) => error,
        Failure::Refused(Lost) => Internal::new("starting a run", "a guard failed").into(),
    })?;
    run.event_seq = 1;
    let trace: Trace = order.trace(*now);
    let notes = [None, Some(run.trigger.as_str().to_owned())];
    let entry = trace.entry(starting.entry_id, "automation_run.start", (SUBJECT, run.id), notes);
    insert_entry(tx, &entry).await.map_err(Internal::from)?;
    Ok(run)
}

fn new_run(starting: &Starting, settings: RunSettings) -> AutomationRun {
    AutomationRun {
        id: starting.run_id,
        account_id: starting.order.account,
        site_id: starting.site_id,
        trigger: starting.trigger,
        user_id: starting.user_id,
        source_run_id: starting.fork.map(|fork| fork.source),
        from_stage: starting.fork.map(|fork| fork.from_stage),
        is_redo: starting.fork.is_some_and(|fork| fork.is_redo),
        state: RunState::Pending,
        desired: Desired::Run,
        fence: 0,
        event_seq: 0,
        current_stage: None,
        pause: None,
        pauses: 0,
        credits_start: starting.available,
        credits_used: 0,
        credits_committed: 0,
        credit_cap: settings.credit_cap,
        settings,
        active_us: 0,
        active_since: None,
        error_code: None,
        error_text: None,
        created_at: starting.now,
        updated_at: starting.now,
        started_at: None,
        finished_at: None,
    }
}

impl Automation {
    /// What a stage of a run may be about. For forks: what the run itself, or its source before the stage where it began,
    /// made for the stage; `None` is whatever waits.
    pub(in crate::automation) async fn scope_of(
        &self,
        run: &AutomationRun,
        stage: Stage,
    ) -> Result<Option<(Uuid, Stage)>, Error> {
        let (Some(feed), Some(_)) = (stage.fed_by(), run.from_stage) else { return Ok(None) };
        let mut maker = run.clone();
        // A fork did not go through what comes before its first stage: the run that it is about did.
        while let (Some(source), Some(from)) = (maker.source_run_id, maker.from_stage)
            && feed < from
        {
            let found = store::run::find_run(self.parts.db.reader(), run.account_id, source).await?;
            maker = found.ok_or(Error::NotFound)?;
        }
        Ok(Some((maker.id, feed)))
    }
}
