//! The optimiser over the registry: a report, its apply as new versions, and the way back.

use std::{collections::HashMap, sync::Arc};

use ring::digest::{Context, SHA256};
use sea_orm::DatabaseTransaction;
use serde_json::json;
use uuid::Uuid;

use super::{Prompts, demand_manage, demand_view, write::Act};
use crate::{
    error::{Error, Failure, Internal},
    prompt::{
        model::{
            Category, PromptKey,
            optimise::{OptimiseItem, OptimiseReport, OptimiseStatus, PhraseError, Phrases, optimise_all},
            prompt::{ActivationCause, Body, OptimisationChange, OptimisationRun, SystemPrompt},
            transfer::{CATEGORY_MAX, VERSION_MAX},
            warnings::PROTECTED_CATEGORIES,
        },
        store,
    },
    viewer::FeatureRight,
};

/// The key in `system_default` under which an administrator may keep the phrases, one a line, in the place of the shipped
/// ones: so they are versioned, audited and moved between servers like any prompt.
pub const PHRASES_KEY: &str = "optimiser_phrases";

/// Prompts that one run examines at most: those of a category always fit.
pub const EXAMINED_MAX: usize = CATEGORY_MAX;

/// An optimisation.
#[derive(Debug, Clone, Default)]
pub struct OptimisePrompts {
    /// Only of these categories; `None` is all of them.
    pub categories: Option<Vec<Category>>,
    /// Whether nothing is written.
    pub is_dry_run: bool,
    /// The report that was looked at; needed to apply it.
    pub report_hash: Option<String>,
}

/// Why nothing was optimised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptimiseError {
    /// An apply without the report's hash.
    #[error("Applying needs the hash of the report. Run it dry, look at the report, and give its reportHash.")]
    HashRequired,
    /// What is stored has changed since the report was made.
    #[error(
        "The prompts or the phrases are not those of the report any more. Run it dry again, and apply that report."
    )]
    PlanStale,
    /// There are too many prompts.
    #[error(
        "There are {count} prompts; {EXAMINED_MAX} are examined at once. Name categories: one of them never has more."
    )]
    TooManyPrompts {
        /// How many there are.
        count: usize,
    },
    /// The stored phrases cannot be used.
    #[error("The prompt system_default/{PHRASES_KEY} holds no usable phrases: {0} Correct or disable it.")]
    Phrases(#[from] PhraseError),
}

/// What an optimisation came to.
#[derive(Debug, Clone)]
pub struct Optimisation {
    /// The report.
    pub report: OptimiseReport,
    /// The run that was applied; `None` when nothing was written.
    pub run: Option<OptimisationRun>,
}

/// Why an optimisation was not undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UndoError {
    /// There is no such run.
    #[error("There is no such optimisation.")]
    NotFound,
    /// It was undone before.
    #[error("This optimisation was undone already.")]
    AlreadyUndone,
}

/// What undoing came to.
#[derive(Debug, Clone)]
pub struct Undone {
    /// The run, undone.
    pub run: OptimisationRun,
    /// The prompts whose former version is active again.
    pub restored: Vec<SystemPrompt>,
    /// The prompts that were edited since, and stay as they are.
    pub skipped: Vec<SystemPrompt>,
}

/// The phrases that are in force: the stored ones while they are enabled, else the shipped ones.
pub(super) fn phrases_of(stored: &[SystemPrompt]) -> Result<Phrases, PhraseError> {
    let key = PromptKey::lenient(PHRASES_KEY);
    let own = stored
        .iter()
        .find(|prompt| prompt.category == Category::SystemDefault && prompt.key == key && prompt.is_enabled);
    let Some(own) = own else { return Ok(Phrases::default()) };
    let lines: Vec<String> =
        own.active.body.content.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    Phrases::new(&lines)
}

fn item(prompt: &SystemPrompt) -> OptimiseItem {
    let body = &prompt.active.body;
    OptimiseItem {
        prompt_id: prompt.id,
        version_id: prompt.active.id,
        category: prompt.category,
        key: prompt.key.clone(),
        content: body.content.clone(),
        optimise: body.metadata.optimise() && prompt.number_max < VERSION_MAX,
        protected_clauses: body.metadata.protected_clauses(),
    }
}

/// What a report is made from: the examined prompts, and the phrases in force.
struct Scope {
    items: Vec<OptimiseItem>,
    phrases: Phrases,
}

impl Scope {
    fn new(stored: &[SystemPrompt], categories: Option<&[Category]>) -> Result<Self, OptimiseError> {
        let phrases = phrases_of(stored)?;
        let wanted = |prompt: &&SystemPrompt| categories.is_none_or(|wanted| wanted.contains(&prompt.category));
        let items: Vec<OptimiseItem> = stored.iter().filter(wanted).map(item).collect();
        if items.len() > EXAMINED_MAX {
            return Err(OptimiseError::TooManyPrompts { count: items.len() });
        }
        Ok(Self { items, phrases })
    }

    /// SHA-256 over which versions are examined, which of them may change, and the phrases. Versions never change, so an
    /// equal hash means an equal report.
    fn hash(&self) -> Vec<u8> {
        let mut context = Context::new(&SHA256);
        for item in &self.items {
            context.update(item.prompt_id.as_bytes());
            context.update(item.version_id.as_bytes());
            context.update(&[u8::from(item.optimise)]);
        }
        for phrase in self.phrases.texts() {
            context.update(&u64::try_from(phrase.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(phrase.as_bytes());
        }
        context.finish().as_ref().to_vec()
    }

    fn report(self) -> OptimiseReport {
        optimise_all(self.items, &self.phrases, &PROTECTED_CATEGORIES)
    }
}

/// A report that is to be applied, and what it was made from.
struct Apply {
    act: Act,
    categories: Option<Vec<Category>>,
    scope_hash: Vec<u8>,
    report: Arc<OptimiseReport>,
}

impl Prompts {
    /// Says what the optimiser would make of the prompts, or applies a report that was looked at: all changed prompts get a
    /// new version in one transaction. Refuses: every [`OptimiseError`].
    pub async fn optimise_prompts(
        &self,
        right: FeatureRight,
        command: OptimisePrompts,
        request_id: Option<String>,
    ) -> Result<Optimisation, Failure<OptimiseError>> {
        demand_manage(right)?;
        if !command.is_dry_run && command.report_hash.is_none() {
            return Err(Failure::Refused(OptimiseError::HashRequired));
        }
        // Before the transaction, which would hold its locks all the while; within it only what it was made from is
        // compared.
        let stored = store::prompt::all_prompts(self.parts().db.reader()).await?;
        let scope = Scope::new(&stored, command.categories.as_deref()).map_err(Failure::Refused)?;
        let scope_hash = scope.hash();
        let report = self.computing().run("optimising prompts", move || scope.report()).await?;
        if command.is_dry_run {
            return Ok(Optimisation { report, run: None });
        }
        if command.report_hash.as_ref() != Some(&report.report_hash) {
            return Err(Failure::Refused(OptimiseError::PlanStale));
        }
        let report = Arc::new(report);
        let act = self.act(right, request_id);
        let apply = Apply { act, categories: command.categories, scope_hash, report: Arc::clone(&report) };
        let run = self.parts().db.write(apply, |tx, apply| Box::pin(apply.run_in(tx))).await?;
        Ok(Optimisation { report: Arc::unwrap_or_clone(report), run })
    }

    /// An applied optimisation. Refuses: `Forbidden`.
    pub async fn optimisation(&self, right: FeatureRight, id: Uuid) -> Result<Option<OptimisationRun>, Error> {
        demand_view(right)?;
        Ok(store::optimisation::find_run(self.parts().db.reader(), id).await?)
    }

    /// What an optimisation did, by prompt. The caller holds the run.
    pub async fn optimisation_changes(&self, run: Uuid) -> Result<Vec<OptimisationChange>, Error> {
        Ok(store::optimisation::list_changes(self.parts().db.reader(), run).await?)
    }

    /// Makes the versions before an optimisation the active ones again, in one transaction; prompts that were edited since
    /// are left alone and listed. Refuses: `NotFound`, `AlreadyUndone`.
    pub async fn undo_optimisation(
        &self,
        right: FeatureRight,
        run: Uuid,
        request_id: Option<String>,
    ) -> Result<Undone, Failure<UndoError>> {
        demand_manage(right)?;
        let context = (self.act(right, request_id), run);
        self.parts().db.write(context, |tx, (act, run)| Box::pin(undo_in(tx, act, *run))).await
    }
}

impl Apply {
    async fn run_in(&self, tx: &DatabaseTransaction) -> Result<Option<OptimisationRun>, Failure<OptimiseError>> {
        let (act, report) = (&self.act, &self.report);
        let stored = store::prompt::lock_all(tx).await?;
        let scope = Scope::new(&stored, self.categories.as_deref()).map_err(Failure::Refused)?;
        if scope.hash() != self.scope_hash {
            return Err(Failure::Refused(OptimiseError::PlanStale));
        }
        if report.totals.changed == 0 {
            return Ok(None);
        }
        let run = OptimisationRun {
            id: act.ids.uuid(),
            report_hash: hex::decode(&report.report_hash)
                .map_err(|error| Internal::new("reading the hash of a report", error))?,
            actor_id: act.actor.id(),
            created_at: act.now,
            undone_by: None,
            undone_at: None,
        };
        store::optimisation::insert_run(tx, &run).await?;
        let mut stored: HashMap<Uuid, SystemPrompt> = stored.into_iter().map(|prompt| (prompt.id, prompt)).collect();
        for row in report.rows.iter().filter(|row| row.status == OptimiseStatus::Changed) {
            let Some(prompt) = stored.remove(&row.prompt_id) else { continue };
            let body = Body { content: row.after.clone(), ..prompt.active.body.clone() };
            // The optimiser keeps both rules; should it not, the text stays rather than all of them.
            let (Some(number), Ok(())) = (prompt.number_max.checked_add(1), body.check()) else { continue };
            let before_version_id = prompt.active.id;
            let written = act.write_in(tx, prompt, number, body, None, ActivationCause::Optimise).await?;
            let change =
                OptimisationChange { prompt_id: written.id, before_version_id, after_version_id: written.active.id };
            store::optimisation::insert_change(tx, run.id, &change).await?;
        }
        let told = json!({
            "reportHash": report.report_hash, "changed": report.totals.changed, "saved": report.totals.saved,
        });
        act.audit(tx, "optimisation.apply", ("optimisation_run", run.id), None, Some(told)).await?;
        Ok(Some(run))
    }
}

async fn undo_in(tx: &DatabaseTransaction, act: &Act, run: Uuid) -> Result<Undone, Failure<UndoError>> {
    let run = store::optimisation::lock_run(tx, run).await?.ok_or(Failure::Refused(UndoError::NotFound))?;
    if run.undone_at.is_some() {
        return Err(Failure::Refused(UndoError::AlreadyUndone));
    }
    let changes = store::optimisation::list_changes(tx, run.id).await?;
    let ids: Vec<Uuid> = changes.iter().map(|change| change.prompt_id).collect();
    let mut prompts = store::prompt::lock_prompts(tx, &ids).await?;
    let former: Vec<Uuid> = changes.iter().map(|change| change.before_version_id).collect();
    let mut former = store::version::load_versions(tx, &former).await?;
    let (mut restored, mut skipped) = (Vec::new(), Vec::new());
    for change in changes {
        let Some(prompt) = prompts.remove(&change.prompt_id) else { continue };
        match former.remove(&change.before_version_id) {
            Some(version) if prompt.active.id == change.after_version_id => {
                restored.push(act.activate_in(tx, prompt, version, ActivationCause::Undo).await?);
            }
            _ => skipped.push(prompt),
        }
    }
    store::optimisation::update_undone(tx, run.id, act.actor.id(), act.now).await?;
    let told = json!({"restored": restored.len(), "skipped": skipped.len()});
    act.audit(tx, "optimisation.undo", ("optimisation_run", run.id), None, Some(told)).await?;
    let run = OptimisationRun { undone_by: act.actor.id(), undone_at: Some(act.now), ..run };
    Ok(Undone { run, restored, skipped })
}
