//! The gallery.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::stage::{Stage, picture};

const PAGE: &str = "query($a: ID!, $n: Int, $after: String, $f: ImageFilter) { \
                    images(accountId: $a, first: $n, after: $after, filter: $f) { \
                    nodes { id createdAt } totalCount pageInfo { hasNextPage endCursor } } }";

impl Stage {
    async fn page(&self, more: Value) -> Value {
        let mut variables = json!({"a": self.owner.account});
        variables.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.server.payload(&self.owner, PAGE, variables).await
    }
}

fn ids(page: &Value) -> Vec<String> {
    page["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

// REQ-A-38: pages at most 100, a total, no duplicates while images are added.
#[rstest]
#[tokio::test]
async fn pages_neither_repeat_nor_miss_an_image_while_others_arrive(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let stage = Stage::open(engine).await;
    let task = stage.task(json!({"count": 5})).await;
    let items = task["items"].as_array().unwrap().iter();
    let mut drawn: Vec<String> = items.map(|item| item["image"]["id"].as_str().unwrap().to_owned()).collect();
    drawn.sort();
    let (mut seen, mut after) = (Vec::new(), json!(null));
    for round in 0..3 {
        let page = stage.page(json!({"n": 2, "after": after})).await;
        assert_eq!(page["totalCount"], 5 + round);
        seen.extend(ids(&page));
        after = page["pageInfo"]["endCursor"].clone();
        assert_eq!(page["pageInfo"]["hasNextPage"], round < 2);
        // One more arrives between two pages.
        stage.draw(json!({})).await;
    }
    seen.sort();
    assert_eq!(seen, drawn);
    let too_many = stage.server.call(Some(&stage.owner.token), PAGE, json!({"a": stage.owner.account, "n": 101})).await;
    assert_eq!(too_many["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    let newest = ids(&stage.page(json!({"n": 100})).await);
    assert_eq!(newest.len(), 8);
    assert!(!drawn.contains(&newest[0]), "newest first");
}

#[rstest]
#[tokio::test]
async fn filters_by_kind_visibility_style_and_event(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    let plain = stage.draw(json!({})).await["id"].clone();
    let kept = stage.keep(stage.slot(None), picture(400, 300)).await.unwrap();
    assert!(stage.deliver(&kept, None).await);
    let styled = ids(&stage.page(json!({"n": 1})).await).remove(0);
    let public = json!({"imageId": styled, "visibility": "PUBLIC"});
    assert_eq!(stage.act(Some(&stage.owner.token), "setImageVisibility", public).await, "OK");
    for (filter, expected) in [
        (json!({"kind": "STANDALONE"}), vec![json!(styled), plain.clone()]),
        (json!({"kind": "FEATURED"}), vec![]),
        (json!({"visibility": "PUBLIC"}), vec![json!(styled)]),
        (json!({"visibility": "PRIVATE"}), vec![plain.clone()]),
        (json!({"style": " ORIGAMI"}), vec![json!(styled)]),
        (json!({"eventType": "WEDDING", "style": "origami", "visibility": "PUBLIC"}), vec![json!(styled)]),
        (json!({"eventType": "BBQ"}), vec![]),
    ] {
        let page = stage.page(json!({"f": filter})).await;
        assert_eq!((json!(ids(&page)), &page["totalCount"]), (json!(expected), &json!(expected.len())), "{filter}");
    }
    let long = json!({"a": stage.owner.account, "f": {"style": "x".repeat(101)}});
    let refused = stage.server.call(Some(&stage.owner.token), PAGE, long).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
}
