//! Clustering by a model: what is asked, and what of the answer counts. Nothing but the keywords that were given can be
//! assigned, whatever the answer says.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{ContentType, Intent, cut_at_word, text_key};
use crate::ai::model::{
    AiFunction,
    answer::{AnswerError, Output},
    data_block::DataBlock,
    shape::{Fault, Field, Shape},
};
use crate::prompt::model::collapse_blanks;
use crate::site::model::SiteContext;

/// Keywords of one call at least; fewer are `TOO_FEW_KEYWORDS`.
pub const KEYWORDS_MIN: usize = 2;
/// Keywords of one call at most: long answers get cut.
pub const KEYWORDS_MAX: usize = 40;
/// Characters of a cluster's name at most; a longer one is cut at a word.
pub const CLUSTER_NAME_CHARS_MAX: usize = 200;
/// Characters of a cluster's description at most; a longer one is cut at a word.
pub const DESCRIPTION_CHARS_MAX: usize = 500;

/// Why keywords cannot be clustered, or an answer holds no clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// Fewer than two.
    #[error("Clustering needs at least {KEYWORDS_MIN} keywords; there are {count}.")]
    TooFew {
        /// How many there are.
        count: usize,
    },
    /// More than one call takes.
    #[error("One call clusters at most {max} keywords; there are {count}.")]
    TooMany {
        /// How many there are.
        count: usize,
        /// The most.
        max: usize,
    },
    /// No cluster with a keyword of ours is left.
    #[error("No cluster of the answer holds one of the keywords that were given.")]
    NoneLeft,
}

impl ClusterError {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooFew { .. } => "TOO_FEW_KEYWORDS",
            Self::TooMany { .. } => "TOO_MANY_KEYWORDS",
            Self::NoneLeft => "NOTHING_USABLE",
        }
    }
}

impl From<ClusterError> for AnswerError {
    fn from(error: ClusterError) -> Self {
        Self::Unusable { code: error.code(), faults: vec![Fault::new("clusters", "hold none of the given keywords")] }
    }
}

/// Whether one call can cluster so many keywords. Refuses: `TooFew`, `TooMany`.
pub fn check_count(count: usize) -> Result<(), ClusterError> {
    match count {
        0..KEYWORDS_MIN => Err(ClusterError::TooFew { count }),
        KEYWORDS_MIN..=KEYWORDS_MAX => Ok(()),
        _ => Err(ClusterError::TooMany { count, max: KEYWORDS_MAX }),
    }
}

/// What a model answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ClusterAnswer {
    /// The clusters, in the model's order.
    pub clusters: Vec<AnsweredCluster>,
}

/// A cluster as a model writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnsweredCluster {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// What kind of content would serve it.
    #[serde(rename = "type")]
    pub content_type: Option<String>,
    /// What its searchers want.
    pub intent: Option<String>,
    /// The keyword that stands for all.
    pub root_keyword: Option<String>,
    /// Its keywords.
    pub keywords: Vec<String>,
}

const CLUSTER: Shape = Shape::Object(&[
    Field::required("name", Shape::Text, "its subject in two to six words"),
    Field::optional("description", Shape::Text, "one sentence"),
    Field::optional("type", Shape::Choice(ContentType::WORDS), "the kind of page that serves it"),
    Field::optional("intent", Shape::Choice(Intent::WORDS), "what most of its searchers want"),
    Field::optional("rootKeyword", Shape::Text, "the keyword that stands for all, one of keywords"),
    Field::required("keywords", Shape::List(&Shape::Text), "keywords of the data block, spelled exactly as there"),
]);

impl Output for ClusterAnswer {
    const FUNCTION: AiFunction = AiFunction::ClusterKeywords;
    const SHAPE: Shape = Shape::Object(&[Field::required("clusters", Shape::List(&CLUSTER), "")]);
}

/// A keyword that is to be clustered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenKeyword {
    /// Its id.
    pub id: Uuid,
    /// Its text.
    pub text: String,
    /// Searches a month, if known.
    pub volume: Option<i64>,
}

/// A cluster that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingCluster {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
}

/// What one call is about: the keywords, and the clusters of the sector, whose names may be used again.
pub fn data_block(site: &SiteContext, keywords: &[GivenKeyword], existing: &[ExistingCluster]) -> DataBlock {
    let mut seen = HashSet::new();
    let texts: Vec<&str> =
        keywords.iter().filter(|keyword| seen.insert(text_key(&keyword.text))).map(|k| k.text.as_str()).collect();
    let names: Vec<&str> = existing.iter().map(|cluster| cluster.name.as_str()).collect();
    DataBlock::of::<ClusterAnswer>()
        .with("site", site.value())
        .with("keywords", json!(texts))
        .with("existingClusters", if names.is_empty() { json!(null) } else { json!(names) })
}

/// A cluster to write, with at least one keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedCluster {
    /// The cluster of that name that is there already, whose own name stays.
    pub existing: Option<Uuid>,
    /// Its name, 1–200 characters.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// What kind of content serves it.
    pub content_type: ContentType,
    /// What its searchers want.
    pub intent: Option<Intent>,
    /// The text of the keyword that stands for all.
    pub root_keyword: String,
    /// Its keywords, in the order in which they were given.
    pub keywords: Vec<Uuid>,
}

/// What an answer comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clustering {
    /// The clusters, at least one, in the answer's order.
    pub clusters: Vec<PlannedCluster>,
    /// Given keywords that no cluster holds, in the given order; they keep their state.
    pub unassigned: Vec<Uuid>,
    /// How many texts of the answer were none of the given keywords.
    pub unknown: usize,
    /// How many texts repeated a keyword that had its cluster already.
    pub repeated: usize,
}

impl Clustering {
    /// How many keywords found a cluster.
    pub fn assigned(&self) -> usize {
        self.clusters.iter().map(|cluster| cluster.keywords.len()).sum()
    }
}

/// What counts of an answer. A keyword is recognised by its key and stays in its first cluster; keywords with one key
/// (of several countries) go together. Clusters of one name are one. Refuses: `NoneLeft`.
pub fn check(
    answer: &ClusterAnswer,
    given: &[GivenKeyword],
    existing: &[ExistingCluster],
) -> Result<Clustering, ClusterError> {
    let mut by_key: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, keyword) in given.iter().enumerate() {
        by_key.entry(text_key(&keyword.text)).or_default().push(at);
    }
    let mut taken: HashSet<String> = HashSet::new();
    let (mut unknown, mut repeated) = (0, 0);
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    for cluster in &answer.clusters {
        let mut members = Vec::new();
        for text in &cluster.keywords {
            let key = text_key(text);
            match by_key.get(&key) {
                None => unknown += 1,
                Some(places) if taken.insert(key) => members.extend(places),
                Some(_) => repeated += 1,
            }
        }
        if members.is_empty() {
            continue;
        }
        let name = name_of(cluster, &members, given);
        let key = text_key(&name);
        match drafts.iter_mut().find(|draft| draft.key == key) {
            Some(draft) => draft.members.extend(members),
            None => drafts.push(Draft { key, name, cluster, members }),
        }
    }
    if drafts.is_empty() {
        return Err(ClusterError::NoneLeft);
    }
    let existing: HashMap<String, &ExistingCluster> =
        existing.iter().map(|cluster| (text_key(&cluster.name), cluster)).collect();
    let unassigned = given.iter().filter(|keyword| !taken.contains(&text_key(&keyword.text))).map(|k| k.id).collect();
    let clusters = drafts.into_iter().map(|draft| draft.plan(given, &existing)).collect();
    Ok(Clustering { clusters, unassigned, unknown, repeated })
}

struct Draft<'a> {
    key: String,
    name: String,
    cluster: &'a AnsweredCluster,
    members: Vec<usize>,
}

impl Draft<'_> {
    fn plan(mut self, given: &[GivenKeyword], existing: &HashMap<String, &ExistingCluster>) -> PlannedCluster {
        self.members.sort_unstable();
        let members: Vec<&GivenKeyword> = self.members.iter().filter_map(|at| given.get(*at)).collect();
        let there = existing.get(&self.key);
        let written = |text: &Option<String>, max| {
            text.as_deref().map(|text| cut_at_word(text, max)).filter(|text| !text.is_empty())
        };
        PlannedCluster {
            existing: there.map(|cluster| cluster.id),
            name: there.map_or(self.name, |cluster| cluster.name.clone()),
            description: written(&self.cluster.description, DESCRIPTION_CHARS_MAX),
            content_type: self
                .cluster
                .content_type
                .as_deref()
                .and_then(ContentType::lenient)
                .unwrap_or(ContentType::Blog),
            intent: self.cluster.intent.as_deref().and_then(Intent::lenient),
            root_keyword: root_of(self.cluster.root_keyword.as_deref(), &members),
            keywords: members.iter().map(|keyword| keyword.id).collect(),
        }
    }
}

/// The model's name for a cluster, or its first keyword where the name is blank or one endless word.
fn name_of(cluster: &AnsweredCluster, members: &[usize], given: &[GivenKeyword]) -> String {
    let name: String = cluster.name.chars().filter(|letter| !letter.is_control() || letter.is_whitespace()).collect();
    let name = cut_at_word(&name, CLUSTER_NAME_CHARS_MAX);
    if name.chars().any(char::is_alphanumeric) {
        return name;
    }
    members.first().and_then(|at| given.get(*at)).map(|keyword| collapse_blanks(&keyword.text)).unwrap_or_default()
}

/// The model's root keyword if it is one of the cluster, else the one most searched for, else the first.
fn root_of(named: Option<&str>, members: &[&GivenKeyword]) -> String {
    let key = named.map(text_key);
    let named = members.iter().find(|keyword| key.as_ref() == Some(&text_key(&keyword.text)));
    let most = || members.iter().rev().max_by_key(|keyword| keyword.volume);
    named.or_else(most).map(|keyword| collapse_blanks(&keyword.text)).unwrap_or_default()
}

/// What a cluster's keywords come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClusterFigures {
    /// All their searches a month; `None` when none is known.
    pub volume: Option<i64>,
    /// The mean of their difficulties, half up; `None` when none is known.
    pub difficulty: Option<i32>,
}

impl ClusterFigures {
    /// Adds up (volume, difficulty) of each keyword; what is not known does not count.
    pub fn of(keywords: &[(Option<i64>, Option<i32>)]) -> Self {
        let volumes: Vec<i64> = keywords.iter().filter_map(|(volume, _)| *volume).collect();
        let difficulties: Vec<i64> = keywords.iter().filter_map(|(_, difficulty)| difficulty.map(i64::from)).collect();
        let count = i64::try_from(difficulties.len()).unwrap_or(i64::MAX);
        let mean = (2 * difficulties.iter().sum::<i64>() + count).checked_div(2 * count);
        Self {
            volume: (!volumes.is_empty())
                .then(|| volumes.iter().fold(0_i64, |sum, volume| sum.saturating_add(*volume))),
            difficulty: mean.and_then(|mean| i32::try_from(mean).ok()),
        }
    }
}

#[cfg(test)]
mod tests;
