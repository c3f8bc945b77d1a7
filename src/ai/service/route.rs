//! Which model a request goes to, and which ones may stand in for it: decided before any credit is held, and stored with
//! the task.

use uuid::Uuid;

use super::Ai;
use crate::{
    ai::{
        model::{AiModel, ModelRefusal, PricedModel, Wish, able, chain, names_of_able},
        store,
    },
    error::{Error, Failure},
};

impl Ai {
    /// The model that `wish` is quoted with, and after it those that may stand in for it, in order; at least one, at most
    /// six. Without `model` the first is the function's default. A refusal names the models that can.
    /// Refuses: any [`ModelRefusal`].
    pub async fn route(&self, wish: &Wish, model: Option<Uuid>) -> Result<Vec<PricedModel>, Failure<ModelRefusal>> {
        let reader = self.parts.db.reader();
        let all = store::list_models(reader, true).await?;
        let named = |id: Uuid| all.iter().find(|one| one.model.id == id).cloned();
        let first = match model {
            Some(id) => match named(id) {
                Some(found) => found,
                // A model that is switched off is told apart from one that is not there.
                None => store::find_model(reader, id).await?.ok_or(Failure::Refused(ModelRefusal::NotFound))?,
            },
            None => {
                let default = all.iter().find(|one| one.default_of.contains(&wish.function));
                default.cloned().ok_or(Failure::Refused(ModelRefusal::Inactive))?
            }
        };
        let setups = self.setups().await?;
        let is_set_up = |model: &AiModel| setups.of(&self.parts, model).is_ok();
        if let Err(refusal) = able(&first.model, wish) {
            return Err(Failure::Refused(refusal.naming(names_of_able(&all, wish, is_set_up))));
        }
        if !is_set_up(&first.model) {
            return Err(Failure::Refused(ModelRefusal::Inactive));
        }
        Ok(chain(&first, &all, wish, is_set_up))
    }

    /// The models that can do what is asked, whose provider is set up, by name.
    pub(super) async fn able_models(&self, wish: &Wish) -> Result<Vec<AiModel>, Error> {
        let all = store::list_models(self.parts.db.reader(), true).await?;
        let setups = self.setups().await?;
        let can = |model: &AiModel| able(model, wish).is_ok() && setups.of(&self.parts, model).is_ok();
        Ok(all.into_iter().map(|one| one.model).filter(can).collect())
    }

    /// Whether calls to the provider of `model` can be sent, as things stand now.
    pub async fn is_set_up(&self, model: &AiModel) -> Result<bool, Error> {
        Ok(self.set_up(model).await?.is_ok())
    }
}
