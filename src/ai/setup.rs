//! Where a provider is, as whom we call it and with which settings: what the administrator stored, else the
//! configuration, else the adapter's own. Read anew for every call, so that a change reaches the next one in every
//! process.

use std::collections::HashMap;

use super::{
    Ai,
    model::{AiModel, ModelKind, ProviderSetup, Quality, Settings},
    provider::{
        Access,
        settings::{SettingFault, check_settings},
    },
    routing::Providers,
    store,
    vault::{OpenError, Vault},
};
use crate::error::Error;

/// Where a provider's key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// An administrator entered it.
    Stored,
    /// The configuration of this process has it.
    Configuration,
    /// There is none.
    None,
}

/// Why calls to a provider cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSetUp {
    /// This version has no adapter of that name for that kind of model.
    #[error("there is no adapter for it")]
    NoAdapter,
    /// An administrator switched it off.
    #[error("it is switched off")]
    Disabled,
    /// It needs a key and has none.
    #[error("it has no key")]
    NoKey,
    /// It needs a key, and the configuration's is for another address.
    #[error("it has no key for its address; the configuration's goes to the configuration's address alone")]
    KeyElsewhere,
    /// It is on a machine of the operator's, and nobody said where.
    #[error("it has no address")]
    NoAddress,
    /// Its key cannot be decrypted here.
    #[error("its key cannot be read: {0}")]
    KeyUnreadable(OpenError),
}

/// A provider that calls can be sent to.
#[derive(Debug, Clone)]
pub struct SetUp {
    /// Where to, and as whom.
    pub access: Access,
    /// Tells this access from any other; equal in all processes, and says nothing about the key.
    pub credential_id: String,
    /// Where the key comes from.
    pub source: KeySource,
    /// The provider's settings of every call, of either kind.
    pub settings: Settings,
}

/// What has been set for all providers, at one moment.
pub struct Setups {
    rows: HashMap<String, ProviderSetup>,
}

impl Setups {
    /// What has been set for all providers.
    pub async fn load(connection: &impl sea_orm::ConnectionTrait) -> Result<Self, sea_orm::DbErr> {
        let rows = store::list_provider_setups(connection).await?;
        Ok(Self { rows: rows.into_iter().map(|row| (row.name.clone(), row)).collect() })
    }

    /// What has been set for a provider.
    pub fn row(&self, name: &str) -> ProviderSetup {
        self.rows.get(name).cloned().unwrap_or_else(|| ProviderSetup::untouched(name))
    }

    /// Whether calls to the provider of `model` can be sent, and how.
    pub fn of(&self, parts: &super::AiParts, model: &AiModel) -> Result<SetUp, NotSetUp> {
        if !parts.providers.serves(&model.provider, model.kind) {
            return Err(NotSetUp::NoAdapter);
        }
        set_up(&parts.providers, &parts.vault, &self.row(&model.provider))
    }
}

/// Whether two addresses are of one server: scheme, host and port. `None` is nowhere in particular.
fn is_same_origin(one: Option<&str>, other: Option<&str>) -> bool {
    let origin = |address: &str| reqwest::Url::parse(address).ok().map(|url| url.origin());
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one == other || origin(one).is_some_and(|one| Some(one) == origin(other)),
        _ => false,
    }
}

/// Whether calls go where they go by the configuration. Only there may the configuration's key be sent.
fn is_at_home(providers: &Providers, row: &ProviderSetup) -> bool {
    let usual = providers.usual_base_url(&row.name);
    row.base_url.is_none() || is_same_origin(row.base_url.as_deref(), usual.as_deref())
}

/// Whether a change from `before` to `after` that leaves the key as it is would send a key to another server than the one
/// it is for, or leave it behind.
pub(super) fn moves_key(providers: &Providers, before: &ProviderSetup, after: &ProviderSetup) -> bool {
    let usual = providers.usual_base_url(&before.name);
    let at = |row: &ProviderSetup| row.base_url.clone().or_else(|| usual.clone());
    let has_key = match before.key {
        Some(_) => true,
        None => providers.access(&before.name).key.is_some() && !is_at_home(providers, after),
    };
    has_key && !is_same_origin(at(before).as_deref(), at(after).as_deref())
}

/// Puts together what was stored and what is configured.
pub fn set_up(providers: &Providers, vault: &Vault, row: &ProviderSetup) -> Result<SetUp, NotSetUp> {
    use secrecy::ExposeSecret;
    if !row.is_enabled {
        return Err(NotSetUp::Disabled);
    }
    let configured = providers.access(&row.name);
    let (key, source) = match &row.key {
        Some(stored) => {
            let key = vault.unseal(&row.name, &stored.sealed).map_err(NotSetUp::KeyUnreadable)?;
            (Some(key), KeySource::Stored)
        }
        None if configured.key.is_some() && !is_at_home(providers, row) => {
            if Providers::needs_key(&row.name) {
                return Err(NotSetUp::KeyElsewhere);
            }
            (None, KeySource::None)
        }
        None => {
            let source = if configured.key.is_some() { KeySource::Configuration } else { KeySource::None };
            (configured.key, source)
        }
    };
    if key.is_none() && Providers::needs_key(&row.name) {
        return Err(NotSetUp::NoKey);
    }
    let base_url = row.base_url.clone().or(configured.base_url);
    if base_url.is_none() && Providers::needs_address(&row.name) {
        return Err(NotSetUp::NoAddress);
    }
    let credential_id = {
        let key = key.as_ref().map(|key| key.expose_secret()).unwrap_or_default();
        vault.name_of(&["credential", &row.name, base_url.as_deref().unwrap_or_default(), key])
    };
    Ok(SetUp { access: Access { base_url, key }, credential_id, source, settings: row.settings.clone() })
}

/// The settings of one call: the provider's that concern this kind, then the model's, then the quality's.
/// Refuses: a setting that the adapter does not know, which would be left off the wire.
pub fn effective_settings(
    providers: &Providers,
    set_up: &SetUp,
    model: &AiModel,
    quality: Option<Quality>,
) -> Result<Settings, SettingFault> {
    let specs = providers.specs(&model.provider, model.kind).unwrap_or_default();
    let mut all: Settings = set_up
        .settings
        .iter()
        .filter(|(name, _)| specs.iter().any(|spec| spec.name == name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    all.extend(model.capabilities.settings.clone());
    all.extend(quality.and_then(|quality| model.capabilities.qualities.get(&quality)).cloned().unwrap_or_default());
    check_settings(specs, &all)?;
    Ok(all)
}

/// Whether settings of a provider are known to one of its adapters, and fit every one that knows them.
pub fn check_provider_settings(providers: &Providers, name: &str, settings: &Settings) -> Result<(), SettingFault> {
    let [text, image] = [ModelKind::Text, ModelKind::Image].map(|kind| providers.specs(name, kind).unwrap_or_default());
    for (setting, value) in settings {
        let one = Settings::from_iter([(setting.clone(), value.clone())]);
        let knows = |specs: &[super::provider::SettingSpec]| specs.iter().any(|spec| spec.name == setting.as_str());
        match (knows(text), knows(image)) {
            (false, false) => {
                // Names all there are.
                let all: Vec<_> = text.iter().chain(image).copied().collect();
                check_settings(&all, &one)?;
            }
            (in_text, in_image) => {
                for specs in [(in_text, text), (in_image, image)].into_iter().filter(|(is, _)| *is) {
                    check_settings(specs.1, &one)?;
                }
            }
        }
    }
    Ok(())
}

impl Ai {
    /// What has been set for all providers.
    pub async fn setups(&self) -> Result<Setups, Error> {
        Ok(Setups::load(self.parts.db.reader()).await?)
    }

    /// How to call the provider of `model`, as things stand now.
    pub(super) async fn set_up(&self, model: &AiModel) -> Result<Result<SetUp, NotSetUp>, Error> {
        if !self.parts.providers.serves(&model.provider, model.kind) {
            return Ok(Err(NotSetUp::NoAdapter));
        }
        let row = store::find_provider_setup(self.parts.db.reader(), &model.provider).await?;
        let row = row.unwrap_or_else(|| ProviderSetup::untouched(&model.provider));
        Ok(set_up(&self.parts.providers, &self.parts.vault, &row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_told_by_scheme_host_and_port() {
        let same = |one, other| is_same_origin(Some(one), Some(other));
        assert!(same("https://api.openai.com/v1", "https://API.openai.com:443/v2"));
        for other in
            ["http://api.openai.com/v1", "https://api.openai.com:8443/v1", "https://api.openai.com.evil.example"]
        {
            assert!(!same("https://api.openai.com/v1", other), "{other}");
        }
        assert!(!is_same_origin(Some("https://api.openai.com/v1"), None));
        assert!(is_same_origin(None, None));
    }
}
