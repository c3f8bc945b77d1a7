//! What the sandbox does instead of succeeding, decided call by call, and its billing log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::noise::Noise;
use crate::ai::provider::{FailureCode, TokenUsage};

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// A text.
    Text,
    /// An image.
    Image,
}

/// A call as a rule sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxCall {
    /// The number of the call, from 1.
    pub no: u64,
    /// What it asks for.
    pub kind: CallKind,
    /// The model asked for.
    pub model: String,
    /// The caller's name for the attempt.
    pub request_key: String,
}

/// What the sandbox does with one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Answers at once.
    Ok,
    /// Answers at once with parts of the answer dictated.
    Answer(SandboxAnswer),
    /// Fails with this code, billing nothing.
    Fail {
        /// The code.
        code: FailureCode,
        /// The wait to ask for.
        retry_after: Option<Duration>,
    },
    /// Does the work, bills it, and fails all the same; a text's usage is reported.
    FailBilled(FailureCode),
    /// Waits, then answers; a call that is withdrawn meanwhile is not billed.
    Delay(Duration),
    /// Never answers.
    Hang {
        /// Whether the work is done and billed before the silence.
        billed: bool,
    },
    /// Bills, and answers with a file that is no image, or a text that is unfinished JSON.
    Corrupt,
    /// Panics inside the call's future.
    Panic,
}

impl Step {
    /// Fails with this code, billing nothing and asking for no wait.
    #[must_use]
    pub fn fail(code: FailureCode) -> Self {
        Self::Fail { code, retry_after: None }
    }
}

/// Parts of an answer that a test dictates; what is `None` is as without a script.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SandboxAnswer {
    /// The whole text, unlabelled.
    pub text: Option<String>,
    /// The tokens used and billed.
    pub usage: Option<TokenUsage>,
    /// Whether the tokens are billed but not reported.
    pub usage_hidden: bool,
    /// The cost reported for an image, in nano-dollars.
    pub cost_nanousd: Option<i64>,
}

/// How a call ended, as the provider's books have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillingOutcome {
    /// Began, and neither delivered nor failed: still running, dropped by its caller, or panicked.
    Open,
    /// The work was done and is charged, whether or not the answer arrived.
    Billed,
    /// Failed, or was withdrawn, without a charge.
    Unbilled(FailureCode),
}

/// One call in the billing log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillingLine {
    /// The number of the call, from 1.
    pub no: u64,
    /// The caller's name for the attempt.
    pub request_key: String,
    /// What was asked for.
    pub kind: CallKind,
    /// The model asked for.
    pub model: String,
    /// The prompt as it arrived.
    pub prompt: String,
    /// The instructions that came beside it.
    pub system: Option<String>,
    /// Tokens charged, zero for images.
    pub tokens: TokenUsage,
    /// Images charged.
    pub images: u32,
    /// How it ended.
    pub outcome: BillingOutcome,
}

/// A call as it arrives.
pub(super) struct Asked<'a> {
    pub(super) kind: CallKind,
    pub(super) model: &'a str,
    pub(super) request_key: &'a str,
    pub(super) prompt: &'a str,
    pub(super) system: Option<&'a str>,
}

type Rule = Box<dyn Fn(&SandboxCall) -> Option<Step> + Send + Sync>;

#[derive(Default)]
struct State {
    queue: VecDeque<Step>,
    rule: Option<Rule>,
    calls: u64,
    /// `None` while nobody reads the log: a server that runs for months must not collect it.
    lines: Option<Vec<BillingLine>>,
}

impl State {
    fn line(&mut self, no: u64) -> Option<&mut BillingLine> {
        let at = usize::try_from(no.checked_sub(1)?).ok()?;
        self.lines.as_mut()?.get_mut(at)
    }
}

/// Decides what each call meets, and keeps the billing log. A queued step is taken first, then the rule asked, then
/// the call succeeds. Clones share their state, so a test can change the script while the server runs. The default
/// script lets every call succeed and keeps no log.
#[derive(Clone, Default)]
pub struct SandboxScript(Arc<Mutex<State>>);

impl SandboxScript {
    /// A script that lets every call succeed and logs each.
    #[must_use]
    pub fn new() -> Self {
        let script = Self::default();
        script.lock().lines = Some(Vec::new());
        script
    }

    /// A script in which about `faults_per_mille` of 1,000 calls meet a fault. Which call meets which is a function of
    /// `seed` and the call's number. Hangs and panics are left to explicit scripts.
    #[must_use]
    pub fn seeded(seed: u64, faults_per_mille: u32) -> Self {
        let script = Self::new();
        script.rule(move |call| {
            let mut noise = Noise::numbered(seed, call.no);
            if noise.below(1_000) >= faults_per_mille {
                return None;
            }
            let codes = FailureCode::ALL;
            let steps = [
                Step::Corrupt,
                Step::Delay(Duration::from_millis(u64::from(noise.below(50)))),
                Step::FailBilled(FailureCode::NetworkError),
            ];
            let at = usize::try_from(noise.below(u32::try_from(codes.len() + steps.len()).unwrap_or(0))).unwrap_or(0);
            match codes.get(at) {
                // Only our side cancels.
                Some(FailureCode::Cancelled) | None => steps.into_iter().nth(at.saturating_sub(codes.len())),
                Some(code) => Some(Step::fail(*code)),
            }
        });
        script
    }

    /// Appends a step for the next call that finds the queue empty before it.
    pub fn push(&self, step: Step) {
        self.lock().queue.push_back(step);
    }

    /// Appends several steps in order.
    pub fn extend(&self, steps: impl IntoIterator<Item = Step>) {
        self.lock().queue.extend(steps);
    }

    /// Replaces the rule asked when the queue is empty; it answers `None` to let a call succeed. It must not call the
    /// script.
    pub fn rule(&self, rule: impl Fn(&SandboxCall) -> Option<Step> + Send + Sync + 'static) {
        self.lock().rule = Some(Box::new(rule));
    }

    /// Forgets queued steps and the rule; the billing log stays.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.queue.clear();
        state.rule = None;
    }

    /// A copy of the billing log, by call number.
    #[must_use]
    pub fn billing(&self) -> Vec<BillingLine> {
        self.lock().lines.clone().unwrap_or_default()
    }

    /// Opens a billing line and decides the call's step.
    pub(super) fn begin(&self, asked: Asked<'_>) -> (u64, Step) {
        let Asked { kind, model, request_key, prompt, system } = asked;
        let mut state = self.lock();
        state.calls += 1;
        let no = state.calls;
        let call = SandboxCall { no, kind, model: model.to_owned(), request_key: request_key.to_owned() };
        let queued = state.queue.pop_front();
        let step = queued.or_else(|| state.rule.as_ref().and_then(|rule| rule(&call))).unwrap_or(Step::Ok);
        if let Some(lines) = &mut state.lines {
            lines.push(BillingLine {
                no,
                request_key: call.request_key,
                kind,
                model: call.model,
                prompt: prompt.to_owned(),
                system: system.map(str::to_owned),
                tokens: TokenUsage::default(),
                images: 0,
                outcome: BillingOutcome::Open,
            });
        }
        (no, step)
    }

    /// Charges a call.
    pub(super) fn bill(&self, no: u64, tokens: TokenUsage, images: u32) {
        if let Some(line) = self.lock().line(no) {
            line.tokens = tokens;
            line.images = images;
            line.outcome = BillingOutcome::Billed;
        }
    }

    /// Ends a call; one already charged stays charged.
    pub(super) fn fail(&self, no: u64, code: FailureCode) {
        let mut state = self.lock();
        if let Some(line) = state.line(no).filter(|line| line.outcome == BillingOutcome::Open) {
            line.outcome = BillingOutcome::Unbilled(code);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under this lock can only be a rule's; the log is still true.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
