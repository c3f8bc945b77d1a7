//! What users ask for, checked: prompts, counts, seeds; and the refusals.

use ring::digest;
use uuid::Uuid;

use super::{AiFunction, AspectRatio, ModelRefusal, Quality, TargetRefusal, Targets, Wish, has_ink};
use crate::prompt::model::{
    compose::EventRequest,
    details::{DetailError, DetailValue},
    fit::{OnTooLong, PromptTooLong},
};

/// The most images of one prompt.
pub const COUNT_MAX: i32 = 8;
/// The most items of a command about many things.
pub const BULK_MAX: i32 = 50;
/// The greatest seed.
pub const SEED_MAX: i64 = 4_294_967_295;

/// Draw images of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateImages {
    /// Makes it happen once per account: 8–128 visible ASCII characters.
    pub idempotency_key: String,
    /// What to draw.
    pub picture: Picture,
    /// How many, 1–8.
    pub count: i32,
    /// Which shape.
    pub ratio: AspectRatio,
    /// How much care.
    pub quality: Quality,
    /// Which model; `None` is the function's default.
    pub ai_model_id: Option<Uuid>,
    /// 0–4294967295; `None` lets the server choose and record one, where the model takes seeds.
    pub seed: Option<i64>,
}

/// What to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// This, in the client's words.
    Prompt(String),
    /// An event; the prompt is composed.
    Event(EventOrder),
}

/// An event to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventOrder {
    /// What the prompt is composed from.
    pub request: EventRequest,
    /// What becomes of a prompt that is longer than the model takes.
    pub on_too_long: OnTooLong,
}

/// Enlarge images, twice as wide and as high.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpscaleImages {
    /// Makes it happen once per account: 8–128 visible ASCII characters.
    pub idempotency_key: String,
    /// Which, 1–50, each once.
    pub images: Vec<Uuid>,
    /// Which model; `None` is the function's default.
    pub ai_model_id: Option<Uuid>,
}

/// Write texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateText {
    /// Makes it happen once per account: 8–128 visible ASCII characters.
    pub idempotency_key: String,
    /// What to write about, 1–50; each is a text of its own.
    pub prompts: Vec<String>,
    /// Which kind of text: a key of the prompts of texts, such as `header`; `None` is any.
    pub kind: Option<String>,
    /// Which model; `None` is the function's default.
    pub ai_model_id: Option<Uuid>,
    /// 0–4294967295; `None` lets the server choose and record one, where the model takes seeds.
    pub seed: Option<i64>,
}

/// Make things of the pipeline: clusters of keywords, ideas of clusters, articles of content tasks and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MakeThings {
    /// Which function.
    pub function: AiFunction,
    /// Makes it happen once per account: 8–128 visible ASCII characters.
    pub idempotency_key: String,
    /// Of what.
    pub targets: Targets,
    /// Which shape; of images.
    pub ratio: AspectRatio,
    /// How much care; of images.
    pub quality: Quality,
    /// Which model; `None` is the function's default.
    pub ai_model_id: Option<Uuid>,
}

/// What an order is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One prompt for every item, without blanks around it.
    Prompt(String),
    /// A prompt for each item, likewise.
    Prompts(Vec<String>),
    /// An event, whose prompt is composed for every item.
    Event(EventOrder),
    /// An image for each item.
    Images(Vec<Uuid>),
    /// Things of the pipeline, made into items by whoever owns them.
    Things(Targets),
}

/// A command of any function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What to do.
    pub function: AiFunction,
    /// As the client sent it.
    pub idempotency_key: String,
    /// What about.
    pub subject: Subject,
    /// How many things, at least 1; how many are named, where each may be a part of an item.
    pub count: i32,
    /// Which shape; of images.
    pub ratio: AspectRatio,
    /// How much care; of images.
    pub quality: Quality,
    /// Which model.
    pub ai_model_id: Option<Uuid>,
    /// Which seed.
    pub seed: Option<i64>,
    /// Which kind of text; of texts.
    pub text_kind: Option<String>,
}

/// What a refusal for lack of credits says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InsufficientFigures {
    /// Credits the request needs.
    pub required: i64,
    /// Credits that were available.
    pub available: i64,
}

/// Why a command was not accepted. Only `InsufficientCredits` leaves a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// The prompt is empty, or nothing in it can be seen.
    #[error("The prompt is empty. Say what you want.")]
    PromptEmpty,
    /// The count is out of range.
    #[error("The count is {count}; it must be 1–{max}.")]
    CountOutOfRange {
        /// What was asked.
        count: i32,
        /// The most of one command.
        max: i32,
    },
    /// There is no such aspect ratio.
    #[error("There is no such aspect ratio. Known: {}.", AspectRatio::ALL.map(|ratio| ratio.to_string()).join(", "))]
    RatioUnknown,
    /// The seed is out of range.
    #[error("The seed is out of range; it must be 0–{SEED_MAX}.")]
    SeedOutOfRange,
    /// The model cannot.
    #[error(transparent)]
    Model(#[from] ModelRefusal),
    /// What is said of the event is at fault; every fault found.
    #[error("What is said of the event is at fault.")]
    Event(Vec<DetailError>),
    /// The composed prompt is longer than the model takes.
    #[error(transparent)]
    PromptTooLong(Box<PromptTooLong>),
    /// There is no such kind of text.
    #[error(
        "There is no kind of text {0:?}. Known are the keys of the prompts of texts, such as header, body and cta."
    )]
    UnknownTextKind(String),
    /// The prompts cannot be read, so nothing was composed.
    #[error("The system prompts cannot be read at the moment. Nothing was done; try again later.")]
    PromptsUnavailable,
    /// An image is named twice.
    #[error("An image is named twice. Name each once.")]
    ImageTwice,
    /// An image is not there, is not the account's, or is an enlargement itself.
    #[error("There is no such image, or it is an enlargement itself. Choose originals from your gallery.")]
    ImageNotFound(Uuid),
    /// An unfinished task enlarges the image already.
    #[error("The image is being enlarged already. Nothing was done; wait for the task that does it.")]
    UpscaleUnderWay(Uuid),
    /// Images were enlarged before; these are the enlargements.
    #[error("{} of the images {} enlarged already. Nothing was done.", .0.len(), if .0.len() == 1 { "is" } else { "are" })]
    AlreadyUpscaled(Vec<Uuid>),
    /// The enlargement would be larger than images may be.
    #[error("The image is too large: enlarged it would have more than 64 megapixels. Choose a smaller one.")]
    ImageTooLarge(Uuid),
    /// A thing that is named cannot be worked on.
    #[error(transparent)]
    Target(#[from] TargetRefusal),
    /// The account has too few credits. The task is on record, with its notification.
    #[error("Insufficient credits. Required: {}, Available: {}", figures.required, figures.available)]
    InsufficientCredits {
        /// The figures.
        figures: InsufficientFigures,
        /// The record of the refusal.
        ai_task_id: Uuid,
    },
    /// The account is frozen.
    #[error("The account is frozen. Contact support.")]
    AccountFrozen,
    /// The account is closed.
    #[error("The account is closed.")]
    AccountClosed,
    /// The account has too much work waiting.
    #[error("The account has 10000 jobs waiting. Wait for some to end.")]
    BacklogFull,
    /// The ledger is busy; nothing was done.
    #[error("The ledger is busy and nothing was done. Try again with the same key.")]
    LedgerBusy,
}

impl From<GenerateImages> for Order {
    fn from(input: GenerateImages) -> Self {
        Self {
            function: AiFunction::GenerateImages,
            idempotency_key: input.idempotency_key,
            subject: match input.picture {
                Picture::Prompt(prompt) => Subject::Prompt(prompt.trim().to_owned()),
                Picture::Event(order) => Subject::Event(order),
            },
            count: input.count,
            ratio: input.ratio,
            quality: input.quality,
            ai_model_id: input.ai_model_id,
            seed: input.seed,
            text_kind: None,
        }
    }
}

impl From<GenerateText> for Order {
    fn from(input: GenerateText) -> Self {
        let mut prompts: Vec<String> = input.prompts.iter().map(|prompt| prompt.trim().to_owned()).collect();
        let count = i32::try_from(prompts.len()).unwrap_or(i32::MAX);
        let subject = match (prompts.pop(), prompts.is_empty()) {
            (Some(prompt), true) => Subject::Prompt(prompt),
            (last, _) => {
                prompts.extend(last);
                Subject::Prompts(prompts)
            }
        };
        Self {
            function: AiFunction::GenerateText,
            idempotency_key: input.idempotency_key,
            subject,
            count,
            ratio: AspectRatio::default(),
            quality: Quality::default(),
            ai_model_id: input.ai_model_id,
            seed: input.seed,
            text_kind: input.kind,
        }
    }
}

impl From<UpscaleImages> for Order {
    fn from(input: UpscaleImages) -> Self {
        Self {
            function: AiFunction::UpscaleImage,
            idempotency_key: input.idempotency_key,
            count: i32::try_from(input.images.len()).unwrap_or(i32::MAX),
            subject: Subject::Images(input.images),
            ratio: AspectRatio::default(),
            quality: Quality::default(),
            ai_model_id: input.ai_model_id,
            seed: None,
            text_kind: None,
        }
    }
}

impl From<MakeThings> for Order {
    fn from(input: MakeThings) -> Self {
        Self {
            function: input.function,
            idempotency_key: input.idempotency_key,
            count: i32::try_from(input.targets.ids.len()).unwrap_or(i32::MAX),
            subject: Subject::Things(input.targets),
            ratio: input.ratio,
            quality: input.quality,
            ai_model_id: input.ai_model_id,
            seed: None,
            text_kind: None,
        }
    }
}

impl Order {
    /// What needs no look at the database. Refuses: `PromptEmpty`, `CountOutOfRange`, `SeedOutOfRange`, `ImageTwice`.
    pub fn check(&self) -> Result<(), AcceptError> {
        if self.prompts().iter().any(|prompt| !has_ink(prompt)) {
            return Err(AcceptError::PromptEmpty);
        }
        let max = match (&self.subject, self.function) {
            // Their owner knows how many go into one item.
            (Subject::Things(_), _) => i32::MAX,
            (_, AiFunction::GenerateImages) => COUNT_MAX,
            _ => BULK_MAX,
        };
        if !(1..=max).contains(&self.count) {
            return Err(AcceptError::CountOutOfRange { count: self.count, max });
        }
        if self.seed.is_some_and(|seed| !(0..=SEED_MAX).contains(&seed)) {
            return Err(AcceptError::SeedOutOfRange);
        }
        if let Subject::Images(images) = &self.subject
            && images.iter().enumerate().any(|(at, image)| images.iter().take(at).any(|other| other == image))
        {
            return Err(AcceptError::ImageTwice);
        }
        Ok(())
    }

    /// What it asks of a model, with a prompt of `prompt_chars` characters.
    pub fn wish(&self, prompt_chars: i64) -> Wish {
        let wish = Wish::new(self.function, "", self.seed.is_some());
        Wish { ratio: self.ratio, quality: self.quality, prompt_chars, ..wish }
    }

    /// The different prompts as given; none where they are not.
    fn prompts(&self) -> &[String] {
        match &self.subject {
            Subject::Prompt(prompt) => std::slice::from_ref(prompt),
            Subject::Prompts(prompts) => prompts,
            Subject::Event(_) | Subject::Images(_) | Subject::Things(_) => &[],
        }
    }

    /// The input and who asked, in canonical form: two requests with one key are the same when these are equal.
    pub fn canonical(&self, user: Uuid) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        let mut part = |bytes: &[u8]| {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(bytes);
        };
        part(self.function.as_str().as_bytes());
        part(user.as_bytes());
        match &self.subject {
            Subject::Prompt(_) | Subject::Prompts(_) => {
                self.prompts().iter().for_each(|prompt| part(prompt.as_bytes()))
            }
            Subject::Event(order) => {
                let request = &order.request;
                part(b"event");
                part(request.event_type.as_bytes());
                for (field, value) in &request.details {
                    part(field.as_bytes());
                    match value {
                        DetailValue::Integer(number) => part(&number.to_be_bytes()),
                        DetailValue::Text(text) => part(text.as_bytes()),
                        DetailValue::Other => part(b""),
                    }
                }
                for text in [&request.style, &request.text, &request.custom_style] {
                    part(if text.is_some() { b"+" } else { b"-" });
                    part(text.as_deref().unwrap_or_default().as_bytes());
                }
                part(if order.on_too_long == OnTooLong::Shorten { b"shorten" } else { b"refuse" });
            }
            Subject::Images(images) => images.iter().for_each(|image| part(image.as_bytes())),
            Subject::Things(targets) => {
                part(b"things");
                part(targets.site.as_ref().map_or(&[][..], |site| site.as_bytes()));
                match targets.wanted {
                    Some(wanted) => part(&wanted.to_be_bytes()),
                    None => part(&[]),
                }
                match &targets.keywords {
                    Some(keywords) => {
                        part(b"+");
                        keywords.iter().for_each(|keyword| part(keyword.as_bytes()));
                    }
                    None => part(b"-"),
                }
                targets.ids.iter().for_each(|id| part(id.as_bytes()));
            }
        }
        part(&self.count.to_be_bytes());
        part(self.ai_model_id.as_ref().map_or(&[][..], |id| id.as_bytes()));
        match self.seed {
            Some(seed) => part(&seed.to_be_bytes()),
            None => part(&[]),
        }
        // Left out where it says nothing, so that a key from before there was a choice still finds its task.
        if (self.ratio, self.quality) != Default::default() {
            part(self.ratio.to_string().as_bytes());
            part(self.quality.as_str().as_bytes());
        }
        if let Some(kind) = &self.text_kind {
            part(kind.as_bytes());
        }
        out
    }

    /// SHA-256 of [`Order::canonical`].
    pub fn hash(&self, user: Uuid) -> Vec<u8> {
        digest::digest(&digest::SHA256, &self.canonical(user)).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        Order::from(GenerateImages {
            idempotency_key: "key-00001".into(),
            picture: Picture::Prompt("  a red fox ".into()),
            count: 3,
            ratio: AspectRatio::default(),
            quality: Quality::default(),
            ai_model_id: None,
            seed: Some(7),
        })
    }

    fn event(style: Option<&str>, on_too_long: OnTooLong) -> Order {
        let request = EventRequest {
            event_type: "OTHER".into(),
            details: [("occasion".to_owned(), DetailValue::Text("harvest".into()))].into(),
            style: style.map(str::to_owned),
            text: None,
            custom_style: None,
        };
        Order { subject: Subject::Event(EventOrder { request, on_too_long }), ..order() }
    }

    fn things(wanted: Option<i32>, keywords: Option<&[&str]>) -> Order {
        let keywords = keywords.map(|all| all.iter().map(|one| (*one).to_owned()).collect());
        let targets = Targets { site: None, ids: vec![Uuid::nil()], wanted, keywords, redo: false };
        Order { subject: Subject::Things(targets), ..order() }
    }

    #[test]
    fn checks_prompt_count_and_seed_at_their_edges() {
        assert_eq!(order().check(), Ok(()));
        for blank in ["", "\u{200b}", "\u{202e}\u{200b}"] {
            let order = Order { subject: Subject::Prompt(blank.to_owned()), ..order() };
            assert_eq!(order.check(), Err(AcceptError::PromptEmpty), "{blank:?}");
        }
        for count in [0, 9, -1] {
            assert_eq!(Order { count, ..order() }.check(), Err(AcceptError::CountOutOfRange { count, max: COUNT_MAX }));
        }
        for seed in [-1, SEED_MAX + 1] {
            assert_eq!(Order { seed: Some(seed), ..order() }.check(), Err(AcceptError::SeedOutOfRange));
        }
        assert_eq!(Order { seed: Some(SEED_MAX), count: 8, ..order() }.check(), Ok(()));
        let [one, two] = [1, 2].map(Uuid::from_u128);
        let upscale = |images: &[Uuid]| {
            let (idempotency_key, images) = ("key-00001".to_owned(), images.to_vec());
            Order::from(UpscaleImages { idempotency_key, images, ai_model_id: None }).check()
        };
        assert_eq!(upscale(&[one, two]), Ok(()));
        assert_eq!(upscale(&[one, two, one]), Err(AcceptError::ImageTwice));
        assert_eq!(upscale(&[]), Err(AcceptError::CountOutOfRange { count: 0, max: BULK_MAX }));
    }

    #[test]
    fn every_part_of_the_input_changes_the_hash() {
        let user = Uuid::from_u128(1);
        let base = order().hash(user);
        assert_eq!(base, order().hash(user));
        let others = [
            Order { subject: Subject::Prompt("a red fo".into()), ..order() }.hash(user),
            Order { count: 2, ..order() }.hash(user),
            Order { seed: None, ..order() }.hash(user),
            Order { seed: Some(0), ..order() }.hash(user),
            Order { ai_model_id: Some(Uuid::nil()), ..order() }.hash(user),
            Order { function: AiFunction::GenerateText, ..order() }.hash(user),
            Order { ratio: AspectRatio::ALL[1], ..order() }.hash(user),
            Order { quality: Quality::High, ..order() }.hash(user),
            Order { text_kind: Some("cta".into()), ..order() }.hash(user),
            Order { subject: Subject::Images(vec![Uuid::nil()]), ..order() }.hash(user),
            event(None, OnTooLong::Refuse).hash(user),
            event(Some(""), OnTooLong::Refuse).hash(user),
            event(Some("Origami"), OnTooLong::Refuse).hash(user),
            event(None, OnTooLong::Shorten).hash(user),
            things(None, None).hash(user),
            things(Some(0), None).hash(user),
            things(None, Some(&[])).hash(user),
            things(None, Some(&["tea"])).hash(user),
            order().hash(Uuid::from_u128(2)),
        ];
        for other in &others {
            assert_ne!(&base, other);
        }
        let distinct: std::collections::HashSet<_> = others.iter().collect();
        assert_eq!(distinct.len(), others.len());
    }
}
