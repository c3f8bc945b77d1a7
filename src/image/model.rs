//! An image's values.

use uuid::Uuid;

use crate::clock::Micros;

crate::words::words! {
    /// Where an image belongs.
    ImageKind {
        /// To no content: made by a command of its own.
        Standalone "STANDALONE",
        /// At the head of a content.
        Featured "FEATURED",
        /// Inside a content.
        InArticle "IN_ARTICLE",
    }
}

crate::words::words! {
    /// Who may see an image beside its account's members.
    Visibility {
        /// Nobody.
        Private "PRIVATE",
        /// Whoever is signed in and has its id, unless a moderator hides it.
        Public "PUBLIC",
    }
}

crate::words::words! {
    /// An object of an image beside its original.
    VariantKind {
        /// A thumbnail, 320 pixels wide.
        W320 "w320",
        /// A thumbnail, 640 pixels wide.
        W640 "w640",
        /// A thumbnail, 1280 pixels wide.
        W1280 "w1280",
        /// The whole image as WebP.
        Webp "webp",
        /// The whole image with its watermark.
        Marked "marked",
    }
}

impl VariantKind {
    /// The width of a thumbnail, in pixels.
    pub fn thumbnail_width(self) -> Option<i32> {
        match self {
            Self::W320 => Some(320),
            Self::W640 => Some(640),
            Self::W1280 => Some(1280),
            Self::Webp | Self::Marked => None,
        }
    }
}

crate::words::words! {
    /// Why there is no such variant.
    VariantFailure {
        /// The image is no wider than the thumbnail would be: show the image.
        ImageNotWider "IMAGE_NOT_WIDER",
        /// The copy would be no smaller than the file it is a copy of.
        NotSmaller "NOT_SMALLER",
        /// It could not be encoded.
        EncodingFailed "ENCODING_FAILED",
        /// The object store did not take it.
        StoreUnavailable "STORE_UNAVAILABLE",
        /// Image processing was switched off when the image was stored.
        SwitchedOff "SWITCHED_OFF",
        /// The image was stored before there were variants.
        NeverMade "NEVER_MADE",
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
    /// Where the bytes are that its address shows: those of its marked copy, when it is marked.
    pub shown_key: String,
    /// The store that object is in.
    pub shown_store: String,
    /// Their media type.
    pub content_type: String,
    /// How many they are.
    pub bytes: i64,
    /// When it was stored.
    pub created_at: Micros,
    /// Who may see it beside its account's members.
    pub visibility: Visibility,
    /// Whether a moderator has hidden it from all others.
    pub is_hidden: bool,
    /// The image that it is an enlargement of.
    pub original_id: Option<Uuid>,
    /// What it is marked with.
    pub watermark: Option<String>,
    /// A ThumbHash in base64.
    pub placeholder: Option<String>,
    /// What it shows, for those who cannot see it.
    pub alt_text: Option<String>,
    /// The kind of event it was made for.
    pub event_type: Option<String>,
    /// The style it was made in.
    pub style: Option<String>,
    /// The shape that was asked for.
    pub ratio: Option<String>,
    /// The care that was asked for.
    pub quality: Option<String>,
}

impl Image {
    /// Whether everybody may see it.
    pub fn is_public(&self) -> bool {
        self.visibility == Visibility::Public && !self.is_hidden
    }
}

/// A variant that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantObject {
    /// Where its bytes are.
    pub object_key: String,
    /// The store it is in.
    pub store: String,
    /// Their media type.
    pub content_type: String,
    /// How many they are.
    pub bytes: i64,
    /// Pixels.
    pub width: i32,
    /// Pixels.
    pub height: i32,
}

/// A variant, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Which.
    pub kind: VariantKind,
    /// The object.
    pub made: Result<VariantObject, VariantFailure>,
}

/// All variants that may be shown of `image`, narrowest thumbnail first, from the rows that were stored. The marked copy is
/// not among them: it is what the image itself shows.
pub fn variants_of(image: &Image, stored: &[Variant]) -> Vec<Variant> {
    let shown = VariantKind::ALL.iter().copied().filter(|kind| *kind != VariantKind::Marked);
    let of = |kind: VariantKind| {
        let found = stored.iter().find(|variant| variant.kind == kind).map(|variant| variant.made.clone());
        let narrow = kind.thumbnail_width().is_some_and(|width| image.width <= width);
        let missing = if narrow { VariantFailure::ImageNotWider } else { VariantFailure::NeverMade };
        Variant { kind, made: found.unwrap_or(Err(missing)) }
    };
    shown.map(of).collect()
}

/// Which images of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFilter {
    /// Only of this kind.
    pub kind: Option<ImageKind>,
    /// Only these.
    pub visibility: Option<Visibility>,
    /// Only in this style, in any case.
    pub style: Option<String>,
    /// Only for this kind of event.
    pub event_type: Option<String>,
}

/// The most characters of a moderator's reason.
pub const REASON_CHARS_MAX: usize = 500;

/// Why an image was not moderated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModerateImageError {
    /// The reason is too long.
    #[error("The reason has more than {REASON_CHARS_MAX} characters; shorten it.")]
    ReasonTooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_every_word() {
        for kind in VariantKind::ALL {
            assert_eq!(VariantKind::parse(kind.as_str()), Some(*kind));
        }
        for failure in VariantFailure::ALL {
            assert_eq!(VariantFailure::parse(failure.as_str()), Some(*failure));
        }
        assert_eq!(Visibility::parse("public"), None);
        assert_eq!(ImageKind::parse("STANDALONE"), Some(ImageKind::Standalone));
    }
}
