//! An image's values.

use uuid::Uuid;

use crate::clock::Micros;

/// Where an image belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    /// To no content: made by a command of its own.
    Standalone,
    /// At the head of a content.
    Featured,
    /// Inside a content.
    InArticle,
}

impl ImageKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Standalone, Self::Featured, Self::InArticle];

    /// The word in tables and API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standalone => "STANDALONE",
            Self::Featured => "FEATURED",
            Self::InArticle => "IN_ARTICLE",
        }
    }

    /// Reads the word. `None` when there is no such kind.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A stored image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// The task that delivered it.
    pub ai_task_id: Option<Uuid>,
    /// Where it belongs.
    pub kind: ImageKind,
    /// What was asked.
    pub prompt: String,
    /// The model that drew it.
    pub ai_model_id: Option<Uuid>,
    /// That model's name at the time.
    pub model_name: String,
    /// Whose model it is; `sandbox` is shown as such.
    pub provider: String,
    /// The seed that was sent.
    pub seed: Option<i64>,
    /// Pixels.
    pub width: i32,
    /// Pixels.
    pub height: i32,
    /// Where its bytes are.
    pub object_key: String,
    /// Its media type.
    pub content_type: String,
    /// Its size in bytes.
    pub bytes: i64,
    /// When it was stored.
    pub created_at: Micros,
}
