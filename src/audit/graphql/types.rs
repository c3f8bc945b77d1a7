//! What the API shows of the trail.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use uuid::Uuid;

use crate::{
    audit::{AuditFilter, Recorded},
    auth::graphql::{User, person},
    connection,
    error::Error,
    graphql::{
        node::{self, NodeKind},
        scalars::DateTime,
    },
};

/// Who acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum AuditActorKind {
    /// A person acting for themselves.
    User,
    /// A person acting by a right over others.
    Admin,
    /// The server, or its operator on the host.
    System,
}

/// The kind of global id that a thing of the trail has; `None` when it has none.
fn kind_of(target: &str) -> Option<NodeKind> {
    Some(match target {
        "user" => NodeKind::User,
        "account" => NodeKind::Account,
        "ai_model" => NodeKind::AiModel,
        "ai_task" => NodeKind::AiTask,
        "image" => NodeKind::Image,
        "system_prompt" => NodeKind::SystemPrompt,
        "prompt_split" => NodeKind::PromptSplit,
        "optimisation_run" => NodeKind::PromptOptimisation,
        "site" => NodeKind::Site,
        "sector" => NodeKind::Sector,
        "keyword" => NodeKind::Keyword,
        "cluster" => NodeKind::Cluster,
        "idea" => NodeKind::Idea,
        "content_task" => NodeKind::ContentTask,
        "content" => NodeKind::Content,
        "content_image" => NodeKind::ContentImage,
        "automation_run" => NodeKind::AutomationRun,
        _ => return None,
    })
}

fn shown(kind: Option<NodeKind>, id: Uuid) -> String {
    kind.map_or_else(|| id.to_string(), |kind| node::encode(kind, id).to_string())
}

/// An act: who did what, when, and what it changed.
#[derive(Clone)]
pub struct AuditEntry(pub(super) Recorded);

/// An act: who did what, when, and what it changed. It is never changed; only the words of people who were deleted go.
#[Object]
impl AuditEntry {
    /// What was done, `noun.verb`, such as `user.assign_role`.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// As what somebody acted.
    async fn actor_kind(&self) -> AuditActorKind {
        match self.0.actor_kind.as_str() {
            "user" => AuditActorKind::User,
            "admin" => AuditActorKind::Admin,
            _ => AuditActorKind::System,
        }
    }

    /// Who acted; null for the system and its operator, and for people who were deleted.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        Ok(person(ctx, self.0.actor_id).await?)
    }

    /// The global id of who acted, though they may be deleted; null for the system and its operator.
    async fn actor_reference(&self) -> Option<String> {
        self.0.actor_id.map(|id| shown(Some(NodeKind::User), id))
    }

    /// The kind of thing acted on, such as `user`.
    async fn target_kind(&self) -> &str {
        &self.0.target_kind
    }

    /// Which one: its global id where its kind has one, though it may be gone, else its UUID; null when there is one of its kind
    /// only, or `before` and `after` name it.
    async fn target_reference(&self) -> Option<String> {
        self.0.target_id.map(|id| shown(kind_of(&self.0.target_kind), id))
    }

    /// The global id of the account that it concerns; null when it concerns none.
    async fn account_reference(&self) -> Option<String> {
        self.0.account_id.map(|id| shown(Some(NodeKind::Account), id))
    }

    /// What it was before, in a word or as JSON, without secrets; null when there was nothing, or its person was deleted.
    async fn before(&self) -> Option<&str> {
        self.0.before.as_deref()
    }

    /// What it is now, in a word or as JSON, without secrets; null when there is nothing, or its person was deleted.
    async fn after(&self) -> Option<&str> {
        self.0.after.as_deref()
    }

    /// The request, as in logs and errors; null without one.
    async fn request(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// When.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }
}

connection!(AuditEntryConnection, AuditEntryEdge, AuditEntry, "acts", |entry: &AuditEntry| (entry.0.at, entry.0.id));

/// Which acts. Omitted fields do not filter.
#[derive(Debug, Default, InputObject)]
pub struct AuditLogFilter {
    /// Only those of this person, by global id, though they may be deleted.
    actor_id: Option<ID>,
    /// Only those whose name begins so, such as `user.`, 1–100 characters.
    action: Option<String>,
    /// Only those on this kind of thing, such as `user`.
    target_kind: Option<String>,
    /// Only those on this thing: its global id, or the UUID of a thing that has none.
    target_id: Option<ID>,
    /// Only what concerns this account, by global id.
    account_id: Option<ID>,
    /// Only what came at this moment or later.
    since: Option<DateTime>,
    /// Only what came before this moment.
    before: Option<DateTime>,
}

impl AuditLogFilter {
    /// Refuses: `BadUserInput` for ids of other kinds and texts out of range.
    pub(super) fn check(self) -> Result<AuditFilter, Error> {
        let id = |kind, id: Option<ID>, name: &str| id.map(|id| node::decode(kind, &id, &["filter", name])).transpose();
        let text = |text: Option<String>, name: &str| match text {
            Some(text) if text.is_empty() || text.chars().count() > 100 => {
                Err(Error::bad_input(format!("`{name}` has 1–100 characters."), &["filter", name]))
            }
            text => Ok(text),
        };
        let any = |id: ID| {
            let found = node::decode_any(&id).map(|(_, id)| id).or_else(|| Uuid::parse_str(&id).ok());
            found.ok_or_else(|| Error::bad_input("This is neither a global id nor a UUID.", &["filter", "targetId"]))
        };
        Ok(AuditFilter {
            actor_id: id(NodeKind::User, self.actor_id, "actorId")?,
            action: text(self.action, "action")?,
            target_kind: text(self.target_kind, "targetKind")?,
            target_id: self.target_id.map(any).transpose()?,
            account_id: id(NodeKind::Account, self.account_id, "accountId")?,
            since: self.since.map(|at| at.0),
            before: self.before.map(|at| at.0),
        })
    }
}
