//! What every edit of a prompt does in its transaction: version, pointer, history, end of a running split, audit row.

use std::sync::Arc;

use sea_orm::DatabaseTransaction;
use serde_json::json;
use uuid::Uuid;

use crate::{
    audit::{Actor, Entry, store::insert_entry},
    clock::Micros,
    error::Internal,
    ids::Ids,
    prompt::{
        model::{
            Category, PromptKey,
            prompt::{Activation, ActivationCause, Body, PromptVersion, SystemPrompt},
            split::EndReason,
        },
        store,
    },
    viewer::FeatureRight,
};

/// Who acts, by which request, when. Ids are drawn as they are needed: a transaction that runs again uses new ones.
#[derive(Clone)]
pub(super) struct Act {
    pub(super) actor: Actor,
    pub(super) request_id: Option<String>,
    pub(super) now: Micros,
    pub(super) ids: Arc<dyn Ids>,
}

impl Act {
    pub(super) fn new(right: FeatureRight, request_id: Option<String>, now: Micros, ids: Arc<dyn Ids>) -> Self {
        Self { actor: Actor::from(right), request_id, now, ids }
    }

    /// The row of an act in the audit trail.
    pub(super) async fn audit(
        &self,
        tx: &DatabaseTransaction,
        action: &'static str,
        (kind, id): (&'static str, Uuid),
        before: Option<serde_json::Value>,
        after: Option<serde_json::Value>,
    ) -> Result<(), Internal> {
        let entry = Entry {
            id: self.ids.uuid(),
            account_id: None,
            actor: self.actor,
            action,
            target_kind: kind,
            target_id: Some(id),
            before: before.map(|value| value.to_string()),
            after: after.map(|value| value.to_string()),
            request_id: self.request_id.clone(),
            at: self.now,
        };
        Ok(insert_entry(tx, &entry).await?)
    }

    fn version(&self, prompt: Uuid, number: i32, body: Body, note: Option<String>) -> PromptVersion {
        PromptVersion {
            id: self.ids.uuid(),
            prompt_id: prompt,
            number,
            body,
            author_id: self.actor.id(),
            note,
            created_at: self.now,
        }
    }

    /// Makes `version` the active one of `prompt`, which is locked; writes history and audit row, and ends a running split.
    pub(super) async fn activate_in(
        &self,
        tx: &DatabaseTransaction,
        prompt: SystemPrompt,
        version: PromptVersion,
        cause: ActivationCause,
    ) -> Result<SystemPrompt, Internal> {
        store::prompt::update_active(tx, prompt.id, version.id, self.now).await?;
        self.record(tx, prompt.id, &version, Some(&prompt.active), cause).await?;
        if cause != ActivationCause::Split
            && let Some(split) = store::split::lock_running(tx, prompt.id).await?
        {
            self.end_split_in(tx, split.id, EndReason::Superseded).await?;
        }
        Ok(SystemPrompt {
            number_max: prompt.number_max.max(version.number),
            active: version,
            updated_at: self.now,
            ..prompt
        })
    }

    /// Writes `body` as version `number` of `prompt`, which is locked, and makes it the active one.
    pub(super) async fn write_in(
        &self,
        tx: &DatabaseTransaction,
        prompt: SystemPrompt,
        number: i32,
        body: Body,
        note: Option<String>,
        cause: ActivationCause,
    ) -> Result<SystemPrompt, Internal> {
        let version = self.version(prompt.id, number, body, note);
        store::version::insert_version(tx, &version).await?;
        self.activate_in(tx, prompt, version, cause).await
    }

    /// Writes a prompt with its first version. The unique key decides between two who do so at once.
    pub(super) async fn create_in(
        &self,
        tx: &DatabaseTransaction,
        new: NewPrompt,
        cause: ActivationCause,
    ) -> Result<SystemPrompt, Internal> {
        let id = self.ids.uuid();
        let version = self.version(id, new.number, new.body, new.note);
        store::prompt::insert_prompt(tx, id, new.category, &new.key, new.is_enabled, version.id, self.now).await?;
        store::version::insert_version(tx, &version).await?;
        self.record(tx, id, &version, None, cause).await?;
        Ok(SystemPrompt {
            id,
            category: new.category,
            key: new.key,
            is_enabled: new.is_enabled,
            number_max: version.number,
            active: version,
            created_at: self.now,
            updated_at: self.now,
        })
    }

    async fn record(
        &self,
        tx: &DatabaseTransaction,
        prompt: Uuid,
        version: &PromptVersion,
        before: Option<&PromptVersion>,
        cause: ActivationCause,
    ) -> Result<(), Internal> {
        let activation = Activation {
            id: self.ids.uuid(),
            prompt_id: prompt,
            number: 0,
            version_id: version.id,
            previous_version_id: before.map(|version| version.id),
            cause,
            actor_id: self.actor.id(),
            created_at: self.now,
        };
        store::version::insert_activation(tx, &activation).await?;
        let told = |version: &PromptVersion| json!({"version": version.number, "versionId": version.id});
        let target = ("system_prompt", prompt);
        self.audit(tx, cause.action(), target, before.map(told), Some(told(version))).await
    }

    /// Switches look-ups of `prompt`, which is locked, on or off. Off ends a running split: neither version is given out.
    pub(super) async fn enable_in(
        &self,
        tx: &DatabaseTransaction,
        prompt: SystemPrompt,
        is_enabled: bool,
    ) -> Result<SystemPrompt, Internal> {
        store::prompt::update_enabled(tx, prompt.id, is_enabled, self.now).await?;
        let action = if is_enabled { "system_prompt.enable" } else { "system_prompt.disable" };
        let told = |is_enabled: bool| Some(json!({"enabled": is_enabled}));
        self.audit(tx, action, ("system_prompt", prompt.id), told(prompt.is_enabled), told(is_enabled)).await?;
        if !is_enabled && let Some(split) = store::split::lock_running(tx, prompt.id).await? {
            self.end_split_in(tx, split.id, EndReason::Superseded).await?;
        }
        Ok(SystemPrompt { is_enabled, updated_at: self.now, ..prompt })
    }

    /// Ends a split that runs. Answers whether it did run.
    pub(super) async fn end_split_in(
        &self,
        tx: &DatabaseTransaction,
        split: Uuid,
        reason: EndReason,
    ) -> Result<bool, Internal> {
        let ended = store::split::end_split(tx, split, reason, self.actor.id(), self.now).await?;
        if ended {
            let (before, after) = (json!({"state": "RUNNING"}), json!({"state": "ENDED", "reason": reason.as_str()}));
            self.audit(tx, "prompt_split.end", ("prompt_split", split), Some(before), Some(after)).await?;
        }
        Ok(ended)
    }
}

/// A prompt that is not there yet.
#[derive(Clone)]
pub(super) struct NewPrompt {
    pub(super) category: Category,
    pub(super) key: PromptKey,
    pub(super) is_enabled: bool,
    pub(super) number: i32,
    pub(super) body: Body,
    pub(super) note: Option<String>,
}
