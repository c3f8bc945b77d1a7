//! What a person changes about an article, and why a change of content is refused.

use std::collections::HashSet;

use super::{
    Content, ContentState, Face, IllegalTransition,
    article::{
        CATEGORIES_MAX, EXCERPT_CHARS_MAX, LABEL_CHARS_MAX, META_DESCRIPTION_CHARS_MAX, META_TITLE_CHARS_MAX, TAGS_MAX,
    },
    html::{clean_html, plain_text},
    slug::{SLUG_CHARS_MAX, is_slug},
    words::count_words,
};
use crate::{
    clock::{Micros, to_rfc3339},
    keyword::model::text_key,
    prompt::model::collapse_blanks,
};

/// Characters of a title at most.
pub const CONTENT_TITLE_CHARS_MAX: usize = 200;
/// Characters of a text at most, its tags counted.
pub const HTML_CHARS_MAX: usize = 100_000;
/// Keywords of an article at most.
pub const KEYWORDS_MAX: usize = 20;
/// Characters of a keyword at most.
pub const KEYWORD_CHARS_MAX: usize = 200;
/// Characters of a reviewer's note at most.
pub const NOTE_CHARS_MAX: usize = 1_000;
/// Contents that one command schedules at most.
pub const SCHEDULE_MAX: usize = 50;

/// Why content was not changed. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// It was changed meanwhile.
    #[error("The content is at version {current} by now. Read it again and repeat the change from there.")]
    VersionConflict {
        /// The version the change was made from.
        expected: i32,
        /// The version that is there.
        current: i32,
    },
    /// No rule leads there from its state.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// Its text stays as it is in this state.
    #[error("The text of {} content cannot be edited. {}", .state.as_str(), remedy(*.state))]
    NotEditable {
        /// The state.
        state: ContentState,
    },
    /// The title is blank or too long.
    #[error("A title has 1–{CONTENT_TITLE_CHARS_MAX} characters, a letter or digit among them.")]
    TitleInvalid,
    /// The slug is none.
    #[error("A slug has 1–{SLUG_CHARS_MAX} characters: a–z, 0–9 and single hyphens between them.")]
    SlugInvalid,
    /// Another content of the site has the slug.
    #[error("Another content of the site has the slug {0:?}. Choose another.")]
    SlugTaken(String),
    /// The text is too long.
    #[error("The text has {0} characters; {HTML_CHARS_MAX} is the most. Shorten it.")]
    HtmlTooLong(usize),
    /// Nothing is left of the text.
    #[error("Cleaned of what articles may not hold, the text is empty. Write headings and paragraphs.")]
    HtmlEmpty,
    /// The excerpt is too long.
    #[error("An excerpt has at most {EXCERPT_CHARS_MAX} characters. Shorten it.")]
    ExcerptTooLong,
    /// The meta title is too long.
    #[error("A meta title has at most {META_TITLE_CHARS_MAX} characters. Shorten it.")]
    MetaTitleTooLong,
    /// The meta description is too long.
    #[error("A meta description has at most {META_DESCRIPTION_CHARS_MAX} characters. Shorten it.")]
    MetaDescriptionTooLong,
    /// A keyword is blank or too long, or there are too many.
    #[error("An article has at most {KEYWORDS_MAX} keywords of 1–{KEYWORD_CHARS_MAX} characters each.")]
    KeywordsInvalid,
    /// A category is blank or too long, or there are too many.
    #[error("An article has at most {CATEGORIES_MAX} categories of 1–{LABEL_CHARS_MAX} characters each.")]
    CategoriesInvalid,
    /// A tag is blank or too long, or there are too many.
    #[error("An article has at most {TAGS_MAX} tags of 1–{LABEL_CHARS_MAX} characters each.")]
    TagsInvalid,
    /// The note is blank or too long.
    #[error("A note has 1–{NOTE_CHARS_MAX} characters; say what is to be changed.")]
    NoteInvalid,
    /// The slot is over.
    #[error("The slot {} is not later than now. Choose a later one.", to_rfc3339(*.0))]
    SlotInPast(Micros),
    /// Another content of the site has the slot.
    #[error("Another content of the site has the slot {}. Choose another, or move that one first.", to_rfc3339(*.0))]
    SlotTaken(Micros),
}

fn remedy(state: ContentState) -> &'static str {
    match state {
        ContentState::Archived => "Restore it first.",
        ContentState::Failed => "Return it to the tray first, or keep its approval.",
        _ => "Wait until it is published or has failed.",
    }
}

/// What changes about an article; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateContent {
    /// Whether an approval stands, as the editor's own.
    pub keep_approval: bool,
    /// The title.
    pub title: Option<String>,
    /// The last part of its address.
    pub slug: Option<String>,
    /// The text.
    pub html: Option<String>,
    /// The excerpt; may be empty.
    pub excerpt: Option<String>,
    /// The title for search engines; may be empty.
    pub meta_title: Option<String>,
    /// The description for search engines; may be empty.
    pub meta_description: Option<String>,
    /// What it is to be found for.
    pub keywords: Option<Vec<String>>,
    /// Categories.
    pub categories: Option<Vec<String>>,
    /// Tags.
    pub tags: Option<Vec<String>>,
}

/// `text` on one line, when it has at most so many characters.
fn line(text: &str, most: usize) -> Option<String> {
    let text = collapse_blanks(text);
    (text.chars().count() <= most && !text.chars().any(char::is_control)).then_some(text)
}

/// Unlike each other, in their order; `None` when one is blank or too long, or there are too many.
fn labels(texts: &[String], chars: usize, most: usize) -> Option<Vec<String>> {
    let lines = texts.iter().map(|text| line(text, chars).filter(|line| !line.is_empty()));
    let lines: Option<Vec<String>> = lines.collect();
    let mut seen = HashSet::new();
    let unlike: Vec<String> = lines?.into_iter().filter(|line| seen.insert(text_key(line))).collect();
    (unlike.len() <= most).then_some(unlike)
}

impl UpdateContent {
    /// The edit with its text cleaned, which takes a while for a long one, and its words counted.
    /// Refuses: `HtmlTooLong`, `HtmlEmpty`.
    pub fn clean(&self) -> Result<Option<(String, i32)>, ContentError> {
        let Some(html) = &self.html else { return Ok(None) };
        let chars = html.chars().count();
        if chars > HTML_CHARS_MAX {
            return Err(ContentError::HtmlTooLong(chars));
        }
        let html = clean_html(html);
        let words = count_words(&plain_text(&html));
        if words == 0 {
            return Err(ContentError::HtmlEmpty);
        }
        Ok(Some((html, i32::try_from(words).unwrap_or(i32::MAX))))
    }

    /// What is shown of the article afterwards. Refuses: what is ill-formed.
    pub fn face(&self, face: &Face) -> Result<Face, ContentError> {
        let mut face = face.clone();
        if let Some(title) = &self.title {
            let title = line(title, CONTENT_TITLE_CHARS_MAX).filter(|title| title.chars().any(char::is_alphanumeric));
            face.title = title.ok_or(ContentError::TitleInvalid)?;
        }
        if let Some(slug) = &self.slug {
            face.slug = Some(slug.clone()).filter(|slug| is_slug(slug)).ok_or(ContentError::SlugInvalid)?;
        }
        let lines = [
            (&self.excerpt, &mut face.excerpt, EXCERPT_CHARS_MAX, ContentError::ExcerptTooLong),
            (&self.meta_title, &mut face.meta_title, META_TITLE_CHARS_MAX, ContentError::MetaTitleTooLong),
            (
                &self.meta_description,
                &mut face.meta_description,
                META_DESCRIPTION_CHARS_MAX,
                ContentError::MetaDescriptionTooLong,
            ),
        ];
        for (given, field, most, refusal) in lines {
            if let Some(text) = given {
                *field = line(text, most).ok_or(refusal)?;
            }
        }
        let lists = [
            (&self.keywords, &mut face.keywords, KEYWORD_CHARS_MAX, KEYWORDS_MAX, ContentError::KeywordsInvalid),
            (&self.categories, &mut face.categories, LABEL_CHARS_MAX, CATEGORIES_MAX, ContentError::CategoriesInvalid),
            (&self.tags, &mut face.tags, LABEL_CHARS_MAX, TAGS_MAX, ContentError::TagsInvalid),
        ];
        for (given, field, chars, most, refusal) in lists {
            if let Some(texts) = given {
                *field = labels(texts, chars, most).ok_or(refusal)?;
            }
        }
        Ok(face)
    }
}

impl Content {
    /// Whether its text may be edited. Refuses: `NotEditable`; content that failed keeps its approval or stays as it is,
    /// because it may be published at once.
    pub fn check_editable(&self, keep_approval: bool) -> Result<(), ContentError> {
        let state = self.state;
        match state {
            ContentState::Publishing | ContentState::Uncertain | ContentState::Archived => {
                Err(ContentError::NotEditable { state })
            }
            ContentState::Failed if !keep_approval => Err(ContentError::NotEditable { state }),
            _ => Ok(()),
        }
    }

    /// The version that a change was made from must be the one that is there. Refuses: `VersionConflict`.
    pub fn check_version(&self, expected: i32) -> Result<(), ContentError> {
        if self.version == expected {
            return Ok(());
        }
        Err(ContentError::VersionConflict { expected, current: self.version })
    }
}

/// A reviewer's note, trimmed. Refuses: `NoteInvalid`.
pub fn review_note(text: &str) -> Result<String, ContentError> {
    let text = text.trim();
    let fits = (1..=NOTE_CHARS_MAX).contains(&text.chars().count())
        && !text.chars().any(|letter| letter.is_control() && letter != '\n');
    if fits { Ok(text.to_owned()) } else { Err(ContentError::NoteInvalid) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face() -> Face {
        Face {
            title: "Tents".into(),
            slug: "tents".into(),
            excerpt: String::new(),
            meta_title: String::new(),
            meta_description: String::new(),
            keywords: Vec::new(),
            categories: Vec::new(),
            tags: Vec::new(),
        }
    }

    #[test]
    fn every_limit_is_kept_at_its_edge() {
        let some = |text: &str, chars: usize| Some(text.repeat(chars));
        for (edit, refusal) in [
            (UpdateContent { title: some("a", 201), ..Default::default() }, ContentError::TitleInvalid),
            (UpdateContent { title: some("-", 3), ..Default::default() }, ContentError::TitleInvalid),
            (UpdateContent { slug: some("a", 81), ..Default::default() }, ContentError::SlugInvalid),
            (UpdateContent { slug: Some("a--b".into()), ..Default::default() }, ContentError::SlugInvalid),
            (UpdateContent { excerpt: some("a", 301), ..Default::default() }, ContentError::ExcerptTooLong),
            (UpdateContent { meta_title: some("a", 61), ..Default::default() }, ContentError::MetaTitleTooLong),
            (
                UpdateContent { meta_description: some("a", 161), ..Default::default() },
                ContentError::MetaDescriptionTooLong,
            ),
            (UpdateContent { keywords: Some(vec![" ".into()]), ..Default::default() }, ContentError::KeywordsInvalid),
            (
                UpdateContent { categories: Some((0..6).map(|n| n.to_string()).collect()), ..Default::default() },
                ContentError::CategoriesInvalid,
            ),
            (UpdateContent { tags: Some(vec!["a".repeat(61)]), ..Default::default() }, ContentError::TagsInvalid),
        ] {
            assert_eq!(edit.face(&face()), Err(refusal));
        }
        let edit = UpdateContent {
            title: some("a", 200),
            slug: some("a", 80),
            excerpt: some("a", 300),
            meta_title: some("a", 60),
            meta_description: some("a", 160),
            tags: Some(vec!["One".into(), " one ".into(), "two".into()]),
            ..Default::default()
        };
        let edited = edit.face(&face()).unwrap();
        assert_eq!((edited.title.len(), edited.tags), (200, vec!["One".to_owned(), "two".to_owned()]));
        assert_eq!(UpdateContent::default().face(&face()), Ok(face()));
    }

    #[test]
    fn a_text_is_cleaned_and_counted() {
        let clean = |html: String| UpdateContent { html: Some(html), ..Default::default() }.clean();
        let found = clean("<p onclick=\"x\">Two words</p><script>no</script>".into()).unwrap();
        assert_eq!(found, Some(("<p>Two words</p>".to_owned(), 2)));
        assert_eq!(clean("<script>x</script>".into()), Err(ContentError::HtmlEmpty));
        assert_eq!(clean("a".repeat(100_001)), Err(ContentError::HtmlTooLong(100_001)));
        assert_eq!(UpdateContent::default().clean(), Ok(None));
    }

    #[test]
    fn a_note_says_something() {
        assert_eq!(review_note(" Shorter,\nplease. "), Ok("Shorter,\nplease.".to_owned()));
        for text in ["", "  ", "a\u{1}", &"a".repeat(1_001)] {
            assert_eq!(review_note(text), Err(ContentError::NoteInvalid));
        }
    }
}
