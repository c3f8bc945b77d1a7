//! Clustering by the words of the keywords alone, for when no model is there: TF-IDF over words and parts of words, and
//! average-linkage clustering of their cosine distances.
//!
//! It knows no meaning: "sneakers" and "running shoes" stay apart. What it does know is exact and the same every time:
//! equal keywords give equal clusters in any order, on any machine.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kodama::{Method, linkage};

use super::{
    clustering::{AnsweredCluster, ClusterAnswer, ClusterError, KEYWORDS_MIN},
    text::is_unspaced,
    text_key,
};

/// Keywords at most: their distances take 50 MB.
pub const LEXICAL_MAX: usize = 5_000;

/// How far apart two groups may be and still be one; 0 is equal, 1 has nothing in common.
const DISTANCE_MAX: f32 = 0.78;
/// What a part of a word counts for, next to a word.
const PART_WEIGHT: f64 = 0.35;
/// The least share of a cluster's keywords that hold a word of its name, as a fraction.
const NAME_SHARE: (usize, usize) = (3, 5);
/// Words of a name at most.
const NAME_WORDS_MAX: usize = 5;

/// Words that say nothing about the subject in the languages that are most written; in others their frequency tells.
const EMPTY_WORDS: &[&str] = &[
    "a", "an", "and", "are", "at", "by", "can", "do", "does", "for", "from", "how", "i", "in", "is", "it", "my", "of",
    "on", "or", "the", "to", "vs", "what", "when", "where", "which", "who", "why", "with", "you", "your", "auf", "das",
    "dem", "den", "der", "die", "ein", "eine", "für", "im", "in", "ist", "mit", "oder", "und", "von", "wie", "was",
    "zu", "de", "des", "du", "et", "la", "le", "les", "pour", "un", "une", "del", "el", "en", "los", "las", "para",
    "por", "que", "y", "con",
];

/// Groups keywords by their words, as a model would answer; what resembles no other is left out. Clusters come in the
/// order of their first keyword. Needs about n² time and memory. Refuses: `TooFew`, `TooMany`, and `NoneLeft` where no
/// two keywords resemble each other.
pub fn cluster(keywords: &[&str]) -> Result<ClusterAnswer, ClusterError> {
    if keywords.len() > LEXICAL_MAX {
        return Err(ClusterError::TooMany { count: keywords.len(), max: LEXICAL_MAX });
    }
    // One of each key, in the order of the keys, so that the order of the input decides nothing but the order shown.
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for (at, keyword) in keywords.iter().enumerate() {
        first.entry(text_key(keyword)).or_insert(at);
    }
    if first.len() < KEYWORDS_MIN {
        return Err(ClusterError::TooFew { count: first.len() });
    }
    let texts: Vec<Text> = first.into_iter().map(|(key, at)| Text::new(key, at)).collect();
    let vectors = vectors(&texts);
    let groups = groups(texts.len(), distances(&vectors));
    let mut groups: Vec<Vec<&Text>> = groups
        .into_iter()
        .filter(|group| group.len() > 1)
        .map(|group| group.into_iter().filter_map(|at| texts.get(at)).collect())
        .collect();
    for group in &mut groups {
        group.sort_by_key(|text| text.at);
    }
    groups.sort_by_key(|group| group.first().map(|text| text.at));
    if groups.is_empty() {
        return Err(ClusterError::NoneLeft);
    }
    let mut names = BTreeSet::new();
    let clusters = groups.iter().map(|group| answered(group, keywords, &mut names)).collect();
    Ok(ClusterAnswer { clusters })
}

/// A keyword on its way through.
struct Text {
    key: String,
    /// Its place in the input.
    at: usize,
    /// Its words in their order, without those that say nothing, unless it has no others.
    words: Vec<String>,
}

impl Text {
    fn new(key: String, at: usize) -> Self {
        let all: Vec<String> =
            key.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let telling: Vec<String> = all.iter().filter(|word| !EMPTY_WORDS.contains(&word.as_str())).cloned().collect();
        Self { key, at, words: if telling.is_empty() { all } else { telling } }
    }

    /// What it is compared by, each with its weight: words, and runs of three letters within them, so that inflected
    /// and compound words resemble each other. In scripts without blanks a run is a phrase, and only its pairs of
    /// letters count.
    fn features(&self) -> BTreeMap<String, f64> {
        let mut features = BTreeMap::new();
        for word in &self.words {
            let is_phrase = word.chars().any(is_unspaced);
            if !is_phrase {
                *features.entry(word.clone()).or_insert(0.0) += 1.0;
            }
            let run = if is_phrase { 2 } else { 3 };
            let letters: Vec<char> = format!("^{word}$").chars().collect();
            for part in letters.windows(run) {
                // A sign that no word holds keeps parts and words apart.
                let part: String = std::iter::once('~').chain(part.iter().copied()).collect();
                *features.entry(part).or_insert(0.0) += PART_WEIGHT;
            }
        }
        features
    }
}

/// The unit vector of each text: (number of the feature, weight), by rising number.
fn vectors(texts: &[Text]) -> Vec<Vec<(usize, f64)>> {
    let features: Vec<BTreeMap<String, f64>> = texts.iter().map(Text::features).collect();
    let mut holders: BTreeMap<&str, usize> = BTreeMap::new();
    for feature in features.iter().flat_map(BTreeMap::keys) {
        *holders.entry(feature).or_insert(0) += 1;
    }
    let numbers: HashMap<&str, (usize, f64)> = holders
        .iter()
        .enumerate()
        .map(|(number, (feature, holders))| (*feature, (number, rarity(texts.len(), *holders))))
        .collect();
    let weigh = |features: &BTreeMap<String, f64>| {
        let weighed = features.iter().filter_map(|(feature, weight)| {
            numbers.get(feature.as_str()).map(|(number, rarity)| (*number, weight * rarity))
        });
        let mut vector: Vec<(usize, f64)> = weighed.collect();
        let length = vector.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
        if length > 0.0 {
            vector.iter_mut().for_each(|(_, weight)| *weight /= length);
        }
        vector
    };
    features.iter().map(weigh).collect()
}

/// How much a feature tells that so many of all texts hold. Rounded, because logarithms differ in their last bits from
/// machine to machine.
fn rarity(texts: usize, holders: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let ratio = (number(texts) + 1.0) / (number(holders) + 1.0);
    ((ratio.ln() + 1.0) * 4096.0).round() / 4096.0
}

/// The distances of all pairs, row by row above the diagonal: 1 less the cosine, 0–1.
fn distances(vectors: &[Vec<(usize, f64)>]) -> Vec<f32> {
    // Who holds a feature further down; few pairs share any, so this is far from comparing all with all.
    let mut holders: HashMap<usize, Vec<(usize, f64)>> = HashMap::new();
    for (at, vector) in vectors.iter().enumerate() {
        for (feature, weight) in vector {
            holders.entry(*feature).or_default().push((at, *weight));
        }
    }
    let mut distances = Vec::with_capacity(vectors.len() * vectors.len().saturating_sub(1) / 2);
    let mut row = vec![0.0_f64; vectors.len()];
    for (at, vector) in vectors.iter().enumerate() {
        row.fill(0.0);
        for (feature, weight) in vector {
            let others = holders.get(feature).map(Vec::as_slice).unwrap_or_default();
            let below = others.partition_point(|(other, _)| *other <= at);
            for (other, theirs) in others.iter().skip(below) {
                if let Some(cosine) = row.get_mut(*other) {
                    *cosine += weight * theirs;
                }
            }
        }
        // Half the memory is worth the digits that a distance of 0–1 loses.
        distances.extend(row.iter().skip(at + 1).map(|cosine| (1.0 - cosine).clamp(0.0, 1.0) as f32));
    }
    distances
}

/// The groups that are left when everything nearer than the limit is one, each by rising number.
fn groups(count: usize, mut distances: Vec<f32>) -> Vec<Vec<usize>> {
    let dendrogram = linkage(&mut distances, count, Method::Average);
    // Each observation is a group, and step n makes the group `count + n` of two others.
    let mut groups: Vec<Option<Vec<usize>>> = (0..count).map(|at| Some(vec![at])).collect();
    for step in dendrogram.steps() {
        if step.dissimilarity > DISTANCE_MAX {
            break;
        }
        let mut take = |at: usize| groups.get_mut(at).and_then(Option::take).unwrap_or_default();
        let mut both = take(step.cluster1);
        both.extend(take(step.cluster2));
        both.sort_unstable();
        groups.push(Some(both));
    }
    groups.into_iter().flatten().collect()
}

/// The cluster of a group with a name that no other has.
fn answered(group: &[&Text], keywords: &[&str], names: &mut BTreeSet<String>) -> AnsweredCluster {
    let shown = |text: &Text| keywords.get(text.at).map(|keyword| keyword.trim().to_owned()).unwrap_or_default();
    let middle = medoid(group);
    let shared = middle.map(|text| shared_words(text, group)).filter(|words| !words.is_empty());
    // A keyword is in one cluster only, so one of these is free.
    let candidates = shared.into_iter().chain(middle.into_iter().chain(group.iter().copied()).map(&shown));
    let name = candidates.into_iter().find(|name| names.insert(text_key(name))).unwrap_or_default();
    AnsweredCluster {
        name,
        description: None,
        content_type: None,
        intent: None,
        root_keyword: middle.map(shown),
        keywords: group.iter().map(|text| shown(text)).collect(),
    }
}

/// The keyword that shares most words with the others; the shortest of equals.
fn medoid<'a>(group: &[&'a Text]) -> Option<&'a Text> {
    let mut holders: HashMap<&str, usize> = HashMap::new();
    for word in group.iter().flat_map(|text| text.words.iter().collect::<BTreeSet<_>>()) {
        *holders.entry(word).or_insert(0) += 1;
    }
    let shared = |text: &Text| {
        let words: BTreeSet<&String> = text.words.iter().collect();
        let count: usize = words.iter().filter_map(|word| holders.get(word.as_str())).sum();
        // The mean, by a common denominator, so that long keywords have no advantage.
        count * 10_000 / words.len().max(1)
    };
    group
        .iter()
        .copied()
        .min_by_key(|text| (std::cmp::Reverse(shared(text)), text.key.chars().count(), text.key.clone()))
}

/// The words of `text` that most of the group hold, in their order there.
fn shared_words(text: &Text, group: &[&Text]) -> String {
    let is_shared = |word: &&String| {
        let holders = group.iter().filter(|other| other.words.contains(word)).count();
        holders * NAME_SHARE.1 >= group.len() * NAME_SHARE.0
    };
    let words: Vec<&str> = text.words.iter().filter(is_shared).map(String::as_str).take(NAME_WORDS_MAX).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(keywords: &[&str]) -> Vec<(String, Vec<String>)> {
        cluster(keywords).unwrap().clusters.into_iter().map(|cluster| (cluster.name, cluster.keywords)).collect()
    }

    const SHOP: [&str; 14] = [
        "best running shoes",
        "yoga mat",
        "Running shoes for women",
        "how to make cold brew coffee",
        "thick yoga mats",
        "running shoe sale",
        "cold brew coffee ratio",
        "trail running shoes",
        "non slip yoga mat",
        "cold brew",
        "mortgage calculator",
        "running shoes for flat feet",
        "mortgage rate calculator",
        "penguin documentary",
    ];

    #[test]
    fn groups_by_shared_words_and_names_by_them() {
        let clusters = named(&SHOP);
        let names: Vec<&str> = clusters.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["running shoes", "yoga mat", "cold brew", "mortgage calculator"], "{clusters:?}");
        assert_eq!(clusters[0].1.len(), 5);
        assert!(clusters[1].1.contains(&"thick yoga mats".to_owned()));
        assert!(clusters.iter().all(|(_, keywords)| !keywords.contains(&"penguin documentary".to_owned())));
    }

    #[test]
    fn scripts_without_blanks_are_compared_by_their_letters() {
        let clusters = named(&["東京ホテル予約", "中古車販売", "東京ホテル格安", "中古車買取"]);
        assert_eq!(clusters.len(), 2, "{clusters:?}");
        assert_eq!(clusters[0].1, ["東京ホテル予約", "東京ホテル格安"]);
    }

    #[test]
    fn refuses_too_few_too_many_and_strangers() {
        assert_eq!(cluster(&["tent", " TENT"]), Err(ClusterError::TooFew { count: 1 }));
        assert_eq!(cluster(&[]), Err(ClusterError::TooFew { count: 0 }));
        let many = vec!["tent"; LEXICAL_MAX + 1];
        assert!(matches!(cluster(&many), Err(ClusterError::TooMany { .. })));
        assert_eq!(cluster(&["penguin", "mortgage"]), Err(ClusterError::NoneLeft));
        assert_eq!(cluster(&["?", "!"]), Err(ClusterError::NoneLeft));
    }

    fn synthetic(count: usize) -> Vec<String> {
        let words = ["tent", "boot", "lamp", "stove", "rope", "map", "knife", "bag", "mat", "cup", "axe", "hat"];
        let pick = |at: usize, step: usize| words[(at * step + at / 7) % words.len()];
        (0..count).map(|at| format!("{} {} {} {}", pick(at, 1), pick(at, 5), pick(at, 7), at % 97)).collect()
    }

    #[test]
    fn five_thousand_keywords_are_clustered() {
        let texts = synthetic(LEXICAL_MAX);
        let keywords: Vec<&str> = texts.iter().map(String::as_str).collect();
        let answer = cluster(&keywords).unwrap();
        let names: BTreeSet<String> = answer.clusters.iter().map(|cluster| text_key(&cluster.name)).collect();
        assert_eq!(names.len(), answer.clusters.len());
        assert!(answer.clusters.len() > 5);
    }

    proptest! {
        #[test]
        fn every_keyword_is_in_one_cluster_at_most_and_no_other_text_is(
            texts in proptest::collection::vec("(red|blue|big)? ?(tent|tents|boot|\\PC{0,3})( for (men|kids))?", 0..16),
        ) {
            let keywords: Vec<&str> = texts.iter().map(String::as_str).collect();
            if let Ok(answer) = cluster(&keywords) {
                let mut seen = BTreeSet::new();
                for cluster in &answer.clusters {
                    prop_assert!(cluster.keywords.len() > 1);
                    for keyword in &cluster.keywords {
                        prop_assert!(seen.insert(text_key(keyword)));
                        prop_assert!(keywords.iter().any(|text| text.trim() == keyword));
                    }
                }
            }
        }

        #[test]
        fn the_order_of_the_input_changes_no_cluster(shuffled in Just(SHOP.to_vec()).prop_shuffle()) {
            let sets = |keywords: &[&str]| -> BTreeSet<(String, BTreeSet<String>)> {
                named(keywords).into_iter().map(|(name, keywords)| (name, keywords.into_iter().collect())).collect()
            };
            prop_assert_eq!(sets(&shuffled), sets(&SHOP));
        }
    }
}
