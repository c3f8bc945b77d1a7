//! Changing content: the one way in which its state, its approval and its slot change, each step with what is to be
//! told of it.

use uuid::Uuid;

use super::{
    Approval, ApprovalBlock, ApprovedSource, Cause, Content, ContentState, IllegalTransition, ScheduleBlock, Slot,
};
use crate::clock::{Micros, to_rfc3339};

/// Something that happens to content, with what it brings along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Its text is saved and its images have settled.
    Completed,
    /// A member sent it to review.
    Submitted,
    /// This member approved.
    Approved(Uuid),
    /// The site approved by itself.
    AutoApproved,
    /// A member wants this changed.
    ChangesRequested(String),
    /// It got a slot.
    SlotSet(Slot),
    /// A member took the approval back.
    ApprovalWithdrawn,
    /// Its text was edited without keeping the approval.
    TextEdited,
    /// Its slot was taken away.
    Unscheduled,
    /// It goes back to the tray after a failure.
    ReturnedToTray,
    /// A member discarded it.
    Discarded,
    /// A member fetched it back.
    Restored,
}

impl Step {
    /// Why, where it leads, and what the audit row calls it.
    fn meaning(&self) -> (Cause, ContentState, &'static str) {
        use ContentState::{Approved, Archived, Draft, Review, Scheduled};
        match self {
            Self::Completed => (Cause::Completed, Review, "content.complete"),
            Self::Submitted => (Cause::Submitted, Review, "content.submit"),
            Self::Approved(_) => (Cause::Approved, Approved, "content.approve"),
            Self::AutoApproved => (Cause::AutoApproved, Approved, "content.auto_approve"),
            Self::ChangesRequested(_) => (Cause::ChangesRequested, Draft, "content.request_changes"),
            Self::SlotSet(_) => (Cause::SlotSet, Scheduled, "content.schedule"),
            Self::ApprovalWithdrawn => (Cause::ApprovalWithdrawn, Review, "content.withdraw_approval"),
            Self::TextEdited => (Cause::TextEdited, Review, "content.lose_approval"),
            Self::Unscheduled => (Cause::Unscheduled, Approved, "content.unschedule"),
            Self::ReturnedToTray => (Cause::ReturnedToTray, Approved, "content.return_to_tray"),
            Self::Discarded => (Cause::Discarded, Archived, "content.archive"),
            Self::Restored => (Cause::Restored, Draft, "content.restore"),
        }
    }
}

/// What an audit row tells of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What was done.
    pub action: &'static str,
    /// What it was before.
    pub before: String,
    /// What it is now.
    pub after: String,
}

/// A change of one content under way: several steps, one write.
#[derive(Debug, Clone)]
pub struct Change {
    before: Content,
    after: Content,
    html: Option<String>,
    told: Vec<Told>,
    at: Micros,
}

fn note(content: &Content) -> String {
    let slot = content.slot.map(|slot| to_rfc3339(slot.at));
    let mut note = serde_json::json!({ "state": content.state.as_str() });
    if let Some(fields) = note.as_object_mut() {
        let more = [("slotAt", slot), ("reviewNote", content.review_note.clone())];
        fields.extend(more.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
    }
    note.to_string()
}

impl Change {
    /// Of content as it was read, at `at`.
    pub fn of(content: Content, at: Micros) -> Self {
        Self { after: content.clone(), before: content, html: None, told: Vec::new(), at }
    }

    /// As it was read.
    pub fn before(&self) -> &Content {
        &self.before
    }

    /// As it will be.
    pub fn after(&self) -> &Content {
        &self.after
    }

    /// When it happens, microseconds.
    pub fn at(&self) -> Micros {
        self.at
    }

    /// As it will be.
    pub fn into_after(self) -> Content {
        self.after
    }

    /// The new text, when it changes.
    pub fn html(&self) -> Option<&str> {
        self.html.as_deref()
    }

    /// What is to be told of it, in order.
    pub fn told(&self) -> &[Told] {
        &self.told
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.told.is_empty() && self.html.is_none() && self.after == self.before
    }

    /// Whether what readers see of it changes.
    pub fn is_edited(&self) -> bool {
        self.html.is_some() || self.after.face != self.before.face
    }

    /// Whether it takes a slot that it had not.
    pub fn takes_slot(&self) -> bool {
        self.after.slot.is_some() && self.after.slot.map(|slot| slot.at) != self.before.slot.map(|slot| slot.at)
    }

    /// Changes the state. Refuses: [`IllegalTransition`], and then nothing has changed.
    pub fn step(&mut self, step: Step) -> Result<(), IllegalTransition> {
        let (cause, to, action) = step.meaning();
        let state = self.after.state.change(to, cause)?;
        let before = note(&self.after);
        let content = &mut self.after;
        content.state = state;
        match step {
            Step::Completed | Step::Submitted => content.review_note = None,
            Step::Approved(by) => content.approve(self.at, Some(by)),
            Step::AutoApproved => content.approve(self.at, None),
            Step::ChangesRequested(note) => {
                content.review_note = Some(note);
                content.approval_blocked_by = None;
            }
            Step::SlotSet(slot) => content.slot = Some(slot),
            Step::ApprovalWithdrawn | Step::TextEdited | Step::Discarded => {
                content.approval = None;
                content.approval_blocked_by = None;
                content.slot = None;
            }
            Step::Unscheduled | Step::ReturnedToTray => content.slot = None,
            Step::Restored => {}
        }
        content.schedule_blocked_by = None;
        self.told.push(Told { action, before, after: note(&self.after) });
        self.touch();
        Ok(())
    }

    /// Gives content that has a slot another one: it stays `SCHEDULED`. The caller has seen that it is.
    pub fn move_slot(&mut self, slot: Slot) {
        let before = note(&self.after);
        self.after.slot = Some(slot);
        self.told.push(Told { action: "content.reschedule", before, after: note(&self.after) });
        self.touch();
    }

    /// Gives content what pages show of it and, when it is given, another text of so many words.
    pub fn edit(&mut self, face: super::Face, text: Option<(String, i32)>) {
        let title = std::mem::replace(&mut self.after.face, face).title;
        if let Some((html, words)) = text {
            self.html = Some(html);
            self.after.words = words;
        }
        self.told.push(Told { action: "content.update", before: title, after: self.after.face.title.clone() });
        self.touch();
    }

    /// Notes how well the new text serves its keywords, 0–100; `None` where nobody looked.
    pub fn score(&mut self, total: Option<i32>) {
        self.after.score = total;
        self.touch();
    }

    /// Notes whether the sandbox wrote what it says now.
    pub fn written_by_sandbox(&mut self, is_sandbox: bool) {
        self.after.is_sandbox = is_sandbox;
        self.touch();
    }

    /// Takes the approval and the slot away from what has one, since readers would see something else now.
    pub fn lose_approval(&mut self) -> Result<(), IllegalTransition> {
        match self.after.state {
            ContentState::Approved | ContentState::Scheduled => self.step(Step::TextEdited),
            _ => Ok(()),
        }
    }

    /// Approves anew what is approved and was edited.
    pub fn keep_approval(&mut self, by: Uuid) {
        self.after.approve(self.at, Some(by));
        let state = note(&self.after);
        self.told.push(Told { action: "content.keep_approval", before: state.clone(), after: state });
        self.touch();
    }

    /// Says why it is not approved by itself, or that nothing is in the way.
    pub fn block_approval(&mut self, by: Option<ApprovalBlock>) {
        if self.after.approval_blocked_by != by {
            self.after.approval_blocked_by = by;
            self.touch();
        }
    }

    /// Says why it has no slot.
    pub fn block_schedule(&mut self, by: ScheduleBlock) {
        if self.after.schedule_blocked_by != Some(by) {
            self.after.schedule_blocked_by = Some(by);
            self.touch();
        }
    }

    /// However many steps there are, the version is raised once.
    fn touch(&mut self) {
        self.after.version = self.before.version.saturating_add(1);
        self.after.updated_at = self.at;
    }
}

impl Content {
    fn approve(&mut self, at: Micros, by: Option<Uuid>) {
        let source = if by.is_some() { ApprovedSource::Member } else { ApprovedSource::Auto };
        self.approval = Some(Approval { at, by, source });
        self.approval_blocked_by = None;
        self.review_note = None;
    }
}
