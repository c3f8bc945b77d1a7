//! Which adapter serves which provider name of the model registry.

use std::{collections::HashMap, sync::Arc};

use super::{
    model::ModelKind,
    provider::{ImageProvider, TextProvider},
};

/// The adapters of this process, by the name in the registry.
#[derive(Clone, Default)]
pub struct Providers {
    text: HashMap<&'static str, Arc<dyn TextProvider>>,
    image: HashMap<&'static str, Arc<dyn ImageProvider>>,
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

    /// The adapter for text, if it is set up.
    pub fn text(&self, name: &str) -> Option<Arc<dyn TextProvider>> {
        self.text.get(name).cloned()
    }

    /// The adapter for images, if it is set up.
    pub fn image(&self, name: &str) -> Option<Arc<dyn ImageProvider>> {
        self.image.get(name).cloned()
    }

    /// Whether models of `kind` of this provider can be used.
    pub fn serves(&self, name: &str, kind: ModelKind) -> bool {
        match kind {
            ModelKind::Text => self.text.contains_key(name),
            ModelKind::Image => self.image.contains_key(name),
        }
    }
}
