//! Finding ideas by a model.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use crate::{
    ai::{
        Spender,
        graphql::{AiTask, MakeInput, make_things},
        model::AiFunction,
    },
    graphql::{
        error::UserError,
        guard::{MutationPolicy, visible},
        node::NodeKind,
    },
    site::graphql::edited_site,
};

/// Which clusters ideas are found for.
#[derive(Debug, InputObject)]
pub struct GenerateIdeasInput {
    /// The site; the viewer must be an EDITOR or OWNER of its account.
    site_id: ID,
    /// 1–50 clusters of it with keywords, none of them `FINALIZED`; each is an item.
    cluster_ids: Vec<ID>,
    /// How many ideas for each, 1–10; 3 when omitted.
    ideas_per_cluster: Option<i32>,
    /// Which model; the default one when omitted.
    model_id: Option<ID>,
    /// Makes the request happen once: 8–128 visible ASCII characters. A repeat answers as the first did.
    idempotency_key: ID,
}

/// What `generateIdeas` did.
#[derive(SimpleObject)]
pub struct GenerateIdeasPayload {
    /// The task that finds them, its credits held; null when refused.
    task: Option<AiTask>,
    /// `COUNT_OUT_OF_RANGE`, `NOT_FOUND`, `NAMED_TWICE`, `WRONG_STATE`, `WANTED_OUT_OF_RANGE`, and the codes of
    /// `generateText`. Empty when it was accepted.
    user_errors: Vec<UserError>,
}

/// Commands that find ideas.
#[derive(Default)]
pub struct FindingMutation;

#[Object]
impl FindingMutation {
    /// Finds ideas for clusters: holds the most that all calls can cost, then charges the tokens they took.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn generate_ideas(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "For which clusters.")] input: GenerateIdeasInput,
    ) -> Result<Option<GenerateIdeasPayload>> {
        let (site, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        let command = MakeInput {
            function: AiFunction::GenerateIdeas,
            spender: Spender { account_id: right.account_id(), user_id: right.user_id() },
            site: site.id,
            ids: (&input.cluster_ids, NodeKind::Cluster),
            field: "clusterIds",
            wanted: (input.ideas_per_cluster, "ideasPerCluster"),
            keywords: None,
            model_id: input.model_id.as_ref(),
            idempotency_key: &input.idempotency_key,
        };
        let (task, user_errors) = make_things(ctx, command).await?;
        Ok(Some(GenerateIdeasPayload { task, user_errors }))
    }
}
