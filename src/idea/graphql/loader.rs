//! Loads ideas for many fields at once. The caller has authorised by holding the parent, or compares the account.

use crate::{
    graphql::loaders::loads,
    idea::{Idea, Ideas},
};

/// Loads by id.
pub struct IdeaLoader(pub Ideas);

loads! {
    IdeaLoader:
    /// An idea.
    pub(super) IdeaOf => Idea, load_ideas;
}
