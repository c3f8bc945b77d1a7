//! How a change of content is written, and what every change that approves has in common.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use uuid::Uuid;

use crate::{
    audit::{Trace, store::entry_effect},
    clock::Micros,
    content::{
        model::{
            ApprovalTarget, Cause, Change, Content, ContentError, ContentImage, ContentImageKind, ContentImageState,
            ContentState, FeaturedImage, IllegalTransition, Occupied, ScheduleBlock, Slot, SlotSource, Step, Work,
            decide_approval, next_slot,
        },
        store,
    },
    db::{
        constraint::violated,
        effect::{Effect, EffectError, Facts},
    },
    error::{Failure, Internal},
    ids::Ids,
    site::Site,
};

/// What the site has already from the start of its local day on.
pub(super) async fn occupied(connection: &impl ConnectionTrait, site: &Site, now: Micros) -> Result<Occupied, DbErr> {
    let zone = site.settings.time_zone;
    let today = zone.day_start(zone.date(now));
    store::slot::load_occupied(connection, site.id, zone, today).await
}

/// Gives approved content the next slot, or says why there is none. Nobody else may take a slot of the site between this
/// and the write: the site is locked, or the write is refused when its number of taken slots has changed.
pub(super) async fn place(
    connection: &impl ConnectionTrait,
    site: &Site,
    change: &mut Change,
    now: Micros,
) -> Result<(), DbErr> {
    let occupied = occupied(connection, site, now).await?;
    match next_slot(&site.settings.schedule, &occupied, now) {
        Ok(slot) => {
            // What was approved just now may always be scheduled.
            let _ = change.step(Step::SlotSet(Slot { at: slot.at, source: SlotSource::Auto }));
        }
        Err(_) => change.block_schedule(ScheduleBlock::NoSlot),
    }
    Ok(())
}

fn work<'a>(
    site: &Site,
    change: &Change,
    images: &'a [(Uuid, ContentImageState)],
    featured: FeaturedImage,
) -> Work<'a> {
    Work {
        auto_approve: site.settings.auto_approve,
        is_text_saved: change.before().words > 0,
        featured,
        in_article: images,
    }
}

/// What becomes of content that may be complete now, with its images as they will be: `DRAFT` goes to review, and from
/// there to approval and a slot as the site says at this moment. `stops_at_review` leaves that to the last stage of a run.
/// A draft that a reviewer wants changed waits until somebody sends it in again.
pub(super) async fn complete(
    connection: &impl ConnectionTrait,
    site: &Site,
    change: &mut Change,
    images: &[ContentImage],
    stops_at_review: bool,
) -> Result<(), DbErr> {
    let (state, at) = (change.before().state, change.at());
    let is_sent_back = state == ContentState::Draft && change.before().review_note.is_some();
    if !matches!(state, ContentState::Draft | ContentState::Review) || is_sent_back {
        return Ok(());
    }
    let (head, inside): (Vec<_>, Vec<_>) = images.iter().partition(|image| image.kind == ContentImageKind::Featured);
    let featured = match head.first() {
        Some(image) => FeaturedImage::Wanted(image.state),
        // Whoever had image prompts written wants one at the head.
        None if change.before().prompts_made_at.is_some() => FeaturedImage::Missing,
        None => FeaturedImage::NotWanted,
    };
    let inside: Vec<(Uuid, ContentImageState)> = inside.iter().map(|image| (image.id, image.state)).collect();
    let work = work(site, change, &inside, featured);
    let decision = decide_approval(&Work { auto_approve: work.auto_approve && !stops_at_review, ..work });
    let Ok(steps) = decision.changes(state) else { return Ok(()) };
    for (_, cause) in steps {
        let step = if cause == Cause::Completed { Step::Completed } else { Step::AutoApproved };
        if change.step(step).is_err() {
            return Ok(());
        }
    }
    if decision.target != ApprovalTarget::Stays && !stops_at_review {
        change.block_approval(decision.blocked_by);
    }
    if decision.target == ApprovalTarget::Approved && site.settings.auto_schedule {
        place(connection, site, change, at).await?;
    }
    Ok(())
}

/// What writes a change: the row, unless it is no longer as it was read, and an audit row for each step.
pub(in crate::content) fn effects(change: &Change, trace: &Trace, ids: &dyn Ids) -> Vec<Effect> {
    let content = change.after().id;
    let told = change.told().iter().map(|told| {
        let notes = [Some(told.before.clone()), Some(told.after.clone())];
        entry_effect(&trace.entry(ids.uuid(), told.action, ("content", content), notes))
    });
    std::iter::once(store::write::change_effect(change)).chain(told).collect()
}

/// What sends content that was made anew back to review: nothing when it has no approval to lose.
pub(in crate::content) fn unapproved_effects(
    content: Content,
    trace: &Trace,
    ids: &dyn Ids,
) -> Result<Vec<Effect>, IllegalTransition> {
    let mut change = Change::of(content, trace.at);
    change.lose_approval()?;
    Ok(if change.is_empty() { Vec::new() } else { effects(&change, trace, ids) })
}

fn failed(error: EffectError, change: &Change) -> Failure<ContentError> {
    let EffectError::Db(error) = error else {
        return Internal::new("writing content that was locked", error).into();
    };
    let after = change.after();
    match (violated(&error).as_deref(), after.slot) {
        (Some("content_site_id_slug_key"), _) => Failure::Refused(ContentError::SlugTaken(after.face.slug.clone())),
        (Some("content_site_id_slot_at_key"), Some(slot)) => Failure::Refused(ContentError::SlotTaken(slot.at)),
        _ => error.into(),
    }
}

/// Writes a change of content that is locked, and whose site is. A change that changes nothing writes nothing.
/// Refuses: `SlugTaken`, `SlotTaken`.
pub(super) async fn save(
    tx: &DatabaseTransaction,
    change: &Change,
    trace: &Trace,
    ids: &dyn Ids,
) -> Result<(), Failure<ContentError>> {
    if change.is_empty() {
        return Ok(());
    }
    let mut effects = effects(change, trace, ids);
    if let (true, Some(author)) = (change.is_edited(), trace.actor.id()) {
        let content = change.after().id;
        let html = match change.html() {
            Some(html) => html.to_owned(),
            None => store::content::load_texts(tx, &[content]).await?.remove(&content).unwrap_or_default(),
        };
        effects.push(store::write::revision_effect(&store::write::edited(change, author), &html));
    }
    if change.takes_slot() {
        store::slot::count_taken(tx, change.after().site_id).await?;
    }
    let facts = Facts::at(trace.at);
    for effect in &effects {
        effect.write(tx, &facts).await.map_err(|error| failed(error, change))?;
    }
    Ok(())
}
