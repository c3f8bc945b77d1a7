//! Composing from the registry: looks every text up at one moment and puts them together by the one function that
//! preview and generation share.

use uuid::Uuid;

use super::{LookUp, LookedUp, Prompts, Purpose, StoreFailed};
use crate::prompt::{
    model::{
        Category, PromptKey,
        compose::{self, Composition, EventRequest, Ingredients, PromptText, wanted_style},
        details::{DetailError, EventForm, event_form, general_form},
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
        let mut found = found.into_iter();
        let mut next = || match found.next() {
            Some(LookUp::Found(found)) => Some(found),
            Some(LookUp::None) | None => None,
        };
        let (event, style, base, enhancement, fallback) = (next(), next(), next(), next(), next());
        let mut faults = Vec::new();
        let form = self.form_of(&event_key, event.is_some()).await?;
        if form.is_none() {
            faults.push(DetailError::UnknownEventType { event_type: request.event_type.clone() });
        }
        if let Some(key) = &style_key
            && style.is_none()
            && !self.is_known(Category::StylePreset, key).await?
        {
            faults.push(DetailError::UnknownStyle { style: key.as_str().to_owned() });
        }
        let Some(form) = form else { return Err(ComposeError::Details(faults)) };
        let wishes = match form.check(&request.details, request.text.as_deref(), request.custom_style.as_deref()) {
            Ok(wishes) if faults.is_empty() => wishes,
            Ok(_) => return Err(ComposeError::Details(faults)),
            Err(more) => {
                faults.extend(more);
                return Err(ComposeError::Details(faults));
            }
        };
        let mut uses = Vec::new();
        let mut stored = |found: &LookedUp| {
            uses.push(PromptUse { version_id: found.version.id, split_id: found.split_id });
            PromptText::stored(found.version.body.content.clone(), found.version.id)
        };
        let default = |found: Option<&LookedUp>, key: &str, stored: &mut dyn FnMut(&LookedUp) -> PromptText| match found
        {
            Some(found) => Some(stored(found)),
            None => PromptText::built_in(Category::SystemDefault, &PromptKey::lenient(key)),
        };
        let event = match &event {
            Some(found) => stored(found),
            None => {
                let template = fallback.as_ref().map(|found| found.version.body.content.clone());
                let shipped = || PromptText::built_in(Category::SystemDefault, &PromptKey::lenient(FALLBACK));
                let template = template.or_else(|| shipped().map(|shipped| shipped.text));
                PromptText::for_event(&event_key, template.as_deref())
            }
        };
        let ingredients = Ingredients {
            event,
            style: style_key.as_ref().map(|key| match &style {
                Some(found) => stored(found),
                None => PromptText::for_style(key),
            }),
            base: default(base.as_ref(), BASE, &mut stored),
            enhancement: if enhanced { default(enhancement.as_ref(), ENHANCEMENT, &mut stored) } else { None },
            no_text: compose::NO_TEXT.to_owned(),
        };
        let composition = compose::compose(&ingredients, &wishes);
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
                    None => return Err(ComposeError::UnknownTextKind(key.as_str().to_owned())),
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
