//! The stages without an AI model: ideas become content tasks, and content in review is approved and scheduled as its site
//! says.

use uuid::Uuid;

use super::{
    ItemEnd, Step, StepEnd, Stepped,
    model::{ItemState, RunItem, Stage},
    step_end_effects,
};
use crate::{
    clock::{Clock, Micros},
    content::{
        Contents,
        service::completion::Reviewed,
        task::{ContentTasks, QueueIdeasError},
    },
    db::Db,
    error::{Error, Failure, Internal},
    jobs::{Lost, write_in},
};

/// Carries out the stages that cost nothing.
pub struct LocalStages {
    db: Db,
    clock: std::sync::Arc<dyn Clock>,
    content_tasks: ContentTasks,
    contents: Contents,
}

impl LocalStages {
    /// Puts the parts together.
    pub fn new(db: Db, clock: std::sync::Arc<dyn Clock>, content_tasks: ContentTasks, contents: Contents) -> Self {
        Self { db, clock, content_tasks, contents }
    }

    async fn queue(&self, step: &Step) -> Result<(Vec<ItemEnd>, Vec<Uuid>), Error> {
        let ideas: Vec<Uuid> = step.items.iter().map(|item| item.subject_id).collect();
        match self.queue_all(step, ideas).await {
            Ok(made) => Ok((step.items.iter().map(|item| ended(item, ItemState::Succeeded, None)).collect(), made)),
            // One of them is not what it was when the stage began: each by itself.
            Err(Failure::Refused(_)) => {
                let (mut ends, mut products) = (Vec::new(), Vec::new());
                for item in &step.items {
                    match self.queue_all(step, vec![item.subject_id]).await {
                        Ok(made) => {
                            ends.push(ended(item, ItemState::Succeeded, None));
                            products.extend(made);
                        }
                        Err(Failure::Refused(_)) => ends.push(ended(item, ItemState::Skipped, Some("TARGET_GONE"))),
                        Err(Failure::Fault(error)) => return Err(error),
                    }
                }
                Ok((ends, products))
            }
            Err(Failure::Fault(error)) => Err(error),
        }
    }

    async fn queue_all(&self, step: &Step, ideas: Vec<Uuid>) -> Result<Vec<Uuid>, Failure<QueueIdeasError>> {
        let run = &step.run;
        let made = self.content_tasks.queue_ideas_of_run(run.account_id, run.site_id, ideas).await?;
        Ok(made.into_iter().map(|task| task.id).collect())
    }

    async fn review(&self, step: &Step) -> Result<(Vec<ItemEnd>, Vec<Uuid>), Error> {
        let (mut ends, mut products) = (Vec::new(), Vec::new());
        for item in &step.items {
            let state = match self.contents.review_stage(item.subject_id).await? {
                Reviewed::Approved(_) => {
                    products.push(item.subject_id);
                    ItemState::Succeeded
                }
                Reviewed::Left(_) | Reviewed::Passed => ItemState::Skipped,
            };
            ends.push(ended(item, state, None));
        }
        Ok((ends, products))
    }

    /// Carries a step out, again where it was begun before: what was done is found done.
    pub(super) async fn carry_out(&self, step: &Step) -> Result<Stepped, Error> {
        let (ends, products) = match step.stage {
            Stage::ContentTasks => self.queue(step).await?,
            Stage::Review => self.review(step).await?,
            _ => return Err(Internal::new("carrying out a stage", "it needs an AI model").into()),
        };
        write_end(&self.db, step, &StepEnd::free(step.stage, ends, products), self.clock.now()).await
    }
}

/// Writes the end of a step that moves no credits.
pub(super) async fn write_end(db: &Db, step: &Step, end: &StepEnd, now: Micros) -> Result<Stepped, Error> {
    let effects = step_end_effects(&step.grip, end, now);
    let written =
        db.write((effects, now), |tx, (effects, now)| Box::pin(async move { write_in(tx, effects, *now).await }));
    match written.await {
        Ok(()) => Ok(Stepped::Ended),
        Err(Failure::Refused(Lost)) => Ok(Stepped::Lost),
        Err(Failure::Fault(error)) => Err(error),
    }
}

/// How an item ends.
pub(super) fn ended(item: &RunItem, state: ItemState, code: Option<&str>) -> ItemEnd {
    ItemEnd { position: item.position, state, error_code: code.map(str::to_owned) }
}
