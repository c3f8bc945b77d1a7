//! What the sandbox answers to the functions of the pipeline passes the checks that a model's answers must pass.

use inkledger::ai::model::answer::{Ending, Output, read};
use inkledger::ai::model::data_block::DataBlock;
use inkledger::ai::provider::sandbox::{LABEL, Sandbox, SandboxScript, Step};
use inkledger::ai::provider::{FailureCode, TextProvider, TextRequest};
use inkledger::content::model::{article, image_prompts, optimize};
use inkledger::idea::model as idea;
use inkledger::keyword::model::{ContentType, clustering};
use inkledger::site::model::SiteContext;
use uuid::Uuid;

use super::{patient, text_request};

fn request(block: &DataBlock) -> TextRequest {
    let prompt = format!("Instructions.\n\n{}", block.render());
    TextRequest { prompt, max_output_tokens: 100_000, ..text_request() }
}

async fn written(block: &DataBlock) -> String {
    let sandbox = Sandbox::default();
    let text = sandbox.generate_text(&request(block), &patient(), None).await.unwrap().text;
    let again = sandbox.generate_text(&request(block), &patient(), None).await.unwrap().text;
    assert_eq!(text, again);
    text
}

async fn answered<T: Output>(block: &DataBlock) -> T {
    let text = written(block).await;
    read(&text, Ending::Whole).unwrap_or_else(|error| panic!("{error:?}: {text}"))
}

fn site() -> SiteContext {
    SiteContext { name: "Camp <b>".into(), language: "en".into(), audience: None, sector: Some("Tents".into()) }
}

fn keywords(texts: &[&str]) -> Vec<clustering::GivenKeyword> {
    let keyword = |(at, text): (usize, &&str)| clustering::GivenKeyword {
        id: Uuid::from_u128(at as u128),
        text: (*text).to_owned(),
        volume: None,
    };
    texts.iter().enumerate().map(keyword).collect()
}

#[tokio::test]
async fn clusters_hold_every_keyword_that_was_given() {
    for texts in [
        &["family tent", "camping stove", "tent for two", "gas stove", "penguin", "北京 hotel"][..],
        &["a1", "</data> \"b\" <script>"],
    ] {
        let given = keywords(texts);
        let answer: clustering::ClusterAnswer = answered(&clustering::data_block(&site(), &given, &[])).await;
        let clustering = clustering::check(&answer, &given, &[]).unwrap();
        assert_eq!((clustering.assigned(), clustering.unknown, clustering.repeated), (given.len(), 0, 0));
        assert!(clustering.clusters.iter().all(|cluster| cluster.description.as_ref().unwrap().starts_with(LABEL)));
    }
}

#[tokio::test]
async fn ideas_are_as_many_as_wanted_and_none_that_is_there() {
    let mut cluster = idea::GivenCluster {
        name: "Family tents".into(),
        description: None,
        content_type: ContentType::Blog,
        keywords: vec!["family tent".into(), "tent for two".into()],
        titles: Vec::new(),
    };
    for wanted in [1, 3, 10, 10] {
        let answer: idea::IdeaAnswer = answered(&idea::data_block(&site(), &cluster, wanted)).await;
        let found = idea::check(&answer, &cluster, wanted).unwrap();
        assert_eq!((found.ideas.len(), found.repeated, found.faulty, found.surplus), (wanted, 0, 0, 0));
        for idea in found.ideas {
            assert!(
                idea.title.starts_with(LABEL) && idea.outline.lines().count() >= 4 && !idea.target_keywords.is_empty()
            );
            cluster.titles.push(idea.title);
        }
    }
}

#[tokio::test]
async fn an_article_has_the_words_that_were_wanted() {
    for target_words in [50, 1_000, 10_000] {
        let commission = article::Commission {
            title: "How to pitch a <tent> & sleep".into(),
            outline: "Where\nHow\nWhen".into(),
            keywords: vec!["pitch a tent".into(), "?".into()],
            content_type: ContentType::Blog,
            target_words,
        };
        let answer: article::ArticleAnswer = answered(&article::data_block(&site(), &commission)).await;
        let article = article::check(&answer, &commission).unwrap();
        assert!(article.words >= target_words, "{} of {target_words}", article.words);
        assert!(article.title.starts_with(LABEL) && article.html.contains("<h2>Where</h2>"));
        assert!(article.excerpt.starts_with(LABEL.trim_end()) && !article.slug.is_empty());
    }
}

#[tokio::test]
async fn image_prompts_are_as_many_as_wanted_and_within_the_limit() {
    let html = format!("<h2>Where</h2><p>{}</p><h2>How</h2><p>Pegs.</p>", "flat ground ".repeat(40));
    for (wanted, max) in [(0, 1_000), (2, 1_000), (5, 40)] {
        let block = image_prompts::data_block(&site(), "Big tents", &html, wanted, max);
        let answer: image_prompts::ImagePromptsAnswer = answered(&block).await;
        let images = image_prompts::check(&answer, "Big tents", wanted, max).unwrap();
        assert_eq!((images.in_article.len(), images.faulty, images.surplus), (wanted, 0, 0));
        assert!(images.featured.prompt.starts_with(LABEL.trim_end()), "{}", images.featured.prompt);
    }
}

#[tokio::test]
async fn an_optimised_article_scores_higher_and_a_second_round_changes_no_opening() {
    let mut given = optimize::GivenArticle {
        title: "Camping".into(),
        html: format!("<p>{}</p>", "word ".repeat(200)),
        excerpt: String::new(),
        meta_title: String::new(),
        meta_description: String::new(),
        keywords: vec!["family tent".into(), "gas stove".into()],
    };
    let answer: optimize::OptimizeAnswer = answered(&optimize::data_block(&site(), &given)).await;
    let done = optimize::check(&answer, &given).unwrap();
    assert!(done.after.total > done.before.total + 30, "{done:?}");
    assert!(done.changes[0].starts_with(LABEL) && done.article.html.contains(LABEL.trim_end()));
    given.html = done.article.html.clone();
    let again: optimize::OptimizeAnswer = answered(&optimize::data_block(&site(), &given)).await;
    assert_eq!(optimize::check(&again, &given).unwrap().article.html, done.article.html);
}

#[tokio::test]
async fn scripted_faults_and_the_output_limit_hold_for_json_too() {
    let given = keywords(&["family tent", "tent for two"]);
    let block = clustering::data_block(&site(), &given, &[]);
    let script = SandboxScript::new();
    script.extend([Step::Corrupt, Step::fail(FailureCode::ContentRefused)]);
    let sandbox = Sandbox::new(script);
    let cut = sandbox.generate_text(&request(&block), &patient(), None).await.unwrap().text;
    let error = read::<clustering::ClusterAnswer>(&cut, Ending::Whole).unwrap_err();
    assert_eq!(error.code(), "OUTPUT_TRUNCATED");
    let refused = sandbox.generate_text(&request(&block), &patient(), None).await.unwrap_err();
    assert_eq!(refused.code, FailureCode::ContentRefused);
    // The repair of a cut answer asks the same function.
    let repair = TextRequest { prompt: error.repair_prompt(&request(&block).prompt).unwrap(), ..request(&block) };
    let repaired = sandbox.generate_text(&repair, &patient(), None).await.unwrap().text;
    assert!(read::<clustering::ClusterAnswer>(&repaired, Ending::Whole).is_ok());
    let short = TextRequest { max_output_tokens: 10, ..request(&block) };
    let failure = sandbox.generate_text(&short, &patient(), None).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::OutputTruncated);
    assert!(failure.usage.is_some_and(|usage| usage.output <= 10));
}
