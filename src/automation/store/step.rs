//! The writes of one turn of a run. Each is guarded by the run's fence and the job's lease.

use sea_orm::{ConnectionTrait, DatabaseTransaction};
use uuid::Uuid;

use super::{
    change::{Change, change_in},
    effect::{RunGrip, stage_event},
    item::{count_running, insert_items, list_items, put_all_back, update_items},
    run::{is_site_off, is_suspended, lock_run, update_run},
    stage::{list_stages, update_stage},
};
use crate::{
    ai::stage::{StageTaskEnd, end_tasks_in},
    audit::{Actor, Trace},
    automation::model::{
        AutomationRun, Desired, ItemState, RunItem, RunState, Stage, StageProgress, StageStatus, failure_text,
        next_batch,
    },
    clock::Micros,
    db::effect::{EffectError, Facts},
    error::{Failure, Internal},
    jobs::{End, Lease, Lost, finish_effects, lease_guard, write_in},
};

/// The most items that are read to find a batch in.
const LOOK: i64 = 200;

/// How a turn began.
#[derive(Debug)]
pub enum Begun {
    /// The lease is no longer ours.
    Lost,
    /// There is nothing to do: the run has ended, is paused, or is not there. The job has ended with it.
    Ended,
    /// The run is ours.
    Work(Box<AutomationRun>, RunGrip),
}

/// What a turn does next.
#[derive(Debug)]
pub enum Next {
    /// These items are in flight now: carry them out. None: some are that an earlier turn left. With the run as it is.
    Step(Box<AutomationRun>, Stage, Vec<RunItem>),
    /// The stage has not begun: choose what it is about.
    Select(Stage),
    /// The stage has ended; look again after the delay between stages.
    StageEnded,
    /// Every stage has ended.
    Done,
    /// Something else is wanted of the run.
    Asked(Desired),
    /// It was at work for longer than it may be.
    Overdue,
    /// Its account is suspended.
    Suspended,
    /// Its site is not in use any more.
    SiteOff,
}

fn trace(account_id: Uuid, now: Micros) -> Trace {
    Trace { account_id, actor: Actor::System, request_id: None, at: now }
}

async fn write_events(
    tx: &DatabaseTransaction,
    effects: impl IntoIterator<Item = crate::db::effect::Effect>,
    now: Micros,
) -> Result<(), Failure<Lost>> {
    let facts = Facts::at(now);
    for effect in effects {
        effect.write(tx, &facts).await.map_err(|error| match error {
            EffectError::Db(error) => Internal::from(error),
            other => Internal::new("writing an event of a run", other),
        })?;
    }
    Ok(())
}

/// Locks the run for this turn. Refuses: `Lost` when the fence or the lease is somebody else's.
pub async fn lock_own(tx: &DatabaseTransaction, grip: &RunGrip) -> Result<AutomationRun, Failure<Lost>> {
    let run = lock_run(tx, grip.run_id).await?.filter(|run| run.fence == grip.fence && !run.state.is_final());
    let run = run.ok_or(Failure::Refused(Lost))?;
    if lease_guard(&grip.lease).guard_holds(tx).await? { Ok(run) } else { Err(Failure::Refused(Lost)) }
}

/// Raises the run's fence, so that no earlier turn can write any more, and starts it if it waits to start.
pub async fn begin_in(
    tx: &DatabaseTransaction,
    lease: &Lease,
    run_id: Uuid,
    change: &Change,
    now: Micros,
) -> Result<Begun, Failure<Lost>> {
    let found = lock_run(tx, run_id).await?;
    if !lease_guard(lease).guard_holds(tx).await? {
        return Ok(Begun::Lost);
    }
    let Some(mut run) = found.filter(|run| !run.state.is_final() && run.state != RunState::Paused) else {
        // Under the run's lock: a resume that comes after this finds no unfinished job, and puts a new one in.
        write_in(tx, &finish_effects(lease, End::Done, now), now).await?;
        return Ok(Begun::Ended);
    };
    run.fence += 1;
    if run.state == RunState::Pending {
        let account = run.account_id;
        change_in(tx, &mut run, change, &trace(account, now)).await?;
    } else {
        update_run(tx, &run).await?;
    }
    let grip = RunGrip { run_id, account_id: run.account_id, fence: run.fence, lease: lease.clone() };
    Ok(Begun::Work(Box::new(run), grip))
}

/// What is to be done now. Items that it names are in flight from here on; none are named once a pause or cancel was
/// answered, since that takes the same lock. `notification_id` is for the AI task of a stage that ends.
pub async fn next_in(
    tx: &DatabaseTransaction,
    grip: &RunGrip,
    notification_id: Uuid,
    now: Micros,
) -> Result<Next, Failure<Lost>> {
    let mut run = lock_own(tx, grip).await?;
    if run.desired != Desired::Run {
        return Ok(Next::Asked(run.desired));
    }
    if run.is_overdue(now) {
        return Ok(Next::Overdue);
    }
    if is_suspended(tx, run.account_id).await? {
        return Ok(Next::Suspended);
    }
    if is_site_off(tx, run.site_id).await? {
        return Ok(Next::SiteOff);
    }
    let stages = list_stages(tx, run.id).await?;
    let Some(stage) = stages.into_iter().find(|stage| !stage.status.is_final()) else { return Ok(Next::Done) };
    if stage.status == StageStatus::Pending {
        if run.goes_through(stage.stage) {
            return Ok(Next::Select(stage.stage));
        }
        end_stage_in(tx, &run, &stage, StageStatus::Skipped, now).await?;
        return Ok(Next::StageEnded);
    }
    let key = (run.id, stage.stage);
    let pending = list_items(tx, key, ItemState::Pending, LOOK).await?;
    let batch = next_batch(&pending, run.settings.of(stage.stage).batch, stage.stage.batch_min());
    if !batch.is_empty() {
        let positions: Vec<i32> = batch.iter().map(|item| item.position).collect();
        update_items(tx, key, &positions, (ItemState::Pending, ItemState::Running), now).await?;
        if run.current_stage != Some(stage.stage) {
            run.current_stage = Some(stage.stage);
            run.updated_at = now;
            update_run(tx, &run).await?;
        }
        return Ok(Next::Step(Box::new(run), stage.stage, batch));
    }
    // What an earlier turn left in flight is taken up again by the caller, before it asks for more.
    if count_running(tx, run.id).await? == 0 {
        end_tasks_in(tx, run.id, StageTaskEnd::Done, notification_id, now).await?;
        end_stage_in(tx, &run, &stage, stage.ended_as(), now).await?;
        return Ok(Next::StageEnded);
    }
    Ok(Next::Step(Box::new(run), stage.stage, Vec::new()))
}

async fn end_stage_in(
    tx: &DatabaseTransaction,
    run: &AutomationRun,
    stage: &StageProgress,
    status: StageStatus,
    now: Micros,
) -> Result<(), Failure<Lost>> {
    update_stage(tx, (run.id, stage.stage), &super::effect::OPEN, (status, None), now).await?;
    write_events(tx, stage_event(run.id, run.account_id, stage.stage, now), now).await
}

/// Fixes what a stage is about; nothing to do is `SKIPPED`. `false`: something else is wanted of the run by now.
pub async fn fix_items_in(
    tx: &DatabaseTransaction,
    grip: &RunGrip,
    stage: Stage,
    picked: &[(Uuid, Option<Uuid>)],
    now: Micros,
) -> Result<bool, Failure<Lost>> {
    let mut run = lock_own(tx, grip).await?;
    if run.desired != Desired::Run {
        return Ok(false);
    }
    let total = i32::try_from(picked.len()).unwrap_or(i32::MAX);
    let to = if picked.is_empty() { (StageStatus::Skipped, None) } else { (StageStatus::Running, Some(total)) };
    if !update_stage(tx, (run.id, stage), &[StageStatus::Pending], to, now).await? {
        return Err(Failure::Refused(Lost));
    }
    insert_items(tx, (run.id, stage, run.account_id), picked).await?;
    if !picked.is_empty() {
        run.current_stage = Some(stage);
        run.updated_at = now;
        update_run(tx, &run).await?;
    }
    write_events(tx, stage_event(run.id, run.account_id, stage, now), now).await?;
    Ok(true)
}

/// Puts items back that were in flight and did not end: they keep the state they had.
pub async fn put_back_in(
    tx: &DatabaseTransaction,
    grip: &RunGrip,
    stage: Stage,
    positions: &[i32],
    now: Micros,
) -> Result<(), Failure<Lost>> {
    lock_own(tx, grip).await?;
    let states = (ItemState::Running, ItemState::Pending);
    update_items(tx, (grip.run_id, stage), positions, states, now).await?;
    Ok(())
}

/// Items that a turn before this one left in flight, with their stage.
pub async fn left_over(
    connection: &impl ConnectionTrait,
    run: Uuid,
) -> Result<Option<(Stage, Vec<RunItem>)>, sea_orm::DbErr> {
    for stage in list_stages(connection, run).await? {
        if stage.status != StageStatus::Running {
            continue;
        }
        let items = list_items(connection, (run, stage.stage), ItemState::Running, LOOK).await?;
        if !items.is_empty() {
            return Ok(Some((stage.stage, items)));
        }
    }
    Ok(None)
}

/// Pauses the run by itself, with nothing in flight; the job ends with it. `false`: something else is wanted by now.
pub async fn pause_in(
    tx: &DatabaseTransaction,
    grip: &RunGrip,
    change: &Change,
    now: Micros,
) -> Result<bool, Failure<Lost>> {
    let mut run = lock_own(tx, grip).await?;
    if run.desired != Desired::Run {
        return Ok(false);
    }
    drained_in(tx, &run).await?;
    change_in(tx, &mut run, change, &trace(grip.account_id, now)).await?;
    write_in(tx, &finish_effects(&grip.lease, End::Done, now), now).await?;
    Ok(true)
}

async fn drained_in(tx: &DatabaseTransaction, run: &AutomationRun) -> Result<(), Failure<Lost>> {
    match count_running(tx, run.id).await? {
        0 => Ok(()),
        _ => Err(Internal::new("a run drains", "some of its items are in flight").into()),
    }
}

/// Obeys what was asked, with nothing in flight: `PAUSED` or `CANCELLED`, and the job ends with it. `false`: the run is to go
/// on after all.
pub async fn obey_in(
    tx: &DatabaseTransaction,
    grip: &RunGrip,
    [pause, cancel]: &[Change; 2],
    now: Micros,
) -> Result<bool, Failure<Lost>> {
    let mut run = lock_own(tx, grip).await?;
    let change = match run.desired {
        Desired::Run => return Ok(false),
        Desired::Pause => pause,
        Desired::Cancel => cancel,
    };
    drained_in(tx, &run).await?;
    change_in(tx, &mut run, change, &trace(grip.account_id, now)).await?;
    write_in(tx, &finish_effects(&grip.lease, End::Done, now), now).await?;
    Ok(true)
}

/// How a run ends that nobody cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Every stage has ended.
    Done,
    /// It cannot go on; our code of why.
    Failed(&'static str),
}

/// Ends the run, and the job with it. `false`: something else is wanted by now. A run that was given up ends whatever is
/// wanted: cancelled if that was asked, else failed.
pub async fn end_in(
    tx: &DatabaseTransaction,
    grip: &RunGrip,
    end: RunEnd,
    (change, job_end): (&Change, End),
    now: Micros,
) -> Result<bool, Failure<Lost>> {
    let mut run = lock_own(tx, grip).await?;
    let given_up = job_end == End::Dead;
    if run.desired != Desired::Run && !given_up {
        return Ok(false);
    }
    let next = match end {
        RunEnd::Done => {
            let failed = list_stages(tx, run.id).await?.iter().any(|stage| stage.failed > 0);
            if failed { RunState::CompletedWithErrors } else { RunState::Completed }
        }
        RunEnd::Failed(_) if run.state == RunState::Cancelling => RunState::Cancelled,
        RunEnd::Failed(code) => {
            run.error_code = Some(code.to_owned());
            run.error_text = Some(failure_text(code).to_owned());
            RunState::Failed
        }
    };
    if given_up {
        put_all_back(tx, run.id).await?;
    }
    let change = Change { next, ..change.clone() };
    change_in(tx, &mut run, &change, &trace(grip.account_id, now)).await?;
    write_in(tx, &finish_effects(&grip.lease, job_end, now), now).await?;
    Ok(true)
}
