//! Two versions side by side: start, end, and the automatic return.

use std::collections::HashMap;

use sea_orm::DbErr;
use uuid::Uuid;

use super::{Prompts, demand_manage, demand_view};
use crate::{
    db::constraint::violated,
    error::{Error, Failure, Internal, Never},
    prompt::{
        model::{
            prompt::ActivationCause,
            split::{EndReason, Split, SplitError, StartPromptSplit, Usage},
        },
        store::{self, usage::Uses},
    },
    viewer::{Feature, FeatureRight, Level, Viewer},
};

/// The index that lets one split of a prompt run at a time.
const RUNNING: &str = "prompt_split_system_prompt_id_key";

fn is_running_taken(error: &Error) -> bool {
    matches!(error, Error::Internal(internal)
        if internal.source.downcast_ref::<DbErr>().and_then(violated).is_some_and(|name| name == RUNNING))
}

impl Prompts {
    /// A split by id. Refuses: `Forbidden`.
    pub async fn split(&self, right: FeatureRight, id: Uuid) -> Result<Option<Split>, Error> {
        demand_view(right)?;
        Ok(store::split::find_split(self.parts().db.reader(), id).await?)
    }

    /// What a split gave out came to, by version: its own two, and nothing from before it. The caller holds the split.
    pub async fn split_usage(&self, split: Uuid) -> Result<HashMap<Uuid, Usage>, Error> {
        Ok(store::usage::load_usage(self.parts().db.reader(), Uses::Split(split)).await?)
    }

    /// Starts a split: from now on a share of the accounts gets the new version. Refuses: `NotFound`, `VersionConflict`,
    /// `Disabled`, `SameVersion`, `Running`, `OutOfRange`.
    pub async fn start_prompt_split(
        &self,
        right: FeatureRight,
        command: StartPromptSplit,
        request_id: Option<String>,
    ) -> Result<Split, Failure<SplitError>> {
        demand_manage(right)?;
        command.check().map_err(Failure::Refused)?;
        let started = self
            .parts()
            .db
            .write((self.act(right, request_id), command), |tx, (act, command)| {
                Box::pin(async move {
                    let not_found = || Failure::Refused(SplitError::NotFound);
                    let prompt = store::prompt::lock_prompt(tx, command.prompt_id).await?.ok_or_else(not_found)?;
                    let versions = store::version::load_versions(tx, &[command.new_version_id]).await?;
                    if versions.get(&command.new_version_id).is_none_or(|version| version.prompt_id != prompt.id) {
                        return Err(not_found());
                    }
                    let (expected, current) = (command.expected_version, prompt.active.number);
                    if current != expected {
                        return Err(Failure::Refused(SplitError::VersionConflict { expected, current }));
                    }
                    if !prompt.is_enabled {
                        return Err(Failure::Refused(SplitError::Disabled));
                    }
                    if prompt.active.id == command.new_version_id {
                        return Err(Failure::Refused(SplitError::SameVersion));
                    }
                    if store::split::lock_running(tx, prompt.id).await?.is_some() {
                        return Err(Failure::Refused(SplitError::Running));
                    }
                    let split = Split {
                        id: act.ids.uuid(),
                        prompt_id: prompt.id,
                        control_version_id: prompt.active.id,
                        new_version_id: command.new_version_id,
                        share_percent: command.share_percent,
                        credit_budget: command.credit_budget,
                        bounds: command.bounds,
                        end_reason: None,
                        started_by: act.actor.id(),
                        ended_by: None,
                        started_at: act.now,
                        ended_at: None,
                    };
                    store::split::insert_split(tx, &split).await?;
                    let told = serde_json::json!({
                        "state": "RUNNING", "control": split.control_version_id, "new": split.new_version_id,
                        "sharePercent": split.share_percent, "creditBudget": split.credit_budget,
                    });
                    act.audit(tx, "prompt_split.start", ("prompt_split", split.id), None, Some(told)).await?;
                    Ok(split)
                })
            })
            .await;
        match started {
            Err(Failure::Fault(error)) if is_running_taken(&error) => Err(Failure::Refused(SplitError::Running)),
            started => started,
        }
    }

    /// Ends a running split: everybody gets the control version again, or, with `keep_new`, the new version becomes the
    /// active one, unless the prompt is disabled. Refuses: `NotFound`, `Ended`, `Disabled`.
    pub async fn end_prompt_split(
        &self,
        right: FeatureRight,
        id: Uuid,
        keep_new: bool,
        request_id: Option<String>,
    ) -> Result<Split, Failure<SplitError>> {
        demand_manage(right)?;
        self.parts()
            .db
            .write((self.act(right, request_id), id), move |tx, (act, id)| {
                Box::pin(async move {
                    let not_found = || Failure::Refused(SplitError::NotFound);
                    let split = store::split::find_split(tx, *id).await?.ok_or_else(not_found)?;
                    // The prompt first, as every edit does, so that two acts never wait for each other.
                    let prompt = store::prompt::lock_prompt(tx, split.prompt_id).await?.ok_or_else(not_found)?;
                    if keep_new && split.end_reason.is_none() && !prompt.is_enabled {
                        return Err(Failure::Refused(SplitError::Disabled));
                    }
                    let reason = if keep_new { EndReason::KeptNew } else { EndReason::KeptControl };
                    if !act.end_split_in(tx, split.id, reason).await? {
                        return Err(Failure::Refused(SplitError::Ended));
                    }
                    if keep_new {
                        let mut versions = store::version::load_versions(tx, &[split.new_version_id]).await?;
                        let version = versions.remove(&split.new_version_id).ok_or_else(not_found)?;
                        act.activate_in(tx, prompt, version, ActivationCause::Split).await?;
                    }
                    let (end_reason, ended_at) = (Some(reason), Some(act.now));
                    Ok(Split { end_reason, ended_by: act.actor.id(), ended_at, ..split })
                })
            })
            .await
    }

    /// Sees to it that work of at most `credits` finds room in a split's budget, or that the split is over: what came back
    /// from ended work is counted, and a split that has too little left all the same is ended.
    pub async fn make_room(&self, id: Uuid, credits: i64) -> Result<(), Error> {
        let right = Viewer::System.may(Feature::SystemPromptsManage, Level::Admin)?;
        let done: Result<_, Failure<Never>> = self
            .parts()
            .db
            .write((self.act(right, None), id), move |tx, (act, id)| {
                Box::pin(async move {
                    let Some(split) = store::split::find_split(tx, *id).await? else { return Ok(()) };
                    // The prompt first, as every edit does; then the split, which work that is being held waits for.
                    store::prompt::lock_prompt(tx, split.prompt_id).await?;
                    store::split::lock_split(tx, *id).await?;
                    let usage = store::usage::load_usage(tx, Uses::Split(*id)).await?;
                    let used = usage.get(&split.new_version_id).copied().unwrap_or_default();
                    let taken = used.credits_charged.saturating_add(used.credits_held);
                    store::split::update_taken(tx, *id, taken).await?;
                    if taken.saturating_add(credits) > split.credit_budget {
                        act.end_split_in(tx, *id, EndReason::BudgetSpent).await?;
                    }
                    Ok(())
                })
            })
            .await;
        Ok(done?)
    }

    /// Ends a split if what came of it has crossed a bound, and answers why. It is judged again under its lock.
    pub(super) async fn judge_split(&self, right: FeatureRight, id: Uuid) -> Result<Option<EndReason>, Error> {
        let judged: Result<_, Failure<Never>> = self
            .parts()
            .db
            .write((self.act(right, None), id), |tx, (act, id)| {
                Box::pin(async move {
                    let Some(split) = store::split::find_split(tx, *id).await? else { return Ok(None) };
                    store::prompt::lock_prompt(tx, split.prompt_id).await?;
                    let usage = store::usage::load_usage(tx, Uses::Split(*id)).await?;
                    let of_new = usage.get(&split.new_version_id).copied().unwrap_or_default();
                    let Some(reason) = split.verdict(&of_new) else { return Ok(None) };
                    Ok(act.end_split_in(tx, *id, reason).await?.then_some(reason))
                })
            })
            .await;
        let reason = judged?;
        if let Some(reason) = reason {
            tracing::warn!(split.id = %id, reason = reason.as_str(), "a split has crossed a bound and was ended");
        }
        Ok(reason)
    }

    /// Judges every running split; answers how many were ended.
    pub async fn judge_splits(&self) -> Result<usize, Error> {
        let right = Viewer::System.may(Feature::SystemPromptsManage, Level::Admin)?;
        let mut ended = 0;
        for split in store::split::list_running(self.parts().db.reader()).await.map_err(Internal::from)? {
            ended += usize::from(self.judge_split(right, split.id).await?.is_some());
        }
        Ok(ended)
    }
}
