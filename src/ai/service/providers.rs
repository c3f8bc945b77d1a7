//! Provider settings and keys. A key goes in and never comes out: only its fingerprint and when it was entered.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
};

use secrecy::{ExposeSecret, SecretString};

use super::{Ai, models::Act};
use crate::{
    ai::{
        model::{ModelKind, ProviderSetup, Settings, StoredKey},
        provider::{SettingSpec, settings::SettingFault},
        setup::{KeySource, NotSetUp, SetUp, check_provider_settings, moves_key, set_up},
        store,
    },
    clock::{Micros, SECOND},
    error::{Error, Failure, Internal},
    viewer::FeatureRight,
};

/// The longest key, and the longest base URL.
const KEY_MAX: usize = 4096;
const URL_MAX: usize = 500;

/// How long a fault of the operator's is shown.
const FAULT_SHOWN: Micros = 30 * 86_400 * SECOND;

/// What happens to a provider's key.
#[derive(Debug, Clone, Default)]
pub enum KeyChange {
    /// It stays.
    #[default]
    Keep,
    /// It is replaced. `Debug` hides it.
    Set(SecretString),
    /// It is forgotten; the configuration's counts again.
    Clear,
}

/// What changes about a provider; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct EditProvider {
    /// Whether calls may be sent to it.
    pub is_enabled: Option<bool>,
    /// Where it is; `Some(None)` for the configuration's or the adapter's own.
    pub base_url: Option<Option<String>>,
    /// All settings.
    pub settings: Option<Settings>,
    /// Its key.
    pub key: KeyChange,
}

/// Why a provider was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// There is no adapter of that name.
    #[error("There is no provider of this name. Known: {known}.")]
    Unknown {
        /// Those there are.
        known: String,
    },
    /// Somebody changed it meanwhile.
    #[error("The provider was changed meanwhile: it has version {current}, not {expected}. Read it again.")]
    VersionConflict {
        /// As given.
        expected: i32,
        /// As it is.
        current: i32,
    },
    /// Not an address.
    #[error(
        "The base URL must be http or https with a host, without credentials, query or fragment, at most {URL_MAX} characters."
    )]
    BaseUrlInvalid,
    /// An address that only this machine's surroundings have, where the cloud keeps credentials.
    #[error(
        "The base URL must not be a link-local address (169.254.0.0/16, fe80::/10) or a cloud's metadata service. Name the \
         provider's own host."
    )]
    BaseUrlForbidden,
    /// Another server, and the key that is set is not for it.
    #[error(
        "The base URL leads to another server than the key is for. Give `key` with it in the same call: the key for the new \
         address, or null for none."
    )]
    KeyMissing,
    /// Not a key.
    #[error("The key must be 1–{KEY_MAX} visible ASCII characters.")]
    KeyInvalid,
    /// A setting that no adapter knows, or a value that does not fit.
    #[error(transparent)]
    Setting(#[from] SettingFault),
    /// The sandbox needs none.
    #[error("The sandbox takes neither key nor address.")]
    NotForSandbox,
}

/// A provider as administrators see it.
#[derive(Debug, Clone)]
pub struct ProviderView {
    /// What was stored.
    pub setup: ProviderSetup,
    /// What its adapter makes.
    pub kinds: Vec<ModelKind>,
    /// Whether calls can be sent now, and why not.
    pub state: Result<(), NotSetUp>,
    /// Where its key comes from.
    pub key_source: KeySource,
    /// Where calls go; `None` is the adapter's own.
    pub effective_base_url: Option<String>,
    /// The latest fault that is the operator's to mend: its code and when.
    pub last_fault: Option<(String, Micros)>,
}

fn base_url_of(text: &str) -> Result<String, ProviderError> {
    let text = text.trim().trim_end_matches('/');
    let url = reqwest::Url::parse(text).map_err(|_| ProviderError::BaseUrlInvalid)?;
    let fits = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && text.len() <= URL_MAX;
    match url.host_str() {
        Some(host) if fits && is_forbidden(host) => Err(ProviderError::BaseUrlForbidden),
        Some(_) if fits => Ok(text.to_owned()),
        _ => Err(ProviderError::BaseUrlInvalid),
    }
}

/// Whether a host, as the parser of URLs spells it, is one that no provider has: link-local, where clouds hand out
/// credentials to whoever asks, or such a service by name.
fn is_forbidden(host: &str) -> bool {
    /// The metadata service of AWS in IPv6, which is no link-local address.
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            let within = address.to_ipv4();
            address.is_unicast_link_local()
                || address == METADATA
                || within.is_some_and(|address| address.is_link_local())
        }
        Err(_) => {
            let name = bare.trim_end_matches('.').to_ascii_lowercase();
            matches!(name.as_str(), "metadata" | "metadata.google.internal" | "instance-data.ec2.internal")
        }
    }
}

fn key_of(secret: &SecretString) -> Result<SecretString, ProviderError> {
    let text = secret.expose_secret().trim();
    let visible = text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    if visible && (1..=KEY_MAX).contains(&text.len()) {
        Ok(SecretString::from(text.to_owned()))
    } else {
        Err(ProviderError::KeyInvalid)
    }
}

/// What was set, in the words of the audit trail: never the key, encrypted or not.
fn described(setup: &ProviderSetup) -> String {
    serde_json::json!({
        "provider": setup.name, "isEnabled": setup.is_enabled, "baseUrl": setup.base_url, "settings": setup.settings,
        "key": setup.key.as_ref().map(|key| key.fingerprint.as_str()), "version": setup.version,
    })
    .to_string()
}

impl Ai {
    /// Every provider that this version has an adapter for, by name.
    pub async fn providers(&self) -> Result<Vec<ProviderView>, Error> {
        let setups = self.setups().await?;
        let faults = self.operator_faults().await?;
        let names = self.parts.providers.names();
        Ok(names.into_iter().map(|name| self.provider_view(setups.row(name), faults.get(name).cloned())).collect())
    }

    /// The settings that a provider's adapter takes, each with the kind of model it is for.
    pub fn setting_specs(&self, name: &str) -> Vec<(ModelKind, SettingSpec)> {
        let kinds = [ModelKind::Text, ModelKind::Image].into_iter();
        let specs =
            |kind| self.parts.providers.specs(name, kind).unwrap_or_default().iter().map(move |spec| (kind, *spec));
        kinds.flat_map(specs).collect()
    }

    async fn operator_faults(&self) -> Result<HashMap<String, (String, Micros)>, Error> {
        let since = self.parts.clock.now().saturating_sub(FAULT_SHOWN);
        Ok(store::load_operator_faults(self.parts.db.reader(), since).await?)
    }

    fn provider_view(&self, setup: ProviderSetup, last_fault: Option<(String, Micros)>) -> ProviderView {
        let providers = &self.parts.providers;
        let kinds = [ModelKind::Text, ModelKind::Image];
        let kinds = kinds.into_iter().filter(|kind| providers.serves(&setup.name, *kind)).collect();
        let state = set_up(providers, &self.parts.vault, &setup);
        let configured = providers.access(&setup.name);
        let key_source = match &state {
            Ok(SetUp { source, .. }) => *source,
            Err(_) if setup.key.is_some() => KeySource::Stored,
            Err(NotSetUp::KeyElsewhere) => KeySource::None,
            Err(_) if configured.key.is_some() => KeySource::Configuration,
            Err(_) => KeySource::None,
        };
        let effective_base_url = setup.base_url.clone().or(configured.base_url);
        ProviderView { kinds, state: state.map(|_| ()), key_source, effective_base_url, last_fault, setup }
    }

    /// Changes what is set for a provider; in force with the next call in every process. The shipped models of it that
    /// nobody has edited are switched on when it is set up, and off when it no longer is.
    /// Refuses: any [`ProviderError`].
    pub async fn update_provider(
        &self,
        right: FeatureRight,
        name: &str,
        expected: i32,
        edit: EditProvider,
        request_id: Option<String>,
    ) -> Result<ProviderView, Failure<ProviderError>> {
        let known = self.parts.providers.names();
        if !known.contains(&name) {
            return Err(Failure::Refused(ProviderError::Unknown { known: known.join(", ") }));
        }
        let act = self.act(right, request_id);
        let edit = self.checked(name, edit, &act)?;
        let (ai, name) = (self.clone(), name.to_owned());
        let setup = self
            .parts
            .db
            .write((ai, name, act, edit), move |tx, (ai, name, act, edit)| {
                Box::pin(async move {
                    let found = store::lock_provider_setup(tx, name).await?;
                    let before = found.unwrap_or_else(|| ProviderSetup::untouched(name));
                    let current = before.version;
                    let conflict = |current| Failure::Refused(ProviderError::VersionConflict { expected, current });
                    if current != expected {
                        return Err(conflict(current));
                    }
                    let after = edit.applied(&before, act.now);
                    if edit.key.is_none() && moves_key(&ai.parts.providers, &before, &after) {
                        return Err(Failure::Refused(ProviderError::KeyMissing));
                    }
                    let author = act.right.who.map(|who| who.user_id);
                    if !store::save_provider_setup(tx, &after, author, act.now).await? {
                        // Another administrator set it first, at the same moment.
                        return Err(conflict(expected.saturating_add(1)));
                    }
                    let is_set_up = set_up(&ai.parts.providers, &ai.parts.vault, &after).is_ok();
                    store::activate_untouched_models(tx, name, is_set_up).await?;
                    let change = (Some(described(&before)), Some(described(&after)));
                    act.audit(tx, "provider.update", ("ai_provider", None), change).await?;
                    Ok(after)
                })
            })
            .await?;
        let faults = self.operator_faults().await?;
        let fault = faults.get(&setup.name).cloned();
        Ok(self.provider_view(setup, fault))
    }

    /// Judges an edit, and encrypts the key before it goes anywhere.
    fn checked(&self, name: &str, edit: EditProvider, act: &Act) -> Result<Checked, Failure<ProviderError>> {
        let base_url = match edit.base_url {
            Some(Some(text)) => Some(Some(base_url_of(&text).map_err(Failure::Refused)?)),
            other => other,
        };
        let has_key = matches!(edit.key, KeyChange::Set(_));
        if name == "sandbox" && (has_key || base_url.as_ref().is_some_and(Option::is_some)) {
            return Err(Failure::Refused(ProviderError::NotForSandbox));
        }
        if let Some(settings) = &edit.settings {
            check_provider_settings(&self.parts.providers, name, settings)
                .map_err(|fault| Failure::Refused(fault.into()))?;
        }
        let key = match &edit.key {
            KeyChange::Keep => None,
            KeyChange::Clear => Some(None),
            KeyChange::Set(secret) => {
                let secret = key_of(secret).map_err(Failure::Refused)?;
                let vault = &self.parts.vault;
                let sealed = vault.seal(name, &secret, self.parts.ids.as_ref());
                let sealed = sealed.ok_or_else(|| Internal::new("encrypting a provider key", "the back end failed"))?;
                Some(Some(StoredKey {
                    sealed,
                    fingerprint: vault.name_of(&["key", secret.expose_secret()]),
                    set_by: act.right.who.map(|who| who.user_id),
                    set_at: act.now,
                }))
            }
        };
        Ok(Checked { is_enabled: edit.is_enabled, base_url, settings: edit.settings, key })
    }
}

/// An edit that was judged; the key is encrypted.
struct Checked {
    is_enabled: Option<bool>,
    base_url: Option<Option<String>>,
    settings: Option<Settings>,
    key: Option<Option<StoredKey>>,
}

impl Checked {
    fn applied(&self, before: &ProviderSetup, now: Micros) -> ProviderSetup {
        ProviderSetup {
            name: before.name.clone(),
            is_enabled: self.is_enabled.unwrap_or(before.is_enabled),
            base_url: self.base_url.clone().unwrap_or_else(|| before.base_url.clone()),
            settings: self.settings.clone().unwrap_or_else(|| before.settings.clone()),
            key: self.key.clone().unwrap_or_else(|| before.key.clone()),
            version: before.version.saturating_add(1),
            updated_at: Some(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_a_link_local_address_is_a_base_url() {
        for forbidden in [
            "http://169.254.169.254/v1",
            "http://169.254.0.1",
            "http://2852039166/latest",
            "http://0xa9fea9fe",
            "http://0251.0376.0251.0376/",
            "http://[fe80::1]/v1",
            "http://[febf::1]",
            "http://[::ffff:169.254.169.254]",
            "http://[::169.254.169.254]",
            "http://[fd00:ec2::254]",
            "http://metadata.google.internal./computeMetadata",
        ] {
            assert_eq!(base_url_of(forbidden), Err(ProviderError::BaseUrlForbidden), "{forbidden}");
        }
        for allowed in ["http://127.0.0.1:11434", "http://10.0.0.5", "http://[::1]:8080", "https://api.openai.com/v1"] {
            assert_eq!(base_url_of(allowed).as_deref(), Ok(allowed));
        }
    }
}
