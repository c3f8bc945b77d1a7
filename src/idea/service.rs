//! Reading and changing ideas. The member's right was checked; the row is decided here.

use std::{collections::HashMap, sync::Arc};

use sea_orm::{DatabaseTransaction, DbErr};
use uuid::Uuid;

use super::{
    model::{ChangeIdeaError, Idea, IdeaFilter, IdeaState, IdeaStep, UpdateIdea},
    store,
};
use crate::{
    audit::{Actor, Trace, store::insert_entry},
    auth::MemberRight,
    clock::Clock,
    db::{Db, constraint::violated, effect::write_all},
    error::{Error, Failure, Internal},
    ids::Ids,
    page::{Page, PageArgs},
    site::service::demand_editor,
};

const TITLE_KEY: &str = "idea_cluster_id_title_key_key";

/// Ideas. Cloning is cheap.
#[derive(Clone)]
pub struct Ideas {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

fn title_taken(error: DbErr, title: &str) -> Failure<ChangeIdeaError> {
    match violated(&error).as_deref() {
        Some(TITLE_KEY) => Failure::Refused(ChangeIdeaError::TitleTaken(title.to_owned())),
        _ => error.into(),
    }
}

/// Locks those of `ids` that are ideas of the account, in order of their ids, until the transaction ends.
pub async fn lock_ideas_in(tx: &DatabaseTransaction, account: Uuid, ids: &[Uuid]) -> Result<Vec<Idea>, Error> {
    Ok(store::lock_ideas(tx, account, ids).await?)
}

impl Ideas {
    /// Puts the parts together.
    pub fn new(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { db, clock, ids }
    }

    /// A site's ideas, newest first. The caller has authorised by holding the site.
    pub async fn list_ideas(
        &self,
        site: Uuid,
        filter: &IdeaFilter,
        args: &PageArgs<Uuid>,
    ) -> Result<Page<Idea>, Error> {
        Ok(store::list_ideas(self.db.reader(), site, filter, args).await?)
    }

    /// Ideas by id; the caller compares the account.
    pub async fn load_ideas(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Idea>, Error> {
        Ok(store::load_ideas(self.db.reader(), ids).await?)
    }

    fn trace(&self, right: MemberRight, request_id: Option<String>) -> Trace {
        let actor = Actor::User(right.user_id());
        Trace { account_id: right.account_id(), actor, request_id, at: self.clock.now() }
    }

    /// Changes an idea while it is NEW. An edit that changes nothing writes nothing. Refuses: `Plan`, `TitleTaken`,
    /// `IllegalState`; `NotFound` as a fault; `Forbidden` when the member is no EDITOR.
    pub async fn update_idea(
        &self,
        right: MemberRight,
        idea: Uuid,
        edit: UpdateIdea,
        request_id: Option<String>,
    ) -> Result<Idea, Failure<ChangeIdeaError>> {
        let account = demand_editor(right)?;
        let context = (edit, self.ids.uuid(), self.trace(right, request_id));
        let written = self.db.write(context, move |tx, (edit, entry, trace)| {
            Box::pin(async move {
                let before = lock_idea(tx, account, idea).await?;
                if before.state != IdeaState::New {
                    return Err(Failure::Refused(ChangeIdeaError::IllegalState { state: before.state.as_str() }));
                }
                let plan = edit.apply(&before.plan).map_err(|fault| Failure::Refused(fault.into()))?;
                if plan == before.plan {
                    return Ok(before);
                }
                let after = Idea { plan, updated_at: trace.at, ..before.clone() };
                let updated = store::update_plan(tx, &after, trace.at).await;
                updated.map_err(|error| title_taken(error, &after.plan.title))?;
                let notes = [&before, &after].map(|idea| Some(idea.plan.title.clone()));
                let entry = trace.entry(*entry, "idea.update", ("idea", idea), notes);
                insert_entry(tx, &entry).await.map_err(Internal::from)?;
                Ok(after)
            })
        });
        written.await
    }

    /// Turns a NEW idea down. Repeating is a no-op. Refuses: `IllegalTransition`; `NotFound` as a fault; `Forbidden` when
    /// the member is no EDITOR.
    pub async fn reject_idea(
        &self,
        right: MemberRight,
        idea: Uuid,
        request_id: Option<String>,
    ) -> Result<Idea, Failure<ChangeIdeaError>> {
        let account = demand_editor(right)?;
        let context = (self.ids.uuid(), self.trace(right, request_id));
        let written = self.db.write(context, move |tx, (entry, trace)| {
            Box::pin(async move {
                let found = lock_idea(tx, account, idea).await?;
                if found.state == IdeaState::Rejected {
                    return Ok(found);
                }
                let step = IdeaStep::Reject;
                let illegal = |illegal| Failure::Refused(ChangeIdeaError::IllegalTransition(illegal));
                step.check(found.state).map_err(illegal)?;
                let effects = store::effect::change(idea, step, *entry, trace);
                write_all(tx, &effects, trace.at).await.map_err(Internal::from)?;
                Ok(Idea { state: step.ends().1, updated_at: trace.at, ..found })
            })
        });
        written.await
    }
}

async fn lock_idea(tx: &DatabaseTransaction, account: Uuid, idea: Uuid) -> Result<Idea, Failure<ChangeIdeaError>> {
    let found = store::lock_ideas(tx, account, &[idea]).await?.pop();
    found.ok_or(Failure::Fault(Error::NotFound))
}
