//! Where an item goes next: the first model of its chain that may still be tried, whose provider is set up, whose gate
//! is not shut and whose limits are not reached; else how long to wait. And what each answer says about its model.

use std::time::Duration;

use uuid::Uuid;

use super::{Run, Step, Stop};
use crate::{
    ai::{
        model::{Attempt, FaultClass, Gate, GateState, Item, Passage, Settings, Sign, Tried, WaitRules, Wish, fits},
        provider::{FailureClass, ProviderFailure},
        setup::{SetUp, effective_settings},
        store::{self, Candidate, GateKey},
    },
    clock::Micros,
    error::{Error, Failure, Never},
};

/// A model to be called, and how.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// The model with its price.
    pub(super) candidate: Candidate,
    /// Where its provider is, and as whom it is called.
    pub(super) set_up: SetUp,
    /// Every setting of the call.
    pub(super) settings: Settings,
    /// Whether the item was sent to it before.
    pub(super) is_retry: bool,
}

impl Target {
    /// The gate before it.
    pub(super) fn gate(&self) -> GateKey {
        GateKey::of(&self.candidate.model, &self.set_up.credential_id)
    }
}

/// Where an item goes.
pub(super) enum Way {
    /// To this model, now.
    To(Box<Target>),
    /// Nowhere yet. `code` is what the item fails with when it has no patience left; without one it waits for limits of
    /// ours, which is nobody's failure.
    Later {
        /// Not before this much later.
        after: Duration,
        /// Why.
        code: Option<&'static str>,
    },
    /// Nowhere any more: the item fails with this code.
    Nowhere(String),
}

/// What may follow a failure.
pub(super) fn class_of(failure: &ProviderFailure) -> FaultClass {
    match failure.class {
        FailureClass::Transient => FaultClass::Retryable,
        FailureClass::Throttled => FaultClass::Throttled,
        FailureClass::Malformed => FaultClass::Malformed,
        FailureClass::Permanent => FaultClass::Final,
        FailureClass::OperatorFault => FaultClass::OperatorFault,
        FailureClass::Unknown => FaultClass::NextModel,
        FailureClass::Cancelled => FaultClass::Cancelled,
    }
}

/// What an answer says about its model: one that refuses or babbles is there all the same.
pub(super) fn sign_of(class: Option<FaultClass>) -> Sign {
    match class {
        None | Some(FaultClass::Final | FaultClass::Malformed) => Sign::Works,
        Some(FaultClass::Retryable | FaultClass::Throttled | FaultClass::NextModel | FaultClass::OperatorFault) => {
            Sign::Fails
        }
        Some(FaultClass::Unclear | FaultClass::Cancelled) => Sign::Nothing,
    }
}

fn length(from: Micros, until: Micros) -> Duration {
    Duration::from_micros(u64::try_from(until.saturating_sub(from)).unwrap_or(0))
}

impl Run<'_> {
    /// The models that may still be tried for `item`, as places in the chain, first the one that is next.
    pub(super) fn open_places(&self, item: &Item, chain: &[Candidate]) -> Vec<usize> {
        let models: Vec<Uuid> = chain.iter().map(|one| one.model.id).collect();
        let tried: Vec<Tried> =
            self.sent(item).map(|one| Tried { model: one.ai_model_id, class: one.error_class }).collect();
        self.ai.parts.config.tries.open(&models, &tried)
    }

    /// Requests that were sent for `item`, by this run and earlier ones.
    pub(super) fn sent<'w>(&'w self, item: &Item) -> impl Iterator<Item = &'w Attempt> + use<'w> {
        let id = item.id;
        self.work.attempts.iter().filter(move |attempt| attempt.item_id == id && attempt.sent_at.is_some())
    }

    /// Where `item` goes.
    pub(super) async fn way(&self, item: &Item) -> Result<Way, Stop> {
        let now = self.ai.parts.clock.now();
        if let Some(left) = self.wait_left(item, now) {
            return Ok(Way::Later { after: left, code: None });
        }
        let chain = self.work.chain();
        let wish = self.wish(item);
        let mut shut: Option<(Micros, bool)> = None;
        let mut lack = None;
        for candidate in self.open_places(item, &chain).into_iter().filter_map(|at| chain.get(at)) {
            let target = match self.target(item, candidate, &wish).await? {
                Ok(target) => target,
                Err(code) => {
                    lack = Some(code);
                    continue;
                }
            };
            let reader = self.ai.parts.db.reader();
            let gate = store::find_gate(reader, &target.gate()).await?.unwrap_or(Gate::NEW);
            if let Passage::Shut(until) = gate.passage(now) {
                let is_probed = gate.state == GateState::Probing;
                shut = Some(shut.map_or((until, is_probed), |earlier| earlier.min((until, is_probed))));
                continue;
            }
            // A limit of ours is no fault of the model's: whoever asked for it waits for it.
            if let Some(until) = self.limit(&target, now).await? {
                metrics::counter!("inkledger_ai_deferred_total", "reason" => "limit").increment(1);
                return Ok(Way::Later { after: self.spread(length(now, until)), code: None });
            }
            // Too many requests of late had to be repeated: another model may do it, else it waits as for a shut gate.
            if let Some(until) = self.budget(&target, now).await? {
                shut = Some(shut.map_or((until, false), |earlier| earlier.min((until, false))));
                continue;
            }
            return Ok(Way::To(Box::new(target)));
        }
        if let Some((until, is_probed)) = shut {
            metrics::counter!("inkledger_ai_deferred_total", "reason" => "breaker").increment(1);
            // A probe may answer long before its time is over.
            let look_again = self.ai.parts.config.look_again;
            let wait = if is_probed { length(now, until).min(look_again) } else { length(now, until) };
            return Ok(Way::Later { after: self.spread(wait), code: Some("SERVICE_UNAVAILABLE") });
        }
        let code = if self.sent(item).next().is_some() { None } else { lack };
        Ok(Way::Nowhere(code.map_or_else(|| self.last_code(item), str::to_owned)))
    }

    /// The model as it would be called now. Refuses, with a code: what cannot be called.
    async fn target(
        &self,
        item: &Item,
        candidate: &Candidate,
        wish: &Wish,
    ) -> Result<Result<Target, &'static str>, Error> {
        let model = &candidate.model;
        if let Err(refusal) = fits(model, wish) {
            tracing::warn!(ai_model.id = %model.id, refusal = %refusal, "a model of a quote can no longer do the work");
            return Ok(Err("MODEL_UNAVAILABLE"));
        }
        let set_up = match self.ai.set_up(model).await? {
            Ok(set_up) => set_up,
            Err(reason) => {
                tracing::error!(provider = model.provider, reason = %reason, "a provider cannot be called");
                return Ok(Err("PROVIDER_NOT_CONFIGURED"));
            }
        };
        let quality = (model.kind == crate::ai::model::ModelKind::Image).then_some(self.work.task.payload.quality);
        let settings = match effective_settings(&self.ai.parts.providers, &set_up, model, quality) {
            Ok(settings) => settings,
            Err(fault) => {
                tracing::error!(provider = model.provider, fault = %fault, "a stored setting cannot be sent");
                return Ok(Err("PROVIDER_NOT_CONFIGURED"));
            }
        };
        // What was lost with our own process was no failure of the provider's, and an answer that made no sense is owed to
        // what was asked: repeating either spends no retry, which all accounts share.
        let is_failure = |attempt: &Attempt| !attempt.is_lost() && attempt.error_class != Some(FaultClass::Malformed);
        let is_retry = self.sent(item).any(|attempt| attempt.ai_model_id == model.id && is_failure(attempt));
        Ok(Ok(Target { candidate: candidate.clone(), set_up, settings, is_retry }))
    }

    /// What the item asks of a model. A seed that was given bound the choice of the chain already.
    fn wish(&self, item: &Item) -> Wish {
        let payload = &self.work.task.payload;
        // What an image shows is but a hint to a model that enlarges it: left out where it is too long.
        let told = if payload.originals.is_empty() { payload.prompt_at(item.position) } else { "" };
        let wish = Wish::new(self.work.task.function, told, false);
        Wish { ratio: payload.ratio, quality: payload.quality, ..wish }
    }

    /// When the next request may leave by the limits of the model.
    async fn limit(&self, target: &Target, now: Micros) -> Result<Option<Micros>, Error> {
        let parts = &self.ai.parts;
        let reader = parts.db.reader();
        let look_again = i64::try_from(parts.config.look_again.as_micros()).unwrap_or(i64::MAX);
        let model = &target.candidate.model;
        Ok(store::find_model_wait(reader, model, Uuid::nil(), now, look_again).await?)
    }

    /// When a retry may leave by the budget of the credential.
    async fn budget(&self, target: &Target, now: Micros) -> Result<Option<Micros>, Error> {
        if !target.is_retry {
            return Ok(None);
        }
        let (parts, credential) = (&self.ai.parts, &target.set_up.credential_id);
        let (reader, least) = (parts.db.reader(), parts.config.retries_least);
        Ok(store::find_retry_wait(reader, credential, least, Uuid::nil(), now).await?)
    }

    /// What is left of a wait that was recorded with the item's last answer. The job's own wait is the same one unless
    /// its process died before the job was put back.
    fn wait_left(&self, item: &Item, now: Micros) -> Option<Duration> {
        if !self.was_reclaimed {
            return None;
        }
        let retry_at = self.sent(item).last()?.retry_at?;
        (retry_at > now).then(|| length(now, retry_at))
    }

    /// A wait that many share, spread a little.
    fn spread(&self, wait: Duration) -> Duration {
        wait.max(Duration::from_millis(1)) + self.ai.parts.config.look_again.mul_f64(self.share() / 4.0)
    }

    /// 1/256 … 1: never quite nothing.
    pub(super) fn share(&self) -> f64 {
        let [byte] = crate::ids::random::<1>(self.ai.parts.ids.as_ref());
        (f64::from(byte) + 1.0) / 256.0
    }

    /// Decides what follows a failure of `attempt`, whose class is set: `None` ends the item. Sets when it may be tried
    /// again, and leaves the model where waiting for it would take too long and another one is left.
    pub(super) fn follow(&mut self, item: &Item, attempt: &mut Attempt, asked: Option<Duration>) -> Option<Step> {
        let class = attempt.error_class?;
        self.change(attempt, |known| known.error_class = Some(class));
        let chain = self.work.chain();
        let open = self.open_places(item, &chain);
        let next = open.first().and_then(|at| chain.get(*at))?;
        if next.model.id != attempt.ai_model_id {
            return Some(Step::Next);
        }
        let now = self.ai.parts.clock.now();
        let config = &self.ai.parts.config;
        let tried = self.sent(item).filter(|one| one.ai_model_id == attempt.ai_model_id).count();
        let rules = WaitRules { base: config.retry_base, max: config.retry_max, asked_max: config.throttle_max };
        let Some(wait) = rules.after(class, tried, asked, self.share()) else { return Some(Step::Next) };
        let is_too_long = asked.is_some_and(|asked| asked > config.throttle_max) || !self.has_patience(item, now, wait);
        if is_too_long && open.len() > 1 {
            attempt.error_class = Some(FaultClass::NextModel);
            return Some(Step::Next);
        }
        if !self.has_patience(item, now, wait) {
            return None;
        }
        attempt.retry_at = Some(now.saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)));
        Some(Step::Later(wait))
    }

    /// Whether `item` may wait for `wait` more.
    pub(super) fn has_patience(&self, item: &Item, now: Micros, wait: Duration) -> bool {
        let begun = item.begun_at.unwrap_or(now);
        let all = wait.saturating_add(length(begun, now));
        all <= self.ai.parts.config.item_patience
    }

    /// Counts a request that ended, and tells the gate what its answer says about the model. Losing this costs one
    /// failure's count: never the answer.
    pub(super) async fn note(&self, attempt: &Attempt, sign: Sign) {
        let candidate = self.work.candidate_of(attempt);
        let outcome = attempt.error_code.clone().unwrap_or_else(|| "OK".to_owned());
        metrics::counter!("inkledger_ai_requests_total", "provider" => candidate.model.provider.clone(),
            "model" => candidate.model.provider_model.clone(), "outcome" => outcome)
        .increment(1);
        let Some(credential) = attempt.credential_id.as_deref() else { return };
        let key = GateKey::of(&candidate.model, credential);
        match self.note_at(&key, attempt.id, sign).await {
            Ok(None) => {}
            Ok(Some((before, after))) => {
                let state = after.state.as_str();
                metrics::counter!("inkledger_ai_breaker_changes_total", "provider" => key.provider.clone(),
                    "model" => key.model.clone(), "state" => state)
                .increment(1);
                let (provider, model) = (key.provider, key.model);
                if after.state == GateState::Closed {
                    tracing::info!(provider, model, "a model answers again: its breaker is closed");
                } else {
                    let seconds = after.open_for / crate::clock::SECOND;
                    let failures = after.failures_in_row;
                    let before = before.state.as_str();
                    tracing::warn!(provider, model, before, state, failures, seconds, "a model's breaker is open");
                }
            }
            Err(error) => tracing::warn!(error = ?error, "a gate could not be told about an answer"),
        }
    }

    async fn note_at(&self, key: &GateKey, attempt: Uuid, sign: Sign) -> Result<Option<(Gate, Gate)>, Error> {
        let parts = &self.ai.parts;
        if sign != Sign::Fails && store::find_gate(parts.db.reader(), key).await?.is_none_or(|gate| gate == Gate::NEW) {
            return Ok(None);
        }
        let context = (key.clone(), parts.clock.now(), parts.config.breaker);
        let written = parts
            .db
            .write(context, move |tx, (key, now, rules)| {
                Box::pin(async move {
                    let before = store::lock_or_insert_gate(tx, key, *now).await?;
                    let after = before.after(attempt, sign, *now, rules);
                    if after != before {
                        store::update_gate(tx, key, &after, *now).await?;
                    }
                    Ok::<_, Failure<Never>>((before, after))
                })
            })
            .await?;
        Ok((written.0.state != written.1.state).then_some(written))
    }
}
