//! What becomes of content by itself: when its last image settles, and in the last stage of a run.

use uuid::Uuid;

use super::{
    Contents,
    act::lock,
    transition::{complete, effects, save},
};
use crate::{
    audit::{Actor, Trace},
    content::{
        model::{ApprovalBlock, Change, ContentError, ContentImageState, ContentState, Slot},
        store,
    },
    db::effect::Effect,
    error::{Error, Failure, Internal},
    site::service::load_site_in,
};

/// An image that is about to change, with the state it will have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageChange {
    /// Its place.
    pub place: Uuid,
    /// Its state afterwards.
    pub to: ContentImageState,
}

/// What the last stage of a run did with content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reviewed {
    /// It is gone, or not in review any more.
    Passed,
    /// It stays in review; with the reason where the site would have approved it.
    Left(Option<ApprovalBlock>),
    /// It was approved, and got this slot.
    Approved(Option<Slot>),
}

/// What notes that places for images of a content are made, or taken up again, without one settling: who counted on what
/// was there before looks again.
pub fn images_touched(content: Uuid) -> Effect {
    store::write::images_effect(content, None)
}

impl Contents {
    /// What must be written with changes of images, or with a new text when there are none, so that content which is
    /// complete by them goes on: to review, to approval, to a slot, as the site says. Within a run it stops at review.
    /// The caller writes its own change and these effects in one transaction; when a guard of them fails, something has
    /// changed since, and it asks again. Nothing for content that is gone.
    pub async fn completion(
        &self,
        content: Uuid,
        changes: impl IntoIterator<Item = ImageChange>,
        is_in_run: bool,
        request_id: Option<String>,
    ) -> Result<Vec<Effect>, Error> {
        let reader = self.db.reader();
        // What guards comes first: whatever changes after it was read is noticed.
        let Some(found) = store::content::find_content(reader, content).await? else { return Ok(Vec::new()) };
        let (seen, account_id, site) = (found.image_seq, found.account_id, found.site_id);
        let (version, taken) = store::slot::find_slot_seq(reader, site).await?.ok_or(Error::NotFound)?;
        let site = load_site_in(reader, site).await?.ok_or(Error::NotFound)?;
        let mut images = store::part::load_images_of(reader, &[content]).await?.remove(&content).unwrap_or_default();
        for settling in changes {
            images.iter_mut().filter(|image| image.id == settling.place).for_each(|image| image.state = settling.to);
        }
        let trace = Trace { account_id, actor: Actor::System, request_id, at: self.clock.now() };
        let mut change = Change::of(found, trace.at);
        complete(reader, &site, &mut change, &images, is_in_run).await?;
        let mut all = Vec::new();
        if !change.is_empty() {
            all.push(store::write::slots_effect(site.id, version, taken, change.takes_slot()));
        }
        all.push(store::write::images_effect(content, Some(seen)));
        if !change.is_empty() {
            all.extend(effects(&change, &trace, self.ids.as_ref()));
        }
        Ok(all)
    }

    /// What the last stage of a run does for one content: approves and schedules it as the site says now, or leaves it in
    /// review. Repeating it is safe. One transaction.
    pub async fn review_stage(&self, content: Uuid) -> Result<Reviewed, Error> {
        let context = (self.ids.clone(), self.clock.now());
        let written = self.db.write(context, move |tx, (ids, at)| {
            Box::pin(async move {
                let Some((account_id, _)) = store::content::find_place(tx, content).await? else {
                    return Ok(Reviewed::Passed);
                };
                let (site, found) = lock(tx, account_id, content).await?;
                if found.state != ContentState::Review {
                    return Ok(Reviewed::Passed);
                }
                let images = store::part::load_images_of(tx, &[content]).await?.remove(&content).unwrap_or_default();
                let trace = Trace { account_id, actor: Actor::System, request_id: None, at: *at };
                let mut change = Change::of(found, trace.at);
                complete(tx, &site, &mut change, &images, false).await?;
                save(tx, &change, &trace, ids.as_ref()).await?;
                let after = change.into_after();
                Ok::<_, Failure<ContentError>>(match after.state {
                    ContentState::Review => Reviewed::Left(after.approval_blocked_by),
                    _ => Reviewed::Approved(after.slot),
                })
            })
        });
        written.await.map_err(|failure| match failure {
            Failure::Fault(error) => error,
            Failure::Refused(refusal) => Internal::new("approving content by itself", refusal).into(),
        })
    }
}
