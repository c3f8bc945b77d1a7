//! Items of the pipeline: what a result is made into, and what is asked for when it cannot be used.

use std::borrow::Cow;

use uuid::Uuid;

use super::{Run, Stop};
use crate::{
    ai::{
        maker::{Made, MakeError, Maker, Making, Output, Target, Unmade, Unmaking},
        model::{
            Attempt, FaultClass, Item,
            answer::{AnswerError, repair_prompt},
            is_sandbox,
        },
        provider::FailureCode,
    },
    audit::{Actor, Trace},
    db::effect::Effect,
    error::Failure,
};

impl Run<'_> {
    /// Who makes something of what the item brings; `None` where the result is the task's own.
    fn maker<'r>(&'r self, item: &'r Item) -> Option<(&'r dyn Maker, &'r Target)> {
        let task = &self.work.task;
        let target = task.target_of(item)?;
        Some((self.ai.parts.makers.of(task.function)?, target))
    }

    fn trace(&self) -> Trace {
        let at = self.ai.parts.clock.now();
        Trace { account_id: self.grip.account_id, actor: Actor::System, request_id: None, at }
    }

    /// What a result comes to; `None` where it is the task's own.
    pub(super) async fn make(
        &self,
        item: &Item,
        attempt: &Attempt,
        output: Output<'_>,
    ) -> Result<Result<Option<Made>, MakeError>, Stop> {
        let Some((maker, target)) = self.maker(item) else { return Ok(Ok(None)) };
        let trace = self.trace();
        let making = Making {
            ai_task_id: self.grip.task_id,
            is_manual: self.stage.is_none(),
            target,
            output,
            is_sandbox: is_sandbox(&self.work.candidate_of(attempt).model),
            trace: &trace,
        };
        match maker.make(making).await {
            Ok(made) => Ok(Ok(Some(made))),
            Err(Failure::Refused(error)) => Ok(Err(error)),
            Err(Failure::Fault(error)) => Err(Stop::Fault(error)),
        }
    }

    /// What the thing of an item becomes that delivers nothing.
    pub(super) async fn unmade(&self, item: &Item, how: Unmade<'_>) -> Result<Vec<Effect>, Stop> {
        let Some((maker, target)) = self.maker(item) else { return Ok(Vec::new()) };
        let trace = self.trace();
        Ok(maker.unmade(Unmaking { targets: &[target], how, is_manual: self.stage.is_none(), trace: &trace }).await?)
    }

    /// The faults that `attempt` is to mend, as lines: those of the last answer before it that could not be used. `None`
    /// where it is no repair.
    pub(super) fn repaired_faults(&self, item: &Item, attempt: Uuid) -> Option<String> {
        self.maker(item)?;
        let earlier = self.sent(item).take_while(|one| one.id != attempt);
        let last = earlier.filter(|one| one.error_class == Some(FaultClass::Malformed)).last()?;
        let code = last.error_code.as_deref().and_then(FailureCode::parse);
        Some(match (code, &last.error_detail) {
            (Some(FailureCode::OutputTruncated), _) => AnswerError::Cut.fault_lines(),
            (Some(FailureCode::EmptyOutput), _) => AnswerError::Empty.fault_lines(),
            (_, Some(lines)) if lines.starts_with("- ") => lines.clone(),
            _ => AnswerError::Unreadable(Vec::new()).fault_lines(),
        })
    }

    /// What `attempt` asks for `item`.
    pub(super) fn prompt_of(&self, item: &Item, attempt: Uuid) -> Cow<'_, str> {
        let prompt = self.work.task.payload.prompt_at(item.position);
        match self.repaired_faults(item, attempt) {
            Some(faults) => Cow::Owned(repair_prompt(prompt, &faults)),
            None => Cow::Borrowed(prompt),
        }
    }
}
