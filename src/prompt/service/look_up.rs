//! Look-ups for work: which text counts now. "None" and "could not be read" are never the same answer, because a fallback
//! that hides a failing store makes edits look ineffective.

use std::{collections::HashMap, sync::Arc};

use sea_orm::DbErr;
use uuid::Uuid;

use super::Prompts;
use crate::{
    error::Internal,
    prompt::{
        model::{Category, PromptKey, prompt::PromptVersion, split::Split},
        store::{self, prompt::Pointer, usage::Uses},
    },
    viewer::{Feature, Level, Viewer},
};

/// The text that counts.
#[derive(Debug, Clone)]
pub struct LookedUp {
    /// The prompt.
    pub prompt_id: Uuid,
    /// The version: number, name, content, metadata.
    pub version: Arc<PromptVersion>,
    /// The split that decided, if one is running.
    pub split_id: Option<Uuid>,
}

/// What a look-up found.
#[derive(Debug, Clone)]
pub enum LookUp {
    /// An enabled prompt.
    Found(LookedUp),
    /// No prompt, or a disabled one: the text that ships serves, its source named.
    None,
}

/// Prompts could not be read, twice in a row: `STORE_UNAVAILABLE`. No hold is taken and nothing takes their place.
#[derive(Debug, Clone, thiserror::Error)]
#[error("The system prompts cannot be read at the moment. Nothing was done; try again later.")]
pub struct StoreFailed(#[source] pub Internal);

/// What a look-up is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be shown; nothing is written.
    Preview,
    /// To be sent; a split that has crossed a bound is ended on the way.
    Work,
}

impl Prompts {
    /// The text of `category` and `key` (`None` or blank is the empty key) that counts for `account` at this moment. While a
    /// split runs, the account decides between two versions, always alike; `None` gets the active one. Which version is
    /// active is read every time, after one retry.
    pub async fn look_up(
        &self,
        category: Category,
        key: Option<&str>,
        account: Option<Uuid>,
        purpose: Purpose,
    ) -> Result<LookUp, StoreFailed> {
        let found = self.look_up_many(&[(category, key)], account, purpose).await?;
        Ok(found.into_iter().next().unwrap_or(LookUp::None))
    }

    /// As [`Self::look_up`], for many at one moment; answers come in the order asked for.
    pub async fn look_up_many(
        &self,
        keys: &[(Category, Option<&str>)],
        account: Option<Uuid>,
        purpose: Purpose,
    ) -> Result<Vec<LookUp>, StoreFailed> {
        let folded: Vec<(Category, PromptKey)> =
            keys.iter().map(|(category, key)| (*category, PromptKey::lenient(key.unwrap_or_default()))).collect();
        let found = match self.read(&folded, account).await {
            Ok(found) => found,
            Err(first) => {
                tracing::warn!(error = %first, "reading prompts failed; trying once more");
                self.read(&folded, account).await.map_err(|error| StoreFailed(error.into()))?
            }
        };
        if purpose == Purpose::Work {
            for over in &found.over {
                self.take_back(over).await;
            }
        }
        Ok(found.answers)
    }

    async fn read(&self, keys: &[(Category, PromptKey)], account: Option<Uuid>) -> Result<Read, DbErr> {
        let reader = self.parts().db.reader();
        let wanted: Vec<(Category, &str)> = keys.iter().map(|(category, key)| (*category, key.folded())).collect();
        let pointers = store::prompt::find_pointers(reader, &wanted).await?;
        let mut over = Vec::new();
        let mut chosen: HashMap<(Category, &str), (Uuid, Uuid, Option<Uuid>)> = HashMap::new();
        for pointer in &pointers {
            let (version, split) = self.choose(pointer, account, &mut over).await?;
            chosen.insert((pointer.category, pointer.folded_key.as_str()), (pointer.prompt_id, version, split));
        }
        let ids: Vec<Uuid> = chosen.values().map(|(_, version, _)| *version).collect();
        let bodies = self.bodies(&ids).await?;
        let answers = wanted
            .iter()
            .map(|key| {
                let found = chosen.get(key).and_then(|(prompt, version, split)| {
                    let version = Arc::clone(bodies.get(version)?);
                    Some(LookedUp { prompt_id: *prompt, version, split_id: *split })
                });
                found.map_or(LookUp::None, LookUp::Found)
            })
            .collect();
        Ok(Read { answers, over })
    }

    /// The version that counts for `account`, and the split that decided.
    async fn choose(
        &self,
        pointer: &Pointer,
        account: Option<Uuid>,
        over: &mut Vec<Split>,
    ) -> Result<(Uuid, Option<Uuid>), DbErr> {
        let active = (pointer.active_version_id, None);
        let (Some(id), Some(account)) = (pointer.split_id, account) else { return Ok(active) };
        let reader = self.parts().db.reader();
        let Some(split) = store::split::find_split(reader, id).await? else { return Ok(active) };
        if split.end_reason.is_some() {
            return Ok(active);
        }
        if !split.takes(account) {
            return Ok((split.control_version_id, Some(id)));
        }
        let usage = store::usage::load_usage(reader, Uses::Split(id)).await?;
        if split.verdict(&usage.get(&split.new_version_id).copied().unwrap_or_default()).is_some() {
            over.push(split);
            return Ok(active);
        }
        Ok((split.new_version_id, Some(id)))
    }

    /// Versions by id, remembered or read.
    async fn bodies(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, Arc<PromptVersion>>, DbErr> {
        let mut found = HashMap::with_capacity(ids.len());
        {
            let mut bodies = self.0.bodies.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            found.extend(ids.iter().filter_map(|id| bodies.get(id).map(|body| (*id, Arc::clone(body)))));
        }
        let missing: Vec<Uuid> = ids.iter().copied().filter(|id| !found.contains_key(id)).collect();
        if missing.is_empty() {
            return Ok(found);
        }
        let read = store::version::load_versions(self.parts().db.reader(), &missing).await?;
        let mut bodies = self.0.bodies.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (id, version) in read {
            let version = Arc::new(version);
            bodies.put(id, Arc::clone(&version));
            found.insert(id, version);
        }
        Ok(found)
    }

    /// Ends a split that has crossed a bound. It is enough that the look-up does not follow it: the next one, or the sweep,
    /// tries again.
    async fn take_back(&self, split: &Split) {
        let ended = match Viewer::System.may(Feature::SystemPromptsManage, Level::Admin) {
            Ok(right) => self.judge_split(right, split.id).await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            tracing::warn!(error = %error, "a split that crossed a bound could not be ended yet");
        }
    }
}

struct Read {
    answers: Vec<LookUp>,
    over: Vec<Split>,
}
