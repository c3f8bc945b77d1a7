//! Which adapter serves which provider name of the model registry.

use std::{collections::HashMap, sync::Arc};

use super::{
    model::ModelKind,
    provider::{Access, ImageProvider, SettingSpec, TextProvider},
};

/// The adapters that need no key.
const KEYLESS: [&str; 2] = ["ollama", "sandbox"];

/// The adapters to something on the operator's own machine, which is there once somebody has said where.
const LOCAL: [&str; 1] = ["ollama"];

/// The adapters of this process, by the name in the registry.
#[derive(Clone, Default)]
pub struct Providers {
    text: HashMap<&'static str, Arc<dyn TextProvider>>,
    image: HashMap<&'static str, Arc<dyn ImageProvider>>,
    access: HashMap<&'static str, Access>,
}

impl Providers {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an adapter that does both.
    #[must_use]
    pub fn with<P: TextProvider + ImageProvider + 'static>(self, provider: P) -> Self {
        let provider = Arc::new(provider);
        self.with_text(provider.clone()).with_image(provider)
    }

    /// Adds an adapter that writes text.
    #[must_use]
    pub fn with_text(mut self, provider: Arc<dyn TextProvider>) -> Self {
        self.text.insert(provider.name(), provider);
        self
    }

    /// Adds an adapter that draws images.
    #[must_use]
    pub fn with_image(mut self, provider: Arc<dyn ImageProvider>) -> Self {
        self.image.insert(provider.name(), provider);
        self
    }

    /// Says where the provider of this name is, and the key to it.
    #[must_use]
    pub fn with_access(mut self, name: &'static str, access: Access) -> Self {
        self.access.insert(name, access);
        self
    }

    /// Where the provider of this name is, and the key to it, by the configuration.
    pub fn access(&self, name: &str) -> Access {
        self.access.get(name).cloned().unwrap_or_default()
    }

    /// Where calls to the provider go unless an administrator says otherwise: the configuration's address, else the
    /// adapter's own.
    pub fn usual_base_url(&self, name: &str) -> Option<String> {
        let own = || {
            let text = self.text.get(name).and_then(|adapter| adapter.own_base_url());
            text.or_else(|| self.image.get(name).and_then(|adapter| adapter.own_base_url())).map(str::to_owned)
        };
        self.access(name).base_url.or_else(own)
    }

    /// The adapter for text, if there is one.
    pub fn text(&self, name: &str) -> Option<Arc<dyn TextProvider>> {
        self.text.get(name).cloned()
    }

    /// The adapter for images, if there is one.
    pub fn image(&self, name: &str) -> Option<Arc<dyn ImageProvider>> {
        self.image.get(name).cloned()
    }

    /// The names of all adapters, in order.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = self.text.keys().chain(self.image.keys()).copied().collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The settings that calls of `kind` take; `None` without an adapter for it.
    pub fn specs(&self, name: &str, kind: ModelKind) -> Option<&'static [SettingSpec]> {
        match kind {
            ModelKind::Text => self.text.get(name).map(|adapter| adapter.text_settings()),
            ModelKind::Image => self.image.get(name).map(|adapter| adapter.image_settings()),
        }
    }

    /// Whether calls to the provider need a key.
    pub fn needs_key(name: &str) -> bool {
        !KEYLESS.contains(&name)
    }

    /// Whether calls to the provider need an address that somebody set.
    pub fn needs_address(name: &str) -> bool {
        LOCAL.contains(&name)
    }

    /// Whether there is an adapter for models of `kind` of this provider.
    pub fn serves(&self, name: &str, kind: ModelKind) -> bool {
        match kind {
            ModelKind::Text => self.text.contains_key(name),
            ModelKind::Image => self.image.contains_key(name),
        }
    }
}
