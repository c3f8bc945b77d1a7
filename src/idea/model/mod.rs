//! Values and rules of ideas. They must never know the database, the providers or the clock.

mod finding;
mod idea;
mod plan;
mod state;

pub use finding::{
    AnsweredIdea, FoundIdea, FoundIdeas, GivenCluster, IDEAS_MAX, IDEAS_WANTED, IdeaAnswer, IdeaError,
    KEYWORDS_PER_IDEA_MAX, OUTLINE_CHARS_MAX, check, check_title, check_wanted, data_block,
};
pub use idea::{ChangeIdeaError, Idea, IdeaFilter, UpdateIdea};
pub use plan::{Plan, PlanFault};
pub use state::{
    IdeaState, IdeaStep, TARGET_WORDS, TARGET_WORDS_MAX, TARGET_WORDS_MIN, TITLE_CHARS_MAX, TITLE_CHARS_MIN, TitleFault,
};
