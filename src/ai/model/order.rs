//! Any command as one value: made of what a user asked for, checked, and known again by its hash.

use ring::digest;
use uuid::Uuid;

use super::{
    AcceptError, AiFunction, AspectRatio, BULK_MAX, COUNT_MAX, EventOrder, GenerateImages, GenerateText, MakeThings,
    Picture, Quality, SEED_MAX, Targets, UpscaleImages, Wish, has_ink,
};
use crate::prompt::model::{details::DetailValue, fit::OnTooLong};

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
    use crate::prompt::model::compose::EventRequest;

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
