//! A part of a site.

use uuid::Uuid;

use super::{NAME_CHARS_MAX, SECTORS_MAX, one_line};
use crate::clock::Micros;

/// The most characters of a slug.
const SLUG_CHARS_MAX: usize = 100;

/// A part of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sector {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub account_id: Uuid,
    /// Of which site.
    pub site_id: Uuid,
    /// Its name, 1–100 characters.
    pub name: String,
    /// Its name in addresses: a–z, 0–9 and single hyphens, unique in the site.
    pub slug: String,
    /// Whether it is in use.
    pub is_active: bool,
    /// When it was made, microseconds.
    pub created_at: Micros,
    /// When it was last changed, microseconds.
    pub updated_at: Micros,
}

/// A new sector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateSector {
    /// Of which site.
    pub site_id: Uuid,
    /// Its name.
    pub name: String,
    /// Its slug; `None` makes one of the name.
    pub slug: Option<String>,
}

/// What changes about a sector; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateSector {
    /// Its name.
    pub name: Option<String>,
    /// Its slug.
    pub slug: Option<String>,
    /// Whether it is in use.
    pub is_active: Option<bool>,
}

/// Why a sector was not made or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SectorError {
    /// The name is blank or too long.
    #[error("A name has 1–{NAME_CHARS_MAX} characters on one line.")]
    NameInvalid,
    /// The slug has other characters than it may.
    #[error("A slug has 1–{SLUG_CHARS_MAX} of a–z, 0–9 and single hyphens between them, such as running-shoes.")]
    SlugInvalid,
    /// Another sector of the site has the slug.
    #[error("Another sector of the site has the slug {0:?}. Choose another one.")]
    SlugTaken(String),
    /// The site has as many sectors as it may.
    #[error("The site has {SECTORS_MAX} sectors, which is the most. Use one of them.")]
    TooManySectors,
}

/// `text` in lower case with everything but a–z and 0–9 replaced by single hyphens; empty where nothing is left.
fn slug_of(text: &str) -> String {
    let words = text.to_lowercase();
    let words = words.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").chars().take(SLUG_CHARS_MAX).collect::<String>().trim_matches('-').to_owned()
}

fn checked_slug(text: &str) -> Result<String, SectorError> {
    let slug = text.trim().to_owned();
    if slug.is_empty() || slug_of(&slug) != slug { Err(SectorError::SlugInvalid) } else { Ok(slug) }
}

impl CreateSector {
    /// Its name and slug. Refuses: `NameInvalid`, `SlugInvalid`.
    pub fn check(&self) -> Result<(String, String), SectorError> {
        let name = one_line(&self.name, NAME_CHARS_MAX).ok_or(SectorError::NameInvalid)?;
        let slug = match &self.slug {
            Some(slug) => checked_slug(slug)?,
            // A name without a Latin letter makes none; then one has to be given.
            None => checked_slug(&slug_of(&name))?,
        };
        Ok((name, slug))
    }
}

impl UpdateSector {
    /// The sector as it will be. Refuses: `NameInvalid`, `SlugInvalid`.
    pub fn apply(&self, sector: &Sector) -> Result<Sector, SectorError> {
        let mut changed = sector.clone();
        if let Some(name) = &self.name {
            changed.name = one_line(name, NAME_CHARS_MAX).ok_or(SectorError::NameInvalid)?;
        }
        if let Some(slug) = &self.slug {
            changed.slug = checked_slug(slug)?;
        }
        if let Some(is_active) = self.is_active {
            changed.is_active = is_active;
        }
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(name: &str, slug: Option<&str>) -> Result<(String, String), SectorError> {
        CreateSector { site_id: Uuid::nil(), name: name.into(), slug: slug.map(str::to_owned) }.check()
    }

    #[test]
    fn makes_a_slug_of_the_name_and_checks_a_given_one() {
        assert_eq!(create(" Running  Shoes! ", None), Ok(("Running  Shoes!".into(), "running-shoes".into())));
        assert_eq!(create("Schuhe", Some("shoes-2")), Ok(("Schuhe".into(), "shoes-2".into())));
        for slug in ["", "-a", "a-", "a--b", "A", "a b", "ä"] {
            assert_eq!(create("Schuhe", Some(slug)), Err(SectorError::SlugInvalid), "{slug:?}");
        }
        assert_eq!(create("鞋", None), Err(SectorError::SlugInvalid));
        assert_eq!(create("a\nb", None), Err(SectorError::NameInvalid));
        assert_eq!(create(&"n".repeat(101), None), Err(SectorError::NameInvalid));
    }
}
