//! Values and rules of keywords and clusters. They must never know the database, the providers or the clock.

pub mod clustering;
pub mod import;
pub mod lexical;
mod site_context;
pub mod state;
pub mod text;
mod value;

pub use site_context::SiteContext;
pub use state::{ClusterState, ContentType, IllegalTransition, Intent, KeywordState};
pub use text::{cut_at_word, text_key};
pub use value::{Country, Cpc, Difficulty, KEYWORD_CHARS_MAX, KeywordFault, KeywordText, Volume};
