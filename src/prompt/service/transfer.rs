//! Prompts out of the registry into a file, and back.

use std::{collections::HashMap, sync::Arc};

use chrono::DateTime;
use ring::digest::{Context, SHA256};
use sea_orm::{DatabaseTransaction, DbErr};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use super::{
    Prompts, demand_manage,
    edit::is_key_taken,
    port::Surroundings,
    write::{Act, NewPrompt},
};
use crate::{
    db::constraint::violated,
    error::{Error, Failure, Internal},
    ledger::IdemKey,
    prompt::{
        model::{
            Category,
            prompt::{ActivationCause, Body, SystemPrompt},
            transfer::{
                EnvironmentPart, ExistingPrompt, Export, ImportMode, ImportOutcome, ImportPlan, ImportReport,
                ParsedFile, TransferError, TransferLimits, TransferPrompt, export_environment, parse_file, plan_import,
            },
        },
        store::{self, import::KeyedImport},
    },
    viewer::FeatureRight,
};

/// The key that two imports under one idempotency key would share.
const IDEMPOTENCY_KEY: &str = "prompt_import_actor_id_idempotency_key_key";

/// How often an import is planned anew because somebody made one of its prompts meanwhile.
const TRIES: usize = 5;

/// A file of prompts, or where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptFile {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// What was uploaded under this id.
    Upload(String),
}

/// An import.
#[derive(Debug, Clone)]
pub struct ImportSystemPrompts {
    /// The file.
    pub file: PromptFile,
    /// What happens when a row cannot be applied.
    pub mode: ImportMode,
    /// Whether nothing is written.
    pub is_dry_run: bool,
    /// The plan that was looked at; another one is not applied.
    pub plan_hash: Option<String>,
    /// Makes the import happen once: 8–128 visible ASCII characters.
    pub idempotency_key: Option<String>,
}

/// Why a file was not read, or not imported; nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The file is refused whole.
    #[error(transparent)]
    File(#[from] TransferError),
    /// There is no such upload.
    #[error("There is no such upload, nothing was sent to its address, or its time is over. Upload the file again.")]
    UploadNotFound,
    /// What is stored has changed since the plan was made.
    #[error("The prompts or the file are not those of the plan any more. Run it dry again, and apply that plan.")]
    PlanStale,
}

fn as_transfer(prompt: SystemPrompt) -> TransferPrompt {
    TransferPrompt {
        category: prompt.category,
        key: prompt.key,
        name: prompt.active.body.name,
        description: prompt.active.body.description,
        content: prompt.active.body.content,
        version: prompt.active.number,
        is_active: prompt.is_enabled,
        metadata: prompt.active.body.metadata,
    }
}

fn as_existing(prompt: &SystemPrompt) -> ExistingPrompt {
    let body = &prompt.active.body;
    ExistingPrompt {
        id: prompt.id,
        category: prompt.category,
        key: prompt.key.clone(),
        name: body.name.clone(),
        description: body.description.clone(),
        content: body.content.clone(),
        metadata: body.metadata.clone(),
        is_active: prompt.is_enabled,
        version_id: prompt.active.id,
        version_latest: prompt.number_max,
    }
}

/// What an apply needs inside its transaction.
struct Apply {
    act: Act,
    file: Arc<ParsedFile>,
    mode: ImportMode,
    plan_hash: Option<String>,
    keyed: Option<(Uuid, String, Vec<u8>)>,
    /// The turn of this import, given up when its transaction has ended, whoever still waits for the answer.
    _turn: Arc<OwnedSemaphorePermit>,
}

impl Prompts {
    /// Every enabled prompt of `categories` (`None` is all) as a file, sorted; the disabled ones too when asked for, else
    /// counted. `parts` follow the prompts. Refuses: `Forbidden`.
    pub async fn export_system_prompts(
        &self,
        right: FeatureRight,
        (categories, include_inactive): (Option<&[Category]>, bool),
        parts: &[EnvironmentPart],
    ) -> Result<Export, Error> {
        demand_manage(right)?;
        let mut prompts = self.transfer_prompts().await?;
        prompts.retain(|prompt| categories.is_none_or(|wanted| wanted.contains(&prompt.category)));
        let at = DateTime::from_timestamp_micros(self.parts().clock.now()).unwrap_or_default();
        Ok(export_environment(prompts, include_inactive, at, parts))
    }

    /// Every prompt as a file holds it.
    pub(super) async fn transfer_prompts(&self) -> Result<Vec<TransferPrompt>, Error> {
        let all = store::prompt::all_prompts(self.parts().db.reader()).await?;
        Ok(all.into_iter().map(as_transfer).collect())
    }

    /// Reads a file off the async threads.
    pub(super) async fn parse(&self, bytes: Vec<u8>) -> Result<ParsedFile, Failure<FileError>> {
        let parse = move || parse_file(&bytes, &TransferLimits::default());
        let parsed = self.computing().run("reading a file of prompts", parse).await?;
        parsed.map_err(|error| Failure::Refused(error.into()))
    }

    /// The bytes of a file. Refuses: `UploadNotFound`.
    pub(super) async fn bytes(
        &self,
        right: FeatureRight,
        file: PromptFile,
        surroundings: &dyn Surroundings,
    ) -> Result<Vec<u8>, Failure<FileError>> {
        match file {
            PromptFile::Bytes(bytes) => Ok(bytes),
            PromptFile::Upload(upload) => {
                let gone = Failure::Refused(FileError::UploadNotFound);
                let Some(who) = right.who else { return Err(gone) };
                surroundings.uploaded(&upload, who.user_id).await?.ok_or(gone)
            }
        }
    }

    /// Imports a file of prompts, or says what that would do. An apply is one transaction; with a key, a repeat is answered
    /// as the first one was, unless that wrote nothing because of its rows. Refuses: every [`FileError`]. Faults:
    /// `Forbidden`, `IdempotencyKeyReused`, `BadUserInput` for an ill-formed key.
    pub async fn import_system_prompts(
        &self,
        right: FeatureRight,
        command: ImportSystemPrompts,
        surroundings: &dyn Surroundings,
        request_id: Option<String>,
    ) -> Result<ImportReport, Failure<FileError>> {
        demand_manage(right)?;
        let key = command.idempotency_key.as_deref().map(IdemKey::client).transpose().map_err(Error::from)?;
        let keyed = match (key, right.who) {
            (Some(key), Some(who)) if !command.is_dry_run => {
                Some((who.user_id, key.as_str().to_owned(), request_hash(&command)))
            }
            _ => None,
        };
        if let Some(keyed) = &keyed
            && let Some(answer) = self.answered(keyed).await?
        {
            return Ok(answer);
        }
        let bytes = self.bytes(right, command.file, surroundings).await?;
        let file = self.parse(bytes).await?;
        if command.is_dry_run {
            let stored = store::prompt::all_prompts(self.parts().db.reader()).await?;
            let warnings = file.warnings.clone();
            let mode = command.mode;
            let planned = self.computing().run("planning an import", move || plan(&stored, file, mode)).await?;
            return Ok(ImportReport::new(&planned, &warnings, true, 0));
        }
        let file = Arc::new(file);
        let turn = Arc::clone(&self.0.importing).acquire_owned().await;
        let turn = Arc::new(turn.map_err(|closed| Internal::new("waiting for other imports", closed))?);
        for _ in 0..TRIES {
            let apply = Apply {
                act: self.act(right, request_id.clone()),
                file: Arc::clone(&file),
                mode: command.mode,
                plan_hash: command.plan_hash.clone(),
                keyed: keyed.clone(),
                _turn: Arc::clone(&turn),
            };
            let done = self.parts().db.write(apply, |tx, apply| Box::pin(apply.run_in(tx))).await;
            match done {
                // Somebody made one of these prompts meanwhile: all of ours was rolled back.
                Err(Failure::Fault(error)) if is_key_taken(&error) => {}
                Err(Failure::Fault(error)) if is_repeated(&error) => {
                    if let Some(keyed) = &keyed
                        && let Some(answer) = self.answered(keyed).await?
                    {
                        return Ok(answer);
                    }
                }
                done => return done,
            }
        }
        Err(Failure::Refused(FileError::PlanStale))
    }

    /// What an import under this key was answered. Faults: `IdempotencyKeyReused`.
    async fn answered(&self, (actor, key, hash): &(Uuid, String, Vec<u8>)) -> Result<Option<ImportReport>, Error> {
        match store::import::find_import(self.parts().db.reader(), *actor, key).await? {
            Some((first, report)) if first == *hash => Ok(Some(report)),
            Some(_) => Err(Error::IdempotencyKeyReused),
            None => Ok(None),
        }
    }
}

fn plan(stored: &[SystemPrompt], file: ParsedFile, mode: ImportMode) -> ImportPlan {
    let existing: Vec<ExistingPrompt> = stored.iter().map(as_existing).collect();
    plan_import(&existing, file, mode)
}

fn is_repeated(error: &Error) -> bool {
    matches!(error, Error::Internal(internal)
        if internal.source.downcast_ref::<DbErr>().and_then(violated).is_some_and(|name| name == IDEMPOTENCY_KEY))
}

/// Of all that decides what an import does.
fn request_hash(command: &ImportSystemPrompts) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    let mut part = |bytes: &[u8]| {
        context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(bytes);
    };
    part(command.mode.as_str().as_bytes());
    part(command.plan_hash.as_deref().unwrap_or_default().as_bytes());
    match &command.file {
        PromptFile::Bytes(bytes) => {
            part(b"bytes");
            part(bytes);
        }
        PromptFile::Upload(upload) => {
            part(b"upload");
            part(upload.as_bytes());
        }
    }
    context.finish().as_ref().to_vec()
}

impl Apply {
    async fn run_in(&self, tx: &DatabaseTransaction) -> Result<ImportReport, Failure<FileError>> {
        store::prompt::lock_keys(tx).await?;
        let stored = store::prompt::lock_all(tx).await?;
        let plan = plan(&stored, ParsedFile::clone(&self.file), self.mode);
        if self.plan_hash.as_ref().is_some_and(|hash| *hash != plan.plan_hash) {
            return Err(Failure::Refused(FileError::PlanStale));
        }
        let mut stored: HashMap<Uuid, SystemPrompt> = stored.into_iter().map(|prompt| (prompt.id, prompt)).collect();
        let mut applied = 0;
        // In one order for all: two that write the same keys never wait for each other.
        let mut rows: Vec<_> = plan.rows_to_apply().collect();
        rows.sort_by(|(_, left), (_, right)| {
            (left.category, left.key.folded()).cmp(&(right.category, right.key.folded()))
        });
        for (row, prompt) in rows {
            let number = row.version.unwrap_or(prompt.version);
            let existing = row.existing_id.and_then(|id| stored.remove(&id));
            self.write_in(tx, existing, prompt.clone(), number).await?;
            applied += 1;
        }
        let report = ImportReport::new(&plan, &self.file.warnings, false, applied);
        if report.outcome != ImportOutcome::Failed {
            self.record_in(tx, &report).await?;
        }
        Ok(report)
    }

    async fn write_in(
        &self,
        tx: &DatabaseTransaction,
        existing: Option<SystemPrompt>,
        prompt: TransferPrompt,
        number: i32,
    ) -> Result<(), Internal> {
        let body = Body {
            name: prompt.name,
            description: prompt.description,
            content: prompt.content,
            metadata: prompt.metadata,
        };
        let is_enabled = prompt.is_active;
        let Some(existing) = existing else {
            let new = NewPrompt { category: prompt.category, key: prompt.key, is_enabled, number, body, note: None };
            self.act.create_in(tx, new, ActivationCause::Import).await?;
            return Ok(());
        };
        let was_enabled = existing.is_enabled;
        let written = self.act.write_in(tx, existing, number, body, None, ActivationCause::Import).await?;
        if was_enabled != is_enabled {
            self.act.enable_in(tx, written, is_enabled).await?;
        }
        Ok(())
    }

    async fn record_in(&self, tx: &DatabaseTransaction, report: &ImportReport) -> Result<(), Internal> {
        let id = self.act.ids.uuid();
        let told = json!({
            "mode": report.mode.as_str(), "planHash": report.plan_hash, "rows": report.rows.len(),
            "applied": report.applied, "outcome": report.outcome.as_str(),
        });
        self.act.audit(tx, "system_prompt.import_file", ("prompt_import", id), None, Some(told)).await?;
        if let Some((actor_id, key, request_hash)) = self.keyed.clone() {
            let import = KeyedImport { id, actor_id, key, request_hash, report: report.clone() };
            store::import::insert_import(tx, &import, self.act.now).await?;
        }
        Ok(())
    }
}
