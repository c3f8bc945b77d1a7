//! The ends of an item, each one ledger command: delivered and settled, failed and released, withdrawn and charged for
//! what it used. The last item's command ends the task and the job as well.

use std::time::Duration;

use super::{Run, Step, Stop, item::Kept};
use crate::{
    ai::{
        maker::{Made, MakeError, Unmade},
        model::{Attempt, AttemptState, Item, ItemState, MadeCount, Phase, PriceVersion, TaskStatus, TextTokens},
        points::Point,
        service::{delivered_subjects, lost_or_fault, made_so_far, subjects_of, words_for, write_plain},
        shelf::{ImageAbout, ImageRecord},
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

/// The tables whose guards say that the task is somebody else's by now.
const OURS: [&str; 5] = ["ai_task", "ai_attempt", "automation_run", "automation_item", "job"];

/// How often a result is made anew because what it is made of changed: several images of one content may settle at once.
const MAKE_TRIES: u32 = 40;

/// The wait after the first time; each further one is longer by as much.
const MAKE_AGAIN: Duration = Duration::from_millis(2);

impl Run<'_> {
    /// Settles the item with everything that shows it was delivered. What it is made into is looked at as things are now,
    /// and again when they changed before the commit.
    pub(super) async fn deliver(&mut self, at: usize, item: &Item, attempt: Attempt, kept: Kept) -> Result<Step, Stop> {
        for tries in 1..=MAKE_TRIES {
            let made = match self.make(item, &attempt, kept.output()).await? {
                Ok(made) => made,
                Err(MakeError::Answer(error)) => return self.fail(at, item, error.code(), None).await,
                Err(MakeError::Gone(code)) => return self.fail(at, item, code, None).await,
            };
            if let Some(step) = self.settle(at, item, &attempt, &kept, made).await? {
                return Ok(step);
            }
            tokio::time::sleep((MAKE_AGAIN * tries).mul_f64(self.share())).await;
        }
        // What it is for refuses it, whatever is made of it.
        self.fail(at, item, "TARGET_GONE", None).await
    }

    /// `None`: something that the product is made of changed meanwhile.
    async fn settle(
        &mut self,
        at: usize,
        item: &Item,
        attempt: &Attempt,
        kept: &Kept,
        made: Option<Made>,
    ) -> Result<Option<Step>, Stop> {
        let now = self.ai.parts.clock.now();
        let (actual, by) = self.settlement(item, attempt)?;
        let image = match kept {
            Kept::Image(image) => Some(image),
            Kept::Text(_) => None,
        };
        let is_made = made.is_some();
        let made = made.unwrap_or_else(|| Made { count: 1, ..Made::default() });
        let end = ItemEnd {
            state: ItemState::Delivered,
            is_charged: true,
            image_id: image.map(|image| image.id),
            made: MadeCount { things: made.count, groups: made.groups },
            products: made.products,
            untouched: made.untouched,
            drops_text: is_made,
            code: None,
            phase: Phase::Save,
            moves_credits: true,
        };
        let mut effects = store::item_effects(&self.grip, &self.work, item, &end, now);
        if let Some(image) = image {
            effects.extend(self.ai.parts.shelf.effects(image, &self.image_record(item, attempt)));
        }
        effects.extend(made.effects);
        effects.push(store::settled_effect(attempt));
        effects.push(store::usage_effect(&self.work, item, attempt, &by, self.ai.parts.ids.uuid(), now));
        effects.extend(self.ending(item, &end, None));
        match self.submit("settle", item, Operation::Settle { hold: item.hold_id, actual }, effects).await {
            Ok(posting) => self.ended(at, &end, &posting).await.map(Some),
            // Given back because its time was over, between the answer and now: nothing can be charged any more.
            Err(Failure::Refused(Refusal::HoldClosed { .. })) => {
                self.fail(at, item, "HOLD_EXPIRED", None).await.map(Some)
            }
            Err(Failure::Refused(Refusal::EffectRefused { code })) if is_made && !OURS.contains(&code.as_str()) => {
                Ok(None)
            }
            Err(Failure::Refused(Refusal::EffectConflict { .. })) if is_made => Ok(None),
            // An original that was deleted or enlarged while its enlargement was made; else somebody else has the task.
            Err(Failure::Refused(refusal @ (Refusal::EffectRefused { .. } | Refusal::EffectConflict { .. }))) => {
                match self.source(item).await? {
                    Err(code) => self.fail(at, item, code, None).await.map(Some),
                    Ok(_) => Err(lost_or_fault(Failure::Refused(refusal)).into()),
                }
            }
            Err(failure) => Err(lost_or_fault(failure).into()),
        }
    }

    /// Gives the item's credits back. `attempt` is one whose answer is not recorded yet.
    pub(super) async fn fail(
        &mut self,
        at: usize,
        item: &Item,
        code: &str,
        attempt: Option<Attempt>,
    ) -> Result<Step, Stop> {
        let is_down = self.is_down(code, attempt.as_ref());
        let mut recorded = attempt.map(|attempt| self.received(&attempt)).unwrap_or_default();
        if is_down {
            if !recorded.is_empty() {
                self.write(recorded).await?;
            }
            return Ok(Step::Down);
        }
        recorded.extend(self.unmade(item, Unmade::Failed(code)).await?);
        let now = self.ai.parts.clock.now();
        let mut end = ItemEnd {
            state: ItemState::Failed,
            is_charged: false,
            image_id: None,
            made: MadeCount::default(),
            products: Vec::new(),
            untouched: Vec::new(),
            drops_text: true,
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
        attempt.error_detail = Some("withdrawn by a cancel".to_owned());
        let mut recorded = self.received(&attempt);
        recorded.extend(self.unmade(item, Unmade::Cancelled).await?);
        let now = self.ai.parts.clock.now();
        let (actual, by) = self.settlement(item, &attempt)?;
        let end = ItemEnd {
            state: ItemState::Cancelled,
            is_charged: true,
            image_id: None,
            made: MadeCount::default(),
            products: Vec::new(),
            untouched: Vec::new(),
            drops_text: true,
            code: Some("CANCELLED".to_owned()),
            phase: self.work.task.phase,
            moves_credits: true,
        };
        let mut effects = recorded;
        effects.extend(store::item_effects(&self.grip, &self.work, item, &end, now));
        effects.push(store::usage_effect(&self.work, item, &attempt, &by, self.ai.parts.ids.uuid(), now));
        effects.extend(self.ending(item, &end, None));
        match self.submit("settle", item, Operation::Settle { hold: item.hold_id, actual }, effects).await {
            Ok(posting) => self.ended(at, &end, &posting).await,
            // Given back because its time was over: nothing can be charged, and what it cost us is still recorded.
            Err(Failure::Refused(Refusal::HoldClosed { .. })) => {
                attempt.state = AttemptState::Abandoned;
                attempt.error_detail = Some("withdrawn by a cancel, after the hold was over".to_owned());
                let effects = self.received(&attempt);
                self.write(effects).await?;
                Ok(Step::Withdrawn)
            }
            Err(failure) => Err(lost_or_fault(failure).into()),
        }
    }

    pub(super) async fn submit(
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
            item.made = end.made;
            item.products.clone_from(&end.products);
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
        self.tell_stage();
        Ok(if self.is_last(item) { Step::Ended } else { Step::Next })
    }

    /// The end of the task and the job with the last item's command; before it, the guard of the lease. What it changes about
    /// a run where it belongs to one.
    fn ending(&self, item: &Item, end: &ItemEnd, code: Option<&str>) -> Vec<Effect> {
        if let Some(effects) = self.stage_effects(item, end) {
            return effects;
        }
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
        let mut subjects = delivered_subjects(&self.work.items);
        if end.state == ItemState::Delivered {
            subjects.extend(subjects_of(item.id, end.image_id, &end.products));
        }
        // A task that delivered something says what failed too; one of an earlier item where the last one did not.
        let earlier = || self.work.items.iter().rev().find_map(|item| item.error_code.clone());
        let code = code.map(str::to_owned).or_else(earlier).filter(|_| failed > 0);
        let ending = Ending {
            status,
            delivered,
            failed,
            made: made_so_far(&self.work.items).plus(end.made),
            credits_before: task.credits_used,
            is_charged: end.is_charged,
            error: code.as_deref().map(|code| words_for(code, delivered == 0)),
            code,
            subjects,
            notification_id: self.ai.parts.ids.uuid(),
            moves_credits: end.moves_credits,
        };
        let key = vec![("id", task.id.into()), ("fence", self.grip.fence.into()), ("status", "RUNNING".into())];
        let mut effects = store::end_effects(&self.work.task, &ending, key, now);
        effects.extend(finish_effects(&self.grip.lease, End::Done, now));
        effects
    }

    /// What the item costs the customer, and the price version that says so. Estimated tokens are never charged above
    /// the hold, nor is anything of a run that has a cap.
    fn settlement(&self, item: &Item, attempt: &Attempt) -> Result<(i64, PriceVersion), Stop> {
        let tokens =
            TextTokens { input: attempt.tokens_input.unwrap_or(0), output: attempt.tokens_output.unwrap_or(0) };
        let used = self.work.candidate_of(attempt).price;
        let settled = self.work.price.settled_by(&used, tokens, item.hold_amount);
        let (credits, by) = settled.map_err(|error| Internal::new("pricing an item", error))?;
        // The repair of an answer is asked for with more words than the customer was quoted.
        let is_capped = attempt.tokens_estimated
            || self.repaired_faults(item, attempt.id).is_some()
            || self.stage.as_ref().is_some_and(|run| run.is_capped());
        Ok((if is_capped { credits.min(item.hold_amount) } else { credits }, by))
    }

    fn image_record(&self, item: &Item, attempt: &Attempt) -> ImageRecord {
        let task = &self.work.task;
        let model = self.work.candidate_of(attempt).model;
        let is_quoted = model.id == task.ai_model_id;
        let original = task.payload.original_at(item.position);
        let composed = task.payload.composed.as_ref();
        ImageRecord {
            account_id: task.account_id,
            ai_task_id: task.id,
            prompt: task.payload.prompt_at(item.position).to_owned(),
            ai_model_id: model.id,
            seed: self.seed_of(item, &model, attempt.id),
            model_name: if is_quoted { task.payload.model.clone() } else { model.name },
            provider: model.provider,
            original_id: original.map(|original| original.image),
            about: match original {
                Some(original) => ImageAbout {
                    event_type: original.event_type.clone(),
                    style: original.style.clone(),
                    ratio: original.ratio,
                    quality: original.quality,
                },
                None => ImageAbout {
                    event_type: composed.map(|composed| composed.event_type.clone()),
                    style: composed.and_then(|composed| composed.style.clone()),
                    ratio: task.payload.ratio,
                    quality: task.payload.quality,
                },
            },
            now: self.ai.parts.clock.now(),
        }
    }
}
