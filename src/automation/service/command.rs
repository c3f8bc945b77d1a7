//! Pause, resume, cancel, and a higher cap: each under the run's lock, with its event.

use sea_orm::{DatabaseTransaction, DbErr};
use uuid::Uuid;

use super::{Again, Automation, Order, TRIES};
use crate::{
    ai::stage::{Sender, cancelled_at_in},
    auth::MemberRight,
    automation::{
        model::{
            AutomationRun, CREDIT_CAP_MAX, CommandError, Pause, PauseReason, Ruling, RunCommand, RunState, request_hash,
        },
        run::JOB_KIND,
        store::{
            self,
            change::{Change, change_in, state_payload},
            effect::event_effects,
        },
    },
    clock::Micros,
    db::constraint::violated,
    error::{Error, Failure, Internal},
    jobs::{Lane, Lost, NewJob, cancel_ready_effect, enqueue, hasten_in, write_in},
};

/// A command to a run.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Which run.
    pub run_id: Uuid,
    /// The client's key.
    pub idempotency_key: String,
    /// The request, for the audit row.
    pub request_id: Option<String>,
}

type Commanded = Result<AutomationRun, Failure<CommandError>>;

/// What one command needs inside its transaction.
struct Context {
    order: Order,
    run_id: Uuid,
    act: Act,
    available: i64,
    job: NewJob,
    change: Change,
    now: Micros,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Command(RunCommand),
    Raise(i64),
    /// The server's own resume, of a run that still waits for credits.
    TopUp,
}

/// A run after a command, and whether it was changed by it.
type Acted = (AutomationRun, bool);

pub(super) fn key_taken<R>(error: DbErr) -> Failure<Again<R>> {
    match violated(&error).as_deref() {
        // SQLite names the columns, PostgreSQL the key.
        Some("automation_command_pkey" | "automation_command_account_id_idem_key_key") => {
            Failure::Refused(Again::KeyTaken)
        }
        _ => error.into(),
    }
}

/// What the order's key was answered before: the run as it is now. Refuses: `IdempotencyKeyReused`.
pub(super) async fn first_answer_in(tx: &DatabaseTransaction, order: &Order) -> Result<Option<AutomationRun>, Error> {
    let Some(key) = &order.key else { return Ok(None) };
    let found = store::run::find_command(tx, order.account, key.as_str()).await?;
    let Some((run, hash)) = found else { return Ok(None) };
    if hash != order.hash {
        return Err(Error::IdempotencyKeyReused);
    }
    let run = store::run::find_run(tx, order.account, run).await?;
    run.map(Some).ok_or_else(|| Internal::new("answering a key again", "its run is not there").into())
}

pub(super) async fn note_key_in(tx: &DatabaseTransaction, order: &Order, run: Uuid, now: Micros) -> Result<(), DbErr> {
    let Some(key) = &order.key else { return Ok(()) };
    store::run::insert_command(tx, order.account, (key.as_str(), &order.hash), run, now).await
}

impl Automation {
    /// No new item begins once this has answered; what is in flight ends, is stored and charged. Repeating is a no-op.
    /// Refuses: `IllegalState`. Faults: `NotFound`, `IdempotencyKeyReused`, `Forbidden` when the member is no EDITOR.
    pub async fn pause_automation_run(&self, right: MemberRight, asked: Asked) -> Commanded {
        self.command(right, asked, Act::Command(RunCommand::Pause)).await
    }

    /// Goes on with what is left; what was done is not repeated. Refuses: `IllegalState`; while paused for credits or a cap
    /// that still do not suffice, with the figures; `AccountSuspended`, `SiteInactive`. Faults as
    /// [`Automation::pause_automation_run`].
    pub async fn resume_automation_run(&self, right: MemberRight, asked: Asked) -> Commanded {
        self.command(right, asked, Act::Command(RunCommand::Resume)).await
    }

    /// No request leaves once this has answered. A run that is at work ends when what has left has ended; any other ends with
    /// this. Refuses: `IllegalState`. Faults as [`Automation::pause_automation_run`].
    pub async fn cancel_automation_run(&self, right: MemberRight, asked: Asked) -> Commanded {
        self.command(right, asked, Act::Command(RunCommand::Cancel)).await
    }

    /// Raises the cap of a paused run; it stays paused. Refuses: `IllegalState`, `CapNotRaised`, `NoCap`. Faults as
    /// [`Automation::pause_automation_run`].
    pub async fn raise_automation_run_cap(&self, right: MemberRight, asked: Asked, credit_cap: i64) -> Commanded {
        self.command(right, asked, Act::Raise(credit_cap)).await
    }

    /// Resumes a run that was paused for lack of credits, by the site's wish. `false`: it is not that any more, or the
    /// credits still do not suffice.
    pub(in crate::automation) async fn resume_topped_up(&self, run: Uuid, account: Uuid) -> Result<bool, Error> {
        let order = Order::of_system(account);
        match self.act(order, run, Act::TopUp).await {
            Ok((_, was_changed)) => Ok(was_changed),
            Err(Failure::Refused(_)) => Ok(false),
            Err(Failure::Fault(error)) => Err(error),
        }
    }

    async fn command(&self, right: MemberRight, asked: Asked, act: Act) -> Commanded {
        let (name, details) = match act {
            Act::Command(command) => (command.as_str(), String::new()),
            Act::Raise(cap) => ("raise", cap.to_string()),
            Act::TopUp => ("top_up", String::new()),
        };
        let hash = request_hash(name, asked.run_id, &details);
        let order = self.order(right, &asked.idempotency_key, hash, asked.request_id)?;
        self.act(order, asked.run_id, act).await.map(|(run, _)| run)
    }

    async fn act(&self, order: Order, run_id: Uuid, act: Act) -> Result<Acted, Failure<CommandError>> {
        for _ in 0..TRIES {
            let now = self.parts.clock.now();
            let context = Context {
                available: self.available(order.account).await?,
                job: self.job(run_id, order.account, now),
                change: Change::to(RunState::Running, self.parts.ids.as_ref()),
                order: order.clone(),
                run_id,
                act,
                now,
            };
            match self.parts.db.write(context, |tx, context| Box::pin(act_in(tx, context))).await {
                Ok((run, was_changed)) => {
                    if was_changed {
                        self.hint(run.id);
                        self.parts.jobs.wake(Lane::Bulk);
                    }
                    return Ok((run, was_changed));
                }
                Err(Failure::Refused(Again::KeyTaken)) => {}
                Err(Failure::Refused(Again::Refused(refusal))) => return Err(Failure::Refused(refusal)),
                Err(Failure::Fault(error)) => return Err(error.into()),
            }
        }
        Err(Internal::new("commanding a run", "its key is taken, and nothing is there under it").into())
    }
}

async fn act_in(tx: &DatabaseTransaction, context: &Context) -> Result<Acted, Failure<Again<CommandError>>> {
    let Context { order, now, .. } = context;
    let found = store::run::lock_run(tx, context.run_id).await?;
    let mut run = found.filter(|run| run.account_id == order.account).ok_or(Error::NotFound)?;
    if let Some(first) = first_answer_in(tx, order).await? {
        return Ok((first, false));
    }
    let was_changed = match context.act {
        Act::Command(command) => command_in(tx, &mut run, command, context).await?,
        Act::Raise(cap) => raise_in(tx, &mut run, cap, context).await?,
        // Somebody may have resumed and paused it since it was looked at.
        Act::TopUp if run.pause.is_none_or(|pause| pause.reason != PauseReason::InsufficientCredits) => false,
        Act::TopUp => command_in(tx, &mut run, RunCommand::Resume, context).await?,
    };
    note_key_in(tx, order, run.id, *now).await.map_err(key_taken)?;
    Ok((run, was_changed))
}

fn refused(error: CommandError) -> Failure<Again<CommandError>> {
    Failure::Refused(Again::Refused(error))
}

async fn command_in(
    tx: &DatabaseTransaction,
    run: &mut AutomationRun,
    command: RunCommand,
    context: &Context,
) -> Result<bool, Failure<Again<CommandError>>> {
    let Context { order, .. } = context;
    let from = run.state;
    let next = match from.rule(command) {
        Ruling::Nothing => return Ok(false),
        Ruling::Illegal => return Err(refused(CommandError::IllegalState { current: from, command: Some(command) })),
        Ruling::Become(next) => next,
    };
    if next == RunState::Running && from == RunState::Paused {
        if store::run::is_suspended(tx, run.account_id).await? {
            return Err(refused(CommandError::AccountSuspended));
        }
        if store::run::is_site_off(tx, run.site_id).await? {
            return Err(refused(CommandError::SiteInactive));
        }
        may_go_on(run, context.available).map_err(refused)?;
    }
    let now = told_at(tx, run, command, context.now).await?;
    let pause = (command == RunCommand::Pause).then(|| Pause::plain(PauseReason::User));
    let change = Change { next, pause, ..context.change.clone() };
    change_in(tx, run, &change, &order.trace(now)).await?;
    match next {
        RunState::Paused | RunState::Cancelled => {
            let waiting = cancel_ready_effect(JOB_KIND, run.id, now);
            write_in(tx, &[waiting], now).await.map_err(lost)?;
        }
        RunState::Running if from == RunState::Paused => enqueue(tx, &context.job).await?,
        // The delay between two items is not waited for.
        _ => hasten_in(tx, JOB_KIND, run.id, context.now).await?,
    }
    Ok(true)
}

/// When a command is told of.
async fn told_at(
    tx: &DatabaseTransaction,
    run: &AutomationRun,
    command: RunCommand,
    now: Micros,
) -> Result<Micros, DbErr> {
    match command {
        RunCommand::Cancel => cancelled_at_in(tx, Sender::Run(run.id), now).await,
        RunCommand::Pause | RunCommand::Resume => Ok(now),
    }
}

fn lost<R>(failure: Failure<Lost>) -> Failure<R> {
    match failure {
        Failure::Fault(error) => Failure::Fault(error),
        Failure::Refused(Lost) => Internal::new("writing what needs no guard", "a guard failed").into(),
    }
}

/// Whether a run that was paused for money would not pause again at once.
fn may_go_on(run: &AutomationRun, available: i64) -> Result<(), CommandError> {
    let Some(Pause { reason, figures: Some(figures), .. }) = run.pause else { return Ok(()) };
    if reason == PauseReason::InsufficientCredits && available < figures.next {
        return Err(CommandError::InsufficientCredits { required: figures.next, available });
    }
    match run.cap_left() {
        Some(left) if reason == PauseReason::RunCap && left < figures.next => {
            Err(CommandError::CapReached { next: figures.next, left })
        }
        _ => Ok(()),
    }
}

async fn raise_in(
    tx: &DatabaseTransaction,
    run: &mut AutomationRun,
    given: i64,
    context: &Context,
) -> Result<bool, Failure<Again<CommandError>>> {
    let Context { order, now, change, .. } = context;
    if run.state != RunState::Paused {
        return Err(refused(CommandError::IllegalState { current: run.state, command: None }));
    }
    let current = run.credit_cap.ok_or_else(|| refused(CommandError::NoCap))?;
    if given <= current || given > CREDIT_CAP_MAX {
        return Err(refused(CommandError::CapNotRaised { given, current }));
    }
    run.credit_cap = Some(given);
    if let Some(Pause { reason: PauseReason::RunCap, figures: Some(figures), .. }) = &mut run.pause {
        figures.short = figures.next.saturating_sub(given.saturating_sub(run.credits_committed)).max(0);
    }
    run.updated_at = *now;
    store::run::update_run(tx, run).await?;
    let told = event_effects(run.id, run.account_id, ("STATE", state_payload(run)), *now);
    write_in(tx, &told, *now).await.map_err(lost)?;
    run.event_seq += 1;
    let notes = [current, given].map(|cap| Some(cap.to_string()));
    let entry = order.trace(*now).entry(change.entry_id, "automation_run.raise_cap", (store::SUBJECT, run.id), notes);
    crate::audit::store::insert_entry(tx, &entry).await.map_err(Internal::from)?;
    Ok(true)
}
