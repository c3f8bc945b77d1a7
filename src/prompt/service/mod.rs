//! The use cases of system prompts. Each one checks the right, applies the rules and opens one transaction.

mod compose;
mod difference;
mod edit;
mod install;
mod look_up;
mod optimise;
mod port;
mod split;
mod statistics;
mod transfer;
mod write;

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
};

use lru::LruCache;
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use compose::{ComposeError, Composed, Instructions, PromptUse};
pub use difference::{Compared, DiffError, Pieces, Side, compare, deadline};
pub use look_up::{LookUp, LookedUp, Purpose, StoreFailed};
pub use optimise::{Optimisation, OptimiseError, OptimisePrompts, PHRASES_KEY, UndoError, Undone};
pub use port::{PromptLimits, Surroundings};
pub use statistics::{PromptReview, PromptStatistics};
pub use transfer::{FileError, ImportSystemPrompts, PromptFile};

use super::{
    model::{
        Category, PromptKey,
        prompt::{Activation, PromptFilter, PromptOrder, PromptVersion, SystemPrompt},
        split::{Split, Usage},
    },
    store,
};
use crate::{
    clock::Clock,
    compute::Computing,
    db::Db,
    error::Error,
    ids::Ids,
    page::{Page, PageArgs},
    viewer::{Feature, FeatureRight, Level},
};
use write::Act;

/// Bodies of versions that are remembered.
const BODIES: usize = 512;

/// Characters of a search at most.
const SEARCH_MAX: usize = 100;

/// What the registry is made of.
#[derive(Clone)]
pub struct PromptsParts {
    /// Where prompts are.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn Ids>,
}

struct Inner {
    parts: PromptsParts,
    /// Versions never change, so what was read once holds; which one is active is never kept.
    bodies: Mutex<LruCache<Uuid, Arc<PromptVersion>>>,
    /// Comparisons, statistics and the optimiser take their time, and must leave processors to requests.
    computing: Computing,
    /// Imports of this process go one after the other: waiting in the database, each would keep a connection.
    importing: Arc<Semaphore>,
}

/// The registry of system prompts. Cloning is cheap.
#[derive(Clone)]
pub struct Prompts(Arc<Inner>);

/// A right to look at prompts, or to manage them.
fn demand_view(right: FeatureRight) -> Result<(), Error> {
    if matches!(right.feature, Feature::SystemPromptsView | Feature::SystemPromptsManage) {
        return Ok(());
    }
    Err(Error::Forbidden { feature: Feature::SystemPromptsView, level: Level::Read })
}

/// A right to manage prompts.
fn demand_manage(right: FeatureRight) -> Result<(), Error> {
    if right.feature == Feature::SystemPromptsManage {
        return Ok(());
    }
    Err(Error::Forbidden { feature: Feature::SystemPromptsManage, level: Level::Admin })
}

impl Prompts {
    /// Puts the parts together.
    pub fn new(parts: PromptsParts) -> Self {
        let capacity = NonZeroUsize::new(BODIES).unwrap_or(NonZeroUsize::MIN);
        Self(Arc::new(Inner {
            parts,
            bodies: Mutex::new(LruCache::new(capacity)),
            computing: Computing::default(),
            importing: Arc::new(Semaphore::new(1)),
        }))
    }

    fn parts(&self) -> &PromptsParts {
        &self.0.parts
    }

    fn computing(&self) -> &Computing {
        &self.0.computing
    }

    fn act(&self, right: FeatureRight, request_id: Option<String>) -> Act {
        Act::new(right, request_id, self.parts().clock.now(), self.parts().ids.clone())
    }

    /// A prompt by id. Refuses: `Forbidden`.
    pub async fn prompt(&self, right: FeatureRight, id: Uuid) -> Result<Option<SystemPrompt>, Error> {
        demand_view(right)?;
        Ok(store::prompt::find_prompt(self.parts().db.reader(), id).await?)
    }

    /// A prompt by category and key, in any case. Refuses: `Forbidden`.
    pub async fn prompt_by_key(
        &self,
        right: FeatureRight,
        category: Category,
        key: Option<&str>,
    ) -> Result<Option<SystemPrompt>, Error> {
        demand_view(right)?;
        let key = PromptKey::lenient(key.unwrap_or_default());
        Ok(store::prompt::find_prompt_by_key(self.parts().db.reader(), category, key.folded()).await?)
    }

    /// Prompts in the order asked for. Refuses: `Forbidden`; `BadUserInput` for a search above 100 characters.
    pub async fn list(
        &self,
        right: FeatureRight,
        filter: &PromptFilter,
        order: PromptOrder,
        page: &PageArgs<Uuid>,
    ) -> Result<Page<SystemPrompt>, Error> {
        demand_view(right)?;
        let search = filter.search.as_deref().unwrap_or_default();
        if search.chars().count() > SEARCH_MAX || search.contains('\0') {
            let message = format!("`search` has at most {SEARCH_MAX} characters.");
            return Err(Error::bad_input(message, &["filter", "search"]));
        }
        Ok(store::prompt::list_prompts(self.parts().db.reader(), filter, order, page).await?)
    }

    /// A prompt's versions, newest first. The caller holds the prompt.
    pub async fn versions(&self, prompt: Uuid, page: &PageArgs<i64>) -> Result<Page<PromptVersion>, Error> {
        Ok(store::version::list_versions(self.parts().db.reader(), prompt, page).await?)
    }

    /// A prompt's activations, newest first. The caller holds the prompt.
    pub async fn activations(&self, prompt: Uuid, page: &PageArgs<i64>) -> Result<Page<Activation>, Error> {
        Ok(store::version::list_activations(self.parts().db.reader(), prompt, page).await?)
    }

    /// A prompt's splits, newest first. The caller holds the prompt.
    pub async fn splits(&self, prompt: Uuid, page: &PageArgs<Uuid>) -> Result<Page<Split>, Error> {
        Ok(store::split::list_splits(self.parts().db.reader(), prompt, page).await?)
    }

    /// The version of a prompt with this number. The caller holds the prompt.
    pub async fn numbered(&self, prompt: Uuid, number: i32) -> Result<Option<PromptVersion>, Error> {
        Ok(store::version::find_numbered(self.parts().db.reader(), prompt, number).await?)
    }

    /// Versions by id, for those who hold something that names them.
    pub async fn load_versions(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, PromptVersion>, Error> {
        Ok(store::version::load_versions(self.parts().db.reader(), ids).await?)
    }

    /// Prompts by id, for those who hold something that names them.
    pub async fn load_prompts(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, SystemPrompt>, Error> {
        Ok(store::prompt::load_prompts(self.parts().db.reader(), ids).await?)
    }

    /// What work under each version came to, for those who hold the versions.
    pub async fn load_usage(&self, versions: &[Uuid]) -> Result<HashMap<Uuid, Usage>, Error> {
        Ok(store::usage::load_usage(self.parts().db.reader(), store::usage::Uses::Versions(versions)).await?)
    }

    /// The running splits of prompts, for those who hold the prompts.
    pub async fn load_running_splits(&self, prompts: &[Uuid]) -> Result<HashMap<Uuid, Split>, Error> {
        Ok(store::split::load_running(self.parts().db.reader(), prompts).await?)
    }
}
