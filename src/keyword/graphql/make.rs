//! Clustering keywords: by a model, or by their words alone.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};

use super::{Cluster, request_id};
use crate::{
    ai::{
        Spender,
        graphql::{AiTask, MakeInput, decode_all, make_things, target_error},
        model::AiFunction,
    },
    error::Failure,
    graphql::{
        context::service,
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
        node::NodeKind,
    },
    keyword::{Keywords, service::ClusterLexicallyError},
    site::graphql::edited_site,
};

const FIELD: &str = "keywordIds";

/// How keywords are clustered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ClusteringMethod {
    /// By a model, for credits.
    Ai,
    /// By the words they share: at once, without a model, for nothing.
    Lexical,
}

/// Which keywords are clustered, and how.
#[derive(Debug, InputObject)]
pub struct ClusterKeywordsInput {
    /// The site; the viewer must be an EDITOR or OWNER of its account.
    site_id: ID,
    /// 2–500 keywords of one sector of it, or of none; each `NEW` or `ORPHANED`.
    keyword_ids: Vec<ID>,
    /// How.
    #[graphql(default_with = "ClusteringMethod::Ai")]
    method: ClusteringMethod,
    /// Which model; the default one when omitted.
    model_id: Option<ID>,
    /// Makes the request happen once: 8–128 visible ASCII characters. A repeat answers as the first did. Clustering by
    /// words needs none.
    idempotency_key: Option<ID>,
}

/// What `clusterKeywords` did.
#[derive(SimpleObject)]
pub struct ClusterKeywordsPayload {
    /// The task that clusters them, its credits held; null when refused, and for `LEXICAL`.
    task: Option<AiTask>,
    /// The clusters that keywords were put into, new ones too; null when refused, and for `AI`, whose task has them.
    clusters: Option<Vec<Cluster>>,
    /// `TOO_FEW_KEYWORDS`, `COUNT_OUT_OF_RANGE`, `NOT_FOUND`, `NAMED_TWICE`, `WRONG_STATE`, `MIXED_SECTORS`,
    /// `NOTHING_ALIKE`, and the codes of `generateText`. Empty when it was accepted.
    user_errors: Vec<UserError>,
}

/// Commands that cluster keywords.
#[derive(Default)]
pub struct ClusteringMutation;

#[Object]
impl ClusteringMutation {
    /// Groups keywords into clusters, at most 40 a call: holds the most that all calls can cost, then charges the tokens
    /// they took. Keywords that fit no cluster stay as they are.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn cluster_keywords(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which keywords, and how.")] input: ClusterKeywordsInput,
    ) -> Result<Option<ClusterKeywordsPayload>> {
        let (site, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        if input.method == ClusteringMethod::Lexical {
            let ids = decode_all(NodeKind::Keyword, &input.keyword_ids, FIELD)?;
            let done = service::<Keywords>(ctx)?.cluster_lexically(right, site.id, ids, request_id(ctx)?).await;
            let (clusters, user_errors) = match done {
                Ok(done) => (Some(done.clusters.into_iter().map(Cluster).collect()), Vec::new()),
                Err(Failure::Refused(refusal)) => (None, vec![lexical_error(&refusal)]),
                Err(Failure::Fault(error)) => return Err(error.into()),
            };
            return Ok(Some(ClusterKeywordsPayload { task: None, clusters, user_errors }));
        }
        let Some(idempotency_key) = &input.idempotency_key else {
            let message = "Clustering by a model spends credits: give `idempotencyKey`, so that it happens once.";
            return Err(crate::error::Error::bad_input(message, &["input", "idempotencyKey"]).into());
        };
        let command = MakeInput {
            function: AiFunction::ClusterKeywords,
            spender: Spender { account_id: right.account_id(), user_id: right.user_id() },
            site: site.id,
            ids: (&input.keyword_ids, NodeKind::Keyword),
            field: FIELD,
            wanted: (None, FIELD),
            keywords: None,
            model_id: input.model_id.as_ref(),
            idempotency_key,
        };
        let (task, user_errors) = make_things(ctx, command).await?;
        Ok(Some(ClusterKeywordsPayload { task, clusters: None, user_errors }))
    }
}

fn lexical_error(refusal: &ClusterLexicallyError) -> UserError {
    match refusal {
        ClusterLexicallyError::Targets(refusal) => target_error(refusal, FIELD),
        ClusterLexicallyError::NothingAlike => {
            UserError::new(UserErrorCode::NothingAlike, refusal.to_string(), &["input", FIELD])
        }
    }
}
