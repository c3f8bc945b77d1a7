//! Object keys: `images/<account>/<image>/<variant>.<extension>` and nothing else, so no key can leave its folder.

use std::fmt;
use std::str::FromStr;

use object_store::path::Path;
use uuid::Uuid;

const EXTENSIONS: &[&str] = &["png", "jpg", "webp"];
const VARIANT_CHARS_MAX: usize = 32;

/// The key of an object. Both ids are UUIDs in lower case with hyphens; it holds no prompt, cost or name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

/// A text that is no object key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an object key is images/<account>/<image>/<variant>.<png, jpg or webp>")]
pub struct InvalidKey;

impl ObjectKey {
    /// The key of one variant of an image, such as `original`.
    ///
    /// # Errors
    /// [`InvalidKey`] unless `variant` is 1–32 of `a`–`z`, `0`–`9`, `-` and `extension` is `png`, `jpg` or `webp`.
    pub fn image(account: Uuid, image: Uuid, variant: &str, extension: &str) -> Result<Self, InvalidKey> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let named = (1..=VARIANT_CHARS_MAX).contains(&variant.len()) && variant.chars().all(plain);
        if !named || !EXTENSIONS.contains(&extension) {
            return Err(InvalidKey);
        }
        Ok(Self(format!("images/{}/{}/{variant}.{extension}", account.hyphenated(), image.hyphenated())))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account that the object belongs to.
    #[must_use]
    pub fn account_id(&self) -> Uuid {
        self.id(1)
    }

    /// The image that the object belongs to.
    #[must_use]
    pub fn image_id(&self) -> Uuid {
        self.id(2)
    }

    fn id(&self, part: usize) -> Uuid {
        // The text is only ever what `image` wrote, so the part is there and is an id.
        self.0.split('/').nth(part).and_then(|id| id.parse().ok()).unwrap_or_default()
    }

    /// The media type that the extension stands for.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match self.0.rsplit_once('.') {
            Some((_, "jpg")) => "image/jpeg",
            Some((_, "webp")) => "image/webp",
            _ => "image/png",
        }
    }

    pub(super) fn to_path(&self) -> Path {
        Path::from(self.0.as_str())
    }
}

impl FromStr for ObjectKey {
    type Err = InvalidKey;

    /// Reads a key; only the exact text that [`ObjectKey::image`] writes is one.
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let mut parts = text.split('/');
        let (Some("images"), Some(account), Some(image), Some(file), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidKey);
        };
        let (variant, extension) = file.split_once('.').ok_or(InvalidKey)?;
        let id = |text: &str| text.parse::<Uuid>().map_err(|_| InvalidKey);
        let key = Self::image(id(account)?, id(image)?, variant, extension)?;
        if key.0 == text { Ok(key) } else { Err(InvalidKey) }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "018f3c5e-0000-7000-8000-000000000001";
    const IMAGE: &str = "018f3c5e-0000-7000-8000-0000000000ff";

    #[test]
    fn reads_back_what_it_writes() {
        let key = ObjectKey::image(ACCOUNT.parse().unwrap(), IMAGE.parse().unwrap(), "original", "webp").unwrap();
        assert_eq!(key.as_str(), format!("images/{ACCOUNT}/{IMAGE}/original.webp"));
        assert_eq!(key.as_str().parse(), Ok(key.clone()));
        assert_eq!(key.content_type(), "image/webp");
        assert_eq!(key.account_id(), ACCOUNT.parse::<Uuid>().unwrap());
        assert_eq!(key.image_id(), IMAGE.parse::<Uuid>().unwrap());
        assert_eq!(key.to_path().as_ref(), key.as_str());
    }

    #[test]
    fn refuses_every_other_text() {
        let upper = IMAGE.to_uppercase();
        let simple = IMAGE.replace('-', "");
        for text in [
            String::new(),
            "images".into(),
            format!("images/{ACCOUNT}/{IMAGE}/"),
            format!("images/{ACCOUNT}/{IMAGE}/a"),
            format!("images/{ACCOUNT}/{IMAGE}/.png"),
            format!("images/{ACCOUNT}/{IMAGE}/a.svg"),
            format!("images/{ACCOUNT}/{IMAGE}/a.png.png"),
            format!("images/{ACCOUNT}/{IMAGE}/A.png"),
            format!("images/{ACCOUNT}/{IMAGE}/a%2e.png"),
            format!("images/{ACCOUNT}/{IMAGE}/a.png/"),
            format!("images/{ACCOUNT}/{IMAGE}/b/a.png"),
            format!("images/{ACCOUNT}/../a.png"),
            format!("images/../{IMAGE}/a.png"),
            format!("/images/{ACCOUNT}/{IMAGE}/a.png"),
            format!("images//{ACCOUNT}/{IMAGE}/a.png"),
            format!("files/{ACCOUNT}/{IMAGE}/a.png"),
            format!("images/{ACCOUNT}/{upper}/a.png"),
            format!("images/{ACCOUNT}/{simple}/a.png"),
            format!("images/{ACCOUNT}/{{{IMAGE}}}/a.png"),
            format!("images/{ACCOUNT}/{IMAGE}/a.png\0"),
            format!("images/{ACCOUNT}/{IMAGE}/{}.png", "a".repeat(33)),
        ] {
            assert_eq!(text.parse::<ObjectKey>(), Err(InvalidKey), "{text}");
        }
    }
}
