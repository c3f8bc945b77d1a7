//! The work of all seven stages: which things a stage is about, and who carries its steps out.

use uuid::Uuid;

use super::{AiStages, LocalStages, Picked, Selection, StageWork, Step, Stepped, WorkFuture, store};
use crate::db::Db;

/// Among how many waiting things those of a fork are looked for.
const WAITING_MAX: i64 = 10_000;

/// The stages as they are.
pub struct Stages {
    db: Db,
    local: LocalStages,
    ai: AiStages,
}

impl Stages {
    /// Puts the parts together.
    pub fn new(db: Db, local: LocalStages, ai: AiStages) -> Self {
        Self { db, local, ai }
    }
}

impl StageWork for Stages {
    fn select<'a>(&'a self, selection: &'a Selection) -> WorkFuture<'a, Vec<Picked>> {
        Box::pin(async move {
            let most = if selection.within.is_some() { WAITING_MAX } else { i64::from(selection.cap) };
            let reader = self.db.reader();
            let found = store::waiting::list_waiting(reader, selection.site_id, selection.stage, most).await?;
            let is_meant = |id: &Uuid| selection.within.as_ref().is_none_or(|within| within.contains(id));
            let meant = found.into_iter().filter(|(id, _)| is_meant(id));
            Ok(meant.map(|(subject_id, group_id)| Picked { subject_id, group_id }).collect())
        })
    }

    fn step<'a>(&'a self, step: &'a Step) -> WorkFuture<'a, Stepped> {
        if step.stage.is_local() { Box::pin(self.local.carry_out(step)) } else { Box::pin(self.ai.carry_out(step)) }
    }

    fn give_up<'a>(&'a self, step: &'a Step) -> WorkFuture<'a, Stepped> {
        if step.stage.is_local() {
            Box::pin(std::future::ready(Ok(Stepped::PutBack)))
        } else {
            Box::pin(self.ai.give_up(step))
        }
    }
}
