//! Commands that make things of the pipeline: what they share. Each mutation lies with the feature that owns the things.

use async_graphql::{Context, ID};

use super::{
    AiTask,
    access::spender,
    mutation::{model_of, split},
    refusal::{Given, accept_refusal},
};
use crate::{
    ai::{
        Ai,
        model::{AiFunction, MakeThings, Targets},
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
    /// The input's `accountId`.
    pub account_id: Option<&'a ID>,
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

/// Carries the command out; the caller's guard has let the viewer pass. Faults: `Unauthenticated`, `NotFound`,
/// `Forbidden` for a VIEWER, `BadUserInput` for an id of another kind.
pub async fn make_things(ctx: &Context<'_>, input: MakeInput<'_>) -> Result<(Option<AiTask>, Vec<UserError>), Error> {
    let spender = spender(ctx, input.account_id).await?;
    let (ids, kind) = input.ids;
    let path = ["input", input.field];
    let command = MakeThings {
        function: input.function,
        idempotency_key: input.idempotency_key.0.clone(),
        targets: Targets {
            ids: ids.iter().map(|id| node::decode(kind, id, &path)).collect::<Result<_, _>>()?,
            wanted: input.wanted.0,
            keywords: input.keywords,
        },
        ai_model_id: model_of(input.model_id)?,
    };
    let given = Given::things(input.field, input.wanted.1);
    split(service::<Ai>(ctx)?.make_things(spender, command).await, |refusal| accept_refusal(refusal, given))
}
