//! Whether content that was just completed stays as it is, goes to review or is approved by itself: one decision for
//! manual, bulk and automation paths.

use uuid::Uuid;

use super::{Cause, ContentImageState, ContentState, IllegalTransition};

crate::words::words! {
    /// Who approved.
    ApprovedSource {
        /// A member.
        Member "MEMBER",
        /// The site's setting; nobody in person.
        Auto "AUTO",
    }
}

crate::words::words! {
    /// What keeps content from being approved by itself. A member may approve it all the same.
    ApprovalBlock {
        /// A featured image is wanted, and is missing or failed.
        FeaturedImage "FEATURED_IMAGE",
    }
}

/// The image at the head of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeaturedImage {
    /// Nobody wants one.
    NotWanted,
    /// One is wanted and there is no row of it.
    Missing,
    /// One is wanted, and this became of it.
    Wanted(ContentImageState),
}

/// What the decision looks at, read in the transaction that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work<'a> {
    /// The site's setting at this moment.
    pub auto_approve: bool,
    /// Whether the text is saved.
    pub is_text_saved: bool,
    /// The image at its head.
    pub featured: FeaturedImage,
    /// The images inside it, in their order.
    pub in_article: &'a [(Uuid, ContentImageState)],
}

/// Where the content belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalTarget {
    /// Where it is: it is not complete.
    Stays,
    /// `REVIEW`.
    Review,
    /// `APPROVED`, by [`ApprovedSource::Auto`].
    Approved,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalDecision {
    /// Where it belongs.
    pub target: ApprovalTarget,
    /// Why it was not approved although the site approves by itself; else `None`.
    pub blocked_by: Option<ApprovalBlock>,
    /// The images inside it that failed, in their order: they block nothing, and are listed.
    pub failed_images: Vec<Uuid>,
}

/// Decides for content whose text or images have just been completed. Finds the same for the same values.
pub fn decide_approval(work: &Work<'_>) -> ApprovalDecision {
    let is_featured_settled = match work.featured {
        FeaturedImage::NotWanted | FeaturedImage::Missing => true,
        FeaturedImage::Wanted(state) => state.is_settled(),
    };
    let is_complete =
        work.is_text_saved && is_featured_settled && work.in_article.iter().all(|(_, state)| state.is_settled());
    let has_its_featured =
        matches!(work.featured, FeaturedImage::NotWanted | FeaturedImage::Wanted(ContentImageState::Generated));
    let (target, blocked_by) = match (is_complete, work.auto_approve, has_its_featured) {
        (false, _, _) => (ApprovalTarget::Stays, None),
        (true, true, true) => (ApprovalTarget::Approved, None),
        (true, true, false) => (ApprovalTarget::Review, Some(ApprovalBlock::FeaturedImage)),
        (true, false, _) => (ApprovalTarget::Review, None),
    };
    let failed = work.in_article.iter().filter(|(_, state)| *state == ContentImageState::Failed);
    ApprovalDecision { target, blocked_by, failed_images: failed.map(|(id, _)| *id).collect() }
}

impl ApprovalDecision {
    /// Who approved, when it is approved.
    pub fn approved_source(&self) -> Option<ApprovedSource> {
        (self.target == ApprovalTarget::Approved).then_some(ApprovedSource::Auto)
    }

    /// The changes that lead from `from` to the target, one audit row each: approval never skips review. Content in
    /// review, where a run leaves it until its last stage, goes on from there. None when nothing changes. Refuses:
    /// [`IllegalTransition`] when the content is beyond review already.
    pub fn changes(&self, from: ContentState) -> Result<Vec<(ContentState, Cause)>, IllegalTransition> {
        let wanted: &[(ContentState, Cause)] = match self.target {
            ApprovalTarget::Stays => &[],
            ApprovalTarget::Review => &[(ContentState::Review, Cause::Completed)],
            ApprovalTarget::Approved => {
                &[(ContentState::Review, Cause::Completed), (ContentState::Approved, Cause::AutoApproved)]
            }
        };
        let mut state = from;
        let mut changes = Vec::new();
        for (to, cause) in wanted.iter().skip_while(|(to, _)| *to == from) {
            state = state.change(*to, *cause)?;
            changes.push((*to, *cause));
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: Work<'_> =
        Work { auto_approve: true, is_text_saved: true, featured: FeaturedImage::NotWanted, in_article: &[] };

    fn target(work: Work<'_>) -> (ApprovalTarget, Option<ApprovalBlock>) {
        let decision = decide_approval(&work);
        (decision.target, decision.blocked_by)
    }

    // REQ-B-49
    #[test]
    fn the_setting_decides_between_review_and_approval() {
        assert_eq!(target(DONE), (ApprovalTarget::Approved, None));
        assert_eq!(target(Work { auto_approve: false, ..DONE }), (ApprovalTarget::Review, None));
        assert_eq!(decide_approval(&DONE).approved_source(), Some(ApprovedSource::Auto));
        assert_eq!(decide_approval(&Work { auto_approve: false, ..DONE }).approved_source(), None);
    }

    // REQ-B-49
    #[test]
    fn nothing_is_decided_before_the_text_is_saved_and_every_image_has_settled() {
        for auto_approve in [true, false] {
            let work = Work { auto_approve, ..DONE };
            assert_eq!(target(Work { is_text_saved: false, ..work }), (ApprovalTarget::Stays, None));
            for state in [ContentImageState::Pending, ContentImageState::Generating, ContentImageState::Uncertain] {
                let featured = Work { featured: FeaturedImage::Wanted(state), ..work };
                assert_eq!(target(featured), (ApprovalTarget::Stays, None), "{state:?}");
                let images = [(Uuid::nil(), ContentImageState::Failed), (Uuid::nil(), state)];
                let inside = Work { in_article: &images, featured: FeaturedImage::Missing, ..work };
                assert_eq!(target(inside), (ApprovalTarget::Stays, None), "{state:?}");
            }
        }
    }

    // REQ-B-50
    #[test]
    fn a_wanted_featured_image_that_is_missing_or_failed_blocks_approval_by_itself() {
        let with = |featured| target(Work { featured, ..DONE });
        let blocked = (ApprovalTarget::Review, Some(ApprovalBlock::FeaturedImage));
        assert_eq!(with(FeaturedImage::Missing), blocked);
        assert_eq!(with(FeaturedImage::Wanted(ContentImageState::Failed)), blocked);
        assert_eq!(with(FeaturedImage::Wanted(ContentImageState::Generated)), (ApprovalTarget::Approved, None));
        // Nothing is blocked where nothing is approved by itself.
        let off = Work { auto_approve: false, featured: FeaturedImage::Missing, ..DONE };
        assert_eq!(target(off), (ApprovalTarget::Review, None));
    }

    // REQ-B-50
    #[test]
    fn a_failed_image_inside_blocks_nothing_and_is_listed() {
        let id = Uuid::from_u128;
        let images = [
            (id(1), ContentImageState::Failed),
            (id(2), ContentImageState::Generated),
            (id(3), ContentImageState::Failed),
        ];
        let decision = decide_approval(&Work { in_article: &images, ..DONE });
        assert_eq!((decision.target, decision.blocked_by), (ApprovalTarget::Approved, None));
        assert_eq!(decision.failed_images, [id(1), id(3)]);
        let open = [
            (id(1), ContentImageState::Pending),
            (id(2), ContentImageState::Uncertain),
            (id(3), ContentImageState::Failed),
        ];
        let decision = decide_approval(&Work { in_article: &open, ..DONE });
        assert_eq!((decision.target, decision.failed_images), (ApprovalTarget::Stays, vec![id(3)]));
    }

    // REQ-B-48
    #[test]
    fn approval_goes_through_review_and_never_back() {
        let review = (ContentState::Review, Cause::Completed);
        let approved = (ContentState::Approved, Cause::AutoApproved);
        let changes = |work: Work<'_>, from| decide_approval(&work).changes(from);
        let manual = Work { auto_approve: false, ..DONE };
        let open = Work { is_text_saved: false, ..DONE };
        assert_eq!(changes(DONE, ContentState::Draft), Ok(vec![review, approved]));
        assert_eq!(changes(DONE, ContentState::Review), Ok(vec![approved]));
        assert_eq!(changes(manual, ContentState::Draft), Ok(vec![review]));
        assert_eq!(changes(manual, ContentState::Review), Ok(vec![]));
        for from in ContentState::ALL {
            assert_eq!(changes(open, *from), Ok(vec![]));
            if !matches!(from, ContentState::Draft | ContentState::Review) {
                let refused = Err(IllegalTransition { from: *from, to: ContentState::Review });
                assert_eq!(changes(DONE, *from), refused);
                assert_eq!(changes(manual, *from), refused);
            }
        }
    }

    #[test]
    fn reads_back_every_word() {
        for source in ApprovedSource::ALL {
            assert_eq!(ApprovedSource::parse(source.as_str()), Some(*source));
        }
        for block in ApprovalBlock::ALL {
            assert_eq!(ApprovalBlock::parse(block.as_str()), Some(*block));
        }
        assert_eq!(ApprovedSource::parse("MANUAL"), None);
    }
}
