//! Composing from the registry: looks every text up at one moment and puts them together by the one function that
//! preview and generation share.

use std::collections::HashSet;

use uuid::Uuid;

use super::{LookUp, LookedUp, Prompts, Purpose, StoreFailed};
use crate::prompt::{
    model::{
        Category, PromptKey,
        clean::clean,
        compose::{self, Composition, EventRequest, Ingredients, PromptText, wanted_style},
        details::{DetailError, EventForm, FAULTS_MAX, echo, event_form, general_form},
    },
    store,
};

/// Which version a prompt was composed from, and the split that chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptUse {
    /// The version.
    pub version_id: Uuid,
    /// The split, if one decided.
    pub split_id: Option<Uuid>,
}

/// A composed prompt and the versions it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// The prompt.
    pub composition: Composition,
    /// The event type's key as stored or shipped.
    pub event_type: String,
    /// The style's key as asked for, if one was.
    pub style: Option<String>,
    /// The stored versions in it.
    pub uses: Vec<PromptUse>,
}

/// Instructions for a text, and the versions they came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instructions {
    /// What the model is told beside the prompt.
    pub text: String,
    /// The stored versions in it; the AI function's own first.
    pub uses: Vec<PromptUse>,
}

/// Why nothing was composed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ComposeError {
    /// The request is at fault; every fault found.
    #[error("The request cannot be composed: {}", faults_in_words(.0))]
    Details(Vec<DetailError>),
    /// There is no such kind of text, stored or shipped.
    #[error(
        "There is no text kind {0:?}. Known are the keys of the category text_generation, such as header, body and cta."
    )]
    UnknownTextKind(String),
    /// The prompts could not be read.
    #[error(transparent)]
    Store(#[from] StoreFailed),
}

fn faults_in_words(faults: &[DetailError]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

const BASE: &str = "base_prompt";
const ENHANCEMENT: &str = "enhancement";
const FALLBACK: &str = "fallback";

/// The stored texts of an image prompt, as far as there are any.
struct Texts {
    event: Option<LookedUp>,
    style: Option<LookedUp>,
    base: Option<LookedUp>,
    enhancement: Option<LookedUp>,
    fallback: Option<LookedUp>,
}

impl Texts {
    /// In the order in which they are looked up.
    fn of(found: Vec<LookUp>) -> Self {
        let mut found = found.into_iter();
        let mut next = || match found.next() {
            // A text that leaves nothing, from before such were refused, counts as none.
            Some(LookUp::Found(found)) => Some(found).filter(|found| !clean(&found.version.body.content).is_empty()),
            Some(LookUp::None) | None => None,
        };
        Self { event: next(), style: next(), base: next(), enhancement: next(), fallback: next() }
    }

    fn ingredients(&self, event_key: &PromptKey, style_key: Option<&PromptKey>, enhanced: bool) -> Ingredients {
        let stored = |found: &LookedUp| PromptText::stored(found.version.body.content.clone(), found.version.id);
        let shipped = |key: &str| PromptText::built_in(Category::SystemDefault, &PromptKey::lenient(key));
        let default = |found: &Option<LookedUp>, key: &str| found.as_ref().map(stored).or_else(|| shipped(key));
        Ingredients {
            event: self.event.as_ref().map(stored).unwrap_or_else(|| {
                let template = default(&self.fallback, FALLBACK).map(|fallback| fallback.text);
                PromptText::for_event(event_key, template.as_deref())
            }),
            style: style_key.map(|key| self.style.as_ref().map_or_else(|| PromptText::for_style(key), stored)),
            base: default(&self.base, BASE),
            enhancement: enhanced.then(|| default(&self.enhancement, ENHANCEMENT)).flatten(),
            no_text: compose::NO_TEXT.to_owned(),
        }
    }

    /// The stored versions that something of is in the prompt, with the splits that chose them.
    fn uses(&self, composition: &Composition) -> Vec<PromptUse> {
        let all = [&self.event, &self.style, &self.base, &self.enhancement];
        let named: HashSet<Uuid> = composition.version_ids().collect();
        let used = all.into_iter().flatten().filter(|found| named.contains(&found.version.id));
        used.map(|found| PromptUse { version_id: found.version.id, split_id: found.split_id }).collect()
    }
}

impl Prompts {
    /// Composes an image prompt for `account`. `enhanced` adds what high quality asks for. Equal texts and input give an
    /// equal result, whatever it is for.
    pub async fn compose(
        &self,
        request: &EventRequest,
        enhanced: bool,
        account: Option<Uuid>,
        purpose: Purpose,
    ) -> Result<Composed, ComposeError> {
        let event_key = PromptKey::lenient(&request.event_type);
        let style_key = wanted_style(request.style.as_deref());
        let keys = [
            (Category::EventType, Some(event_key.as_str())),
            (Category::StylePreset, Some(style_key.as_ref().map_or("", PromptKey::as_str))),
            (Category::SystemDefault, Some(BASE)),
            (Category::SystemDefault, Some(ENHANCEMENT)),
            (Category::SystemDefault, Some(FALLBACK)),
        ];
        let found = self.look_up_many(&keys, account, purpose).await?;
        let texts = Texts::of(found);
        let mut faults = Vec::new();
        let form = self.form_of(&event_key, texts.event.is_some()).await?;
        if form.is_none() {
            faults.push(DetailError::UnknownEventType { event_type: echo(&request.event_type) });
        }
        if let Some(key) = &style_key
            && texts.style.is_none()
            && !self.is_known(Category::StylePreset, key).await?
        {
            faults.push(DetailError::UnknownStyle { style: echo(key.as_str()) });
        }
        let Some(form) = form else { return Err(ComposeError::Details(faults)) };
        let wishes = match form.check(&request.details, request.text.as_deref(), request.custom_style.as_deref()) {
            Ok(wishes) if faults.is_empty() => wishes,
            Ok(_) => return Err(ComposeError::Details(faults)),
            Err(more) => {
                faults.extend(more);
                faults.truncate(FAULTS_MAX);
                return Err(ComposeError::Details(faults));
            }
        };
        let ingredients = texts.ingredients(&event_key, style_key.as_ref(), enhanced);
        let composition = compose::compose(&ingredients, &wishes);
        let uses = texts.uses(&composition);
        let style = style_key.map(|key| key.as_str().to_owned());
        Ok(Composed { composition, event_type: form.event_type, style, uses })
    }

    /// The form of an event type, shipped or stored. `None` when there is no such type.
    pub async fn event_form(&self, event_type: &str) -> Result<Option<EventForm>, StoreFailed> {
        let key = PromptKey::lenient(event_type);
        self.form_of(&key, false).await
    }

    async fn form_of(&self, key: &PromptKey, is_found: bool) -> Result<Option<EventForm>, StoreFailed> {
        if key.is_empty() {
            return Ok(None);
        }
        if let Some(form) = event_form(key.as_str()) {
            return Ok(Some(form));
        }
        let is_known = is_found || self.is_known(Category::EventType, key).await?;
        Ok(is_known.then(|| general_form(key)))
    }

    /// Whether a key is shipped, or stored and perhaps disabled.
    async fn is_known(&self, category: Category, key: &PromptKey) -> Result<bool, StoreFailed> {
        if PromptText::built_in(category, key).is_some() {
            return Ok(true);
        }
        let found = store::prompt::find_prompt_by_key(self.parts().db.reader(), category, key.folded()).await;
        found.map(|found| found.is_some()).map_err(|error| StoreFailed(error.into()))
    }

    /// What a model is told that writes a text: the AI function's prompt, and that of the kind of text if one is named.
    pub async fn instructions(
        &self,
        function: &str,
        text_kind: Option<&str>,
        account: Option<Uuid>,
        purpose: Purpose,
    ) -> Result<Instructions, ComposeError> {
        let mut keys = vec![(Category::AiFunction, Some(function))];
        keys.extend(text_kind.map(|kind| (Category::TextGeneration, Some(kind))));
        let found = self.look_up_many(&keys, account, purpose).await?;
        let mut instructions = Instructions { text: String::new(), uses: Vec::new() };
        for ((category, key), found) in keys.into_iter().zip(found) {
            let key = PromptKey::lenient(key.unwrap_or_default());
            let text = match found {
                LookUp::Found(found) => {
                    instructions.uses.push(PromptUse { version_id: found.version.id, split_id: found.split_id });
                    found.version.body.content.clone()
                }
                LookUp::None => match PromptText::built_in(category, &key) {
                    Some(shipped) => shipped.text,
                    None => return Err(ComposeError::UnknownTextKind(echo(key.as_str()))),
                },
            };
            if !instructions.text.is_empty() {
                instructions.text.push_str("\n\n");
            }
            instructions.text.push_str(&text);
        }
        Ok(instructions)
    }
}
