//! Content tasks: made of ideas and by hand, listed, taken up again, and nobody else's.

use std::sync::Arc;

use inkledger::{
    automation::model::Stage,
    clock::SystemClock,
    content::task::{ContentTasks, QueueIdeasError, effects},
    db::Engine,
    error::Failure,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::planning::{Desk, code, ids, trace, uuid, write};

const TASK: &str = "id title outline keywords contentType targetWords priority tries state idea { id state } \
                    cluster { name } sector { id }";

async fn queue(desk: &Desk, ideas: &[&Value]) -> Value {
    let input = json!({"siteId": desk.site, "ideaIds": ideas});
    desk.act("queueIdeas", &format!("contentTasks {{ {TASK} }}"), input).await
}

async fn listed(desk: &Desk, filter: Value) -> Vec<Value> {
    desk.list("contentTasks", "ContentTaskFilter", TASK, filter).await
}

fn service(desk: &Desk) -> ContentTasks {
    ContentTasks::new(desk.server.db.clone(), Arc::new(SystemClock), ids())
}

#[rstest]
#[tokio::test]
async fn ideas_are_queued_once_all_or_none(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let desk = Desk::open(engine).await;
    let cluster = desk.cluster("Tents", &["big tent"]).await;
    let titles = ["How to pitch a tent", "Tents for two", "Tents for three", "Tents for four"];
    let ideas = desk.ideas(&cluster, &titles).await;
    let edit = json!({"ideaId": ideas[0], "targetKeywords": ["big tent"], "contentType": "PAGE", "targetWords": 700});
    desk.act("updateIdea", "idea { id }", edit).await;
    desk.act("rejectIdea", "idea { id }", json!({"ideaId": ideas[3]})).await;
    let (other, their_site) = desk.other().await;
    // One that is turned down and one that is elsewhere: nothing happens, and each is named.
    let refused = queue(&desk, &[&ideas[0], &ideas[3], &ideas[1]]).await;
    assert_eq!((code(&refused), &refused["contentTasks"]), ("ILLEGAL_TRANSITION", &json!(null)));
    assert_eq!(refused["userErrors"][0]["path"], json!(["input", "ideaIds", "1"]));
    let input = json!({"siteId": their_site, "ideaIds": [ideas[0], ideas[1]]});
    let foreign = desk.act_as(&other, "queueIdeas", "contentTasks { id }", input).await;
    let paths: Vec<_> = foreign["userErrors"].as_array().unwrap().iter().map(|error| &error["path"][2]).collect();
    assert_eq!((code(&foreign), paths), ("NOT_FOUND", vec![&json!("0"), &json!("1")]), "{foreign}");
    assert_eq!(code(&queue(&desk, &[]).await), "COUNT_OUT_OF_RANGE");
    assert_eq!(code(&queue(&desk, &[&ideas[0]; 51]).await), "COUNT_OUT_OF_RANGE");
    assert_eq!(listed(&desk, json!({})).await.len(), 0);
    let done = queue(&desk, &[&ideas[1], &ideas[0]]).await;
    let tasks = done["contentTasks"].as_array().unwrap();
    let mut expected = json!({
        "id": tasks[1]["id"], "title": titles[0], "outline": "Where\nHow", "keywords": ["big tent"], "contentType": "PAGE",
        "targetWords": 700, "priority": 0, "tries": 0, "state": "QUEUED", "idea": {"id": ideas[0], "state": "QUEUED"},
        "cluster": {"name": "Tents"}, "sector": null
    });
    assert_eq!(tasks[1], expected);
    assert_eq!(tasks[0]["title"], titles[1], "in the order of the ideas");
    // Again, with one more and one twice: what is there is answered.
    let again = queue(&desk, &[&ideas[0], &ideas[2], &ideas[2]]).await;
    let again = again["contentTasks"].as_array().unwrap();
    assert_eq!((&again[0], &again[1]["title"]), (&expected, &json!(titles[2])));
    assert_eq!(again[1], again[2]);
    assert_eq!(listed(&desk, json!({})).await.len(), 3);
    assert_eq!((desk.audited("idea.queue").await, desk.audited("content_task.create").await), (3, 3));
    // An edit of the idea is too late, and the idea knows its task.
    assert_eq!(
        code(&desk.act("updateIdea", "idea { id }", json!({"ideaId": ideas[0], "targetWords": 60})).await),
        "ILLEGAL_STATE"
    );
    assert_eq!(desk.node("Idea", "contentTask { id }", &ideas[0]).await["contentTask"]["id"], expected["id"]);
    expected["idea"] = json!({"id": ideas[0], "state": "QUEUED"});
    assert_eq!(desk.node("ContentTask", TASK, &expected["id"]).await, expected);
}

#[rstest]
#[tokio::test]
async fn a_run_queues_ideas_without_a_member(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let desk = Desk::open(engine).await;
    let cluster = desk.cluster("Tents", &["big tent"]).await;
    let ideas = desk.ideas(&cluster, &["How to pitch a tent", "Tents for two"]).await;
    let (service, site) = (service(&desk), uuid(&desk.site));
    let all: Vec<_> = ideas.iter().map(uuid).collect();
    let (other, _) = desk.other().await;
    let foreign = service.queue_ideas_of_run(uuid(&json!(other.account)), site, all.clone()).await;
    assert!(matches!(foreign, Err(Failure::Refused(QueueIdeasError::Ideas(faults))) if faults.len() == 2));
    // Two at once make one task of each.
    let (one, two) = tokio::join!(
        service.queue_ideas_of_run(desk.account, site, all.clone()),
        service.queue_ideas_of_run(desk.account, site, all.iter().rev().copied().collect()),
    );
    let (one, mut two) = (one.unwrap(), two.unwrap());
    two.reverse();
    assert_eq!(one, two);
    assert_eq!(desk.server.number("SELECT COUNT(*) FROM content_task").await, 2);
    let by_system = "SELECT COUNT(*) FROM audit_entry WHERE action = 'idea.queue' AND actor_kind = 'system'";
    assert_eq!(desk.server.number(by_system).await, 2);
}

#[rstest]
#[tokio::test]
async fn a_content_task_is_made_by_hand(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let desk = Desk::open(engine).await;
    let cluster = desk.cluster("Tents", &[]).await;
    let in_sector = json!({"siteId": desk.site, "sectorId": desk.sector, "name": "Big"});
    let in_sector = desk.act("createCluster", "cluster { id }", in_sector).await["cluster"]["id"].clone();
    let create = async |more: Value| {
        let mut input = json!({"siteId": desk.site, "title": "How to pitch a tent"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        desk.act("createContentTask", &format!("contentTask {{ {TASK} }}"), input).await
    };
    let plain = create(json!({})).await["contentTask"].clone();
    assert_eq!(
        plain,
        json!({"id": plain["id"], "title": "How to pitch a tent", "outline": "", "keywords": [], "contentType": "BLOG",
               "targetWords": 1000, "priority": 0, "tries": 0, "state": "QUEUED", "idea": null, "cluster": null,
               "sector": null})
    );
    let full = create(json!({"title": "ÜBER Zelte", "clusterId": in_sector, "priority": 100, "keywords": ["a", "A"],
                             "outline": " x\ry ", "targetWords": 50, "contentType": "PRODUCT"}))
    .await["contentTask"]
        .clone();
    assert_eq!(
        (&full["sector"]["id"], &full["cluster"]["name"]),
        (&desk.sector, &json!("Big")),
        "the cluster's sector"
    );
    assert_eq!((&full["keywords"], &full["outline"], &full["priority"]), (&json!(["a"]), &json!("x\ny"), &json!(100)));
    let (other, their_site) = desk.other().await;
    let theirs = json!({"siteId": their_site, "name": "Theirs"});
    let theirs = desk.act_as(&other, "createCluster", "cluster { id }", theirs).await["cluster"]["id"].clone();
    for (input, expected) in [
        (json!({"title": "Tent"}), "TITLE_INVALID"),
        (json!({"outline": "\u{7}"}), "OUTLINE_INVALID"),
        (json!({"keywords": ["?"]}), "KEYWORD_EMPTY"),
        (json!({"targetWords": 10_001}), "TARGET_WORDS_INVALID"),
        (json!({"priority": 101}), "PRIORITY_INVALID"),
        (json!({"priority": -101}), "PRIORITY_INVALID"),
        (json!({"clusterId": theirs}), "CLUSTER_NOT_FOUND"),
        (json!({"clusterId": cluster, "sectorId": desk.sector}), "CLUSTER_NOT_FOUND"),
    ] {
        let refused = create(input).await;
        assert_eq!((code(&refused), &refused["contentTask"]), (expected, &json!(null)), "{refused}");
    }
    let titles = async |filter: Value| -> Vec<String> {
        listed(&desk, filter).await.iter().map(|task| task["title"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(titles(json!({})).await, ["ÜBER Zelte", "How to pitch a tent"]);
    assert_eq!(titles(json!({"search": "über"})).await, ["ÜBER Zelte"]);
    assert_eq!(titles(json!({"clusterId": in_sector})).await, ["ÜBER Zelte"]);
    assert_eq!(titles(json!({"sectorId": null})).await, ["How to pitch a tent"]);
    assert_eq!(titles(json!({"state": "FAILED"})).await, [""; 0]);
    assert_eq!(desk.waiting(Stage::Content, 10).await, [uuid(&full["id"]), uuid(&plain["id"])]);
    // A cluster that something is to be written for stays.
    let kept = desk.act("deleteCluster", "cluster { id }", json!({"clusterId": in_sector})).await;
    assert_eq!(code(&kept), "CLUSTER_HAS_CONTENT_TASKS");
    assert_eq!(
        desk.act("deleteCluster", "cluster { id }", json!({"clusterId": cluster})).await["userErrors"],
        json!([])
    );
}

#[rstest]
#[tokio::test]
async fn writing_begins_ends_fails_and_is_taken_up_again(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let desk = Desk::open(engine).await;
    let cluster = desk.cluster("Tents", &["big tent"]).await;
    let idea = desk.ideas(&cluster, &["How to pitch a tent"]).await.remove(0);
    let task = queue(&desk, &[&idea]).await["contentTasks"][0]["id"].clone();
    let (id, ids, trace, db) = (uuid(&task), ids(), trace(desk.account), &desk.server.db);
    let state = async || {
        let found = desk.node("ContentTask", "state tries idea { state }", &task).await;
        [&found["state"], &found["tries"], &found["idea"]["state"]].map(Value::to_string).join(" ").replace('"', "")
    };
    let retry = async || desk.act("retryContentTask", "contentTask { state }", json!({"contentTaskId": task})).await;
    let begin = || effects::begin(id, ids.as_ref(), &trace);
    let fail = || effects::fail(id, ids.as_ref(), &trace);
    // Not what belongs to somebody else, and nothing out of order.
    let mut foreign = trace.clone();
    foreign.account_id = uuid(&desk.site);
    assert!(write(db, effects::begin(id, ids.as_ref(), &foreign)).await.is_err());
    assert!(write(db, fail()).await.is_err());
    assert!(write(db, effects::back(id, ids.as_ref(), &trace)).await.is_err());
    assert_eq!((state().await.as_str(), code(&retry().await)), ("QUEUED 0 QUEUED", "ILLEGAL_TRANSITION"));
    write(db, begin()).await.unwrap();
    assert!(write(db, begin()).await.is_err(), "two cannot write it at once");
    assert_eq!(state().await, "IN_PROGRESS 0 QUEUED");
    write(db, effects::back(id, ids.as_ref(), &trace)).await.unwrap();
    assert_eq!(state().await, "QUEUED 0 QUEUED");
    for tries in 1..=4 {
        write(db, begin()).await.unwrap();
        write(db, fail()).await.unwrap();
        assert_eq!(state().await, format!("FAILED {tries} QUEUED"));
        if tries < 4 {
            assert_eq!(retry().await["contentTask"]["state"], "QUEUED");
        }
    }
    assert_eq!(code(&retry().await), "TRIES_EXHAUSTED");
    assert_eq!(desk.audited("content_task.fail").await, 4);
    assert_eq!(desk.audited("content_task.retry").await, 3);
    // Another one is written, and its idea with it.
    let idea = desk.ideas(&cluster, &["Tents for two"]).await.remove(0);
    let task = queue(&desk, &[&idea]).await["contentTasks"][0]["id"].clone();
    let found = service(&desk).load_tasks(&[uuid(&task)]).await.unwrap().remove(&uuid(&task)).unwrap();
    assert!(write(db, effects::complete(&found, ids.as_ref(), &trace)).await.is_err());
    write(db, effects::begin(found.id, ids.as_ref(), &trace)).await.unwrap();
    write(db, effects::complete(&found, ids.as_ref(), &trace)).await.unwrap();
    let found = desk.node("ContentTask", "state idea { state }", &task).await;
    assert_eq!(found, json!({"state": "COMPLETED", "idea": {"state": "COMPLETED"}}));
    let again = queue(&desk, &[&idea]).await;
    assert_eq!(again["contentTasks"][0]["id"], task, "a completed idea answers its task");
    // Nobody else's.
    let (other, _) = desk.other().await;
    let query = "mutation($i: RetryContentTaskInput!) { retryContentTask(input: $i) { userErrors { code } } }";
    let answer = desk.server.call(Some(&other.token), query, json!({"i": {"contentTaskId": task}})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "NOT_FOUND");
}
