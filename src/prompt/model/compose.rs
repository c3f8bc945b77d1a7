//! The one function that composes an image prompt, for preview and generation alike.
//! It gets its texts from the caller and must never know where they are stored.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Category,
    catalogue::find_shipped,
    clause::{clause_key, clauses, length},
    clean::clean,
    details::{Details, Wishes, event_name},
    key::PromptKey,
    prompt::CONTENT_MAX,
};

/// What BASE starts with when no text is to be rendered.
pub const NO_TEXT: &str = "no text in the image";
/// The style that stands for none.
pub const NO_STYLE: &str = "No Style";
/// What stands for the event's name in the template of the minimal event text.
pub const EVENT_PLACEHOLDER: &str = "{event}";

/// What a part says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PartKind {
    /// The event type's prompt.
    Event,
    /// What the user says about the event.
    Details,
    /// The style's prompt.
    Style,
    /// The text to render.
    Text,
    /// The user's own words about the look.
    CustomStyle,
    /// What every prompt ends with.
    Base,
}

impl PartKind {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "EVENT",
            Self::Details => "DETAILS",
            Self::Style => "STYLE",
            Self::Text => "TEXT",
            Self::CustomStyle => "CUSTOM_STYLE",
            Self::Base => "BASE",
        }
    }
}

/// Where a text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Source {
    /// The active version of a stored prompt.
    Database,
    /// The shipped catalogue.
    BuiltIn,
    /// Made from the name alone.
    Minimal,
    /// The user.
    User,
}

impl Source {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "DATABASE",
            Self::BuiltIn => "BUILT_IN",
            Self::Minimal => "MINIMAL",
            Self::User => "USER",
        }
    }
}

/// A prompt's text and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptText {
    /// The text.
    pub text: String,
    /// Where from.
    pub source: Source,
    /// The version, of a stored prompt.
    pub version_id: Option<Uuid>,
}

impl PromptText {
    /// The active version of a stored prompt.
    pub fn stored(text: String, version_id: Uuid) -> Self {
        Self { text, source: Source::Database, version_id: Some(version_id) }
    }

    /// The shipped text under a key. `None` when none is shipped.
    pub fn built_in(category: Category, key: &PromptKey) -> Option<Self> {
        let shipped = find_shipped(category, key)?;
        Some(Self { text: shipped.content.to_owned(), source: Source::BuiltIn, version_id: None })
    }

    /// What stands for an event type without an active prompt: the shipped text, else the minimal one.
    /// `template` is the text of `system_default/fallback`; `{event}` in it becomes the event's name.
    pub fn for_event(key: &PromptKey, template: Option<&str>) -> Self {
        Self::built_in(Category::EventType, key).unwrap_or_else(|| {
            const PLAIN: &str = "{event} flyer theme";
            let (template, name) = (template.unwrap_or(PLAIN), event_name(key));
            // A template may name the event many times; the text may not become longer than any prompt's.
            let names = template.matches(EVENT_PLACEHOLDER).count();
            let most = length(template).saturating_add(names.saturating_mul(length(&name)));
            let template = if most > CONTENT_MAX { PLAIN } else { template };
            Self::minimal(template.replace(EVENT_PLACEHOLDER, &name))
        })
    }

    /// What stands for a style without an active prompt: the shipped text, else the minimal one.
    pub fn for_style(key: &PromptKey) -> Self {
        Self::built_in(Category::StylePreset, key).unwrap_or_else(|| Self::minimal(format!("{} style", key.as_str())))
    }

    fn minimal(text: String) -> Self {
        Self { text, source: Source::Minimal, version_id: None }
    }
}

/// Whether a request asks for a style at all: null, blank and "No Style" (any case) do not.
pub fn wanted_style(style: Option<&str>) -> Option<PromptKey> {
    let key = PromptKey::lenient(style?);
    (!key.is_empty() && key != PromptKey::lenient(NO_STYLE)).then_some(key)
}

/// What a prompt is composed from, as a person asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRequest {
    /// The event type's key, in any case.
    pub event_type: String,
    /// The details.
    pub details: Details,
    /// The style's key, in any case; `None`, blank and "No Style" mean none.
    pub style: Option<String>,
    /// Text to render in the image.
    pub text: Option<String>,
    /// The person's own words about the look.
    pub custom_style: Option<String>,
}

/// The prompts to compose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingredients {
    /// The event type's.
    pub event: PromptText,
    /// The style's, if one is wanted.
    pub style: Option<PromptText>,
    /// `system_default/base_prompt`.
    pub base: Option<PromptText>,
    /// `system_default/enhancement`; given for HIGH and ULTRA alone.
    pub enhancement: Option<PromptText>,
    /// What BASE starts with when no text is to be rendered; [`NO_TEXT`] by default.
    pub no_text: String,
}

/// A part of a composed prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What it says.
    pub kind: PartKind,
    /// Its text as it stands in the prompt.
    pub text: String,
    /// Where its text comes from; of BASE, where its first clause does that is not said elsewhere.
    pub source: Source,
    /// The version of a stored prompt; of BASE, that of `base_prompt` if any of it was kept.
    pub version_id: Option<Uuid>,
    /// Of BASE at high quality: where `enhancement` comes from, if any of it was kept.
    pub enhancement_source: Option<Source>,
    /// Of BASE at high quality: the version of `enhancement`, if any of it was kept.
    pub enhancement_version_id: Option<Uuid>,
}

impl Part {
    /// Its length in Unicode scalar values.
    pub fn length(&self) -> usize {
        length(&self.text)
    }
}

/// A composed prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Composition {
    /// What the provider gets.
    pub text: String,
    /// Its length in Unicode scalar values.
    pub length: usize,
    /// Its parts, in their order; joined with `, ` they are the text.
    pub parts: Vec<Part>,
}

impl Composition {
    pub(super) fn of(parts: Vec<Part>) -> Self {
        let text = parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(", ");
        Self { length: length(&text), text, parts }
    }

    /// The stored versions that are in the prompt, in the order of its parts.
    pub fn version_ids(&self) -> impl Iterator<Item = Uuid> {
        self.parts.iter().flat_map(|part| [part.version_id, part.enhancement_version_id]).flatten()
    }

    /// The version of the event type's prompt, which the hold names. `None` when it is not a stored one.
    pub fn event_version_id(&self) -> Option<Uuid> {
        self.parts.iter().find(|part| part.kind == PartKind::Event)?.version_id
    }
}

/// Composes a prompt. Equal input gives an equal result.
pub fn compose(ingredients: &Ingredients, wishes: &Wishes) -> Composition {
    let mut composer = Composer::default();
    composer.whole(PartKind::Event, &ingredients.event);
    composer.details(&wishes.fragments);
    if let Some(style) = &ingredients.style {
        composer.whole(PartKind::Style, style);
    }
    if let Some(text) = &wishes.text {
        let text = format!("text to render: \"{}\"", text.replace('"', "'"));
        composer.user(PartKind::Text, &text);
    }
    if let Some(words) = &wishes.custom_style {
        composer.user(PartKind::CustomStyle, words);
    }
    composer.base(ingredients, wishes.text.is_none());
    Composition::of(composer.parts)
}

#[derive(Default)]
struct Composer {
    parts: Vec<Part>,
    /// What has been said, to say nothing twice.
    said: HashSet<String>,
}

impl Composer {
    fn push(&mut self, kind: PartKind, text: String, source: Source, version_id: Option<Uuid>) {
        if !text.is_empty() {
            self.said.extend(clauses(&text).into_iter().map(clause_key));
            let (enhancement_source, enhancement_version_id) = (None, None);
            self.parts.push(Part { kind, text, source, version_id, enhancement_source, enhancement_version_id });
        }
    }

    fn whole(&mut self, kind: PartKind, prompt: &PromptText) {
        self.push(kind, clean(&prompt.text), prompt.source, prompt.version_id);
    }

    fn user(&mut self, kind: PartKind, text: &str) {
        self.push(kind, clean(text), Source::User, None);
    }

    /// Says what has not been said yet.
    fn unsaid<'a>(&mut self, list: impl Iterator<Item = &'a str>) -> Vec<String> {
        list.map(clean).filter(|text| !text.is_empty() && self.said.insert(clause_key(text))).collect()
    }

    fn details(&mut self, fragments: &[String]) {
        let fragments = self.unsaid(fragments.iter().map(String::as_str));
        self.push(PartKind::Details, fragments.join(", "), Source::User, None);
    }

    fn base(&mut self, ingredients: &Ingredients, without_text: bool) {
        let no_text = if without_text { ingredients.no_text.as_str() } else { "" };
        let base = ingredients.base.as_ref();
        let enhancement = ingredients.enhancement.as_ref();
        let texts = [no_text, base.map_or("", |base| &base.text), enhancement.map_or("", |more| &more.text)].map(clean);
        let [no_text, kept, more] = texts.map(|text| self.unsaid(clauses(&text).into_iter()));
        // A text of which nothing is left is not in the prompt, and is not named.
        let base = base.filter(|_| !kept.is_empty());
        let enhancement = enhancement.filter(|_| !more.is_empty());
        let source = match (base, enhancement) {
            (Some(base), _) => base.source,
            (None, Some(more)) if no_text.is_empty() => more.source,
            (None, _) => Source::BuiltIn,
        };
        let text = [no_text, kept, more].concat().join(", ");
        self.push(PartKind::Base, text, source, base.and_then(|base| base.version_id));
        if let Some(part) = self.parts.last_mut().filter(|part| part.kind == PartKind::Base) {
            part.enhancement_source = enhancement.map(|more| more.source);
            part.enhancement_version_id = enhancement.and_then(|more| more.version_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::prompt::model::details::{DetailValue, Details, event_form};

    fn stored(text: &str) -> PromptText {
        PromptText::stored(text.to_owned(), Uuid::from_u128(length(text) as u128))
    }

    fn ingredients(event: &str, style: Option<&str>, base: &str, enhancement: Option<&str>) -> Ingredients {
        Ingredients {
            event: stored(event),
            style: style.map(stored),
            base: Some(stored(base)),
            enhancement: enhancement.map(stored),
            no_text: NO_TEXT.to_owned(),
        }
    }

    #[test]
    fn composes_the_vector() {
        let form = event_form("BIRTHDAY_PARTY").unwrap();
        let details: Details = [
            ("age".to_owned(), DetailValue::Integer(21)),
            ("venue".to_owned(), DetailValue::Text("the barn".to_owned())),
        ]
        .into();
        let wishes = form.check(&details, Some("Hi \"you\""), Some("ink,")).unwrap();
        let composed = compose(&ingredients("E1, E2", Some("S1, S2."), "B1, s2", None), &wishes);
        assert_eq!(composed.text, "E1, E2, 21st birthday, at the barn, S1, S2, text to render: \"Hi 'you'\", ink, B1");
        assert_eq!(composed.length, 79);
        let parts: Vec<_> =
            composed.parts.iter().map(|p| (p.kind.as_str(), p.text.as_str(), p.source.as_str())).collect();
        assert_eq!(
            parts,
            [
                ("EVENT", "E1, E2", "DATABASE"),
                ("DETAILS", "21st birthday, at the barn", "USER"),
                ("STYLE", "S1, S2", "DATABASE"),
                ("TEXT", "text to render: \"Hi 'you'\"", "USER"),
                ("CUSTOM_STYLE", "ink", "USER"),
                ("BASE", "B1", "DATABASE"),
            ]
        );
        assert_eq!(composed.event_version_id(), Some(Uuid::from_u128(6)));
        assert_eq!(composed.parts[1].version_id, None);
    }

    #[test]
    fn leaves_out_what_is_empty_and_says_no_text_where_none_is_wanted() {
        let composed = compose(&ingredients("E.", None, "B, e", Some("X, b")), &Wishes::default());
        assert_eq!(composed.text, "E, no text in the image, B, X");
        let base = &composed.parts[1];
        assert_eq!(
            (base.enhancement_source, base.enhancement_version_id),
            (Some(Source::Database), Some(Uuid::from_u128(4)))
        );
        let composed = compose(
            &ingredients(" , ", Some("."), ",", None),
            &Wishes { text: Some("Hi.".to_owned()), ..Wishes::default() },
        );
        assert_eq!(composed.text, "text to render: \"Hi.\"");
        assert_eq!(composed.parts.len(), 1);
    }

    #[test]
    fn names_only_what_is_in_the_prompt() {
        let composed = compose(&ingredients("B, e", None, "b, E", Some("X")), &Wishes::default());
        assert_eq!(composed.text, "B, e, no text in the image, X");
        let base = &composed.parts[1];
        assert_eq!((base.source, base.version_id), (Source::BuiltIn, None));
        assert_eq!(base.enhancement_version_id, Some(Uuid::from_u128(1)));
        let wishes = Wishes { text: Some("hi".to_owned()), ..Wishes::default() };
        let composed = compose(&ingredients("B, e, x", None, "B", Some("x, y")), &wishes);
        let base = &composed.parts[2];
        assert_eq!((base.text.as_str(), base.source, base.version_id), ("y", Source::Database, None));
        let composed = compose(&ingredients("B, e, x", None, "c", Some("x")), &wishes);
        assert_eq!(
            (composed.parts[2].version_id, composed.parts[2].enhancement_source),
            (Some(Uuid::from_u128(1)), None)
        );
    }

    #[test]
    fn drops_fragments_and_base_clauses_that_were_said() {
        let wishes = Wishes {
            fragments: ["at the barn", "with a, b", "WITH A, B."].map(str::to_owned).to_vec(),
            custom_style: Some("Ink".to_owned()),
            ..Wishes::default()
        };
        let composed = compose(&ingredients("E, At the  Barn", Some("s, S"), "ink, b, C, c, 1,000 d", None), &wishes);
        assert_eq!(composed.text, "E, At the Barn, with a, b, s, S, Ink, no text in the image, C, 1,000 d");
    }

    #[test]
    fn names_the_source_of_what_stands_in() {
        let key = PromptKey::lenient;
        assert_eq!(PromptText::for_event(&key("wedding"), None).source, Source::BuiltIn);
        assert_eq!(PromptText::for_event(&key("GARDEN_GALA"), None).text, "Garden Gala flyer theme");
        let minimal = PromptText::for_event(&key("GARDEN_GALA"), Some("{event} poster, {event}"));
        assert_eq!((minimal.text.as_str(), minimal.source), ("Garden Gala poster, Garden Gala", Source::Minimal));
        assert_eq!(PromptText::for_style(&key("pop art")).source, Source::BuiltIn);
        assert_eq!(PromptText::for_style(&key("Linocut")).text, "Linocut style");
        assert_eq!(wanted_style(Some("no  style")), None);
        assert_eq!(wanted_style(Some(" ")), None);
        assert_eq!(wanted_style(None), None);
        assert_eq!(wanted_style(Some("Origami")), Some(key("origami")));
        let bomb = "{event}".repeat(2_850);
        assert_eq!(PromptText::for_event(&key("GARDEN_GALA"), Some(&bomb)).text, "Garden Gala flyer theme");
        let shipped = PromptText::built_in(Category::SystemDefault, &key("fallback")).unwrap();
        let minimal = PromptText::for_event(&key("GARDEN_GALA"), Some(&shipped.text));
        assert!(minimal.text.starts_with("Garden Gala flyer theme"));
    }

    fn dirty() -> impl Strategy<Value = String> {
        "[aB1 ,.\"\\n\\t()\u{e9}\u{a0}]{0,16}"
    }

    proptest! {
        #[test]
        fn never_leaves_damaged_joints(
            event in dirty(), style in proptest::option::of(dirty()), base in dirty(), more in proptest::option::of(dirty()),
            fragments in proptest::collection::vec(dirty(), 0..4), text in proptest::option::of(dirty()),
            words in proptest::option::of(dirty()),
        ) {
            let form = event_form("OTHER").unwrap();
            let mut wishes = form.check(&Details::new(), text.as_deref(), words.as_deref()).unwrap();
            wishes.fragments = fragments;
            let ingredients = ingredients(&event, style.as_deref(), &base, more.as_deref());
            let composed = compose(&ingredients, &wishes);
            let text = &composed.text;
            prop_assert!(!text.contains(",,") && !text.contains("  ") && !text.chars().any(char::is_control), "{text:?}");
            prop_assert!(!text.starts_with([',', ' ']) && !text.ends_with([',', ' ']), "{text:?}");
            prop_assert_eq!(composed.length, text.chars().count());
            let joined = composed.parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(", ");
            prop_assert_eq!(text, &joined);
            prop_assert_eq!(&compose(&ingredients, &wishes), &composed);
        }
    }
}
