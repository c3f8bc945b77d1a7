//! Where credits went: from content, tasks and transactions to the grants that paid, and back.

use std::collections::{BTreeMap, BTreeSet};

use inkledger::{
    ai::provider::{FailureCode, sandbox::Step},
    db::Engine,
    ledger::model::GrantSource,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    ledger::desk::{Desk, source, uuid_of},
    pipeline::stage::Stage,
    support::content::literal,
};

const STEP: &str = "hold { id state amount settled refunded openedBy { id } closedBy { id } } task { id function } drawsTotal \
                    draws { grant { id kind } reserved charged chargedBeyond returned expired } \
                    usage { credits creditValue modelName } refunds { id kind amount }";

const LOTS: &str = "lots { total charged isComplete lots { grant { id } reserved charged } }";

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn sum(values: &Value, field: &str) -> i64 {
    list(values).iter().map(|value| number(&value[field])).sum()
}

/// The trace of `{kind: id}`, with all its steps.
async fn trace(stage: &Stage, kind: &str, id: &Value, more: &str) -> Value {
    let query = format!(
        "query($id: ID!) {{ creditTrace(of: {{{kind}: $id}}) {{ steps(first: 100) {{ totalCount nodes {{ {STEP} }} }} {LOTS} {more} }} }}"
    );
    let trace = stage.ask(&query, json!({"id": id})).await;
    assert_eq!(trace["steps"]["totalCount"], list(&trace["steps"]["nodes"]).len(), "{trace}");
    assert_eq!(trace["lots"]["isComplete"], true);
    for step in list(&trace["steps"]["nodes"]) {
        adds_up(step);
    }
    // The summary is the sum of the steps, grant by grant.
    let mut charged: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for draw in list(&trace["steps"]["nodes"]).iter().flat_map(|step| list(&step["draws"])) {
        let sums = charged.entry(text(&draw["grant"]["id"])).or_default();
        sums.0 += number(&draw["reserved"]);
        sums.1 += number(&draw["charged"]);
    }
    let told: BTreeMap<String, (i64, i64)> = list(&trace["lots"]["lots"])
        .iter()
        .map(|lot| (text(&lot["grant"]["id"]), (number(&lot["reserved"]), number(&lot["charged"]))))
        .collect();
    assert_eq!(told, charged);
    assert_eq!(number(&trace["lots"]["charged"]), charged.values().map(|sums| sums.1).sum::<i64>());
    trace
}

/// What a hold had of its grants is what it reserved, charged and gave back.
fn adds_up(step: &Value) {
    let hold = &step["hold"];
    let of = |field: &str| sum(&step["draws"], field);
    assert_eq!(of("reserved"), number(&hold["amount"]), "{step}");
    assert_eq!(of("charged"), number(&hold["settled"]), "{step}");
    assert_eq!(step["drawsTotal"], list(&step["draws"]).len());
    if hold["state"] != "HELD" {
        assert_eq!(of("reserved") + of("chargedBeyond"), of("charged") + of("returned") + of("expired"), "{step}");
    }
    match hold["state"].as_str() {
        Some("SETTLED") => assert_eq!(step["usage"]["credits"], hold["settled"], "{step}"),
        _ => assert_eq!(step["usage"], Value::Null, "{step}"),
    }
    assert_eq!(sum(&step["refunds"], "amount"), number(&hold["refunded"]), "{step}");
}

fn holds(trace: &Value) -> BTreeSet<String> {
    list(&trace["steps"]["nodes"]).iter().map(|step| text(&step["hold"]["id"])).collect()
}

fn draws_of(trace: &Value, grant: &str) -> BTreeMap<String, Value> {
    let steps = list(&trace["steps"]["nodes"]).iter();
    let draws =
        steps.flat_map(|step| list(&step["draws"]).iter().map(|draw| (text(&step["hold"]["id"]), draw.clone())));
    draws.filter(|(_, draw)| draw["grant"]["id"] == grant).collect()
}

struct Story {
    stage: Stage,
    contents: Vec<Value>,
    /// Each with the credits that it used.
    tasks: Vec<(Value, i64)>,
    /// What went into the first article.
    cost: i64,
}

/// Two articles, the first improved and with images of which one failed, paid from four grants.
async fn story(engine: Engine) -> Story {
    let stage = Stage::open(engine, 7).await;
    let desk = Desk::open(&stage.server, &stage.owner).await;
    desk.grant(GrantSource::Promo(source("spring-for-owner")), 4, Some(3600)).await;
    desk.grant(GrantSource::Plan(source("subscription-1/2026-01")), 3, Some(3600)).await;
    desk.grant(GrantSource::Purchase(source("payment-1")), 400, None).await;
    desk.ledger.close().await;
    let targets = stage.content_tasks(&["A tent for all", "A second tent"], 120).await;
    let written = stage.made("generateContent", "contentTaskIds", &targets, "write-0001").await;
    let contents = Stage::products(&written);
    let prompts = stage.made("generateImagePrompts", "contentIds", &contents[..1], "prompts-0001").await;
    let places = Stage::products(&prompts);
    stage.server.script.push(Step::fail(FailureCode::ProviderRefused));
    let drawn = stage.drawn(&places, "draw-0001").await;
    assert_eq!(drawn["status"], "PARTIAL", "{drawn}");
    let better = stage.made("optimizeContent", "contentIds", &contents[..1], "better-0001").await;
    let tasks = [&written, &prompts, &drawn, &better].map(|task| (task["id"].clone(), number(&task["creditsUsed"])));
    let article = number(&written["items"][0]["credits"]);
    let cost = article + tasks[1..].iter().map(|(_, credits)| credits).sum::<i64>();
    Story { stage, contents, tasks: tasks.to_vec(), cost }
}

// From content to the lots that paid, and from each of those back to the content's work.
#[rstest]
#[tokio::test]
async fn the_way_from_an_article_to_its_grants_is_the_way_back(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Story { stage, contents, tasks, cost } = story(engine).await;
    let first = trace(&stage, "contentId", &contents[0], "content { id } task { id } moves { totalCount }").await;
    assert_eq!((&first["content"]["id"], &first["task"], &first["moves"]), (&contents[0], &Value::Null, &Value::Null));
    assert_eq!(
        number(&first["lots"]["charged"]),
        cost,
        "an article, its prompts, two of its images, and its improvement"
    );
    let functions: BTreeSet<String> =
        list(&first["steps"]["nodes"]).iter().map(|step| text(&step["task"]["function"])).collect();
    let all = ["GENERATE_CONTENT", "GENERATE_IMAGES", "GENERATE_IMAGE_PROMPTS", "OPTIMIZE_CONTENT"];
    assert_eq!(functions, all.map(str::to_owned).into());
    let second = trace(&stage, "contentId", &contents[1], "content { id }").await;
    assert_eq!(holds(&second).len(), 1, "{second}");
    assert!(holds(&first).is_disjoint(&holds(&second)), "each article has its own work");

    let lots: Vec<String> = list(&first["lots"]["lots"]).iter().map(|lot| text(&lot["grant"]["id"])).collect();
    assert!(lots.len() >= 2, "several grants paid: {first}");
    for lot in &lots {
        let more = "grant { id amount available held spent expired revoked } \
                    moves(first: 100) { totalCount nodes { from to amount grant { id } hold { id } transaction { id sequence } } }";
        let back = trace(&stage, "grantId", &json!(lot), more).await;
        let (there, here) = (draws_of(&first, lot), draws_of(&back, lot));
        assert!(!there.is_empty());
        for (hold, draw) in &there {
            assert_eq!(here.get(hold), Some(draw), "the same step from both ends");
        }
        let grant = &back["grant"];
        assert_eq!(here.values().map(|draw| number(&draw["charged"])).sum::<i64>(), number(&grant["spent"]), "{back}");
        let moves = list(&back["moves"]["nodes"]);
        assert_eq!(back["moves"]["totalCount"], moves.len());
        for bucket in ["available", "held", "spent", "expired", "revoked"] {
            let word = bucket.to_uppercase();
            let (to, from) = (total(moves, "to", &word), total(moves, "from", &word));
            assert_eq!(to - from, number(&grant[bucket]), "{bucket} of {back}");
        }
        assert_eq!(total(moves, "from", "ISSUED"), number(&grant["amount"]));
        assert!(moves.iter().all(|row| row["grant"]["id"] == *lot));
        let named: BTreeSet<String> =
            moves.iter().filter(|row| !row["hold"].is_null()).map(|row| text(&row["hold"]["id"])).collect();
        assert_eq!(named, holds(&back), "its entries name the same holds");
    }

    // A task's steps are its own, and a transaction's are those that it moved credits for.
    for (task, used) in &tasks {
        let found = trace(&stage, "taskId", task, "task { id creditsUsed }").await;
        assert_eq!((&found["task"]["id"], number(&found["lots"]["charged"])), (task, *used), "{found}");
        assert!(list(&found["steps"]["nodes"]).iter().all(|step| step["task"]["id"] == *task));
    }
    for step in list(&first["steps"]["nodes"]) {
        let (opened, closed) = (&step["hold"]["openedBy"]["id"], &step["hold"]["closedBy"]["id"]);
        let taken = trace(&stage, "transactionId", opened, "transaction { id }").await;
        assert!(holds(&taken).contains(step["hold"]["id"].as_str().unwrap()), "{taken}");
        let more = "transaction { amount } moves(first: 100) { totalCount nodes { from to amount } }";
        let ended = trace(&stage, "transactionId", closed, more).await;
        assert_eq!(list(&ended["steps"]["nodes"]), std::slice::from_ref(step));
        let spent = total(list(&ended["moves"]["nodes"]), "to", "SPENT");
        assert_eq!((spent, number(&ended["transaction"]["amount"])), (number(&step["hold"]["settled"]), -spent));
    }
    stage.check().await;
}

fn total(moves: &[Value], side: &str, bucket: &str) -> i64 {
    moves.iter().filter(|row| row[side] == bucket).map(|row| number(&row["amount"])).sum()
}

// G40
#[rstest]
#[tokio::test]
async fn pages_of_a_trace_are_the_whole_trace(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Story { stage, contents, tasks, .. } = story(engine).await;
    let lots = trace(&stage, "contentId", &contents[0], "").await["lots"]["lots"].take();
    let lot =
        lots.as_array().unwrap().iter().max_by_key(|lot| number(&lot["reserved"])).unwrap()["grant"]["id"].clone();
    for (kind, id) in [("contentId", &contents[0]), ("taskId", &tasks[2].0), ("grantId", &lot)] {
        let page = async |ends: String| -> Value {
            let query = format!(
                "query($id: ID!) {{ creditTrace(of: {{{kind}: $id}}) {{ steps({ends}) {{ nodes {{ hold {{ id }} }} \
                 pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }} }}"
            );
            stage.ask(&query, json!({"id": id})).await["steps"].take()
        };
        let ids = |found: &Value| -> Vec<String> {
            list(&found["nodes"]).iter().map(|step| text(&step["hold"]["id"])).collect()
        };
        let all = ids(&page("first: 100".to_owned()).await);
        assert!(all.len() > 2, "{kind}: {all:?}");
        let (mut forward, mut after) = (Vec::new(), Value::Null);
        loop {
            let found = page(format!("first: 2, after: {after}")).await;
            forward.extend(ids(&found));
            after = found["pageInfo"]["endCursor"].clone();
            if found["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        assert_eq!(forward, all, "{kind}");
        let (mut back, mut before) = (Vec::new(), Value::Null);
        loop {
            let found = page(format!("last: 2, before: {before}")).await;
            back.splice(0..0, ids(&found));
            before = found["pageInfo"]["startCursor"].clone();
            if found["pageInfo"]["hasPreviousPage"] == false {
                break;
            }
        }
        assert_eq!(back, all, "{kind}");
    }
}

#[rstest]
#[tokio::test]
async fn a_refund_stands_beside_the_step_that_it_gives_back(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Story { stage, contents, .. } = story(engine).await;
    let first = trace(&stage, "contentId", &contents[0], "").await;
    let steps = list(&first["steps"]["nodes"]);
    let step = steps.iter().find(|step| number(&step["hold"]["settled"]) > 0).unwrap();
    let hold = literal(&stage.server.db, uuid_of(step["hold"]["id"].as_str().unwrap()));
    let id = literal(&stage.server.db, uuid::Uuid::from_u128(77));
    // As the refund operation writes it.
    stage
        .server
        .execute(&format!(
            "INSERT INTO credit_grant (id, account_id, kind, source_ref, priority, expires_at, granted_seq, refunds_seq, \
             amount, available, created_at) SELECT {id}, account_id, 'refund', 'the-refund', 40, \
             created_at + 2592000000000, opened_seq, closed_seq, 1, 1, created_at FROM credit_hold WHERE id = {hold}"
        ))
        .await;
    stage.server.execute(&format!("UPDATE credit_hold SET refunded = 1 WHERE id = {hold}")).await;
    let again = trace(&stage, "contentId", &contents[0], "").await;
    let found = list(&again["steps"]["nodes"]).iter().find(|other| other["hold"]["id"] == step["hold"]["id"]).unwrap();
    assert_eq!(
        (&found["refunds"][0]["kind"], &found["refunds"][0]["amount"]),
        (&json!("REFUND"), &json!(1)),
        "{found}"
    );
}

#[rstest]
#[tokio::test]
async fn nobody_traces_what_is_not_theirs(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Story { stage, contents, tasks, .. } = story(engine).await;
    let first = trace(&stage, "contentId", &contents[0], "").await;
    let step = &first["steps"]["nodes"][0];
    let (grant, transaction) = (&step["draws"][0]["grant"]["id"], &step["hold"]["closedBy"]["id"]);
    let other = stage.server.sign_up("other").await;
    let query = "query($of: CreditTraceInput!) { creditTrace(of: $of) { steps { totalCount } } }";
    let code = async |of: Value| {
        let answer = stage.server.call(Some(&other.token), query, json!({"of": of})).await;
        assert!(answer["data"]["creditTrace"].is_null(), "{answer}");
        text(&answer["errors"][0]["extensions"]["code"])
    };
    for of in [
        json!({"contentId": contents[0]}),
        json!({"taskId": tasks[0].0}),
        json!({"transactionId": transaction}),
        json!({"grantId": grant}),
    ] {
        assert_eq!(code(of.clone()).await, "NOT_FOUND", "{of}");
    }
    for of in [json!({}), json!({"contentId": contents[0], "taskId": tasks[0].0}), json!({"taskId": grant})] {
        assert_eq!(code(of.clone()).await, "BAD_USER_INPUT", "{of}");
    }
}
