//! Making content tasks and taking failed ones up again.

use async_graphql::{Context, ID, Object, Result};
use uuid::Uuid;

use super::{
    input::{
        CreateContentTaskInput, CreateContentTaskPayload, QueueIdeasInput, QueueIdeasPayload, RetryContentTaskInput,
        RetryContentTaskPayload,
    },
    types::ContentTask,
};
use crate::{
    content::{
        model::RetryError,
        task::{ContentTasks, CreateContentTaskError, QueueFault, QueueIdeasError},
    },
    error::{Error, Failure},
    graphql::{
        context::{request, service},
        error::{UserError, UserErrorCode, answer},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
    },
    idea::graphql::plan_error,
    keyword::graphql::{request_id, sector_in},
    site::graphql::{edited_site, editor_of},
};

fn create_error(refusal: &CreateContentTaskError) -> UserError {
    let (code, field) = match refusal {
        CreateContentTaskError::Plan(fault) => return plan_error(fault, "keywords"),
        CreateContentTaskError::PriorityInvalid(_) => (UserErrorCode::PriorityInvalid, "priority"),
        CreateContentTaskError::ClusterNotFound => (UserErrorCode::ClusterNotFound, "clusterId"),
    };
    UserError::new(code, refusal.to_string(), &["input", field])
}

fn retry_error(refusal: &RetryError) -> UserError {
    let code = match refusal {
        RetryError::Illegal(_) => UserErrorCode::IllegalTransition,
        RetryError::TriesExhausted { .. } => UserErrorCode::TriesExhausted,
    };
    UserError::new(code, refusal.to_string(), &["input", "contentTaskId"])
}

/// One for the command, or one for each idea at fault.
fn queue_errors(refusal: &QueueIdeasError) -> Vec<UserError> {
    let QueueIdeasError::Ideas(faults) = refusal else {
        return vec![UserError::new(UserErrorCode::CountOutOfRange, refusal.to_string(), &["input", "ideaIds"])];
    };
    let error = |(position, fault): &(usize, QueueFault)| {
        let code = match fault {
            QueueFault::NotFound => UserErrorCode::NotFound,
            QueueFault::IllegalTransition(_) => UserErrorCode::IllegalTransition,
        };
        let message = format!("Number {position} of the ideas: {fault} Nothing was queued.");
        UserError::new(code, message, &["input", "ideaIds", &position.saturating_sub(1).to_string()])
    };
    faults.iter().map(error).collect()
}

/// Mutations of content tasks.
#[derive(Default)]
pub struct ContentTaskMutation;

#[Object]
impl ContentTaskMutation {
    /// Makes a content task of each idea, with its title, outline, keywords, type and length.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn queue_ideas(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ideas.")] input: QueueIdeasInput,
    ) -> Result<Option<QueueIdeasPayload>> {
        let (site, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        let decode = |id: &ID| node::decode(NodeKind::Idea, id, &["input", "ideaIds"]);
        let ideas = input.idea_ids.iter().map(decode).collect::<Result<Vec<Uuid>, Error>>()?;
        let queued = service::<ContentTasks>(ctx)?.queue_ideas(right, site.id, ideas, request_id(ctx)?).await;
        let (tasks, user_errors) = match queued {
            Ok(tasks) => (Some(tasks.into_iter().map(ContentTask).collect()), Vec::new()),
            Err(Failure::Refused(refusal)) => (None, queue_errors(&refusal)),
            Err(Failure::Fault(error)) => return Err(error.into()),
        };
        Ok(Some(QueueIdeasPayload { content_tasks: tasks, user_errors }))
    }

    /// Makes a content task by hand.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn create_content_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new content task.")] input: CreateContentTaskInput,
    ) -> Result<Option<CreateContentTaskPayload>> {
        let (site, right) = edited_site(ctx, &input.site_id, &["input", "siteId"]).await?;
        let cluster = |id: &ID| node::decode(NodeKind::Cluster, id, &["input", "clusterId"]);
        let cluster = input.cluster_id.as_ref().map(cluster).transpose()?;
        let sector = match sector_in(ctx, site.id, input.sector_id.as_ref()).await? {
            Ok(sector) => sector,
            Err(error) => return Ok(Some(CreateContentTaskPayload { content_task: None, user_errors: vec![error] })),
        };
        let command = input.command(site.id, sector, cluster);
        let made = service::<ContentTasks>(ctx)?.create_content_task(right, command, request_id(ctx)?).await;
        let (task, user_errors) = answer(made, create_error)?;
        Ok(Some(CreateContentTaskPayload { content_task: task.map(ContentTask), user_errors }))
    }

    /// Takes a failed content task up again.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn retry_content_task(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which content task.")] input: RetryContentTaskInput,
    ) -> Result<Option<RetryContentTaskPayload>> {
        request(ctx)?.viewer.signed_in()?;
        let id = node::decode(NodeKind::ContentTask, &input.content_task_id, &["input", "contentTaskId"])?;
        let account = ContentTask::load(ctx, id).await?.ok_or(Error::NotFound)?.0.account_id;
        let right = editor_of(ctx, account).await?;
        let retried = service::<ContentTasks>(ctx)?.retry_content_task(right, id, request_id(ctx)?).await;
        let (task, user_errors) = answer(retried, retry_error)?;
        Ok(Some(RetryContentTaskPayload { content_task: task.map(ContentTask), user_errors }))
    }
}
