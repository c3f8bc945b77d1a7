//! `GENERATE_IMAGE_PROMPTS`: what is to be drawn for a content, as places for images in it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::check_ids;
use crate::{
    ai::{
        maker::{Ask, Brief, Made, MakeError, Maker, Making, Output, Target, TargetRefusal, Unmaking},
        model::{
            AiFunction,
            answer::{AnswerError, Ending, read},
        },
    },
    audit::{Trace, store::entry_effect},
    content::{
        model::{
            Content, ContentImage, ContentImageKind, ContentImageState, ContentState,
            image_prompts::{IN_ARTICLE_MAX, ImagePromptsAnswer, PlannedImage, check, check_wanted, data_block},
        },
        service::unapproved_effects,
        store,
    },
    db::{Db, effect::Effect},
    error::{Error, Failure, Internal},
    ids::Ids,
    site::context,
};

/// Describes the images of content.
pub struct ImagePromptMaker {
    db: Db,
    ids: Arc<dyn Ids>,
}

/// What reading an answer needs beside the content.
#[derive(Debug, Serialize, Deserialize)]
struct Facts {
    /// In-article images.
    wanted: usize,
    /// The most characters of a prompt.
    chars: usize,
    /// Whether what is described may be described anew.
    #[serde(default)]
    redo: bool,
}

/// Whether images may be described for content that has these places for some. `Err` says what it is and what it must be.
fn check_state(content: &Content, places: &[ContentImage], redo: bool) -> Result<(), (&'static str, &'static str)> {
    use ContentImageState::{Generating, Uncertain};
    if redo {
        return match places.iter().find(|place| matches!(place.state, Generating | Uncertain)) {
            Some(_) => Err(("being drawn for", "content none of whose images is being drawn")),
            None if content.state.may_be_redone() => Ok(()),
            None => Err((content.state.as_str(), "DRAFT, REVIEW, APPROVED or SCHEDULED")),
        };
    }
    if !places.is_empty() || content.prompts_made_at.is_some() {
        return Err(("illustrated already", "content without image prompts"));
    }
    match content.state {
        ContentState::Draft | ContentState::Review => Ok(()),
        state => Err((state.as_str(), "DRAFT or REVIEW")),
    }
}

impl ImagePromptMaker {
    /// Puts the parts together.
    pub fn new(db: Db, ids: Arc<dyn Ids>) -> Self {
        Self { db, ids }
    }

    async fn brief_all(&self, ask: Ask<'_>) -> Result<Vec<Brief>, Failure<TargetRefusal>> {
        let ids = &ask.targets.ids;
        check_ids(ids)?;
        let max = i32::try_from(IN_ARTICLE_MAX).unwrap_or(i32::MAX);
        let wanted = check_wanted(ask.targets.wanted).map_err(|_| {
            let wanted = ask.targets.wanted.unwrap_or_default();
            Failure::Refused(TargetRefusal::WantedOutOfRange { wanted, min: 0, max })
        })?;
        let facts = Facts { wanted, chars: ask.image_prompt_chars, redo: ask.targets.redo };
        let connection = self.db.reader();
        let found = store::content::load_contents(connection, ids).await?;
        let mut texts = store::content::load_texts(connection, ids).await?;
        let places = store::part::load_images_of(connection, ids).await?;
        let mut briefs = Vec::with_capacity(ids.len());
        for (at, id) in ids.iter().enumerate() {
            let position = at + 1;
            let content = found.get(id).filter(|content| content.account_id == ask.account);
            let content = content.ok_or(Failure::Refused(TargetRefusal::NotFound { position }))?;
            let own = places.get(id).map_or(&[][..], Vec::as_slice);
            check_state(content, own, facts.redo)
                .map_err(|(state, allowed)| Failure::Refused(TargetRefusal::WrongState { position, state, allowed }))?;
            let told = context::load(connection, content.site_id, content.sector_id).await?.ok_or(Error::NotFound)?;
            let html = texts.remove(id).unwrap_or_default();
            let block = data_block(&told, &content.face.title, &html, facts.wanted, facts.chars);
            briefs.push(Brief {
                prompt: block.render(),
                target: Target { id: Some(*id), site: Some(content.site_id), facts: json!(facts) },
            });
        }
        Ok(briefs)
    }

    async fn make_of(&self, making: Making<'_>) -> Result<Made, Failure<MakeError>> {
        let facts: Facts = serde_json::from_value(making.target.facts.clone())
            .map_err(|error| Internal::new("reading what image prompts are for", error))?;
        let (Output::Text(text), Some(id)) = (making.output, making.target.id) else {
            return Err(Internal::new("reading image prompts", "the output is no text, or for no content").into());
        };
        let trace = making.trace;
        let found = store::content::find_content(self.db.reader(), id).await?;
        let places = store::part::load_images_of(self.db.reader(), &[id]).await?.remove(&id).unwrap_or_default();
        let may_be_made = |content: &Content| {
            content.account_id == trace.account_id && check_state(content, &places, facts.redo).is_ok()
        };
        let content = found.filter(may_be_made);
        let content = content.ok_or(Failure::Refused(MakeError::Gone("TARGET_GONE")))?;
        let answer = read::<ImagePromptsAnswer>(text, Ending::Whole).map_err(|error| Failure::Refused(error.into()))?;
        let images = check(&answer, &content.face.title, facts.wanted, facts.chars);
        let images = images.map_err(|error| Failure::Refused(AnswerError::from(error).into()))?;
        let featured = [(ContentImageKind::Featured, 0, images.featured)];
        let inside = images.in_article.into_iter().zip(0..);
        let all = featured.into_iter().chain(inside.map(|(image, at)| (ContentImageKind::InArticle, at, image)));
        let mut effects = vec![store::write::prompts_effect(&content, trace.at)];
        let mut products = Vec::new();
        for (kind, position, planned) in all {
            if let Some(place) = places.iter().find(|place| (place.kind, place.position) == (kind, position)) {
                let PlannedImage { prompt, alt_text } = &planned;
                effects.extend(store::write::describe_effects(place, (prompt, alt_text), self.ids.as_ref(), trace));
                products.push(place.id);
                continue;
            }
            let image = self.place(&content, (kind, position), planned, trace);
            effects.push(store::write::insert_image_effect(&image, &content));
            let notes = [None, Some(image.state.as_str().to_owned())];
            let entry = trace.entry(self.ids.uuid(), "content_image.create", ("content_image", image.id), notes);
            effects.push(entry_effect(&entry));
            products.push(image.id);
        }
        // One product is enough to find the item by.
        let work = products.first().map(|product| (content.id, *product));
        effects.extend(
            work.map(|(content, product)| store::write::work_effect(content, making.ai_task_id, product, trace.at)),
        );
        let unapproved = unapproved_effects(content, trace, self.ids.as_ref());
        effects.extend(unapproved.map_err(|illegal| Internal::new("describing images again", illegal))?);
        let count = i32::try_from(products.len()).unwrap_or(i32::MAX);
        Ok(Made { effects, count, products, ..Made::default() })
    }

    fn place(
        &self,
        content: &Content,
        (kind, position): (ContentImageKind, i32),
        planned: PlannedImage,
        trace: &Trace,
    ) -> ContentImage {
        ContentImage {
            id: self.ids.uuid(),
            account_id: content.account_id,
            content_id: content.id,
            kind,
            position,
            prompt: planned.prompt,
            alt_text: planned.alt_text,
            state: ContentImageState::Pending,
            image_id: None::<Uuid>,
            error_code: None,
            created_at: trace.at,
            updated_at: trace.at,
        }
    }
}

impl Maker for ImagePromptMaker {
    fn function(&self) -> AiFunction {
        AiFunction::GenerateImagePrompts
    }

    fn briefs<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Vec<Brief>, Failure<TargetRefusal>>> {
        Box::pin(self.brief_all(ask))
    }

    // Of two commands for one content, the one that is delivered first counts; the other one costs nothing.
    fn begin(&self, _: &Target, _: &Trace) -> Vec<Effect> {
        Vec::new()
    }

    fn make<'a>(&'a self, making: Making<'a>) -> BoxFuture<'a, Result<Made, Failure<MakeError>>> {
        Box::pin(self.make_of(making))
    }

    fn unmade<'a>(&'a self, _: Unmaking<'a>) -> BoxFuture<'a, Result<Vec<Effect>, Error>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
