//! What members do to content: one function decides every act, and one transaction writes it.

use sea_orm::DatabaseTransaction;
use uuid::Uuid;

use super::{
    Contents,
    transition::{place, save},
};
use crate::{
    audit::{Actor, Trace},
    auth::MemberRight,
    clock::Micros,
    content::{
        model::{Change, Content, ContentError, ContentState, Slot, SlotSource, Step, UpdateContent, review_note},
        store,
    },
    error::{Error, Failure, Internal},
    site::{
        Site,
        service::{demand_editor, lock_site_in},
    },
};

/// Which content a member acts on, from which version, on whose request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Which.
    pub content: Uuid,
    /// The version that was read.
    pub expected_version: i32,
    /// The request.
    pub request_id: Option<String>,
}

/// What a member does.
#[derive(Debug, Clone)]
enum Act {
    Edit(Box<UpdateContent>, Option<(String, i32)>),
    Submit,
    Approve,
    RequestChanges(String),
    WithdrawApproval,
    Schedule(Micros),
    Unschedule,
    Archive,
    Restore,
}

/// Locks the site, then the content. Refuses: `NotFound` as a fault.
pub(super) async fn lock(
    tx: &DatabaseTransaction,
    account: Uuid,
    content: Uuid,
) -> Result<(Site, Content), Failure<ContentError>> {
    let found = store::content::find_place(tx, content).await?.filter(|(owner, _)| *owner == account);
    let (_, site) = found.ok_or(Failure::Fault(Error::NotFound))?;
    let site = lock_site_in(tx, account, site).await?.ok_or(Failure::Fault(Error::NotFound))?;
    let content = store::content::lock_content(tx, account, content).await?;
    Ok((site, content.ok_or(Failure::Fault(Error::NotFound))?))
}

fn refused<R: Into<ContentError>>(refusal: R) -> Failure<ContentError> {
    Failure::Refused(refusal.into())
}

/// What an act makes of content that is locked, and whose site is. Refuses: what the rules say.
async fn decide(
    tx: &DatabaseTransaction,
    site: &Site,
    change: &mut Change,
    (act, by): (&Act, Uuid),
) -> Result<(), Failure<ContentError>> {
    let (state, at) = (change.before().state, change.at());
    let step = match act {
        Act::Edit(edit, text) => return decide_edit(tx, change, (edit, text.as_ref()), by).await,
        Act::Schedule(slot) => return decide_slot(tx, change, *slot).await,
        Act::Submit => Step::Submitted,
        Act::Approve => Step::Approved(by),
        Act::RequestChanges(note) => Step::ChangesRequested(note.clone()),
        Act::WithdrawApproval => Step::ApprovalWithdrawn,
        Act::Unschedule if state == ContentState::Failed => Step::ReturnedToTray,
        Act::Unschedule => Step::Unscheduled,
        Act::Archive => Step::Discarded,
        Act::Restore => Step::Restored,
    };
    change.step(step).map_err(refused)?;
    if matches!(act, Act::Approve) && site.settings.auto_schedule {
        place(tx, site, change, at).await?;
    }
    Ok(())
}

async fn decide_edit(
    tx: &DatabaseTransaction,
    change: &mut Change,
    (edit, text): (&UpdateContent, Option<&(String, i32)>),
    by: Uuid,
) -> Result<(), Failure<ContentError>> {
    let before = change.before().clone();
    before.check_editable(edit.keep_approval).map_err(refused)?;
    let face = edit.face(&before.face).map_err(refused)?;
    let stored = match text {
        Some(_) => store::content::load_texts(tx, &[before.id]).await?.remove(&before.id),
        None => None,
    };
    let text = text.filter(|(html, _)| stored.as_ref() != Some(html)).cloned();
    if face == before.face && text.is_none() {
        return Ok(());
    }
    change.edit(face, text);
    match before.state {
        ContentState::Approved | ContentState::Scheduled | ContentState::Failed if edit.keep_approval => {
            change.keep_approval(by);
            Ok(())
        }
        ContentState::Approved | ContentState::Scheduled => change.step(Step::TextEdited).map_err(refused),
        _ => Ok(()),
    }
}

async fn decide_slot(tx: &DatabaseTransaction, change: &mut Change, at: Micros) -> Result<(), Failure<ContentError>> {
    let content = change.before().clone();
    let slot = Slot { at, source: SlotSource::Manual };
    if !content.state.may_take_slot() {
        return change.step(Step::SlotSet(slot)).map_err(refused);
    }
    let is_scheduled = content.state == ContentState::Scheduled;
    if is_scheduled && content.slot.is_some_and(|slot| slot.at == at) {
        return Ok(());
    }
    if at <= change.at() {
        return Err(Failure::Refused(ContentError::SlotInPast(at)));
    }
    if store::slot::is_taken(tx, content.site_id, content.id, at).await? {
        return Err(Failure::Refused(ContentError::SlotTaken(at)));
    }
    if is_scheduled {
        change.move_slot(slot);
        return Ok(());
    }
    change.step(Step::SlotSet(slot)).map_err(refused)
}

impl Contents {
    async fn act(&self, right: MemberRight, asked: Asked, act: Act) -> Result<Content, Failure<ContentError>> {
        let account = demand_editor(right)?;
        let by = right.user_id();
        let trace =
            Trace { account_id: account, actor: Actor::User(by), request_id: asked.request_id, at: self.clock.now() };
        let (id, expected) = (asked.content, asked.expected_version);
        // How many audit rows there will be is known only inside.
        let context = (act, trace, self.ids.clone());
        let written = self.db.write(context, move |tx, (act, trace, ids)| {
            Box::pin(async move {
                let (site, content) = lock(tx, account, id).await?;
                content.check_version(expected).map_err(refused)?;
                let mut change = Change::of(content, trace.at);
                decide(tx, &site, &mut change, (act, by)).await?;
                save(tx, &change, trace, ids.as_ref()).await?;
                Ok(change.into_after())
            })
        });
        written.await
    }

    /// Makes a new version of an article, with its text cleaned. Approved and scheduled content goes back to review, unless
    /// the editor keeps the approval as their own. An edit that changes nothing writes nothing. Refuses: see
    /// [`ContentError`]; `NotFound`, and `Forbidden` when the member is no EDITOR.
    pub async fn update_content(
        &self,
        right: MemberRight,
        asked: Asked,
        edit: UpdateContent,
    ) -> Result<Content, Failure<ContentError>> {
        demand_editor(right)?;
        let cleaned = tokio::task::spawn_blocking(move || edit.clean().map(|text| (edit, text))).await;
        let cleaned = cleaned.map_err(|error| Internal::new("cleaning a text", error))?;
        let (edit, text) = cleaned.map_err(Failure::Refused)?;
        self.act(right, asked, Act::Edit(Box::new(edit), text)).await
    }

    /// Sends a draft to review, whatever its images do. Refuses: `VersionConflict`, `Illegal`.
    pub async fn submit_content(&self, right: MemberRight, asked: Asked) -> Result<Content, Failure<ContentError>> {
        self.act(right, asked, Act::Submit).await
    }

    /// Approves content in review. Where the site schedules by itself it gets the next slot at once; without one it waits
    /// in the tray with the reason. Refuses: `VersionConflict`, `Illegal`.
    pub async fn approve_content(&self, right: MemberRight, asked: Asked) -> Result<Content, Failure<ContentError>> {
        self.act(right, asked, Act::Approve).await
    }

    /// Sends content in review back, with what is to be changed. Refuses: `NoteInvalid`, `VersionConflict`, `Illegal`.
    pub async fn request_content_changes(
        &self,
        right: MemberRight,
        asked: Asked,
        note: &str,
    ) -> Result<Content, Failure<ContentError>> {
        demand_editor(right)?;
        let note = review_note(note).map_err(Failure::Refused)?;
        self.act(right, asked, Act::RequestChanges(note)).await
    }

    /// Takes an approval back, and the slot with it. Refuses: `VersionConflict`, `Illegal`.
    pub async fn withdraw_approval(&self, right: MemberRight, asked: Asked) -> Result<Content, Failure<ContentError>> {
        self.act(right, asked, Act::WithdrawApproval).await
    }

    /// Gives approved content a slot, or what has one another. The slot it has already changes nothing.
    /// Refuses: `SlotInPast`, `SlotTaken`, `VersionConflict`, `Illegal`.
    pub async fn schedule_content(
        &self,
        right: MemberRight,
        asked: Asked,
        at: Micros,
    ) -> Result<Content, Failure<ContentError>> {
        self.act(right, asked, Act::Schedule(at)).await
    }

    /// Takes the slot away; content that failed goes back to the tray likewise. Refuses: `VersionConflict`, `Illegal`.
    pub async fn unschedule_content(&self, right: MemberRight, asked: Asked) -> Result<Content, Failure<ContentError>> {
        self.act(right, asked, Act::Unschedule).await
    }

    /// Discards content, its approval with it. Refuses: `VersionConflict`, `Illegal`.
    pub async fn archive_content(&self, right: MemberRight, asked: Asked) -> Result<Content, Failure<ContentError>> {
        self.act(right, asked, Act::Archive).await
    }

    /// Fetches discarded content back, as a draft. Refuses: `VersionConflict`, `Illegal`.
    pub async fn restore_content(&self, right: MemberRight, asked: Asked) -> Result<Content, Failure<ContentError>> {
        self.act(right, asked, Act::Restore).await
    }
}
