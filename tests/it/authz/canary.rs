//! Foreign ids in every argument that takes one, alone and mixed with one's own. G52, G55

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::world::{CANARY, Caller, World};

// G39
#[rstest]
#[tokio::test]
async fn foreign_ids_open_nothing_in_any_argument(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::open(engine).await;
    let before = world.rows().await;
    let ids: Vec<&str> = world.nodes().iter().filter(|(kind, _)| *kind != "AiModel").map(|(_, id)| *id).collect();
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id __typename ... on AiTask { prompt } } }";
    let answer = world.ask(Caller::Other, query, json!({"ids": ids})).await;
    assert_eq!(answer["data"]["nodes"], json!(vec![Value::Null; ids.len()]), "{answer}");

    // Foreign messages among one's own account's: none is marked, none is shown.
    let query = "mutation($i: MarkNotificationsReadInput!) { markNotificationsRead(input: $i) \
                 { notifications { id message } unreadCount userErrors { code } } }";
    let answer = world.ask(Caller::Other, query, json!({"i": {"ids": [world.notification]}})).await;
    assert_eq!(answer["data"]["markNotificationsRead"]["notifications"], json!([]), "{answer}");
    assert_eq!(world.rows().await, before);

    // Every id of every kind in every argument: none opens, and those of a wrong kind are the client's mistake.
    for (kind, id) in world.nodes() {
        for (field, wanted) in [("account", "Account"), ("aiTask", "AiTask"), ("user", "User")] {
            let answer = world.ask(Caller::Other, &format!("{{ {field}(id: \"{id}\") {{ id }} }}"), json!({})).await;
            let expected = match (field, kind == wanted) {
                // The right is judged before the id is read.
                ("user", _) => "FORBIDDEN",
                (_, true) => "NOT_FOUND",
                (_, false) => "BAD_USER_INPUT",
            };
            assert_eq!(answer["errors"][0]["extensions"]["code"], expected, "{field} of {kind}: {answer}");
            assert!(!answer.to_string().to_lowercase().contains(CANARY));
        }
    }
    let unknown = "VAGh_e2xcHAAg7Ma-4NPg3A";
    let same = async |id: &str| -> Value {
        let mut error = world.ask(Caller::Other, &format!("{{ aiTask(id: \"{id}\") {{ id }} }}"), json!({})).await;
        error["errors"][0]["extensions"] = json!({"code": error["errors"][0]["extensions"]["code"]});
        error["errors"][0].take()
    };
    assert_eq!(same(&world.task).await, same(unknown).await, "foreign and unknown are told alike");
}

// G55: what one tenant sees is the same whether another is there or not.
#[tokio::test]
async fn a_tenant_s_view_does_not_depend_on_others() {
    let world = World::open(Engine::Sqlite).await;
    let query = "{ viewer { username accounts { nodes { name balance { available held } } totalCount } } \
                 aiTasks { nodes { id } totalCount } notifications { nodes { id } totalCount } }";
    let before = world.ask(Caller::Other, query, json!({})).await["data"].clone();
    let task = world.server.drawing(&world.owner, 2, "another-canary").await;
    world.server.ended(&world.owner, &task).await;
    let after = world.ask(Caller::Other, query, json!({})).await["data"].clone();
    assert_eq!(before.to_string(), after.to_string());
    assert_eq!(before["aiTasks"]["totalCount"], 0);
}
