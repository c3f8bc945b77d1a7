//! What a model is told about the site that it works for.

use serde_json::{Value, json};

/// What a model is told about a site. All of it was written by users, so it goes into the data block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SiteContext {
    /// The site's name.
    pub name: String,
    /// Its language, a BCP 47 tag.
    pub language: String,
    /// Whom its content is for.
    pub audience: Option<String>,
    /// The name of the sector.
    pub sector: Option<String>,
}

impl SiteContext {
    /// As it stands in a data block, under `site`.
    pub fn value(&self) -> Value {
        json!({"name": self.name, "language": self.language, "audience": self.audience, "sector": self.sector})
    }
}
