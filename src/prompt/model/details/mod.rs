//! What a user says about an event: which fields there are, whether the values will do, and how they are worded.
//! A user's words are put into place as they are and never read as a template.

mod form;

use std::collections::BTreeMap;

pub use form::{DetailField, FieldKind, VALUE_LENGTH_MAX};
use form::{GENERAL, Wording, fields_of};

use super::{
    Category,
    catalogue::find_shipped,
    clause::length,
    clean::clean,
    key::{PromptKey, collapse_blanks},
};

/// The most characters of the text to render.
pub const TEXT_LENGTH_MAX: usize = 80;
/// The most characters of the user's own style.
pub const CUSTOM_STYLE_LENGTH_MAX: usize = 300;

/// The most faults that are told at once.
pub const FAULTS_MAX: usize = 20;
/// The most characters of what was sent that a message repeats.
const ECHO_MAX: usize = 100;

/// What was sent, cut to what a message may repeat.
pub fn echo(text: &str) -> String {
    text.chars().take(ECHO_MAX).collect()
}

/// A value as the client sent it. Null is left out by the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DetailValue {
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
    /// Anything else: a fraction, a truth value, a list, an object.
    Other,
}

/// The details of an event by field.
pub type Details = BTreeMap<String, DetailValue>;

/// What is wrong with a request for an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetailError {
    /// There is no such event type.
    #[error(
        "There is no event type {event_type:?}. Choose BBQ, BIRTHDAY_PARTY, WEDDING or another key of the category event_type; \
         eventForm(type:) says which details one takes."
    )]
    UnknownEventType {
        /// What was asked for, as [`echo`] cuts it.
        event_type: String,
    },
    /// There is no such style, neither stored nor shipped.
    #[error(
        "There is no style {style:?}. Choose Origami, Pop Art or another key of the category style_preset, or none."
    )]
    UnknownStyle {
        /// What was asked for, as [`echo`] cuts it.
        style: String,
    },
    /// The event type has no such field.
    #[error("{event_type} has no detail {field:?}. It takes: {}.", allowed.join(", "))]
    UnknownDetail {
        /// Whose form it is.
        event_type: String,
        /// What was given, as [`echo`] cuts it: no name of a detail is as long as that.
        field: String,
        /// What it takes.
        allowed: Vec<&'static str>,
    },
    /// A required field is missing or empty.
    #[error("{event_type} needs the detail {field}. Give it.")]
    DetailRequired {
        /// Whose form it is.
        event_type: String,
        /// What is missing.
        field: &'static str,
    },
    /// A value is beyond its limits.
    #[error("{field} must be {limit}. Change it.")]
    DetailInvalid {
        /// The field.
        field: &'static str,
        /// What it takes, in words.
        limit: String,
    },
}

impl DetailError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownEventType { .. } => "UNKNOWN_EVENT_TYPE",
            Self::UnknownStyle { .. } => "UNKNOWN_STYLE",
            Self::UnknownDetail { .. } => "UNKNOWN_DETAIL",
            Self::DetailRequired { .. } => "DETAIL_REQUIRED",
            Self::DetailInvalid { .. } => "DETAIL_INVALID",
        }
    }

    /// The field of the input it is about.
    pub fn field(&self) -> &str {
        match self {
            Self::UnknownEventType { .. } => "eventType",
            Self::UnknownStyle { .. } => "style",
            Self::UnknownDetail { field, .. } => field,
            Self::DetailRequired { field, .. } | Self::DetailInvalid { field, .. } => field,
        }
    }
}

impl FieldKind {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Integer { .. } => "INTEGER",
            Self::Text { .. } => "TEXT",
        }
    }

    fn limit(self) -> String {
        match self {
            Self::Integer { min, max } => format!("a whole number {min}\u{2013}{max}"),
            Self::Text { max } => format!("a text of at most {max} characters"),
        }
    }
}

/// The form of an event type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventForm {
    /// The key of the event type, as shipped or stored.
    pub event_type: String,
    /// What people call it.
    pub name: String,
    /// Its fields, in the order of their fragments.
    pub fields: &'static [DetailField],
}

/// The form of a shipped event type, in any case. `None` when it is not shipped.
pub fn event_form(event_type: &str) -> Option<EventForm> {
    let shipped = find_shipped(Category::EventType, &PromptKey::lenient(event_type))?;
    let fields = fields_of(shipped.key);
    Some(EventForm { event_type: shipped.key.to_owned(), name: shipped.name.to_owned(), fields })
}

/// The form of an event type that an administrator added.
pub fn general_form(key: &PromptKey) -> EventForm {
    EventForm { event_type: key.as_str().to_owned(), name: event_name(key), fields: GENERAL }
}

/// What people call an event type: the shipped name, else the key in words (`GARDEN_GALA` is Garden Gala).
pub fn event_name(key: &PromptKey) -> String {
    if let Some(shipped) = find_shipped(Category::EventType, key) {
        return shipped.name.to_owned();
    }
    let shouted = !key.as_str().chars().any(char::is_lowercase);
    let words = key.as_str().split(|letter: char| letter == '_' || letter.is_whitespace());
    let words = words.filter(|word| !word.is_empty()).map(|word| {
        let mut letters = word.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        let rest = letters.as_str();
        first + &if shouted { rest.to_lowercase() } else { rest.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What a user says about an image, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    /// The details, worded, in the form's order.
    pub fragments: Vec<String>,
    /// The text to render: one line, without double quotes.
    pub text: Option<String>,
    /// The user's words about the look.
    pub custom_style: Option<String>,
}

impl EventForm {
    /// Checks details, text and the user's own style, and words the details. An empty value counts as missing.
    /// Refuses, at most 20 at once: `DetailRequired`, `DetailInvalid` in the form's order, then `UnknownDetail`.
    pub fn check(
        &self,
        details: &Details,
        text: Option<&str>,
        custom_style: Option<&str>,
    ) -> Result<Wishes, Vec<DetailError>> {
        let mut errors = Vec::new();
        let mut wishes = Wishes::default();
        for field in self.fields {
            match field.read(details.get(field.name)) {
                Ok(Some(value)) => wishes.fragments.extend(field.fragment(&value)),
                Ok(None) if field.required => {
                    errors.push(DetailError::DetailRequired { event_type: self.event_type.clone(), field: field.name })
                }
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
        let known = |name: &str| self.fields.iter().any(|field| field.name == name);
        let unknown = details.keys().filter(|name| !known(name)).take(FAULTS_MAX);
        errors.extend(unknown.map(|name| DetailError::UnknownDetail {
            event_type: self.event_type.clone(),
            field: echo(name),
            allowed: self.fields.iter().map(|field| field.name).collect(),
        }));
        let mut words = |text: Option<&str>, field, max| {
            words(text, field, max).unwrap_or_else(|error| {
                errors.push(error);
                None
            })
        };
        wishes.text = words(text, "text", TEXT_LENGTH_MAX).map(|text| text.replace('"', "'"));
        wishes.custom_style = words(custom_style, "customStyle", CUSTOM_STYLE_LENGTH_MAX);
        errors.truncate(FAULTS_MAX);
        if errors.is_empty() { Ok(wishes) } else { Err(errors) }
    }
}

/// One line of a user's words. `None` when nothing is left.
fn words(text: Option<&str>, field: &'static str, max: usize) -> Result<Option<String>, DetailError> {
    let line: String = text.unwrap_or_default().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = collapse_blanks(&line);
    if length(&line) > max {
        return Err(DetailError::DetailInvalid { field, limit: FieldKind::Text { max }.limit() });
    }
    Ok((!line.is_empty()).then_some(line))
}

impl DetailField {
    /// The value to word, within its limits. `None` when it is missing or empty.
    fn read(&self, value: Option<&DetailValue>) -> Result<Option<String>, DetailError> {
        let invalid = || DetailError::DetailInvalid { field: self.name, limit: self.kind.limit() };
        let text = match value {
            None => return Ok(None),
            Some(DetailValue::Integer(number)) => number.to_string(),
            Some(DetailValue::Text(text)) => text.clone(),
            Some(DetailValue::Other) => return Err(invalid()),
        };
        match self.kind {
            FieldKind::Text { max } => {
                let line = words(Some(&text), self.name, max)?.unwrap_or_default();
                Ok(Some(clean(&line)).filter(|value| !value.is_empty()))
            }
            FieldKind::Integer { .. } if text.trim().is_empty() => Ok(None),
            FieldKind::Integer { min, max } => {
                let number = text.trim().parse::<i64>().ok().filter(|number| (min..=max).contains(number));
                Ok(Some(number.ok_or_else(invalid)?.to_string()))
            }
        }
    }

    fn fragment(&self, value: &str) -> Option<String> {
        Some(match self.wording {
            Wording::Birthday => format!("{} birthday", ordinal(value)),
            Wording::At => format!("at {value}"),
            Wording::Featuring => format!("featuring {value}"),
            Wording::With => format!("with {value}"),
            Wording::Before(word) => format!("{value} {word}"),
            Wording::Alone => value.to_owned(),
            Wording::Context if value.eq_ignore_ascii_case("public holiday") => return None,
            Wording::Context => value.to_owned(),
        })
    }
}

/// `21` as `21st`.
fn ordinal(number: &str) -> String {
    let teens = ["11", "12", "13"].iter().any(|teen| number.ends_with(teen));
    let ending = match number.chars().next_back() {
        _ if teens => "th",
        Some('1') => "st",
        Some('2') => "nd",
        Some('3') => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests;
