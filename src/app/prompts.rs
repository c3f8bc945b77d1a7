//! What surrounds prompts: the limits of models, the settings of providers, and uploads. It needs no more than the database,
//! so the command line uses it too.

use futures_util::future::{BoxFuture, FutureExt};
use serde_json::json;
use uuid::Uuid;

use crate::{
    ai::{model::ModelKind, store},
    db::Db,
    error::{Error, Failure},
    graphql::node::{self, NodeKind},
    prompt::{
        PromptLimits, Surroundings,
        model::{
            fit::ModelLimit,
            transfer::{EnvironmentPart, Section},
        },
    },
    storage::upload::{ReadUploadError, UploadPurpose, Uploads},
};

/// The surroundings of prompts, read anew each time.
pub struct PromptSurroundings {
    /// Where models and settings are.
    pub db: Db,
    /// Files on their way in; the command line has none.
    pub uploads: Option<Uploads>,
}

impl PromptSurroundings {
    async fn read_limits(&self) -> Result<PromptLimits, Error> {
        let mut limits = PromptLimits::default();
        for priced in store::list_models(self.db.reader(), true).await? {
            let max = usize::try_from(priced.model.prompt_length_limit).unwrap_or(usize::MAX);
            let limit = ModelLimit { model: priced.model.name, max };
            match priced.model.kind {
                ModelKind::Image => limits.image.push(limit),
                ModelKind::Text => limits.text.push(limit),
            }
        }
        Ok(limits)
    }

    async fn read_environment(&self) -> Result<Vec<EnvironmentPart>, Error> {
        let setups = store::list_provider_setups(self.db.reader()).await?;
        // Whether there is a key is told, nothing about it.
        let values = setups.into_iter().map(|setup| {
            let value = json!({
                "isEnabled": setup.is_enabled, "baseUrl": setup.base_url, "settings": setup.settings,
                "hasKey": setup.key.is_some(),
            });
            (setup.name, value)
        });
        Ok(vec![EnvironmentPart::new(Section::ProviderSetting, values)])
    }
}

impl PromptSurroundings {
    async fn read_upload(&self, upload: &str, user: Uuid) -> Result<Option<Vec<u8>>, Error> {
        let Some(uploads) = &self.uploads else { return Ok(None) };
        let Ok(id) = node::decode(NodeKind::Upload, &upload.to_owned().into(), &[]) else { return Ok(None) };
        match uploads.read(id, user, UploadPurpose::PromptImport).await {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(Failure::Refused(ReadUploadError::NotFound | ReadUploadError::NotReceived)) => Ok(None),
            Err(Failure::Fault(error)) => Err(error),
        }
    }
}

impl Surroundings for PromptSurroundings {
    fn limits(&self) -> BoxFuture<'_, Result<PromptLimits, Error>> {
        self.read_limits().boxed()
    }

    fn environment(&self) -> BoxFuture<'_, Result<Vec<EnvironmentPart>, Error>> {
        self.read_environment().boxed()
    }

    fn uploaded<'a>(&'a self, upload: &'a str, user: Uuid) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>> {
        self.read_upload(upload, user).boxed()
    }
}
