//! Composed prompts: what they are made from, what they look like, and which models take them.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use uuid::Uuid;

use super::{
    access::{account_of, seen},
    mutation::ImageQuality,
    refusal::{Given, accept_refusal},
};
use crate::{
    ai::{
        Ai,
        model::{AcceptError, AspectRatio, ComposedPrompt, EventOrder},
    },
    error::{Error, Failure},
    graphql::{
        context::{service, viewer},
        error::UserError,
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
        scalars::Json,
    },
    prompt::{
        graphql::SystemPromptVersion,
        model::{
            compose::{EventRequest, Part},
            details::{DetailValue, Details},
            fit::{DroppedClause, ModelFit, OnTooLong},
        },
    },
    viewer::{Feature, Level},
};

/// What becomes of a composed prompt that is longer than the AI model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "OnTooLong")]
pub enum TooLongPolicy {
    /// Nothing is done, and the refusal says how long each part is.
    Refuse,
    /// Whole clauses are dropped, the least important first, and listed with the task.
    Shorten,
}

/// What a part of a composed prompt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::prompt::model::compose::PartKind")]
pub enum PromptPartKind {
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

/// Where a part of a composed prompt comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::prompt::model::compose::Source")]
pub enum PromptSource {
    /// The active version of a system prompt.
    Database,
    /// The text that ships with the server.
    BuiltIn,
    /// Made from the name alone.
    Minimal,
    /// The user.
    User,
}

/// An event, from which an image prompt is composed.
#[derive(Debug, Clone, InputObject)]
pub struct EventPromptInput {
    /// The event type's key, such as `WEDDING`, in any case: see `eventForm`.
    event_type: String,
    /// Its details by field: an object of texts and whole numbers, as `eventForm` lists them. Null is left out.
    details: Option<Json>,
    /// The style's key, such as `Origami`, in any case; null and "No Style" mean none.
    style: Option<String>,
    /// Text to render in the image, at most 80 characters.
    text: Option<String>,
    /// Own words about the look, at most 300 characters.
    custom_style: Option<String>,
}

impl EventPromptInput {
    /// Refuses: `BadUserInput` for details that are no object.
    pub(super) fn into_request(self) -> Result<EventRequest, Error> {
        Ok(EventRequest {
            event_type: self.event_type,
            details: details(self.details)?,
            style: self.style,
            text: self.text,
            custom_style: self.custom_style,
        })
    }

    pub(super) fn into_order(self, policy: TooLongPolicy) -> Result<EventOrder, Error> {
        Ok(EventOrder { request: self.into_request()?, on_too_long: policy.into() })
    }
}

fn details(json: Option<Json>) -> Result<Details, Error> {
    let value = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => DetailValue::Text(text),
        serde_json::Value::Number(number) => number.as_i64().map_or(DetailValue::Other, DetailValue::Integer),
        _ => DetailValue::Other,
    };
    match json.map(|json| json.0) {
        None | Some(serde_json::Value::Null) => Ok(Details::new()),
        Some(serde_json::Value::Object(fields)) => {
            let given = fields.into_iter().filter(|(_, value)| !value.is_null());
            Ok(given.map(|(field, given)| (field, value(given))).collect())
        }
        Some(_) => Err(Error::bad_input("`details` is an object of fields.", &["input", "event", "details"])),
    }
}

/// A part of a composed prompt.
pub struct PromptPart(Part);

/// A part of a composed prompt.
#[Object]
impl PromptPart {
    /// What it says.
    async fn kind(&self) -> PromptPartKind {
        self.0.kind.into()
    }

    /// Its text as it stands in the prompt.
    async fn text(&self) -> &str {
        &self.0.text
    }

    /// Its length in Unicode scalar values.
    async fn length(&self) -> i32 {
        count(self.0.length())
    }

    /// Where its text comes from; of BASE, where its first prompt comes from.
    async fn source(&self) -> PromptSource {
        self.0.source.into()
    }

    /// The version of the system prompt; null unless it comes from one, and for those who may not see system prompts.
    async fn version(&self, ctx: &Context<'_>) -> Result<Option<SystemPromptVersion>> {
        shown_version(ctx, self.0.version_id).await
    }

    /// Of BASE at high quality, where its enhancement comes from; else null.
    async fn enhancement_source(&self) -> Option<PromptSource> {
        self.0.enhancement_source.map(Into::into)
    }

    /// Of BASE at high quality, the version of its enhancement; null unless it comes from a system prompt, and for those
    /// who may not see system prompts.
    async fn enhancement_version(&self, ctx: &Context<'_>) -> Result<Option<SystemPromptVersion>> {
        shown_version(ctx, self.0.enhancement_version_id).await
    }
}

async fn shown_version(ctx: &Context<'_>, id: Option<Uuid>) -> Result<Option<SystemPromptVersion>> {
    match id.filter(|_| viewer(ctx).is_ok_and(|viewer| viewer.can(Feature::SystemPromptsView, Level::Read))) {
        Some(id) => Ok(SystemPromptVersion::find(ctx, id).await?),
        None => Ok(None),
    }
}

/// A clause that was dropped to make a prompt fit.
pub struct DroppedPromptClause(DroppedClause);

/// A clause that was dropped to make a prompt fit.
#[Object]
impl DroppedPromptClause {
    /// From which part.
    async fn kind(&self) -> PromptPartKind {
        self.0.kind.into()
    }

    /// What it said.
    async fn text(&self) -> &str {
        &self.0.text
    }
}

/// How the prompt of an AI task was composed.
pub struct PromptComposition(pub ComposedPrompt);

/// How the prompt of an AI task was composed.
#[Object]
impl PromptComposition {
    /// The event type's key.
    async fn event_type(&self) -> &str {
        &self.0.event_type
    }

    /// The style's key; null when none was asked for.
    async fn style(&self) -> Option<&str> {
        self.0.style.as_deref()
    }

    /// Its parts in their order, at most 6; joined with `, ` they are the prompt.
    async fn parts(&self) -> Vec<PromptPart> {
        self.0.parts.iter().cloned().map(PromptPart).collect()
    }

    /// What was dropped to make it fit, in the order of dropping.
    async fn dropped(&self) -> Vec<DroppedPromptClause> {
        self.0.dropped.iter().cloned().map(DroppedPromptClause).collect()
    }
}

/// What to compose.
#[derive(Debug, InputObject)]
pub struct PreviewPromptInput {
    /// For whom, where two versions of a system prompt are on trial; the viewer's personal account when omitted.
    account_id: Option<ID>,
    /// The event.
    event: EventPromptInput,
    /// The shape of the images; it decides which AI models are listed.
    #[graphql(default = "1:1")]
    aspect_ratio: String,
    /// The care taken with them; HIGH and ULTRA say more in the prompt.
    #[graphql(default_with = "ImageQuality::Standard")]
    quality: ImageQuality,
}

/// Whether an AI model takes a prompt.
#[derive(SimpleObject)]
pub struct PromptFit {
    /// The model's name.
    model: String,
    /// The longest prompt it takes, in Unicode scalar values.
    maximum: i32,
    /// Whether it takes the prompt as it is.
    fits: bool,
    /// Whether it takes it when clauses are dropped.
    fits_shortened: bool,
}

/// What generation would send.
#[derive(SimpleObject)]
pub struct PreviewPromptPayload {
    /// The prompt; null when refused.
    text: Option<String>,
    /// Its length in Unicode scalar values; null when refused.
    length: Option<i32>,
    /// Its parts in their order, at most 6; joined with `, ` they are the prompt. Null when refused.
    parts: Option<Vec<PromptPart>>,
    /// The active AI models that could draw it, by name, and whether they take so long a prompt. Null when refused.
    fits: Option<Vec<PromptFit>>,
    /// `UNKNOWN_EVENT_TYPE`, `UNKNOWN_STYLE`, `UNKNOWN_DETAIL`, `DETAIL_REQUIRED`, `DETAIL_INVALID`,
    /// `UNSUPPORTED_ASPECT_RATIO`, `STORE_UNAVAILABLE`. Empty when it was composed.
    user_errors: Vec<UserError>,
}

impl PreviewPromptPayload {
    fn refused(refusal: AcceptError) -> Self {
        Self { text: None, length: None, parts: None, fits: None, user_errors: accept_refusal(refusal, Given::DRAWING) }
    }
}

fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

fn shown(fit: ModelFit) -> PromptFit {
    let (model, maximum) = (fit.limit.model, count(fit.limit.max));
    PromptFit { model, maximum, fits: fit.fits, fits_shortened: fit.fits_shortened }
}

/// Queries about composed prompts.
#[derive(Default)]
pub struct ComposeQuery;

#[Object]
impl ComposeQuery {
    /// Composes a prompt as `generateImages` would at this moment, word for word, and sends it nowhere.
    #[graphql(guard = "QueryPolicy", visible = "visible::images_generate")]
    async fn preview_prompt(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to compose.")] input: PreviewPromptInput,
    ) -> Result<Option<PreviewPromptPayload>> {
        // Whoever may see the account may see what its prompts would be.
        let account = account_of(ctx, input.account_id.as_ref(), &["input", "accountId"]).await?;
        let account = seen(ctx, Some(&node::encode(NodeKind::Account, account))).await?;
        let Some(ratio) = AspectRatio::parse(&input.aspect_ratio) else {
            return Ok(Some(PreviewPromptPayload::refused(AcceptError::RatioUnknown)));
        };
        let request = input.event.into_request()?;
        let look = (ratio, input.quality.into());
        Ok(Some(match service::<Ai>(ctx)?.preview(&request, look, Some(account)).await {
            Ok((composed, fits)) => PreviewPromptPayload {
                text: Some(composed.composition.text),
                length: Some(count(composed.composition.length)),
                parts: Some(composed.composition.parts.into_iter().map(PromptPart).collect()),
                fits: Some(fits.into_iter().map(shown).collect()),
                user_errors: Vec::new(),
            },
            Err(Failure::Refused(refusal)) => PreviewPromptPayload::refused(refusal),
            Err(Failure::Fault(error)) => return Err(error.into()),
        }))
    }
}
