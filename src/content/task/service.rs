//! Making content tasks, of ideas and by hand, and taking failed ones up again. The member's right was checked; the row is
//! decided here.

use std::{collections::HashMap, sync::Arc};

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{
    effects,
    model::{
        ContentTask, ContentTaskFilter, CreateContentTask, CreateContentTaskError, PRIORITY_MAX, QUEUE_MAX, QueueFault,
        QueueIdeasError,
    },
    store,
};
use crate::{
    audit::{Actor, Trace},
    auth::MemberRight,
    clock::Clock,
    content::model::{ContentTaskState, RetryError},
    db::{Db, effect::write_all},
    error::{Error, Failure, Internal},
    idea::{Idea, effects as idea, model::IdeaStep, service::lock_ideas_in},
    ids::Ids,
    keyword::service::lock_cluster_in,
    page::{Page, PageArgs},
    site::service::demand_editor,
};

/// Content tasks. Cloning is cheap.
#[derive(Clone)]
pub struct ContentTasks {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl ContentTasks {
    /// Puts the parts together.
    pub fn new(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { db, clock, ids }
    }

    /// A site's content tasks, newest first. The caller has authorised by holding the site.
    pub async fn list_tasks(
        &self,
        site: Uuid,
        filter: &ContentTaskFilter,
        args: &PageArgs<Uuid>,
    ) -> Result<Page<ContentTask>, Error> {
        Ok(store::list_tasks(self.db.reader(), site, filter, args).await?)
    }

    /// Content tasks by id; the caller compares the account.
    pub async fn load_tasks(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, ContentTask>, Error> {
        Ok(store::load_tasks(self.db.reader(), ids).await?)
    }

    /// The content tasks that were made of ideas, by idea; the caller holds the ideas.
    pub async fn load_tasks_of(&self, ideas: &[Uuid]) -> Result<HashMap<Uuid, ContentTask>, Error> {
        Ok(store::load_tasks_of(self.db.reader(), ideas).await?)
    }

    fn trace(&self, right: MemberRight, request_id: Option<String>) -> Trace {
        let actor = Actor::User(right.user_id());
        Trace { account_id: right.account_id(), actor, request_id, at: self.clock.now() }
    }

    /// Makes a content task of each of a site's ideas (1–50), all or none; answers them in the order of the ideas. An idea
    /// that has one already answers it, so that repeating does nothing more. Refuses: see [`QueueIdeasError`]; `Forbidden`
    /// when the member is no EDITOR.
    pub async fn queue_ideas(
        &self,
        right: MemberRight,
        site: Uuid,
        ideas: Vec<Uuid>,
        request_id: Option<String>,
    ) -> Result<Vec<ContentTask>, Failure<QueueIdeasError>> {
        demand_editor(right)?;
        self.queue(self.trace(right, request_id), site, ideas).await
    }

    /// The same for a run, without a member: the system acts, at this moment, on what belongs to `account`.
    pub async fn queue_ideas_of_run(
        &self,
        account: Uuid,
        site: Uuid,
        ideas: Vec<Uuid>,
    ) -> Result<Vec<ContentTask>, Failure<QueueIdeasError>> {
        let trace = Trace { account_id: account, actor: Actor::System, request_id: None, at: self.clock.now() };
        self.queue(trace, site, ideas).await
    }

    async fn queue(
        &self,
        trace: Trace,
        site: Uuid,
        ideas: Vec<Uuid>,
    ) -> Result<Vec<ContentTask>, Failure<QueueIdeasError>> {
        if !(1..=QUEUE_MAX).contains(&ideas.len()) {
            return Err(Failure::Refused(QueueIdeasError::CountOutOfRange));
        }
        let context = (trace, ideas, self.ids.clone());
        let written = self.db.write(context, move |tx, (trace, ideas, ids)| {
            Box::pin(async move {
                let found = lock_ideas_in(tx, trace.account_id, ideas).await?;
                let found: HashMap<Uuid, Idea> =
                    found.into_iter().filter(|idea| idea.site_id == site).map(|idea| (idea.id, idea)).collect();
                let mut tasks = store::load_tasks_of(tx, ideas).await?;
                let mut faults = Vec::new();
                for (at, id) in ideas.iter().enumerate() {
                    let fault = match found.get(id) {
                        None => Some(QueueFault::NotFound),
                        Some(_) if tasks.contains_key(id) => None,
                        Some(idea) => IdeaStep::Queue.check(idea.state).err().map(QueueFault::from),
                    };
                    faults.extend(fault.map(|fault| (at + 1, fault)));
                }
                if !faults.is_empty() {
                    return Err(Failure::Refused(QueueIdeasError::Ideas(faults)));
                }
                let mut answered = Vec::with_capacity(ideas.len());
                for id in ideas {
                    let task = match (tasks.get(id), found.get(id)) {
                        (None, Some(idea)) => make_of(tx, idea, ids.as_ref(), trace).await?,
                        (Some(task), _) => task.clone(),
                        // Refused above.
                        (None, None) => continue,
                    };
                    tasks.insert(*id, task.clone());
                    answered.push(task);
                }
                Ok(answered)
            })
        });
        written.await
    }

    /// Makes a content task by hand. The caller has seen that the sector, if one is named, is of the site. Refuses: see
    /// [`CreateContentTaskError`]; `Forbidden` when the member is no EDITOR.
    pub async fn create_content_task(
        &self,
        right: MemberRight,
        input: CreateContentTask,
        request_id: Option<String>,
    ) -> Result<ContentTask, Failure<CreateContentTaskError>> {
        let account = demand_editor(right)?;
        if !(-PRIORITY_MAX..=PRIORITY_MAX).contains(&input.priority) {
            return Err(Failure::Refused(CreateContentTaskError::PriorityInvalid(input.priority)));
        }
        let plan = input.plan.checked().map_err(|fault| Failure::Refused(fault.into()))?;
        let trace = self.trace(right, request_id);
        let task = ContentTask {
            id: self.ids.uuid(),
            account_id: account,
            site_id: input.site_id,
            sector_id: input.sector_id,
            idea_id: None,
            cluster_id: input.cluster_id,
            plan,
            priority: input.priority,
            tries: 0,
            state: ContentTaskState::Queued,
            created_at: trace.at,
            updated_at: trace.at,
        };
        let context = (task, trace, self.ids.clone());
        let written = self.db.write(context, |tx, (task, trace, ids)| {
            Box::pin(async move {
                let mut task = task.clone();
                if let Some(id) = task.cluster_id {
                    let missing = || Failure::Refused(CreateContentTaskError::ClusterNotFound);
                    let cluster = lock_cluster_in(tx, task.account_id, id).await?.ok_or_else(missing)?;
                    task.sector_id = task.sector_id.or(cluster.sector_id);
                    if (cluster.site_id, cluster.sector_id) != (task.site_id, task.sector_id) {
                        return Err(missing());
                    }
                }
                write_all(tx, &effects::insert(&task, ids.as_ref(), trace), trace.at).await.map_err(Internal::from)?;
                Ok(task)
            })
        });
        written.await
    }

    /// Takes a failed content task up again, at most three times. Refuses: see [`RetryError`]; `NotFound` as a fault;
    /// `Forbidden` when the member is no EDITOR.
    pub async fn retry_content_task(
        &self,
        right: MemberRight,
        task: Uuid,
        request_id: Option<String>,
    ) -> Result<ContentTask, Failure<RetryError>> {
        let account = demand_editor(right)?;
        let context = (self.trace(right, request_id), self.ids.clone());
        let written = self.db.write(context, move |tx, (trace, ids)| {
            Box::pin(async move {
                let found = store::lock_task(tx, account, task).await?.ok_or(Failure::Fault(Error::NotFound))?;
                let state = found.state.retried(found.tries).map_err(Failure::Refused)?;
                write_all(tx, &effects::retry(task, ids.as_ref(), trace), trace.at).await.map_err(Internal::from)?;
                Ok(ContentTask { state, updated_at: trace.at, ..found })
            })
        });
        written.await
    }
}

/// The content task of a NEW idea that the caller has locked.
async fn make_of<R>(
    tx: &DatabaseTransaction,
    of: &Idea,
    ids: &dyn Ids,
    trace: &Trace,
) -> Result<ContentTask, Failure<R>> {
    let task = ContentTask {
        id: ids.uuid(),
        account_id: of.account_id,
        site_id: of.site_id,
        sector_id: of.sector_id,
        idea_id: Some(of.id),
        cluster_id: Some(of.cluster_id),
        plan: of.plan.clone(),
        priority: 0,
        tries: 0,
        state: ContentTaskState::Queued,
        created_at: trace.at,
        updated_at: trace.at,
    };
    let mut all = effects::insert(&task, ids, trace);
    all.extend(idea::change(of.id, IdeaStep::Queue, ids.uuid(), trace));
    write_all(tx, &all, trace.at).await.map_err(Internal::from)?;
    Ok(task)
}
