//! Commands that make things of the pipeline: what they share. Each mutation lies with the feature that owns the things.

use async_graphql::{Context, ID};
use uuid::Uuid;

use super::{
    AiTask,
    mutation::{model_of, split},
    refusal::{Given, accept_refusal},
};
use crate::{
    ai::{
        Ai, Spender,
        model::{AiFunction, AspectRatio, MakeThings, Quality, TargetRefusal, Targets},
    },
    error::Error,
    graphql::{
        context::service,
        error::UserError,
        node::{self, NodeKind},
    },
};

/// A command as its mutation's input has it.
pub struct MakeInput<'a> {
    /// What to do.
    pub function: AiFunction,
    /// Who spends; the caller has checked that they may.
    pub spender: Spender,
    /// The site whose things they are.
    pub site: Uuid,
    /// The things by their ids, and which kind they must be.
    pub ids: (&'a [ID], NodeKind),
    /// The name of the input's field with the ids.
    pub field: &'static str,
    /// How many of each, and the name of the input's field that says so.
    pub wanted: (Option<i32>, &'static str),
    /// The keywords aimed at.
    pub keywords: Option<Vec<String>>,
    /// The input's `modelId`.
    pub model_id: Option<&'a ID>,
    /// The input's `idempotencyKey`.
    pub idempotency_key: &'a ID,
}

/// Carries the command out. Faults: `BadUserInput` for an id of another kind, `IdempotencyKeyReused`.
pub async fn make_things(ctx: &Context<'_>, input: MakeInput<'_>) -> Result<(Option<AiTask>, Vec<UserError>), Error> {
    let (ids, kind) = input.ids;
    let command = MakeThings {
        function: input.function,
        idempotency_key: input.idempotency_key.0.clone(),
        targets: Targets {
            site: Some(input.site),
            ids: decode_all(kind, ids, input.field)?,
            wanted: input.wanted.0,
            keywords: input.keywords,
            redo: false,
        },
        ratio: AspectRatio::default(),
        quality: Quality::default(),
        ai_model_id: model_of(input.model_id)?,
    };
    let given = Given::things(input.field, input.wanted.1);
    split(service::<Ai>(ctx)?.make_things(input.spender, command).await, |refusal| accept_refusal(refusal, given))
}

/// The ids of an input's `field`. Refuses: `BadUserInput`.
pub fn decode_all(kind: NodeKind, ids: &[ID], field: &str) -> Result<Vec<Uuid>, Error> {
    ids.iter().map(|id| node::decode(kind, id, &["input", field])).collect()
}

/// Why a thing cannot be worked on, as an error of the input's `field`.
pub fn target_error(refusal: &TargetRefusal, field: &'static str) -> UserError {
    super::refusal::target_refusal(refusal, Given::things(field, "wanted"))
}
