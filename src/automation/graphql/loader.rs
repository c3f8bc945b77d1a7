//! Loads runs, stages and configs for many fields at once. The caller has authorised by holding the parent, or compares the
//! account.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use crate::{
    automation::{
        Automation,
        model::{AutomationConfig, AutomationRun, StageProgress},
    },
    clock::Micros,
    error::Error,
};

/// Loads by id.
pub struct AutomationLoader(pub Automation);

/// A run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RunOf(pub(super) Uuid);

/// A run whose stages are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct StagesOf(pub(super) Uuid);

/// A site whose config is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ConfigOf(pub(super) Uuid);

/// A site whose next start is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct NextOf(pub(super) Uuid);

/// A site whose newest run is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LastRunOf(pub(super) Uuid);

macro_rules! load {
    ($key:ident, $value:ty, $method:ident) => {
        impl Loader<$key> for AutomationLoader {
            type Value = $value;
            type Error = Error;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, $value>, Error> {
                let ids: Vec<Uuid> = keys.iter().map(|key| key.0).collect();
                Ok(self.0.$method(&ids).await?.into_iter().map(|(id, found)| ($key(id), found)).collect())
            }
        }
    };
}

load!(RunOf, AutomationRun, load_runs);
load!(StagesOf, Vec<StageProgress>, load_stages);
load!(ConfigOf, AutomationConfig, load_configs);
load!(NextOf, Micros, load_next);
load!(LastRunOf, AutomationRun, load_last_runs);
