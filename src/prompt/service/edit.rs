//! Edits of one prompt. Each locks the prompt, so of two at once the second sees what the first has done.

use sea_orm::{DatabaseTransaction, DbErr};
use uuid::Uuid;

use super::{
    Prompts, demand_manage,
    write::{Act, NewPrompt},
};
use crate::{
    db::constraint::violated,
    error::{Error, Failure},
    prompt::{
        model::{
            PromptKey,
            prompt::{
                ActivationCause, Body, CreateSystemPrompt, EditError, Edited, SystemPrompt, UpdateSystemPrompt,
                check_note,
            },
            transfer::CATEGORY_MAX,
        },
        store,
    },
    viewer::FeatureRight,
};

/// The key that two prompts of one category and key would share.
const KEY: &str = "system_prompt_category_folded_key_key";

/// Whether `error` says that somebody else has made the prompt meanwhile.
pub(super) fn is_key_taken(error: &Error) -> bool {
    matches!(error, Error::Internal(internal)
        if internal.source.downcast_ref::<DbErr>().and_then(violated).is_some_and(|name| name == KEY))
}

/// The prompt, locked, if it is still at the version that the edit was made from.
async fn locked(tx: &DatabaseTransaction, id: Uuid, expected: i32) -> Result<SystemPrompt, Failure<EditError>> {
    let prompt = store::prompt::lock_prompt(tx, id).await?.ok_or(Failure::Refused(EditError::NotFound))?;
    let current = prompt.active.number;
    if current != expected {
        return Err(Failure::Refused(EditError::VersionConflict { expected, current }));
    }
    Ok(prompt)
}

fn unchanged(prompt: SystemPrompt) -> Edited {
    Edited { prompt, is_unchanged: true }
}

fn changed(prompt: SystemPrompt) -> Edited {
    Edited { prompt, is_unchanged: false }
}

fn refuse<T, E: Into<EditError>>(result: Result<T, E>) -> Result<T, Failure<EditError>> {
    result.map_err(|error| Failure::Refused(error.into()))
}

impl Prompts {
    /// Makes a prompt with its first version, enabled. Refuses: `Key`, `Body`, `KeyExists`,
    /// `CategoryFull`.
    pub async fn create_system_prompt(
        &self,
        right: FeatureRight,
        command: CreateSystemPrompt,
        request_id: Option<String>,
    ) -> Result<SystemPrompt, Failure<EditError>> {
        demand_manage(right)?;
        let CreateSystemPrompt { category, key, body, note } = command;
        let key = refuse(PromptKey::new(category, key.as_deref()))?;
        refuse(body.check())?;
        refuse(check_note(note.as_deref()))?;
        let folded = key.folded().to_owned();
        let new = NewPrompt { category, key, is_enabled: true, number: 1, body, note };
        let created = self
            .parts()
            .db
            .write((self.act(right, request_id), new), |tx, (act, new)| {
                Box::pin(async move {
                    store::prompt::lock_keys(tx).await?;
                    let found = store::prompt::find_prompt_by_key(tx, new.category, new.key.folded()).await?;
                    if let Some(SystemPrompt { is_enabled, .. }) = found {
                        return Err(Failure::Refused(EditError::KeyExists { is_enabled }));
                    }
                    let count = store::prompt::count_in_category(tx, new.category).await?;
                    if usize::try_from(count).is_ok_and(|count| count >= CATEGORY_MAX) {
                        return Err(Failure::Refused(EditError::CategoryFull { category: new.category }));
                    }
                    Ok(act.create_in(tx, new.clone(), ActivationCause::Create).await?)
                })
            })
            .await;
        match created {
            Err(Failure::Fault(error)) if is_key_taken(&error) => {
                let found = store::prompt::find_prompt_by_key(self.parts().db.reader(), category, &folded).await?;
                let is_enabled = found.is_none_or(|prompt| prompt.is_enabled);
                Err(Failure::Refused(EditError::KeyExists { is_enabled }))
            }
            created => created,
        }
    }

    /// Writes a version and makes it the active one; equal content writes nothing. Refuses: `NotFound`, `Body`,
    /// `VersionConflict`, `VersionsExhausted`.
    pub async fn update_system_prompt(
        &self,
        right: FeatureRight,
        command: UpdateSystemPrompt,
        request_id: Option<String>,
    ) -> Result<Edited, Failure<EditError>> {
        demand_manage(right)?;
        refuse(check_note(command.note.as_deref()))?;
        self.parts()
            .db
            .write((self.act(right, request_id), command), |tx, (act, command)| {
                Box::pin(async move {
                    let prompt = locked(tx, command.id, command.expected_version).await?;
                    let body = command.apply(&prompt.active.body);
                    refuse(body.check())?;
                    rewrite(tx, act, prompt, body, command.note.clone(), ActivationCause::Update).await
                })
            })
            .await
    }

    /// Makes a version that exists the active one: back, or forward again. The active one again changes nothing.
    /// Refuses: `NotFound`, `VersionConflict`.
    pub async fn activate_system_prompt_version(
        &self,
        right: FeatureRight,
        version: Uuid,
        expected: i32,
        request_id: Option<String>,
    ) -> Result<Edited, Failure<EditError>> {
        demand_manage(right)?;
        self.parts()
            .db
            .write((self.act(right, request_id), version, expected), |tx, (act, version, expected)| {
                Box::pin(async move {
                    let found = store::version::load_versions(tx, &[*version]).await?.remove(version);
                    let version = found.ok_or(Failure::Refused(EditError::NotFound))?;
                    let prompt = locked(tx, version.prompt_id, *expected).await?;
                    if prompt.active.id == version.id {
                        return Ok(unchanged(prompt));
                    }
                    Ok(changed(act.activate_in(tx, prompt, version, ActivationCause::Activate).await?))
                })
            })
            .await
    }

    /// Switches look-ups of a prompt on or off; its active version stays. As it is already, nothing is written.
    /// Refuses: `NotFound`, `VersionConflict`.
    pub async fn set_enabled(
        &self,
        right: FeatureRight,
        (id, expected): (Uuid, i32),
        is_enabled: bool,
        request_id: Option<String>,
    ) -> Result<Edited, Failure<EditError>> {
        demand_manage(right)?;
        self.parts()
            .db
            .write((self.act(right, request_id), id, expected), move |tx, (act, id, expected)| {
                Box::pin(async move {
                    let prompt = locked(tx, *id, *expected).await?;
                    if prompt.is_enabled == is_enabled {
                        return Ok(unchanged(prompt));
                    }
                    Ok(changed(act.enable_in(tx, prompt, is_enabled).await?))
                })
            })
            .await
    }

    /// Writes the text that ships with this version of the program and makes it the active one; equal text writes
    /// nothing. Refuses: `NotFound`, `VersionConflict`, `NotShipped`, `VersionsExhausted`.
    pub async fn reset_system_prompt(
        &self,
        right: FeatureRight,
        (id, expected): (Uuid, i32),
        request_id: Option<String>,
    ) -> Result<Edited, Failure<EditError>> {
        demand_manage(right)?;
        self.parts()
            .db
            .write((self.act(right, request_id), id, expected), |tx, (act, id, expected)| {
                Box::pin(async move {
                    let prompt = locked(tx, *id, *expected).await?;
                    let shipped = super::install::shipped_body(prompt.category, &prompt.key);
                    let body = shipped.ok_or(Failure::Refused(EditError::NotShipped))?;
                    rewrite(tx, act, prompt, body, None, ActivationCause::Reset).await
                })
            })
            .await
    }
}

async fn rewrite(
    tx: &DatabaseTransaction,
    act: &Act,
    prompt: SystemPrompt,
    body: Body,
    note: Option<String>,
    cause: ActivationCause,
) -> Result<Edited, Failure<EditError>> {
    if prompt.active.body == body {
        return Ok(unchanged(prompt));
    }
    let next = prompt.number_max.checked_add(1);
    let number = next.ok_or(Failure::Refused(EditError::VersionsExhausted))?;
    Ok(changed(act.write_in(tx, prompt, number, body, note, cause).await?))
}
