//! The states of content, and the one function that changes them.

crate::words::words! {
    /// Where content is between writing and publication.
    ContentState {
        /// Being written or illustrated, or sent back.
        Draft "DRAFT",
        /// Complete, waiting for approval.
        Review "REVIEW",
        /// May be published; without a slot it waits in the tray.
        Approved "APPROVED",
        /// Has a slot.
        Scheduled "SCHEDULED",
        /// A publisher has claimed it.
        Publishing "PUBLISHING",
        /// Out. Final: later edits are pushed to the same post.
        Published "PUBLISHED",
        /// Not out, and nothing is tried any more.
        Failed "FAILED",
        /// Sent, and nobody knows yet whether it arrived.
        Uncertain "UNCERTAIN",
        /// Discarded.
        Archived "ARCHIVED",
    }
}

crate::words::words! {
    /// Why a state changes; also the reason in the audit row.
    Cause {
        /// The text is saved and no image is pending, generating or uncertain.
        Completed "COMPLETED",
        /// Sent to review by hand, whatever its images do.
        Submitted "SUBMITTED",
        /// A member approved.
        Approved "APPROVED",
        /// The site approves by itself.
        AutoApproved "AUTO_APPROVED",
        /// A member wants it changed, and left a note.
        ChangesRequested "CHANGES_REQUESTED",
        /// A slot was set, by hand or by the schedule.
        SlotSet "SLOT_SET",
        /// A member wants it out at once.
        PublishNow "PUBLISH_NOW",
        /// A member took the approval back.
        ApprovalWithdrawn "APPROVAL_WITHDRAWN",
        /// The text was edited without keeping the approval.
        TextEdited "TEXT_EDITED",
        /// Its slot has come and a publisher claimed it.
        Claimed "CLAIMED",
        /// The slot was taken away.
        Unscheduled "UNSCHEDULED",
        /// The site confirmed it.
        Delivered "DELIVERED",
        /// A passing fault; it is tried again.
        RetryLater "RETRY_LATER",
        /// A fault that stays, or no try is left.
        GivenUp "GIVEN_UP",
        /// It was sent and no answer came back.
        OutcomeUnknown "OUTCOME_UNKNOWN",
        /// The site was asked what became of it.
        Checked "CHECKED",
        /// Back to the tray after a failure.
        ReturnedToTray "RETURNED_TO_TRAY",
        /// A member discarded it.
        Discarded "DISCARDED",
        /// A member fetched it back.
        Restored "RESTORED",
    }
}

/// Such a change is not in the table, or not for this cause. Nothing may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Content cannot go from {} to {} like this. Load it again: it may have changed.", .from.as_str(), .to.as_str())]
pub struct IllegalTransition {
    /// Where it is.
    pub from: ContentState,
    /// Where it was to go.
    pub to: ContentState,
}

impl IllegalTransition {
    /// The code in the API.
    pub const CODE: &'static str = "ILLEGAL_TRANSITION";
}

impl ContentState {
    /// The state after a change to `to` for `cause`: always `to`. It answers for the table alone; rights, versions and
    /// slots are checked elsewhere. A new slot for scheduled content changes no state and does not come here, nor does
    /// an edit that keeps the approval. Refuses: [`IllegalTransition`] for every change that is not in the table, a
    /// change to the same state among them, and for a cause that does not belong to it. So an uncertain outcome ends
    /// only by a check, and nothing is published that was not approved.
    pub fn change(self, to: Self, cause: Cause) -> Result<Self, IllegalTransition> {
        if self.causes(to).contains(&cause) { Ok(to) } else { Err(IllegalTransition { from: self, to }) }
    }

    /// What may lead from here to `to`; nothing when no change does.
    fn causes(self, to: Self) -> &'static [Cause] {
        use ContentState::{Approved, Archived, Draft, Failed, Published, Publishing, Review, Scheduled, Uncertain};
        match (self, to) {
            (Draft, Review) => &[Cause::Completed, Cause::Submitted],
            (Review, Approved) => &[Cause::Approved, Cause::AutoApproved],
            (Review, Draft) => &[Cause::ChangesRequested],
            (Approved | Failed, Scheduled) => &[Cause::SlotSet],
            (Approved | Failed, Publishing) => &[Cause::PublishNow],
            (Approved | Scheduled, Review) => &[Cause::ApprovalWithdrawn, Cause::TextEdited],
            (Scheduled, Publishing) => &[Cause::Claimed],
            (Scheduled, Approved) => &[Cause::Unscheduled],
            (Publishing, Published) => &[Cause::Delivered],
            (Publishing, Scheduled) => &[Cause::RetryLater],
            (Publishing, Failed) => &[Cause::GivenUp],
            (Publishing, Uncertain) => &[Cause::OutcomeUnknown],
            (Uncertain, Published | Scheduled) => &[Cause::Checked],
            // After a day without an answer it is given up on, to be checked by hand.
            (Uncertain, Failed) => &[Cause::Checked, Cause::GivenUp],
            (Failed, Approved) => &[Cause::ReturnedToTray],
            (Draft | Review | Approved | Failed, Archived) => &[Cause::Discarded],
            (Archived, Draft) => &[Cause::Restored],
            _ => &[],
        }
    }

    /// Whether it may be given a slot, or another one when it has one already.
    pub fn may_take_slot(self) -> bool {
        matches!(self, Self::Approved | Self::Scheduled | Self::Failed)
    }

    /// The states in which content may be written or illustrated anew. What is approved or has a slot goes back to review
    /// by that.
    pub const REDONE: [Self; 4] = [Self::Draft, Self::Review, Self::Approved, Self::Scheduled];

    /// Whether it may be written or illustrated anew: see [`Self::REDONE`].
    pub fn may_be_redone(self) -> bool {
        Self::REDONE.contains(&self)
    }

    /// Whether its slot is nobody else's: see [`super::Occupied::add_slot`].
    pub fn holds_slot(self) -> bool {
        matches!(self, Self::Scheduled | Self::Publishing | Self::Uncertain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of section 1: from, to, and what leads there. Every pair that is not here is illegal.
    const TABLE: &str = "
        DRAFT      REVIEW     COMPLETED SUBMITTED
        REVIEW     APPROVED   APPROVED AUTO_APPROVED
        REVIEW     DRAFT      CHANGES_REQUESTED
        APPROVED   SCHEDULED  SLOT_SET
        APPROVED   PUBLISHING PUBLISH_NOW
        FAILED     PUBLISHING PUBLISH_NOW
        APPROVED   REVIEW     APPROVAL_WITHDRAWN TEXT_EDITED
        SCHEDULED  REVIEW     APPROVAL_WITHDRAWN TEXT_EDITED
        SCHEDULED  PUBLISHING CLAIMED
        SCHEDULED  APPROVED   UNSCHEDULED
        PUBLISHING PUBLISHED  DELIVERED
        PUBLISHING SCHEDULED  RETRY_LATER
        PUBLISHING FAILED     GIVEN_UP
        PUBLISHING UNCERTAIN  OUTCOME_UNKNOWN
        UNCERTAIN  PUBLISHED  CHECKED
        UNCERTAIN  SCHEDULED  CHECKED
        UNCERTAIN  FAILED     CHECKED GIVEN_UP
        FAILED     SCHEDULED  SLOT_SET
        FAILED     APPROVED   RETURNED_TO_TRAY
        DRAFT      ARCHIVED   DISCARDED
        REVIEW     ARCHIVED   DISCARDED
        APPROVED   ARCHIVED   DISCARDED
        FAILED     ARCHIVED   DISCARDED
        ARCHIVED   DRAFT      RESTORED
    ";

    // REQ-B-48: every pair of states with every cause.
    #[test]
    fn every_change_that_is_not_in_the_table_is_refused() {
        let rows: Vec<Vec<&str>> = TABLE
            .lines()
            .map(|line| line.split_whitespace().collect())
            .filter(|row: &Vec<&str>| !row.is_empty())
            .collect();
        assert_eq!(rows.len(), 24);
        let mut allowed = 0;
        for from in ContentState::ALL {
            for to in ContentState::ALL {
                let row = rows.iter().find(|row| row[0] == from.as_str() && row[1] == to.as_str());
                for cause in Cause::ALL {
                    let found = from.change(*to, *cause);
                    if row.is_some_and(|row| row[2..].contains(&cause.as_str())) {
                        assert_eq!(found, Ok(*to), "{from:?} {to:?} {cause:?}");
                        allowed += 1;
                    } else {
                        let refused = Err(IllegalTransition { from: *from, to: *to });
                        assert_eq!(found, refused, "{from:?} {to:?} {cause:?}");
                    }
                }
            }
        }
        assert_eq!(allowed, rows.iter().map(|row| row.len() - 2).sum::<usize>());
    }

    // REQ-B-48: walks every path that does not pass an approval.
    #[test]
    fn unapproved_content_is_never_published() {
        let mut reached = vec![ContentState::Draft];
        while let Some(next) = reached.iter().find_map(|from| {
            let to = ContentState::ALL
                .iter()
                .find(|to| **to != ContentState::Approved && !reached.contains(to) && !from.causes(**to).is_empty());
            to.copied()
        }) {
            reached.push(next);
        }
        reached.sort_unstable();
        assert_eq!(reached, [ContentState::Draft, ContentState::Review, ContentState::Archived]);
    }

    #[test]
    fn what_is_published_stays_so() {
        for to in ContentState::ALL {
            assert!(ContentState::Published.causes(*to).is_empty(), "{to:?}");
        }
        assert!(!ContentState::Published.may_take_slot());
    }

    #[test]
    fn only_approved_scheduled_and_failed_content_takes_a_slot() {
        for state in ContentState::ALL {
            let comes_by_slot = state.causes(ContentState::Scheduled).contains(&Cause::SlotSet);
            assert_eq!(state.may_take_slot(), comes_by_slot || *state == ContentState::Scheduled, "{state:?}");
        }
        let holding: Vec<&str> =
            ContentState::ALL.iter().filter(|state| state.holds_slot()).map(|state| state.as_str()).collect();
        assert_eq!(holding, ["SCHEDULED", "PUBLISHING", "UNCERTAIN"]);
    }

    #[test]
    fn reads_back_every_word() {
        for state in ContentState::ALL {
            assert_eq!(ContentState::parse(state.as_str()), Some(*state));
        }
        for cause in Cause::ALL {
            assert_eq!(Cause::parse(cause.as_str()), Some(*cause));
        }
        assert_eq!(ContentState::parse("draft"), None);
        let text = IllegalTransition { from: ContentState::Draft, to: ContentState::Published }.to_string();
        assert!(text.contains("from DRAFT to PUBLISHED"), "{text}");
    }
}
