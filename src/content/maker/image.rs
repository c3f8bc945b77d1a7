//! `GENERATE_IMAGES` for the places of content: each gets its image, and content whose last image settles goes on.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::check_ids;
use crate::{
    ai::{
        maker::{Ask, Brief, Made, MakeError, Maker, Making, Output, Target, TargetRefusal, Unmade, Unmaking},
        model::AiFunction,
    },
    audit::Trace,
    content::{
        Contents,
        model::{Content, ContentImage, ContentImageState, ContentState},
        service::{
            completion::{ImageChange, images_touched},
            unapproved_effects,
        },
        store,
    },
    db::{Db, effect::Effect},
    error::{Error, Failure, Internal},
    ids::Ids,
};

/// Draws the images of content.
pub struct ContentImageMaker {
    db: Db,
    ids: Arc<dyn Ids>,
    contents: Contents,
}

/// What taking up a place needs beside it.
#[derive(Debug, Serialize, Deserialize)]
struct Facts {
    content: Uuid,
    /// Whether nobody knows what became of the last attempt at it.
    #[serde(default)]
    is_uncertain: bool,
    /// The image that is there already and is drawn again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    redraws: Option<Uuid>,
}

/// The code of an item of which nobody knows whether the provider did the work.
const OUTCOME_UNKNOWN: &str = "OUTCOME_UNKNOWN";

impl ContentImageMaker {
    /// Puts the parts together.
    pub fn new(db: Db, ids: Arc<dyn Ids>, contents: Contents) -> Self {
        Self { db, ids, contents }
    }

    async fn brief_all(&self, ask: Ask<'_>) -> Result<Vec<Brief>, Failure<TargetRefusal>> {
        let ids = &ask.targets.ids;
        check_ids(ids)?;
        let connection = self.db.reader();
        let found = store::part::load_images(connection, ids).await?;
        let mut contents: Vec<Uuid> = found.values().map(|image| image.content_id).collect();
        contents.sort_unstable();
        contents.dedup();
        let contents = store::content::load_contents(connection, &contents).await?;
        let mut briefs = Vec::with_capacity(ids.len());
        for (at, id) in ids.iter().enumerate() {
            let position = at + 1;
            let image = found.get(id).filter(|image| image.account_id == ask.account);
            let image = image.ok_or(Failure::Refused(TargetRefusal::NotFound { position }))?;
            let content = contents.get(&image.content_id).ok_or(Error::NotFound)?;
            if content.state == ContentState::Archived {
                let (state, allowed) = ("of archived content", "an image of content that is not archived");
                return Err(Failure::Refused(TargetRefusal::WrongState { position, state, allowed }));
            }
            let is_uncertain = image.state == ContentImageState::Uncertain;
            let redraws = image.image_id.filter(|_| ask.targets.redo && content.state.may_be_redone());
            if !is_uncertain && redraws.is_none() && image.state != ContentImageState::Pending {
                let (state, allowed) = (image.state.as_str(), "PENDING or UNCERTAIN");
                return Err(Failure::Refused(TargetRefusal::WrongState { position, state, allowed }));
            }
            let facts = json!(Facts { content: content.id, is_uncertain, redraws });
            briefs.push(Brief {
                prompt: image.prompt.clone(),
                target: Target { id: Some(*id), site: Some(content.site_id), facts },
            });
        }
        Ok(briefs)
    }

    /// The place, while it is being drawn for.
    async fn drawn(&self, target: &Target, trace: &Trace) -> Result<Option<ContentImage>, Error> {
        let Some(id) = target.id else {
            return Err(Internal::new("drawing an image of content", "it has no place").into());
        };
        let found = store::part::load_images(self.db.reader(), &[id]).await?.remove(&id);
        let is_drawn =
            |image: &ContentImage| image.account_id == trace.account_id && image.state == ContentImageState::Generating;
        Ok(found.filter(is_drawn))
    }

    /// Places of one content settle: what must be written so that the content goes on where it is complete by that.
    async fn settled(
        &self,
        content: Uuid,
        places: &[&ContentImage],
        (to, image, code): (ContentImageState, Option<Uuid>, Option<&str>),
        (is_in_run, trace): (bool, &Trace),
    ) -> Result<Vec<Effect>, Error> {
        let changes = places.iter().map(|place| ImageChange { place: place.id, to });
        let completion = self.contents.completion(content, changes, is_in_run, None).await?;
        let moved = places.iter().flat_map(|place| self.moved(place.id, &[place.state, to], (image, code), trace));
        Ok(moved.chain(completion).collect())
    }

    /// Puts an image in the place of the one that was there. Content that has an approval goes back to review.
    async fn redrawn(
        &self,
        content: Uuid,
        (old, new): (Uuid, Uuid),
        making: Making<'_>,
    ) -> Result<Made, Failure<MakeError>> {
        let (trace, reader) = (making.trace, self.db.reader());
        let gone = || Failure::Refused(MakeError::Gone("TARGET_GONE"));
        let place = making.target.id.ok_or_else(gone)?;
        let is_redone = |content: &Content| content.account_id == trace.account_id && content.state.may_be_redone();
        let content = store::content::find_content(reader, content).await?.filter(is_redone).ok_or_else(gone)?;
        let found = store::part::load_images(reader, &[place]).await?.remove(&place);
        found.filter(|place| place.image_id == Some(old) && place.content_id == content.id).ok_or_else(gone)?;
        let work = store::write::work_effect(content.id, making.ai_task_id, new, trace.at);
        let redrawn = store::write::redraw_effects(&content, place, (old, new), self.ids.as_ref(), trace);
        let unapproved = unapproved_effects(content, trace, self.ids.as_ref());
        let unapproved = unapproved.map_err(|illegal| Internal::new("drawing an image again", illegal))?;
        let effects = redrawn.into_iter().chain(unapproved).chain([work]).collect();
        Ok(Made { effects, count: 1, ..Made::default() })
    }

    fn moved(
        &self,
        place: Uuid,
        path: &[ContentImageState],
        told: (Option<Uuid>, Option<&str>),
        trace: &Trace,
    ) -> Vec<Effect> {
        store::write::image_effects(place, path, told, self.ids.as_ref(), trace)
    }
}

impl Maker for ContentImageMaker {
    fn function(&self) -> AiFunction {
        AiFunction::GenerateImages
    }

    fn briefs<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Vec<Brief>, Failure<TargetRefusal>>> {
        Box::pin(self.brief_all(ask))
    }

    fn begin(&self, target: &Target, trace: &Trace) -> Vec<Effect> {
        let facts = serde_json::from_value::<Facts>(target.facts.clone());
        let (Some(place), Ok(facts)) = (target.id, facts) else { return Vec::new() };
        if facts.redraws.is_some() {
            // What is there stays until another image is; the image decides which of two counts.
            return Vec::new();
        }
        let (pending, generating) = (ContentImageState::Pending, ContentImageState::Generating);
        let again = facts.is_uncertain.then_some(ContentImageState::Uncertain);
        let path: Vec<_> = again.into_iter().chain([pending, generating]).collect();
        let mut effects = self.moved(place, &path, (None, None), trace);
        effects.push(images_touched(facts.content));
        effects
    }

    fn make<'a>(&'a self, making: Making<'a>) -> BoxFuture<'a, Result<Made, Failure<MakeError>>> {
        Box::pin(async move {
            let Output::Image(image) = making.output else {
                return Err(Internal::new("placing an image", "the output is no image").into());
            };
            let facts: Facts = serde_json::from_value(making.target.facts.clone())
                .map_err(|error| Internal::new("reading what an image is for", error))?;
            if let Some(old) = facts.redraws {
                return self.redrawn(facts.content, (old, image), making).await;
            }
            let place = self.drawn(making.target, making.trace).await?;
            let place = place.ok_or(Failure::Refused(MakeError::Gone("TARGET_GONE")))?;
            let to = (ContentImageState::Generated, Some(image), None);
            let in_run = (!making.is_manual, making.trace);
            let mut effects = self.settled(place.content_id, &[&place], to, in_run).await?;
            effects.push(store::write::work_effect(place.content_id, making.ai_task_id, image, making.trace.at));
            Ok(Made { effects, count: 1, ..Made::default() })
        })
    }

    fn unmade<'a>(&'a self, unmaking: Unmaking<'a>) -> BoxFuture<'a, Result<Vec<Effect>, Error>> {
        Box::pin(async move {
            let Unmaking { targets, how, is_manual, trace } = unmaking;
            let mut by_content: BTreeMap<Uuid, Vec<ContentImage>> = BTreeMap::new();
            for target in targets {
                if let Some(place) = self.drawn(target, trace).await? {
                    by_content.entry(place.content_id).or_default().push(place);
                }
            }
            // Two contents cannot take slots of a site in one transaction: what several images fail for goes to people.
            let stops_at_review = !is_manual || by_content.len() > 1;
            let mut effects = Vec::new();
            for (content, places) in by_content {
                let places: Vec<&ContentImage> = places.iter().collect();
                match how {
                    Unmade::Failed(code) => {
                        let is_unclear = code == OUTCOME_UNKNOWN;
                        let state = if is_unclear { ContentImageState::Uncertain } else { ContentImageState::Failed };
                        let to = (state, None, Some(code));
                        effects.extend(self.settled(content, &places, to, (stops_at_review, trace)).await?);
                    }
                    Unmade::Cancelled => {
                        let back = |place: &&ContentImage| {
                            self.moved(place.id, &[place.state, ContentImageState::Pending], (None, None), trace)
                        };
                        effects.extend(places.iter().flat_map(back));
                        effects.push(images_touched(content));
                    }
                }
            }
            Ok(effects)
        })
    }
}
