//! The ends of an item, each one ledger command: delivered and settled, failed and released, withdrawn and charged for
//! what it used. The last item's command ends the task and the job as well.

use super::{Run, Step, Stop, item::Kept};
use crate::{
    ai::{
        model::{Attempt, AttemptState, Item, ItemState, ModelKind, Phase, TaskStatus, TextTokens},
        points::Point,
        service::{delivered_subjects, lost_or_fault, words_for, write_plain},
        shelf::ImageRecord,
        store::{self, Ending, ItemEnd},
    },
    db::effect::Effect,
    error::{Failure, Internal},
    jobs::{End, finish_effects},
    ledger::{
        Command, Posting, Refusal,
        model::{Actor, IdemKey, Operation},
    },
};

impl Run<'_> {
    /// Settles the item with everything that shows it was delivered.
    pub(super) async fn deliver(&mut self, at: usize, item: &Item, attempt: Attempt, kept: Kept) -> Result<Step, Stop> {
        let now = self.ai.parts.clock.now();
        let actual = self.credits_for(item, &attempt)?;
        let image = match &kept {
            Kept::Image(image) => Some(image.clone()),
            Kept::Text => None,
        };
        let end = ItemEnd {
            state: ItemState::Delivered,
            is_charged: true,
            image_id: image.as_ref().map(|image| image.id),
            code: None,
            phase: Phase::Save,
            moves_credits: true,
        };
        let mut effects = store::item_effects(&self.grip, &self.work, item, &end, now);
        if let Some(image) = &image {
            effects.extend(self.ai.parts.shelf.effects(image, &self.image_record(item)));
        }
        effects.push(store::settled_effect(&attempt));
        effects.push(store::usage_effect(&self.work, item, &attempt, self.ai.parts.ids.uuid(), now));
        effects.extend(self.ending(item, &end, None));
        match self.submit("settle", item, Operation::Settle { hold: item.hold_id, actual }, effects).await {
            Ok(posting) => self.ended(at, &end, &posting).await,
            // Given back because its time was over, between the answer and now: nothing can be charged any more.
            Err(Failure::Refused(Refusal::HoldClosed { .. })) => self.fail(at, item, "HOLD_EXPIRED", None).await,
            Err(failure) => Err(lost_or_fault(failure).into()),
        }
    }

    /// Gives the item's credits back. `attempt` is one whose answer is not recorded yet.
    pub(super) async fn fail(
        &mut self,
        at: usize,
        item: &Item,
        code: &str,
        attempt: Option<(Attempt, Option<&str>)>,
    ) -> Result<Step, Stop> {
        let recorded = attempt.map(|(attempt, detail)| self.received(&attempt, detail)).unwrap_or_default();
        let now = self.ai.parts.clock.now();
        let mut end = ItemEnd {
            state: ItemState::Failed,
            is_charged: false,
            image_id: None,
            code: Some(code.to_owned()),
            phase: self.work.task.phase,
            moves_credits: true,
        };
        let effects = |run: &Self, end: &ItemEnd| {
            let mut effects = recorded.clone();
            effects.extend(store::item_effects(&run.grip, &run.work, item, end, now));
            effects.extend(run.ending(item, end, Some(code)));
            effects
        };
        let release = Operation::Release(vec![item.hold_id]);
        match self.submit("release", item, release, effects(self, &end)).await {
            Ok(posting) => self.ended(at, &end, &posting).await,
            Err(Failure::Refused(Refusal::HoldClosed { .. })) => {
                end.moves_credits = false;
                write_plain(self.ai, effects(self, &end)).await.map_err(lost_or_fault)?;
                self.forget(at, &end, 0);
                self.after(item)
            }
            Err(failure) => Err(lost_or_fault(failure).into()),
        }
    }

    /// A call that was withdrawn after it had used tokens: they are charged, and the task ends as cancelled.
    pub(super) async fn charge_withdrawn(
        &mut self,
        at: usize,
        item: &Item,
        mut attempt: Attempt,
    ) -> Result<Step, Stop> {
        // Received and settled at once: guards are judged before any write, so one command cannot do the one after the other.
        attempt.state = AttemptState::Settled;
        let recorded = self.received(&attempt, Some("withdrawn by a cancel"));
        let now = self.ai.parts.clock.now();
        let actual = self.credits_for(item, &attempt)?;
        let end = ItemEnd {
            state: ItemState::Cancelled,
            is_charged: true,
            image_id: None,
            code: Some("CANCELLED".to_owned()),
            phase: self.work.task.phase,
            moves_credits: true,
        };
        let mut effects = recorded;
        effects.extend(store::item_effects(&self.grip, &self.work, item, &end, now));
        effects.push(store::usage_effect(&self.work, item, &attempt, self.ai.parts.ids.uuid(), now));
        effects.extend(self.ending(item, &end, None));
        match self.submit("settle", item, Operation::Settle { hold: item.hold_id, actual }, effects).await {
            Ok(posting) => self.ended(at, &end, &posting).await,
            Err(failure) => Err(lost_or_fault(failure).into()),
        }
    }

    async fn submit(
        &self,
        step: &'static str,
        item: &Item,
        operation: Operation,
        effects: Vec<Effect>,
    ) -> Result<Posting, Failure<Refusal>> {
        let command = Command {
            account: self.grip.account_id,
            key: IdemKey::server(step, item.id),
            actor: Actor::System,
            operation,
            open_account: false,
            effects,
            otherwise: Vec::new(),
        };
        self.ai.parts.ledger.submit(command).await
    }

    async fn ended(&mut self, at: usize, end: &ItemEnd, posting: &Posting) -> Result<Step, Stop> {
        self.ai.points.reach(Point::Finished).await;
        if posting.replayed {
            // An earlier command did it, so what is in memory here is old.
            return Err(Stop::Lost);
        }
        let item = self.work.items.get(at).cloned();
        self.forget(at, end, posting.amount);
        match item {
            Some(item) => self.after(&item),
            None => Ok(Step::Next),
        }
    }

    /// Brings what is in memory up to what was committed.
    fn forget(&mut self, at: usize, end: &ItemEnd, amount: i64) {
        if let Some(item) = self.work.items.get_mut(at) {
            item.state = end.state;
            item.image_id = end.image_id;
            item.error_code.clone_from(&end.code);
            item.credits = end.is_charged.then_some(amount);
        }
        let task = &mut self.work.task;
        task.items_delivered += i32::from(end.state == ItemState::Delivered);
        task.items_failed += i32::from(end.state == ItemState::Failed);
        if end.is_charged {
            task.credits_used = task.credits_used.saturating_add(amount);
        }
    }

    fn after(&self, item: &Item) -> Result<Step, Stop> {
        self.ai.hint(self.grip.task_id);
        Ok(if self.is_last(item) { Step::Ended } else { Step::Next })
    }

    /// The end of the task and the job with the last item's command; before it, the guard of the lease.
    fn ending(&self, item: &Item, end: &ItemEnd, code: Option<&str>) -> Vec<Effect> {
        if !self.is_last(item) {
            return vec![self.lease_guard()];
        }
        let now = self.ai.parts.clock.now();
        let task = &self.work.task;
        let delivered = task.items_delivered + i32::from(end.state == ItemState::Delivered);
        let failed = task.items_failed + i32::from(end.state == ItemState::Failed);
        let status = if end.state == ItemState::Cancelled {
            TaskStatus::Cancelled
        } else if failed == 0 {
            TaskStatus::Success
        } else if delivered > 0 {
            TaskStatus::Partial
        } else {
            TaskStatus::Error
        };
        let mut subjects = delivered_subjects(&self.work);
        if end.state == ItemState::Delivered {
            subjects.push(end.image_id.unwrap_or(item.id));
        }
        // A task that delivered something says what failed too; one of an earlier item where the last one did not.
        let earlier = || self.work.items.iter().rev().find_map(|item| item.error_code.clone());
        let code = code.map(str::to_owned).or_else(earlier).filter(|_| failed > 0);
        let ending = Ending {
            status,
            delivered,
            failed,
            credits_before: task.credits_used,
            is_charged: end.is_charged,
            error: code.as_deref().map(|code| words_for(code, delivered == 0)),
            code,
            subjects,
            notification_id: self.ai.parts.ids.uuid(),
            moves_credits: end.moves_credits,
        };
        let key = vec![("id", task.id.into()), ("fence", self.grip.fence.into()), ("status", "RUNNING".into())];
        let mut effects = store::end_effects(&self.work, &ending, key, now);
        effects.extend(finish_effects(&self.grip.lease, End::Done, now));
        effects
    }

    /// What the item costs the customer. Estimated tokens are never charged above the hold.
    fn credits_for(&self, item: &Item, attempt: &Attempt) -> Result<i64, Stop> {
        let price = &self.work.price;
        let credits = match price.kind() {
            ModelKind::Image => price.image_credits(),
            ModelKind::Text => price.text_credits(TextTokens {
                input: attempt.tokens_input.unwrap_or(0),
                output: attempt.tokens_output.unwrap_or(0),
            }),
        };
        let credits = credits.map_err(|error| Internal::new("pricing an item", error))?;
        Ok(if attempt.tokens_estimated { credits.min(item.hold_amount) } else { credits })
    }

    fn image_record(&self, item: &Item) -> ImageRecord {
        let (task, model) = (&self.work.task, &self.work.model.model);
        ImageRecord {
            account_id: task.account_id,
            ai_task_id: task.id,
            prompt: task.payload.prompt.clone(),
            ai_model_id: model.id,
            model_name: task.payload.model.clone(),
            provider: model.provider.clone(),
            seed: self.seed_of(item),
            now: self.ai.parts.clock.now(),
        }
    }
}
