//! Values and rules of keywords and clusters. They must never know the database, the providers or the clock.

mod cluster;
pub mod clustering;
pub mod import;
mod keyword;
pub mod lexical;
pub mod state;
pub mod text;
mod value;

pub use cluster::{
    Cluster, ClusterError, ClusterFigures, ClusterFilter, CreateCluster, UpdateCluster, cluster_description,
    cluster_name,
};
pub use keyword::{BULK_MAX, KEYWORDS_MAX, Keyword, KeywordError, KeywordFacts, KeywordFilter, UpdateKeyword};
pub use state::{ClusterState, ContentType, IllegalTransition, Intent, KeywordState};
pub use text::{cut_at_word, text_key};
pub use value::{Country, Cpc, Difficulty, KEYWORD_CHARS_MAX, KeywordFault, KeywordText, Volume};
