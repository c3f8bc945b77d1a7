//! Comparing: two versions, and an environment with a file.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{
    Prompts, demand_manage, demand_view,
    port::Surroundings,
    transfer::{FileError, PromptFile},
};
use crate::{
    error::{Error, Failure},
    prompt::model::{
        diff::{Change, diff_clauses, diff_lines},
        prompt::PromptVersion,
        transfer::{
            Entry, EnvironmentDiff, EnvironmentPart, ItemFault, ParsedFile, Section, TransferPrompt,
            compare_environments, prompt_entries,
        },
    },
    viewer::FeatureRight,
};

/// Why nothing was compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiffError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A prompt of the file will not do, so what the file says is not known.
    #[error("Prompt {index} of the file, counted from 0: {fault}")]
    Prompt {
        /// Its place.
        index: usize,
        /// What is wrong.
        fault: ItemFault,
    },
    /// Two prompts of the file have one category and key, so what the file says is not known.
    #[error("Prompts {first} and {second} of the file, counted from 0, are both {name}. Keep one.")]
    Doubled {
        /// The place of the first.
        first: usize,
        /// The place of the second.
        second: usize,
        /// Category and key.
        name: String,
    },
}

/// How long one text is compared; what is left then counts as replaced.
const COMPARING: Duration = Duration::from_millis(200);

/// When a comparison that begins now must end.
pub fn deadline() -> Instant {
    Instant::now() + COMPARING
}

/// What a text is compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pieces {
    /// Line by line.
    Lines,
    /// Clause by clause.
    Clauses,
}

/// What is compared of an environment.
#[derive(Debug, Clone)]
pub struct Compared {
    /// The rows.
    pub diff: EnvironmentDiff,
    /// What both sides have, and was compared.
    pub sections: Vec<Section>,
}

/// One side of a comparison.
#[derive(Debug, Clone)]
pub struct Side {
    is_server: bool,
    prompts: Vec<TransferPrompt>,
    parts: Vec<EnvironmentPart>,
}

impl Side {
    /// What a file says. Refuses: `Prompt`, `Doubled`.
    pub fn of_file(file: ParsedFile) -> Result<Self, DiffError> {
        let prompt = |(index, item): (usize, crate::prompt::model::transfer::ParsedItem)| {
            item.prompt.map_err(|fault| DiffError::Prompt { index, fault })
        };
        let prompts: Vec<TransferPrompt> = file.items.into_iter().enumerate().map(prompt).collect::<Result<_, _>>()?;
        let mut places = HashMap::with_capacity(prompts.len());
        for (second, prompt) in prompts.iter().enumerate() {
            if let Some(first) = places.insert((prompt.category, prompt.key.clone()), second) {
                let name = format!("{}/{}", prompt.category, prompt.key.as_str());
                return Err(DiffError::Doubled { first, second, name });
            }
        }
        Ok(Self { is_server: false, prompts, parts: file.parts })
    }

    /// Leaves out a server's disabled prompts that the other side does not have: an export leaves them out too.
    fn like(mut self, other: &Self) -> Self {
        if !self.is_server {
            return self;
        }
        let named: HashSet<_> = other.prompts.iter().map(|prompt| (prompt.category, prompt.key.clone())).collect();
        self.prompts.retain(|prompt| prompt.is_active || named.contains(&(prompt.category, prompt.key.clone())));
        self
    }

    fn entries(&self, sections: &[Section]) -> Vec<Entry> {
        let parts = self.parts.iter().filter(|part| sections.contains(&part.section));
        let mut entries = prompt_entries(&self.prompts);
        entries.extend(parts.flat_map(EnvironmentPart::entries));
        entries
    }

    fn has(&self, section: Section) -> bool {
        section == Section::Prompt || self.parts.iter().any(|part| part.section == section)
    }
}

/// Compares two sides: prompts always, flags and provider settings where both have them. A server's disabled prompts that
/// the other side does not have are passed over, because files leave them out.
pub fn compare(left: Side, right: Side) -> Compared {
    let sections: Vec<Section> = [Section::Prompt, Section::Flag, Section::ProviderSetting]
        .into_iter()
        .filter(|section| left.has(*section) && right.has(*section))
        .collect();
    let left = left.like(&right);
    let right = right.like(&left);
    Compared { diff: compare_environments(left.entries(&sections), right.entries(&sections)), sections }
}

impl Prompts {
    /// Two versions, of one prompt or of two. Refuses: `Forbidden`; `NotFound` when either is not there.
    pub async fn version_pair(
        &self,
        right: FeatureRight,
        (left_id, right_id): (Uuid, Uuid),
    ) -> Result<(PromptVersion, PromptVersion), Error> {
        demand_view(right)?;
        let found = self.load_versions(&[left_id, right_id]).await?;
        let version = |id: &Uuid| found.get(id).cloned().ok_or(Error::NotFound);
        Ok((version(&left_id)?, version(&right_id)?))
    }

    /// What changed between two texts, off the async threads and within a fifth of a second each.
    pub async fn compare_texts(&self, left: String, right: String, by: Pieces) -> Result<Vec<Change>, Error> {
        self.computing()
            .run("comparing two texts", move || match by {
                Pieces::Lines => diff_lines(&left, &right, deadline()),
                Pieces::Clauses => diff_clauses(&left, &right, deadline()),
            })
            .await
    }

    /// This server as one side of a comparison. Refuses: `Forbidden`.
    pub async fn as_side(&self, right: FeatureRight, surroundings: &dyn Surroundings) -> Result<Side, Error> {
        demand_manage(right)?;
        let parts = surroundings.environment().await?;
        Ok(Side { is_server: true, prompts: self.transfer_prompts().await?, parts })
    }

    /// Compares a file, on the left, with this server. Refuses: every [`DiffError`].
    pub async fn diff_environment(
        &self,
        right: FeatureRight,
        file: PromptFile,
        surroundings: &dyn Surroundings,
    ) -> Result<Compared, Failure<DiffError>> {
        demand_manage(right)?;
        let unread = |failure: Failure<FileError>| failure.map_refusal(DiffError::File);
        let bytes = self.bytes(right, file, surroundings).await.map_err(unread)?;
        let left = Side::of_file(self.parse(bytes).await.map_err(unread)?).map_err(Failure::Refused)?;
        let right = self.as_side(right, surroundings).await?;
        Ok(self.computing().run("comparing environments", move || compare(left, right)).await?)
    }
}
