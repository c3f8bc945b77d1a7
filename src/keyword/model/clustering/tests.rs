use proptest::prelude::*;

use super::*;
use crate::ai::model::answer::{Ending, read};

fn given(texts: &[&str]) -> Vec<GivenKeyword> {
    let keyword = |(at, text): (usize, &&str)| GivenKeyword {
        id: Uuid::from_u128(at as u128 + 1),
        text: (*text).to_owned(),
        volume: None,
    };
    texts.iter().enumerate().map(keyword).collect()
}

fn answer(clusters: &[(&str, &[&str])]) -> ClusterAnswer {
    let clusters: Vec<_> =
        clusters.iter().map(|(name, keywords)| json!({"name": name, "keywords": keywords})).collect();
    read(&json!({ "clusters": clusters }).to_string(), Ending::Whole).unwrap()
}

fn ids(numbers: &[u128]) -> Vec<Uuid> {
    numbers.iter().map(|number| Uuid::from_u128(*number)).collect()
}

// REQ-B-8: only input keywords count, by key; unknown ones are dropped and counted; missing ones are unassigned.
#[test]
fn only_given_keywords_count_and_the_others_are_counted() {
    let given = given(&["Running shoes", "trail shoes", "yoga mat", "tent"]);
    let answer = answer(&[("Shoes", &[" running  SHOES", "trail shoes", "golf shoes"]), ("Other", &["Kayak"])]);
    let clustering = check(&answer, &given, &[]).unwrap();
    assert_eq!(clustering.clusters.len(), 1);
    assert_eq!(clustering.clusters[0].keywords, ids(&[1, 2]));
    assert_eq!((clustering.unknown, clustering.repeated, clustering.assigned()), (2, 0, 2));
    assert_eq!(clustering.unassigned, ids(&[3, 4]));
}

// REQ-B-8: a repeated keyword stays in its first cluster.
#[test]
fn a_repeated_keyword_stays_in_its_first_cluster() {
    let given = given(&["a1", "b1", "c1"]);
    let clustering = check(&answer(&[("X", &["a1", "A1", "b1"]), ("Y", &["b1", "c1"])]), &given, &[]).unwrap();
    assert_eq!(clustering.clusters[0].keywords, ids(&[1, 2]));
    assert_eq!(clustering.clusters[1].keywords, ids(&[3]));
    assert_eq!((clustering.repeated, clustering.unknown), (2, 0));
    assert!(clustering.unassigned.is_empty());
}

// REQ-B-8: an existing name in the sector is reused.
#[test]
fn a_name_that_is_there_is_used_again() {
    let existing = [ExistingCluster { id: Uuid::from_u128(99), name: "Trail  Shoes".to_owned() }];
    let given = given(&["a1", "b1", "c1"]);
    let answer = answer(&[("trail SHOES", &["a1"]), ("Mats", &["b1"]), ("MATS ", &["c1"])]);
    let clustering = check(&answer, &given, &existing).unwrap();
    assert_eq!(clustering.clusters.len(), 2);
    assert_eq!(clustering.clusters[0].existing, Some(Uuid::from_u128(99)));
    assert_eq!(clustering.clusters[0].name, "Trail  Shoes");
    assert_eq!(
        (clustering.clusters[1].existing, &clustering.clusters[1].keywords),
        (None, &ids(&[2, 3])),
        "clusters of one name are one"
    );
}

// REQ-B-8: none left is a failure, which may be repaired.
#[test]
fn an_answer_without_a_given_keyword_fails() {
    let given = given(&["a1", "b1"]);
    for clusters in [&[][..], &[("X", &[][..])], &[("X", &["zebra"][..])]] {
        let error = check(&answer(clusters), &given, &[]).unwrap_err();
        assert_eq!(error, ClusterError::NoneLeft);
        let error = AnswerError::from(error);
        assert_eq!(error.code(), "NOTHING_USABLE");
        assert!(error.repair_prompt("p").unwrap().contains("hold none of the given keywords"));
    }
}

#[test]
fn keywords_of_several_countries_go_together() {
    let given = given(&["Tent", "tent", "mat"]);
    let clustering = check(&answer(&[("Camping", &["tent"]), ("Sleep", &["mat"])]), &given, &[]).unwrap();
    assert_eq!(clustering.clusters[0].keywords, ids(&[1, 2]));
    assert_eq!(clustering.repeated, 0);
    let block = data_block(&SiteContext::default(), &given, &[]).render();
    assert!(block.contains(r#""keywords":["Tent","mat"]"#), "{block}");
}

#[test]
fn what_the_model_leaves_open_is_filled_from_the_data() {
    let mut given = given(&["tent", "big tent", "small tent"]);
    given[1].volume = Some(90);
    let cluster = AnsweredCluster {
        name: " \u{7}?".to_owned(),
        description: Some("x ".repeat(600)),
        content_type: Some("category".to_owned()),
        intent: Some("Commercial".to_owned()),
        root_keyword: Some("kayak".to_owned()),
        keywords: vec!["tent".to_owned(), "big tent".to_owned()],
    };
    let planned = &check(&ClusterAnswer { clusters: vec![cluster.clone()] }, &given, &[]).unwrap().clusters[0];
    assert_eq!((planned.name.as_str(), planned.root_keyword.as_str()), ("tent", "big tent"));
    assert_eq!((planned.content_type, planned.intent), (ContentType::Category, Some(Intent::Commercial)));
    assert!(planned.description.as_ref().unwrap().chars().count() <= DESCRIPTION_CHARS_MAX);
    let named = AnsweredCluster { name: "n".repeat(300), root_keyword: Some("TENT".to_owned()), ..cluster };
    let planned = &check(&ClusterAnswer { clusters: vec![named] }, &given, &[]).unwrap().clusters[0];
    assert_eq!((planned.name.as_str(), planned.root_keyword.as_str()), ("tent", "tent"));
}

#[test]
fn one_call_takes_two_to_forty() {
    assert_eq!(check_count(1).unwrap_err().code(), "TOO_FEW_KEYWORDS");
    assert_eq!((check_count(2), check_count(40)), (Ok(()), Ok(())));
    assert_eq!(check_count(41), Err(ClusterError::TooMany { count: 41, max: 40 }));
}

#[test]
fn figures_add_up_what_is_known() {
    let figures = ClusterFigures::of(&[(Some(10), Some(1)), (None, Some(2)), (Some(5), None)]);
    assert_eq!((figures.volume, figures.difficulty), (Some(15), Some(2)));
    assert_eq!(ClusterFigures::of(&[(None, None)]), ClusterFigures::default());
    assert_eq!(ClusterFigures::of(&[(Some(i64::MAX), Some(0)), (Some(1), Some(0))]).volume, Some(i64::MAX));
}

fn word() -> impl Strategy<Value = String> {
    "[abAB]{1,2}|\\PC{0,3}"
}

proptest! {
    // REQ-B-8
    #[test]
    fn nothing_outside_the_input_is_ever_assigned_and_nothing_is_lost(
        texts in proptest::collection::vec(word(), 2..12),
        clusters in proptest::collection::vec((word(), proptest::collection::vec(word(), 0..6)), 0..6),
        names in proptest::collection::vec(word(), 0..3),
    ) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let given = given(&texts);
        let answered = clusters.iter().map(|(name, keywords)| AnsweredCluster {
            name: name.clone(), description: None, content_type: None, intent: None, root_keyword: None,
            keywords: keywords.clone(),
        });
        let answer = ClusterAnswer { clusters: answered.collect() };
        let existing: Vec<_> = names.iter().map(|name| ExistingCluster { id: Uuid::nil(), name: name.clone() }).collect();
        let said: usize = clusters.iter().map(|(_, keywords)| keywords.len()).sum();
        match check(&answer, &given, &existing) {
            Err(error) => prop_assert_eq!(error, ClusterError::NoneLeft),
            Ok(clustering) => {
                let mut all: Vec<Uuid> = clustering.clusters.iter().flat_map(|cluster| cluster.keywords.clone()).collect();
                all.extend(&clustering.unassigned);
                all.sort();
                let mut expected: Vec<Uuid> = given.iter().map(|keyword| keyword.id).collect();
                expected.sort();
                prop_assert_eq!(all, expected);
                prop_assert!(clustering.unknown + clustering.repeated <= said);
                let keys: HashSet<String> = clustering.clusters.iter().map(|cluster| text_key(&cluster.name)).collect();
                prop_assert_eq!(keys.len(), clustering.clusters.len());
                for cluster in &clustering.clusters {
                    prop_assert!(!cluster.keywords.is_empty());
                    for id in &cluster.keywords {
                        let keyword = given.iter().find(|keyword| keyword.id == *id).unwrap();
                        let said = answer.clusters.iter().any(|answered| {
                            answered.keywords.iter().any(|text| text_key(text) == text_key(&keyword.text))
                        });
                        prop_assert!(said);
                    }
                }
            }
        }
    }
}
