//! The sandbox behind a gate: a rule says what each call meets by what it asks, and some wait for the test.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use inkledger::ai::{
    model::{AiFunction, data_block::Asked},
    provider::{
        Call, FailureCode, ImageProvider, ImageRequest, ImageResult, ProviderFailure, ProviderFuture, TextDeltas,
        TextProvider, TextRequest, TextResult, TokenUsage, UpscaleRequest,
        sandbox::{Sandbox, SandboxAnswer, SandboxScript, Step},
    },
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::automation::stage::PATIENCE;

/// A call as it arrives.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its number among those of its function, from 1.
    pub no: usize,
    pub function: AiFunction,
    /// The data block; of an image the prompt.
    pub data: Value,
    pub request_key: String,
}

impl Request {
    /// The title of the article that it is to write.
    pub fn title(&self) -> &str {
        self.data["task"]["title"].as_str().unwrap_or_default()
    }
}

/// What a call meets.
pub enum Meets {
    Step(Step),
    /// It waits until the test lets it go on, and then meets the step.
    Gate(Step),
    /// It waits until it is withdrawn, and reports that it used so many tokens.
    Withdrawn(TokenUsage),
}

/// An answer that cost so many tokens.
pub fn tokens(input: i64, output: i64) -> Meets {
    answer(None, Some((input, output)))
}

/// An answer of this text, that cost so many tokens; the sandbox's own where they are not given.
pub fn answer(text: Option<String>, tokens: Option<(i64, i64)>) -> Meets {
    let usage = tokens.map(|(input, output)| TokenUsage { input, output });
    Meets::Step(Step::Answer(SandboxAnswer { text, usage, ..SandboxAnswer::default() }))
}

type Rule = Box<dyn Fn(&Request) -> Meets + Send + Sync>;

struct Inner {
    rule: Mutex<Rule>,
    calls: Mutex<Vec<Request>>,
    /// A permit for each call that waits.
    entered: Semaphore,
    /// A permit lets one go on.
    gate: Semaphore,
}

/// The provider. Clones share everything.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

impl Provider {
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            rule: Mutex::new(Box::new(|_| Meets::Step(Step::Ok))),
            calls: Mutex::default(),
            entered: Semaphore::new(0),
            gate: Semaphore::new(0),
        }))
    }

    /// Replaces the rule.
    pub fn rule(&self, rule: impl Fn(&Request) -> Meets + Send + Sync + 'static) {
        *self.0.rule.lock().unwrap() = Box::new(rule);
    }

    /// Returns once `count` more calls wait at the gate.
    pub async fn waits(&self, count: u32) {
        let entered = tokio::time::timeout(PATIENCE, self.0.entered.acquire_many(count));
        entered.await.expect("too few calls wait").unwrap().forget();
    }

    /// Lets `count` calls go on.
    pub fn lets(&self, count: usize) {
        self.0.gate.add_permits(count);
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<Request> {
        self.0.calls.lock().unwrap().clone()
    }

    /// How many calls of each function there were.
    pub fn counts(&self) -> HashMap<&'static str, usize> {
        let mut counts = HashMap::new();
        for request in self.0.calls.lock().unwrap().iter() {
            *counts.entry(request.function.as_str()).or_default() += 1;
        }
        counts
    }

    /// The sandbox for one call, when it may go on.
    async fn admit(&self, asked: Asked, request_key: &str, call: &Call) -> Result<Sandbox, ProviderFailure> {
        let meets = {
            let mut calls = self.0.calls.lock().unwrap();
            let no = 1 + calls.iter().filter(|one| one.function == asked.function).count();
            let Asked { function, data } = asked;
            let request = Request { no, function, data, request_key: request_key.to_owned() };
            let meets = self.0.rule.lock().unwrap()(&request);
            calls.push(request);
            meets
        };
        let step = match meets {
            Meets::Step(step) => step,
            Meets::Gate(step) => {
                self.0.entered.add_permits(1);
                tokio::select! {
                    permit = self.0.gate.acquire() => permit.unwrap().forget(),
                    () = call.cancel.cancelled() => {
                        return Err(ProviderFailure::new(FailureCode::Cancelled, "cancelled while it waited"));
                    }
                }
                step
            }
            Meets::Withdrawn(usage) => {
                self.0.entered.add_permits(1);
                call.cancel.cancelled().await;
                let failure = ProviderFailure::new(FailureCode::Cancelled, "cancelled while it worked");
                return Err(ProviderFailure { usage: Some(usage), ..failure });
            }
        };
        let script = SandboxScript::default();
        script.push(step);
        Ok(Sandbox::new(script))
    }
}

impl TextProvider for Provider {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn generate_text<'a>(
        &'a self,
        request: &'a TextRequest,
        call: &'a Call,
        deltas: Option<TextDeltas>,
    ) -> ProviderFuture<'a, TextResult> {
        Box::pin(async move {
            let asked = Asked::find(&request.prompt);
            let asked = asked.unwrap_or(Asked { function: AiFunction::GenerateText, data: json!(request.prompt) });
            self.admit(asked, &request.request_key, call).await?.generate_text(request, call, deltas).await
        })
    }
}

impl ImageProvider for Provider {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn generate_image<'a>(&'a self, request: &'a ImageRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        Box::pin(async move {
            let asked = Asked { function: AiFunction::GenerateImages, data: json!(request.prompt) };
            self.admit(asked, &request.request_key, call).await?.generate_image(request, call).await
        })
    }

    fn upscale_image<'a>(&'a self, request: &'a UpscaleRequest, call: &'a Call) -> ProviderFuture<'a, ImageResult> {
        Box::pin(async move {
            let asked = Asked { function: AiFunction::UpscaleImage, data: json!(request.prompt) };
            self.admit(asked, &request.request_key, call).await?.upscale_image(request, call).await
        })
    }
}
