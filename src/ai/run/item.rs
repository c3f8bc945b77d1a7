//! One item, step by step: what an earlier run left, prepare, send, call, receive.

use super::{
    Run, Step, Stop,
    call::{Answer, Request, settings_text},
    route::{Target, Way, class_of, sign_of},
};
use crate::{
    ai::{
        maker::{MakeError, Output},
        model::{
            Attempt, AttemptState, FaultClass, Item, ItemState, ModelKind, Phase, Sign, TextTokens,
            answer::{AnswerError, repair_prompt},
            estimated_tokens, is_plausible,
        },
        points::Point,
        provider::{FailureClass, FailureCode, ProviderFailure, TextResult, TokenUsage},
        shelf::{KeepError, KeptImage, Slot},
        store::{self, Leave, Leaving, Stays},
    },
    db::effect::Effect,
    error::{Failure, Internal},
    jobs::lease_guard,
};

/// A result that is safe: stored, or kept with its item.
pub(super) enum Kept {
    /// In the object store.
    Image(KeptImage),
    /// With the item: this.
    Text(String),
}

impl Kept {
    /// As its maker gets it.
    pub(super) fn output(&self) -> Output<'_> {
        match self {
            Self::Image(image) => Output::Image(image.id),
            Self::Text(text) => Output::Text(text),
        }
    }
}

impl Run<'_> {
    pub(super) async fn item(&mut self, at: usize) -> Result<Step, Stop> {
        let item = self.work.items.get(at).cloned();
        let item = item.ok_or_else(|| Internal::new("carrying an AI task out", "an item is not there"))?;
        if let Some((attempt, kept)) = self.left_behind(&item).await? {
            return self.deliver(at, &item, attempt, kept).await;
        }
        let target = match self.way(&item).await? {
            Way::To(target) => target,
            Way::Later { after, code } => return self.wait(at, &item, after, code).await,
            Way::Nowhere(code) => return self.fail(at, &item, &code, None).await,
        };
        let source = match self.source(&item).await? {
            Ok(source) => source,
            Err(code) => return self.fail(at, &item, code, None).await,
        };
        let attempt = self.prepared(&item, &target);
        let request = self.request(&item, &target, attempt.id, source);
        self.prepare(at, &attempt, &request).await?;
        self.ai.points.reach(Point::Prepared).await;
        match self.send(&item, &attempt, &target).await {
            Ok(Leave::Sent) => {}
            Ok(Leave::HoldGone) => return self.fail(at, &item, "HOLD_EXPIRED", None).await,
            Ok(Leave::Withdrawn) => return Ok(Step::Withdrawn),
            Err(Failure::Refused(Stays::Lost)) => return Err(Stop::Lost),
            // Others were faster: what the gate and the limits say now is seen with the next look.
            Err(Failure::Refused(Stays::Until(_))) => return Ok(Step::Later(self.ai.parts.config.look_again / 2)),
            Err(Failure::Fault(error)) => return Err(error.into()),
        }
        self.ai.points.reach(Point::Sent).await;
        let (answer, cancelled) = self.call(&request, &target).await;
        self.ai.points.reach(Point::Answered).await;
        if cancelled {
            self.work.task.is_cancelling = true;
        }
        let Some(mut attempt) = self.work.attempts.iter().find(|known| known.id == attempt.id).cloned() else {
            return Err(Internal::new("carrying an AI task out", "its attempt is not there").into());
        };
        attempt.finished_at = Some(self.ai.parts.clock.now());
        match answer {
            Ok(Answer::Image(image)) => {
                attempt.provider_ref = image.provider_ref;
                attempt.provider_cost_nanousd = target.candidate.price.image_cost(image.cost_nanousd);
                self.keep_image(at, &item, attempt, image.bytes, image.usage).await
            }
            Ok(Answer::Text(text)) => self.keep_text(at, &item, attempt, text).await,
            Err(failure) => self.failed(at, &item, attempt, &failure).await,
        }
    }

    /// What an earlier run received and did not settle. Image bytes are looked up under the attempt's id.
    pub(super) async fn left_behind(&self, item: &Item) -> Result<Option<(Attempt, Kept)>, Stop> {
        let received = |attempt: &&Attempt| {
            attempt.item_id == item.id && attempt.state == AttemptState::Received && attempt.error_code.is_none()
        };
        let Some(attempt) = self.work.attempts.iter().find(received) else { return Ok(None) };
        if let Some(text) = &item.text {
            return Ok(Some((attempt.clone(), Kept::Text(text.clone()))));
        }
        let found = self.ai.parts.shelf.find_kept(self.slot(item, attempt)).await?;
        Ok(found.map(|kept| (attempt.clone(), Kept::Image(kept))))
    }

    /// Puts the item off, or ends it when it has waited long enough for its providers.
    async fn wait(
        &mut self,
        at: usize,
        item: &Item,
        after: std::time::Duration,
        code: Option<&'static str>,
    ) -> Result<Step, Stop> {
        let Some(code) = code else { return Ok(Step::Later(after)) };
        let now = self.ai.parts.clock.now();
        if !self.has_patience(item, now, after) {
            if self.stage.is_some() && self.sent(item).next().is_none() {
                return Ok(Step::Down);
            }
            let code = if self.sent(item).next().is_some() { self.last_code(item) } else { code.to_owned() };
            return self.fail(at, item, &code, None).await;
        }
        if item.begun_at.is_none() {
            let effects = vec![store::begun_effect(item, now), self.lease_guard()];
            self.write(effects).await?;
        }
        Ok(Step::Later(after))
    }

    pub(super) fn last_code(&self, item: &Item) -> String {
        let last = self.sent(item).last();
        last.and_then(|attempt| attempt.error_code.clone()).unwrap_or_else(|| "OUTCOME_UNKNOWN".to_owned())
    }

    fn prepared(&self, item: &Item, target: &Target) -> Attempt {
        let numbers = self.work.attempts.iter().filter(|attempt| attempt.item_id == item.id);
        Attempt {
            id: self.ai.parts.ids.uuid(),
            item_id: item.id,
            attempt_no: numbers.map(|attempt| attempt.attempt_no).max().unwrap_or(0) + 1,
            ai_model_id: target.candidate.model.id,
            price_version_id: Some(target.candidate.price.id),
            credential_id: Some(target.set_up.credential_id.clone()),
            settings: Some(settings_text(&target.settings)),
            is_retry: target.is_retry,
            state: AttemptState::Prepared,
            provider_ref: None,
            tokens_input: None,
            tokens_output: None,
            tokens_estimated: false,
            provider_cost_nanousd: None,
            error_code: None,
            error_detail: None,
            error_class: None,
            retry_at: None,
            created_at: self.ai.parts.clock.now(),
            sent_at: None,
            finished_at: None,
        }
    }

    async fn prepare(&mut self, at: usize, attempt: &Attempt, request: &Request) -> Result<(), Stop> {
        let Some(item) = self.work.items.get_mut(at) else { return Ok(()) };
        let is_first = item.begun_at.is_none();
        item.begun_at.get_or_insert(attempt.created_at);
        let item = item.clone();
        let mut effects = self.phase(Phase::Prep, item.position);
        if is_first {
            effects.push(store::begun_effect(&item, attempt.created_at));
        }
        effects.push(store::prepare_effect(&self.grip, &item, attempt, request.hash()));
        self.write(effects).await?;
        self.work.attempts.push(attempt.clone());
        Ok(())
    }

    async fn send(&mut self, item: &Item, attempt: &Attempt, target: &Target) -> Result<Leave, Failure<Stays>> {
        let parts = &self.ai.parts;
        let now = parts.clock.now();
        let total = match target.candidate.model.kind {
            ModelKind::Image => parts.config.image_timeouts.total,
            ModelKind::Text => parts.config.text_timeouts.total,
        };
        let leaving = Leaving {
            grip: self.grip.clone(),
            run: self.stage.clone(),
            item: item.clone(),
            attempt: attempt.clone(),
            effects: Vec::new(),
            model: target.candidate.model.clone(),
            gate: target.gate(),
            retries_least: parts.config.retries_least,
            deadline: now.saturating_add(i64::try_from(total.as_micros()).unwrap_or(i64::MAX)),
            now,
        };
        let leaving = Leaving { effects: self.phase(Phase::AiCall, item.position), ..leaving };
        let leave =
            self.ai.parts.db.write(leaving, |tx, leaving| Box::pin(store::attempt_sent_in(tx, leaving))).await?;
        if leave == Leave::Sent {
            self.change(attempt, |known| {
                known.state = AttemptState::Sent;
                known.sent_at = Some(now);
            });
            self.tell_stage();
        }
        Ok(leave)
    }

    /// Changes an attempt in memory.
    pub(super) fn change(&mut self, attempt: &Attempt, change: impl FnOnce(&mut Attempt)) {
        if let Some(known) = self.work.attempts.iter_mut().find(|known| known.id == attempt.id) {
            change(known);
        }
    }

    /// Puts a received attempt into memory and answers the effects that record it.
    pub(super) fn received(&mut self, attempt: &Attempt) -> Vec<Effect> {
        self.change(attempt, |known| *known = attempt.clone());
        store::attempt_received_effects(&self.grip, attempt, self.ai.parts.clock.now())
    }

    async fn keep_image(
        &mut self,
        at: usize,
        item: &Item,
        mut attempt: Attempt,
        bytes: bytes::Bytes,
        usage: Option<TokenUsage>,
    ) -> Result<Step, Stop> {
        attempt.tokens_input = usage.map(|usage| usage.input);
        attempt.tokens_output = usage.map(|usage| usage.output);
        attempt.state = AttemptState::Received;
        let effects = self.phase(Phase::Parse, item.position);
        self.write(effects).await?;
        let kept = match self.ai.parts.shelf.keep(self.slot(item, &attempt), bytes).await {
            Ok(kept) => kept,
            Err(KeepError::Corrupt(detail)) => {
                let failure = ProviderFailure::new(FailureCode::CorruptImage, detail);
                return self.failed(at, item, attempt, &failure).await;
            }
            Err(KeepError::Unmarkable(detail)) => {
                attempt.error_code = Some("WATERMARK_FAILED".to_owned());
                attempt.error_detail = Some(detail);
                return self.fail(at, item, "WATERMARK_FAILED", Some(attempt)).await;
            }
            Err(KeepError::StoreDown(error)) => {
                self.note(&attempt, Sign::Works).await;
                tracing::error!(ai_task.id = %self.grip.task_id, error = ?error, "an image could not be stored");
                attempt.error_code = Some("STORAGE_UNAVAILABLE".to_owned());
                return self.fail(at, item, "STORAGE_UNAVAILABLE", Some(attempt)).await;
            }
        };
        self.note(&attempt, Sign::Works).await;
        self.ai.points.reach(Point::Stored).await;
        let mut effects = self.received(&attempt);
        effects.extend(self.phase(Phase::Save, item.position));
        self.write(effects).await?;
        self.ai.points.reach(Point::Received).await;
        self.deliver(at, item, attempt, Kept::Image(kept)).await
    }

    /// The place of the image that `attempt` makes. It takes the attempt's id, so that a run after a crash finds it again.
    fn slot(&self, item: &Item, attempt: &Attempt) -> Slot {
        let payload = &self.work.task.payload;
        Slot {
            account: self.grip.account_id,
            image: attempt.id,
            watermark: payload.watermark.clone(),
            original: payload.original_at(item.position).map(|original| original.image),
        }
    }

    async fn keep_text(
        &mut self,
        at: usize,
        item: &Item,
        mut attempt: Attempt,
        text: TextResult,
    ) -> Result<Step, Stop> {
        if text.text.chars().all(|letter| letter == '\0' || letter.is_whitespace()) {
            let failure = ProviderFailure { usage: text.usage, ..ProviderFailure::new(FailureCode::EmptyOutput, "") };
            return self.failed(at, item, attempt, &failure).await;
        }
        // PostgreSQL stores no U+0000; a model that writes one must not cost us the whole text.
        let text = TextResult { text: text.text.replace('\0', "\u{fffd}"), ..text };
        attempt.provider_ref = text.provider_ref;
        attempt.state = AttemptState::Received;
        let effects = self.phase(Phase::Parse, item.position);
        self.write(effects).await?;
        self.note(&attempt, Sign::Works).await;
        self.count_tokens(item, &mut attempt, text.usage, text.text.len())?;
        match self.make(item, &attempt, Output::Text(&text.text)).await? {
            Ok(_) => {}
            Err(MakeError::Answer(error)) => return self.unusable(at, item, attempt, &error).await,
            Err(MakeError::Gone(code)) => return self.fail(at, item, code, Some(attempt)).await,
        }
        let mut effects = self.received(&attempt);
        effects.push(store::text_kept_effect(item, &text.text));
        effects.extend(self.phase(Phase::Save, item.position));
        self.write(effects).await?;
        if let Some(known) = self.work.items.get_mut(at) {
            known.text = Some(text.text.clone());
        }
        self.ai.points.reach(Point::Received).await;
        self.deliver(at, item, attempt, Kept::Text(text.text)).await
    }

    /// An answer that is whole and cannot be used: a repair, or the end of the item.
    async fn unusable(
        &mut self,
        at: usize,
        item: &Item,
        mut attempt: Attempt,
        error: &AnswerError,
    ) -> Result<Step, Stop> {
        attempt.error_code = Some(error.code().to_owned());
        attempt.error_class = Some(if error.is_repairable() { FaultClass::Malformed } else { FaultClass::Final });
        attempt.error_detail = Some(error.fault_lines());
        let Some(step) = self.follow(item, &mut attempt, None) else {
            return self.fail(at, item, error.code(), Some(attempt)).await;
        };
        let effects = self.received(&attempt);
        self.write(effects).await?;
        Ok(if self.work.task.is_cancelling { Step::Withdrawn } else { step })
    }

    /// The tokens of a text call and what they cost us: as reported, else estimated and marked so. A report that cannot be
    /// true counts as none, so that a provider's mistake never costs the customer more than was held.
    fn count_tokens(
        &self,
        item: &Item,
        attempt: &mut Attempt,
        usage: Option<TokenUsage>,
        output_bytes: usize,
    ) -> Result<(), Stop> {
        let repair = self.repaired_faults(item, attempt.id).map_or(0, |faults| repair_prompt("", &faults).len());
        let input_bytes = self.work.task.payload.longest_input().saturating_add(repair);
        let model = self.work.candidate_of(attempt).model;
        let reported = usage.map(|usage| TextTokens { input: usage.input, output: usage.output });
        let believed =
            reported.filter(|tokens| is_plausible(*tokens, input_bytes, model.output_token_limit.unwrap_or(0)));
        if let Some(tokens) = reported.filter(|_| believed.is_none()) {
            metrics::counter!("inkledger_ai_implausible_usage_total", "provider" => model.provider.clone())
                .increment(1);
            let (input, output, model) = (tokens.input, tokens.output, model.provider_model);
            tracing::error!(model, input, output, "a report of tokens cannot be true and is not used");
        }
        let (tokens, estimated) = match believed {
            Some(tokens) => (tokens, false),
            None => {
                let tokens = estimated_tokens(input_bytes, output_bytes);
                (tokens.map_err(|error| Internal::new("estimating tokens", error))?, true)
            }
        };
        attempt.tokens_input = Some(tokens.input);
        attempt.tokens_output = Some(tokens.output);
        attempt.tokens_estimated = estimated;
        attempt.provider_cost_nanousd = self.work.candidate_of(attempt).price.text_cost(tokens).ok();
        Ok(())
    }

    /// A request that brought nothing: another try, a charge for what a withdrawn call used, or the end of the item.
    async fn failed(
        &mut self,
        at: usize,
        item: &Item,
        mut attempt: Attempt,
        failure: &ProviderFailure,
    ) -> Result<Step, Stop> {
        attempt.provider_ref = failure.provider_ref.clone().or(attempt.provider_ref);
        attempt.error_code = Some(failure.code.as_str().to_owned());
        attempt.error_class = Some(class_of(failure));
        attempt.error_detail = Some(failure.detail.clone());
        attempt.state = AttemptState::Received;
        self.tell(&attempt, failure).await;
        if let Some(usage) = failure.usage {
            self.count_tokens(item, &mut attempt, Some(usage), 0)?;
        }
        if failure.class == FailureClass::Cancelled {
            if failure.usage.is_some_and(|usage| usage.input + usage.output > 0) {
                return self.charge_withdrawn(at, item, attempt).await;
            }
            // What it may have cost us stays unknown; the customer pays nothing.
            attempt.state = AttemptState::Abandoned;
            let effects = self.received(&attempt);
            self.write(effects).await?;
            return Ok(Step::Withdrawn);
        }
        let follows = self.follow(item, &mut attempt, failure.retry_after);
        let Some(step) = follows else {
            return self.fail(at, item, failure.code.as_str(), Some(attempt)).await;
        };
        let effects = self.received(&attempt);
        self.write(effects).await?;
        Ok(if self.work.task.is_cancelling { Step::Withdrawn } else { step })
    }

    /// What a failure says to operators: the count, the gate, and the log where it is theirs to mend.
    async fn tell(&self, attempt: &Attempt, failure: &ProviderFailure) {
        self.note(attempt, sign_of(attempt.error_class)).await;
        if attempt.error_class != Some(FaultClass::OperatorFault) {
            return;
        }
        let model = self.work.candidate_of(attempt).model;
        tracing::error!(
            provider = model.provider,
            model = model.provider_model,
            code = failure.code.as_str(),
            detail = failure.detail,
            "a provider does not accept our account: see its settings"
        );
    }

    /// Whether `item` is the last one that has not ended.
    pub(super) fn is_last(&self, item: &Item) -> bool {
        self.work.items.iter().all(|other| other.id == item.id || other.state != ItemState::Pending)
    }

    pub(super) fn lease_guard(&self) -> Effect {
        lease_guard(&self.grip.lease)
    }
}
