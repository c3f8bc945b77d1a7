//! The list of people: searched, filtered, in eight orders, by cursors that do not slip while others sign up.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{builders::Person, server::Server};

const LIST: &str = "query($o: UserOrder, $n: Int, $a: String, $l: Int, $b: String, $f: UserFilter) { \
                    users(orderBy: $o, first: $n, after: $a, last: $l, before: $b, filter: $f) { nodes { username } \
                    edges { cursor node { username } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } \
                    totalCount } }";

fn names(page: &Value) -> Vec<String> {
    page["nodes"].as_array().unwrap().iter().map(|node| node["username"].as_str().unwrap().to_owned()).collect()
}

struct Stage {
    server: Server,
    hero: Person,
}

impl Stage {
    /// A HERO, and four people: with 0, 30, 10 and 30 credits, and 1, 0, 2 and 0 images; `bob` is an ADMIN.
    async fn open(engine: Engine) -> Self {
        let server = Server::open(engine).await;
        let hero = server.hero().await;
        for (name, credits, images) in [("ann", 1, 1), ("bob", 30, 0), ("cyd", 12, 2), ("dan", 30, 0)] {
            let person = server.sign_up(name).await;
            server.give(&hero, &person, credits).await;
            if images > 0 {
                let task = server.drawing(&person, images, "some-images").await;
                server.ended(&person, &task).await;
            }
            if name == "bob" {
                server.assign_role(&hero, &person, "ADMIN").await;
            }
        }
        Self { server, hero }
    }

    async fn list(&self, variables: Value) -> Value {
        self.server.payload(&self.hero, LIST, variables).await
    }

    /// Everybody in an order, page by page of `size`, forwards or backwards.
    async fn walk(&self, order: &str, size: i32, is_back: bool) -> Vec<String> {
        let (mut found, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let page = match is_back {
                false => self.list(json!({"o": order, "n": size, "a": cursor})).await,
                true => self.list(json!({"o": order, "l": size, "b": cursor})).await,
            };
            let info = &page["pageInfo"];
            let edges = page["edges"].as_array().unwrap();
            assert_eq!(
                (&info["startCursor"], &info["endCursor"]),
                (&edges[0]["cursor"], &edges.last().unwrap()["cursor"])
            );
            let (more, next) = match is_back {
                false => (&info["hasNextPage"], &info["endCursor"]),
                true => (&info["hasPreviousPage"], &info["startCursor"]),
            };
            let mut some = names(&page);
            if is_back {
                some.extend(found);
                found = some;
            } else {
                found.extend(some);
            }
            if *more == json!(false) {
                return found;
            }
            cursor = next.clone();
        }
    }
}

// REQ-A-49
#[rstest]
#[tokio::test]
async fn people_come_in_every_order_whatever_the_page(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    for (order, expected) in [
        ("NEWEST", ["dan", "cyd", "bob", "ann", "hero"]),
        ("OLDEST", ["hero", "ann", "bob", "cyd", "dan"]),
        ("ROLE_HIGHEST", ["hero", "bob", "dan", "cyd", "ann"]),
        ("ROLE_LOWEST", ["ann", "cyd", "dan", "bob", "hero"]),
        // Who is equal in an order follows by id, in the same direction.
        ("CREDITS_MOST", ["dan", "bob", "cyd", "ann", "hero"]),
        ("CREDITS_LEAST", ["hero", "ann", "cyd", "bob", "dan"]),
        ("IMAGES_MOST", ["cyd", "ann", "dan", "bob", "hero"]),
        ("IMAGES_LEAST", ["hero", "bob", "dan", "ann", "cyd"]),
    ] {
        for size in [1, 2, 100] {
            assert_eq!(stage.walk(order, size, false).await, expected, "{order} by {size}");
            assert_eq!(stage.walk(order, size, true).await, expected, "{order} by {size} from the end");
        }
    }
    assert_eq!(names(&stage.list(json!({})).await), ["dan", "cyd", "bob", "ann", "hero"], "newest first by default");
    let query = "{ users { nodes { username imageCount personalAccount { balance { available } } } } }";
    let shown = stage.server.payload(&stage.hero, query, json!({})).await;
    let shown: Vec<_> = shown["nodes"].as_array().unwrap().iter().map(|node| node["imageCount"].clone()).collect();
    assert_eq!(shown, [0, 2, 0, 1, 0]);
}

#[rstest]
#[tokio::test]
async fn a_cursor_stays_where_it_is_while_others_come(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    for (order, first, rest) in
        [("NEWEST", ["dan", "cyd"], ["bob", "ann", "hero"]), ("CREDITS_MOST", ["dan", "bob"], ["cyd", "ann", "hero"])]
    {
        let page = stage.list(json!({"o": order, "n": 2})).await;
        assert_eq!(names(&page), first);
        let late = stage.server.sign_up(&format!("late-{}", order.to_lowercase().replace('_', "-"))).await;
        stage.server.give(&stage.hero, &late, 500).await;
        let after = stage.list(json!({"o": order, "n": 3, "a": page["pageInfo"]["endCursor"]})).await;
        assert_eq!(names(&after), rest, "{order}: nobody twice, nobody left out");
        // Cleared away, for the next order.
        let delete = "mutation($i: DeleteUserInput!) { deleteUser(input: $i) { userErrors { code } } }";
        stage.server.payload(&stage.hero, delete, json!({"i": {"userId": late.user}})).await;
    }
}

#[rstest]
#[tokio::test]
async fn people_are_searched_and_filtered_and_counted(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let stage = Stage::open(engine).await;
    for (filter, expected) in [
        (json!({"search": "AN"}), vec!["dan", "ann"]),
        (json!({"search": "bob@exa"}), vec!["bob"]),
        (json!({"search": "%"}), vec![]),
        (json!({"role": "HERO"}), vec!["hero"]),
        (json!({"role": "ADMIN"}), vec!["bob"]),
        (json!({"role": "USER", "search": "n"}), vec!["dan", "ann"]),
    ] {
        for order in ["NEWEST", "IMAGES_MOST", "CREDITS_MOST"] {
            let page = stage.list(json!({"f": filter, "o": order})).await;
            let (mut found, mut wanted) = (names(&page), expected.clone());
            if order != "NEWEST" {
                found.sort();
                wanted.sort_unstable();
            }
            assert_eq!(found, wanted, "{filter} {order}");
            assert_eq!(page["totalCount"], expected.len());
        }
    }
    let page = stage.list(json!({"n": 1})).await;
    let cursor = &page["pageInfo"]["endCursor"];
    for (variables, path) in [
        (json!({"n": 101}), "first"),
        (json!({"n": 0}), "first"),
        (json!({"a": "bm9uZQ"}), "after"),
        // A cursor says nothing in another order.
        (json!({"o": "CREDITS_MOST", "a": cursor}), "after"),
        (json!({"o": "OLDEST", "l": 1, "b": cursor}), "before"),
        (json!({"f": {"search": "x".repeat(101)}}), "filter"),
    ] {
        let answer = stage.server.call(Some(&stage.hero.token), LIST, variables.clone()).await;
        let error = &answer["errors"][0]["extensions"];
        assert_eq!(error["code"], "BAD_USER_INPUT", "{variables}: {answer}");
        assert!(error.to_string().contains(path), "{variables}: {answer}");
    }
}
