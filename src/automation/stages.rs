//! The work of all seven stages: which things a stage is about, and who carries its steps out.

use super::{
    AiStages, LocalStages, Picked, Selection, StageWork, Step, Stepped, WorkFuture,
    store::{self, waiting::Wanted},
};
use crate::db::Db;

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
            let Selection { site_id, stage, cap, within, is_redo, .. } = selection;
            let wanted = Wanted { stage: *stage, within: *within, is_redo: *is_redo };
            let found = store::waiting::list_waiting(self.db.reader(), *site_id, &wanted, i64::from(*cap)).await?;
            Ok(found.into_iter().map(|(subject_id, group_id)| Picked { subject_id, group_id }).collect())
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
