//! Figures, warnings and forms.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object, Result, SimpleObject};

use super::{
    looking,
    transfer::count,
    types::{PromptCategory, SystemPrompt},
};
use crate::{
    connection,
    error::Error,
    graphql::{
        context::service,
        error::{UserError, UserErrorCode},
        guard::{QueryPolicy, visible},
        page::ConnectionArgs,
        scalars::SafeInt,
    },
    page::{Page, PageArgs},
    prompt::{
        PromptReview as Review, PromptStatistics as Statistics, Prompts, Surroundings,
        model::{
            details::{self, CUSTOM_STYLE_LENGTH_MAX, DetailError, DetailField, FieldKind, TEXT_LENGTH_MAX},
            warnings::{CategoryFigures, PromptWarning as Warning},
        },
    },
};

/// What deserves attention in a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum PromptWarningCode {
    /// The text has fewer than 40 characters.
    TooShort,
    /// The text has more than 400 characters.
    Long,
    /// The text alone is longer than some models in use take.
    OverModelLimit,
    /// The optimiser would take a clause out.
    RedundantPhrase,
    /// Commas, marks, blanks or brackets are damaged.
    DamagedPunctuation,
    /// Another prompt has the same text.
    DuplicateText,
    /// Nothing reads the key yet.
    ReservedKey,
    /// The prompt is disabled: something else stands in.
    Disabled,
    /// The stored metadata cannot be read and counts as empty.
    MetadataUnreadable,
}

impl From<&Warning> for PromptWarningCode {
    fn from(warning: &Warning) -> Self {
        match warning {
            Warning::TooShort { .. } => Self::TooShort,
            Warning::Long { .. } => Self::Long,
            Warning::OverModelLimit { .. } => Self::OverModelLimit,
            Warning::RedundantPhrase => Self::RedundantPhrase,
            Warning::DamagedPunctuation => Self::DamagedPunctuation,
            Warning::DuplicateText { .. } => Self::DuplicateText,
            Warning::ReservedKey => Self::ReservedKey,
            Warning::Disabled => Self::Disabled,
            Warning::MetadataUnreadable => Self::MetadataUnreadable,
        }
    }
}

/// Something that deserves attention.
#[derive(Debug, Clone, SimpleObject)]
pub struct PromptWarning {
    /// The rule.
    pub code: PromptWarningCode,
    /// What it is and what to do, in English.
    pub message: String,
}

/// How many prompts have a warning.
#[derive(Debug, Clone, SimpleObject)]
pub struct PromptWarningCount {
    /// The rule.
    pub code: PromptWarningCode,
    /// How many prompts, 1 or more.
    pub count: i32,
}

/// The figures of a category. Lengths are in characters (Unicode scalar values).
#[derive(Debug, Clone, SimpleObject)]
pub struct PromptCategoryFigures {
    /// Which category.
    pub category: PromptCategory,
    /// How many prompts, disabled ones included.
    pub count: i32,
    /// Their lengths' sum.
    pub length_total: SafeInt,
    /// The shortest; null without prompts.
    pub length_min: Option<SafeInt>,
    /// The average; null without prompts.
    pub length_average: Option<f64>,
    /// The longest; null without prompts.
    pub length_max: Option<SafeInt>,
}

fn safe(number: usize) -> SafeInt {
    SafeInt(i64::try_from(number).unwrap_or(i64::MAX))
}

impl From<&CategoryFigures> for PromptCategoryFigures {
    fn from(figures: &CategoryFigures) -> Self {
        Self {
            category: figures.category.into(),
            count: count(figures.count),
            length_total: safe(figures.length_total),
            length_min: figures.length_min.map(safe),
            length_average: figures.length_average,
            length_max: figures.length_max.map(safe),
        }
    }
}

/// What is said about one prompt.
#[derive(Debug, Clone)]
pub struct PromptReview(Review);

/// What is said about one prompt.
#[Object]
impl PromptReview {
    /// The prompt.
    async fn prompt(&self, ctx: &Context<'_>) -> Result<Option<SystemPrompt>> {
        Ok(SystemPrompt::load(ctx, self.0.prompt_id).await?)
    }

    /// Its category.
    async fn category(&self) -> PromptCategory {
        self.0.findings.category.into()
    }

    /// Its key; null for the empty key.
    async fn key(&self) -> Option<&str> {
        self.0.findings.key.shown()
    }

    /// Its length in characters (Unicode scalar values).
    async fn length(&self) -> SafeInt {
        safe(self.0.findings.length)
    }

    /// What deserves attention, at most 9.
    async fn warnings(&self) -> Vec<PromptWarning> {
        let warning = |warning: &Warning| PromptWarning { code: warning.into(), message: warning.message() };
        self.0.findings.warnings.iter().map(warning).collect()
    }
}

connection!(PromptReviewConnection, PromptReviewEdge, PromptReview, "reviews of prompts", |review: &PromptReview| {
    review.0.prompt_id
});

/// Figures and warnings of all prompts, disabled ones included. Lengths are in characters (Unicode scalar values).
pub struct PromptStatistics(Statistics);

/// Figures and warnings of all prompts, disabled ones included. Lengths are in characters (Unicode scalar values).
#[Object]
impl PromptStatistics {
    /// How many prompts there are.
    async fn count(&self) -> i32 {
        count(self.0.reviews.len())
    }

    /// Their lengths' sum.
    async fn length_total(&self) -> SafeInt {
        safe(self.0.categories.iter().map(|figures| figures.length_total).sum())
    }

    /// The shortest; null without prompts.
    async fn length_min(&self) -> Option<SafeInt> {
        self.0.categories.iter().filter_map(|figures| figures.length_min).min().map(safe)
    }

    /// The average; null without prompts.
    async fn length_average(&self) -> Option<f64> {
        let total: usize = self.0.categories.iter().map(|figures| figures.length_total).sum();
        let exact = |number: usize| u32::try_from(number).ok().map(f64::from);
        let prompts = exact(self.0.reviews.len()).filter(|prompts| *prompts > 0.0)?;
        Some(exact(total)? / prompts)
    }

    /// The longest; null without prompts.
    async fn length_max(&self) -> Option<SafeInt> {
        self.0.categories.iter().filter_map(|figures| figures.length_max).max().map(safe)
    }

    /// One row per category, 6.
    async fn categories(&self) -> Vec<PromptCategoryFigures> {
        self.0.categories.iter().map(Into::into).collect()
    }

    /// How many prompts have which warning, at most 9.
    async fn warnings(&self) -> Vec<PromptWarningCount> {
        let all = || self.0.reviews.iter().flat_map(|review| &review.findings.warnings);
        let first = |code: &str| all().find(|warning| warning.code() == code);
        let counts = self.0.counts().into_iter();
        let counts = counts.filter_map(|(code, number)| Some((first(code)?, number)));
        counts.map(|(warning, number)| PromptWarningCount { code: warning.into(), count: count(number) }).collect()
    }

    /// The prompts one by one, by category and key.
    async fn prompts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1–100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Only after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1–100.")] last: Option<i32>,
        #[graphql(desc = "Only before this cursor.")] before: Option<String>,
        #[graphql(desc = "Whether prompts without a warning are left out.", default = false)] only_warned: bool,
    ) -> Result<Option<PromptReviewConnection>> {
        let args = ConnectionArgs { first, after, last, before }.check(ctx)?;
        let rows = self.0.reviews.iter().filter(|review| !only_warned || !review.findings.warnings.is_empty());
        Ok(Some(page(rows.cloned().map(PromptReview).collect(), &args)?.into()))
    }
}

/// A page of rows that are all in memory, by the place of the cursor's prompt.
fn page(rows: Vec<PromptReview>, args: &PageArgs<uuid::Uuid>) -> Result<Page<PromptReview>, Error> {
    let place = |key: Option<uuid::Uuid>, name: &str| match key {
        None => Ok(None),
        Some(key) => match rows.iter().position(|row| row.0.prompt_id == key) {
            Some(place) => Ok(Some(place)),
            None => Err(Error::bad_input("This is not a cursor of this list.", &[name])),
        },
    };
    let from = place(args.after, "after")?.map_or(0, |place| place + 1);
    let to = place(args.before, "before")?.unwrap_or(rows.len());
    let total = args.with_total.then(|| i64::try_from(rows.len()).unwrap_or(i64::MAX));
    let fetch = usize::try_from(args.fetch()).unwrap_or(usize::MAX);
    let between = rows.into_iter().take(to).skip(from);
    let read: Vec<PromptReview> = if args.from_end {
        let all: Vec<PromptReview> = between.collect();
        all.into_iter().rev().take(fetch).collect()
    } else {
        between.take(fetch).collect()
    };
    Ok(Page::from_rows(read, args, total))
}

/// What a field of a form takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum EventFormFieldKind {
    /// A whole number.
    Integer,
    /// A text.
    Text,
}

/// A field of the form of an event type.
#[derive(Debug, Clone, SimpleObject)]
pub struct EventFormField {
    /// Its name, the key in `details`.
    pub name: String,
    /// What it takes.
    pub kind: EventFormFieldKind,
    /// Whether it must be given.
    pub required: bool,
    /// Suggestions, at most 20; any other value within the limits is taken too.
    pub options: Vec<String>,
    /// The least number; null for a text.
    pub minimum: Option<SafeInt>,
    /// The greatest number; null for a text.
    pub maximum: Option<SafeInt>,
    /// The most characters (Unicode scalar values); null for a number.
    pub max_length: Option<i32>,
}

impl From<&DetailField> for EventFormField {
    fn from(field: &DetailField) -> Self {
        let (kind, minimum, maximum, max_length) = match field.kind {
            FieldKind::Integer { min, max } => {
                (EventFormFieldKind::Integer, Some(SafeInt(min)), Some(SafeInt(max)), None)
            }
            FieldKind::Text { max } => (EventFormFieldKind::Text, None, None, Some(count(max))),
        };
        Self {
            name: field.name.to_owned(),
            kind,
            required: field.required,
            options: field.options.iter().map(|&option| option.to_owned()).collect(),
            minimum,
            maximum,
            max_length,
        }
    }
}

/// What may be said about an event of a type; the server checks by the same data.
#[derive(Debug, Clone, SimpleObject)]
pub struct EventForm {
    /// The event type's key.
    pub event_type: String,
    /// What people call it.
    pub name: String,
    /// Its fields, in the order in which they are worded, at most 20.
    pub fields: Vec<EventFormField>,
    /// The most characters of the text to render.
    pub text_max_length: i32,
    /// The most characters of the person's own words about the look.
    pub custom_style_max_length: i32,
}

impl From<details::EventForm> for EventForm {
    fn from(form: details::EventForm) -> Self {
        Self {
            fields: form.fields.iter().map(Into::into).collect(),
            event_type: form.event_type,
            name: form.name,
            text_max_length: count(TEXT_LENGTH_MAX),
            custom_style_max_length: count(CUSTOM_STYLE_LENGTH_MAX),
        }
    }
}

/// The form of an event type.
#[derive(Debug, Clone, SimpleObject)]
pub struct EventFormPayload {
    /// The form; null when refused.
    pub form: Option<EventForm>,
    /// Why there is none: `UNKNOWN_EVENT_TYPE`, `STORE_UNAVAILABLE`. Empty when there is one.
    pub user_errors: Vec<UserError>,
}

/// Figures, warnings and forms.
#[derive(Default)]
pub struct PromptStatisticsQuery;

#[Object]
impl PromptStatisticsQuery {
    /// Counts, lengths and warnings of all prompts, by one rule set.
    #[graphql(guard = "QueryPolicy", visible = "visible::system_prompts_view")]
    async fn prompt_statistics(&self, ctx: &Context<'_>) -> Result<Option<PromptStatistics>> {
        let (right, prompts) = looking(ctx)?;
        let limits = service::<Arc<dyn Surroundings>>(ctx)?.limits().await?;
        Ok(Some(PromptStatistics(prompts.prompt_statistics(right, limits).await?)))
    }

    /// The fields of an event type: kinds, suggestions and limits.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn event_form(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "type", desc = "The event type's key, in any case.")] event_type: String,
    ) -> Result<Option<EventFormPayload>> {
        let none = |code, message: String| {
            let error = UserError::new(code, message, &["type"]);
            Ok(Some(EventFormPayload { form: None, user_errors: vec![error] }))
        };
        match service::<Prompts>(ctx)?.event_form(&event_type).await {
            Ok(Some(form)) => Ok(Some(EventFormPayload { form: Some(form.into()), user_errors: Vec::new() })),
            Ok(None) => {
                let event_type = details::echo(&event_type);
                none(UserErrorCode::UnknownEventType, DetailError::UnknownEventType { event_type }.to_string())
            }
            Err(failed) => none(UserErrorCode::StoreUnavailable, failed.to_string()),
        }
    }
}
