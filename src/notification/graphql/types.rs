//! `Notification`, its query and its mutation.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use uuid::Uuid;

use crate::{
    ai::graphql::AiTask,
    auth::{Auth, model::MemberRole},
    connection,
    error::Error,
    graphql::{
        context::{service, viewer},
        error::UserError,
        guard::{MutationPolicy, QueryPolicy, visible},
        node::{self, NodeKind},
        page::ConnectionArgs,
        scalars::{DateTime, SafeInt},
    },
    notification::{self, service::Notifications},
    page::PageArgs,
};

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::notification::Severity")]
pub enum NotificationSeverity {
    /// For the record.
    Info,
    /// It went well.
    Success,
    /// It went well in part.
    Warning,
    /// It failed.
    Error,
}

/// A message to an account's members about an outcome.
#[derive(Debug, Clone)]
pub struct Notification(pub notification::Notification);

impl Notification {
    /// The message, if the viewer is a member of its account. Refuses: `Unauthenticated`, `NotFound`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        let who = viewer(ctx)?.signed_in()?.who();
        let found = service::<Notifications>(ctx)?.load(who.user_id, &[id]).await?.remove(&id);
        let Some(found) = found else { return Ok(None) };
        service::<Auth>(ctx)?.require_member(viewer(ctx)?, found.account_id, MemberRole::Viewer).await?;
        Ok(Some(Self(found)))
    }
}

/// A message to an account's members about an outcome.
#[Object]
impl Notification {
    /// The global id.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::Notification, self.0.id)
    }

    /// What it is about, such as `ai_image_success`.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// How much it matters.
    async fn severity(&self) -> NotificationSeverity {
        self.0.severity.into()
    }

    /// A heading.
    async fn title(&self) -> &str {
        &self.0.title
    }

    /// The message in English.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// The AI task it is about; null when it is about something else.
    async fn task(&self, ctx: &Context<'_>) -> Result<Option<AiTask>> {
        if self.0.subject_kind == "ai_task" { Ok(AiTask::find(ctx, self.0.subject_id).await?) } else { Ok(None) }
    }

    /// Whether the viewer has read it.
    async fn is_read(&self) -> bool {
        self.0.read_at.is_some()
    }

    /// When it was written.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

connection!(NotificationConnection, NotificationEdge, Notification, "notifications", |message: &Notification| {
    message.0.id
});

/// Which messages are read now: exactly those named.
#[derive(Debug, InputObject)]
pub struct MarkNotificationsReadInput {
    /// Whose messages; the viewer's personal account when omitted.
    account_id: Option<ID>,
    /// The messages, 1–100.
    ids: Vec<ID>,
}

/// What marking did.
#[derive(SimpleObject)]
pub struct MarkNotificationsReadPayload {
    /// The messages that are the account's, in the order asked for.
    notifications: Option<Vec<Notification>>,
    /// Messages that are still unread.
    unread_count: Option<SafeInt>,
    /// Always empty.
    user_errors: Vec<UserError>,
}

/// The account, and who reads there as a member.
async fn member(ctx: &Context<'_>, id: Option<&ID>, path: &[&str]) -> Result<(Uuid, Uuid), Error> {
    let auth = service::<Auth>(ctx)?;
    let account = match id {
        Some(id) => node::decode(NodeKind::Account, id, path)?,
        None => {
            let who = viewer(ctx)?.signed_in()?.who();
            auth.personal_account_of(who.user_id).await?.ok_or(Error::NotFound)?.id
        }
    };
    let right = auth.require_member(viewer(ctx)?, account, MemberRole::Viewer).await?;
    Ok((right.account_id(), right.user_id()))
}

/// Queries about notifications.
#[derive(Default)]
pub struct NotificationQuery;

#[Object]
impl NotificationQuery {
    /// An account's messages, newest first, for its members.
    #[expect(clippy::too_many_arguments, reason = "the four page arguments are the field's own")]
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose; the viewer's personal account when omitted.")] account_id: Option<ID>,
        #[graphql(desc = "Only those the viewer has not read.", default = false)] unread_only: bool,
        #[graphql(desc = "How many from the start, 1–100; 20 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
    ) -> Result<Option<NotificationConnection>> {
        let args: PageArgs<Uuid> = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let (account, user) = member(ctx, account_id.as_ref(), &["accountId"]).await?;
        let page = service::<Notifications>(ctx)?.list(account, user, unread_only, &args).await?;
        Ok(Some(page.map(Notification).into()))
    }
}

/// Mutations of notifications.
#[derive(Default)]
pub struct NotificationMutation;

#[Object]
impl NotificationMutation {
    /// Marks messages as read for the viewer alone. Repeating is harmless.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn mark_notifications_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which messages.")] input: MarkNotificationsReadInput,
    ) -> Result<Option<MarkNotificationsReadPayload>> {
        let (account, user) = member(ctx, input.account_id.as_ref(), &["input", "accountId"]).await?;
        let mut ids = Vec::with_capacity(input.ids.len());
        for id in &input.ids {
            ids.push(node::decode(NodeKind::Notification, id, &["input", "ids"])?);
        }
        let service = service::<Notifications>(ctx)?;
        let marked = service.mark_read(account, user, ids).await?;
        let unread = service.unread_count(account, user).await?;
        Ok(Some(MarkNotificationsReadPayload {
            notifications: Some(marked.into_iter().map(Notification).collect()),
            unread_count: Some(SafeInt(unread)),
            user_errors: Vec::new(),
        }))
    }
}
