//! `auditLog`: what is in it, who reads it, which acts.

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{
    builders::Person,
    server::{Home, Server},
};

const LOG: &str = "query($f: AuditLogFilter, $n: Int, $a: String) { auditLog(filter: $f, first: $n, after: $a) { \
                   totalCount pageInfo { hasNextPage endCursor } nodes { action actorKind actor { username } actorReference \
                   targetKind targetReference accountReference before after request at } } }";

async fn log(server: &Server, person: &Person, filter: Value) -> Value {
    server.payload(person, LOG, json!({"f": filter, "n": 100})).await
}

async fn done(server: &Server, person: &Person, field: &str, input: Value, select: &str) -> Value {
    let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let query = format!("mutation($i: {kind}!) {{ {field}(input: $i) {{ {select} userErrors {{ code message }} }} }}");
    let payload = server.payload(person, &query, json!({"i": input})).await;
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    payload
}

// REQ-A-5: role, grant, deletion, flag, prompt activation, provider setting, default model.
#[rstest]
#[tokio::test]
async fn every_act_that_must_be_on_record_is(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let server = Home::open(engine).await.start().await;
    let hero = server.hero().await;
    let person = server.sign_up("person").await;
    server.assign_role(&hero, &person, "ADMIN").await;
    server.give(&hero, &person, 5).await;
    done(&server, &hero, "setFlag", json!({"name": "ANIMATIONS", "isOn": false, "reason": "calm"}), "flag { isOn }")
        .await;
    let prompts = "{ systemPrompts(first: 1) { nodes { id activeVersion { number } } } }";
    let prompt = server.payload(&hero, prompts, json!({})).await["nodes"][0].clone();
    let input = json!({"promptId": prompt["id"], "expectedVersion": 1, "content": "lanterns over still water"});
    done(&server, &hero, "updateSystemPrompt", input, "__typename").await;
    let models = server.payload(&hero, "{ aiModels { id functions isActive } }", json!({})).await;
    let draws =
        |model: &&Value| model["functions"].to_string().contains("GENERATE_IMAGES") && model["isActive"] == true;
    let model = models.as_array().unwrap().iter().find(draws).unwrap();
    server.execute("DELETE FROM ai_model_default").await;
    let input = json!({"modelId": model["id"], "function": "GENERATE_IMAGES"});
    done(&server, &hero, "setDefaultAiModel", input, "__typename").await;
    let input = json!({"provider": "sandbox", "expectedVersion": 0, "isEnabled": false});
    done(&server, &hero, "updateProviderSettings", input, "provider { name }").await;
    done(&server, &hero, "deleteUser", json!({"userId": person.user}), "__typename").await;

    let log = log(&server, &hero, json!({})).await;
    let nodes = log["nodes"].as_array().unwrap();
    let mut found = Vec::new();
    for (action, target, has_before) in [
        ("user.assign_role", Some(&person.user), true),
        ("credits.add", Some(&person.account), false),
        ("flag.set", None, false),
        ("provider.update", None, false),
        ("system_prompt.", None, true),
        ("ai_model.set_default", None, false),
        ("user.delete", Some(&person.user), true),
    ] {
        let is_it = |node: &&Value| node["action"].as_str().unwrap().starts_with(action);
        let node = nodes.iter().find(is_it).unwrap_or_else(|| panic!("{action} is not on record: {log}"));
        assert_eq!(
            (&node["actor"]["username"], &node["actorReference"]),
            (&json!("hero"), &json!(hero.user)),
            "{node}"
        );
        assert!(node["request"].is_string() && node["at"].is_string(), "{node}");
        if let Some(target) = target {
            assert_eq!(&node["targetReference"], &json!(target), "{node}");
        }
        assert!(!has_before || node["before"].is_string(), "{node}");
        assert!(action == "user.delete" || node["after"].is_string(), "{node}");
        found.push(node.clone());
    }
    assert_eq!((&found[0]["before"], &found[0]["after"]), (&json!("USER"), &json!("ADMIN")));
    assert_eq!((&found[1]["after"], &found[1]["accountReference"]), (&json!("5"), &json!(person.account)));
    let flag: Value = serde_json::from_str(found[2]["after"].as_str().unwrap()).unwrap();
    assert_eq!((&flag["flag"], &flag["isOn"], &flag["reason"]), (&json!("animations"), &json!(false), &json!("calm")));
}

#[rstest]
#[tokio::test]
async fn the_trail_is_filtered_paged_and_shown_to_administrators_alone(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let server = Home::open(engine).await.start().await;
    let hero = server.hero().await;
    let admin = server.admin(&hero, "admin").await;
    let user = server.sign_up("user").await;
    for (amount, person) in [(1, &user), (2, &user), (3, &admin)] {
        server.give(&hero, person, amount).await;
    }
    server.give(&admin, &user, 4).await;
    let amounts = async |filter: Value| {
        let log = log(&server, &admin, filter).await;
        let nodes = log["nodes"].as_array().unwrap().clone();
        assert_eq!(log["totalCount"], json!(nodes.len()), "{log}");
        let all = nodes.iter().filter(|node| node["action"] == "credits.add");
        all.map(|node| node["after"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(amounts(json!({"action": "credits."})).await, ["4", "3", "2", "1"], "newest first");
    assert_eq!(amounts(json!({"actorId": admin.user})).await, ["4"]);
    assert_eq!(amounts(json!({"accountId": admin.account})).await, ["3"]);
    assert_eq!(amounts(json!({"targetId": user.account, "targetKind": "account"})).await, ["4", "2", "1"]);
    assert_eq!(amounts(json!({"action": "credits_"})).await, [""; 0], "no pattern");
    let all = log(&server, &admin, json!({"action": "credits."})).await;
    let at = all["nodes"][1]["at"].as_str().unwrap();
    assert_eq!(amounts(json!({"action": "credits.", "since": at})).await, ["4", "3"]);
    assert_eq!(amounts(json!({"action": "credits.", "before": at})).await, ["2", "1"]);
    let (mut after, mut seen) = (Value::Null, Vec::new());
    loop {
        let variables = json!({"f": {"action": "credits."}, "n": 3, "a": after});
        let page = server.payload(&admin, LOG, variables).await;
        seen.extend(page["nodes"].as_array().unwrap().iter().map(|node| node["after"].as_str().unwrap().to_owned()));
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(seen, ["4", "3", "2", "1"]);
    for (token, code) in [(Some(user.token.as_str()), "FORBIDDEN"), (None, "UNAUTHENTICATED")] {
        let refused = server.call(token, LOG, json!({})).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], code, "{refused}");
    }
    let wrong = server.call(Some(&admin.token), LOG, json!({"f": {"targetId": "no id"}})).await;
    assert_eq!(wrong["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{wrong}");
}
