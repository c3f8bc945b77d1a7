//! How large an answer may be: long texts are dear, and no answer is put together that would be too large.

use inkledger::{
    ai::provider::sandbox::{SandboxAnswer, Step},
    db::Engine,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{builders::Person, server::Home};

const KIB: usize = 1024;

fn answered(text: String) -> Step {
    Step::Answer(SandboxAnswer { text: Some(text), ..SandboxAnswer::default() })
}

#[rstest]
#[tokio::test]
async fn texts_fill_an_answer_up_to_its_limit_and_aliases_of_them_are_too_dear(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let home = Home::open(engine).await;
    let server = home.start_with(|_, seams| seams.limits.answer_bytes = 64 * KIB).await;
    let hero = server.hero().await;
    let owner: Person = server.sign_up("owner").await;
    server.give(&hero, &owner, 500).await;
    server.script.rule(|_| Some(answered("x".repeat(20 * KIB))));
    let query = "mutation($i: GenerateTextInput!) { generateText(input: $i) { task { id } userErrors { code } } }";
    let input = json!({"prompts": ["a", "b", "c", "d", "e"], "idempotencyKey": "size-texts-1"});
    let asked = server.payload(&owner, query, json!({"i": input})).await;
    let id = asked["task"]["id"].as_str().unwrap();
    assert_eq!(server.ended(&owner, id).await["status"], "SUCCESS");

    let read = |query: &str| {
        let (server, owner, query) = (&server, &owner, query.to_owned());
        async move { server.call(Some(&owner.token), &query, json!({"id": id})).await }
    };
    let answer = read("query($id: ID!) { aiTask(id: $id) { items { position text } } }").await;
    let items = answer["data"]["aiTask"]["items"].as_array().unwrap();
    let whole = items.iter().filter(|item| item["text"].is_string()).count();
    assert_eq!((items.len(), whole), (5, 3), "what fits is answered");
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2, "{errors:?}");
    for error in errors {
        let extensions = &error["extensions"];
        assert_eq!(extensions["code"], "DOCUMENT_LIMIT_EXCEEDED", "{error}");
        assert_eq!((&extensions["limit"], &extensions["maximum"]), (&json!("answerBytes"), &json!(64 * KIB)));
        assert!(error["message"].as_str().unwrap().contains("Ask for less at a time"), "{error}");
        assert_eq!(error["path"][3], "text");
    }
    // Two aliases share one room.
    let answer =
        read("query($id: ID!) { a: aiTask(id: $id) { items { text } } b: aiTask(id: $id) { items { text } } }");
    let answer = answer.await;
    let whole = |key: &str| {
        let items = answer["data"][key]["items"].as_array().unwrap();
        items.iter().filter(|item| item["text"].is_string()).count()
    };
    assert_eq!(whole("a") + whole("b"), 3);
    // As many as a document may have are refused before anything is read.
    let aliases: String = (0..30).map(|no| format!("a{no}: items {{ text }} ")).collect();
    let refused = read(&format!("query($id: ID!) {{ aiTask(id: $id) {{ {aliases} }} }}")).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "COST_LIMIT_EXCEEDED", "{refused}");
    assert_eq!(refused.get("data"), None::<&Value>);
    // A page of tasks with their texts is not.
    let page = read("query { viewer { id } aiTasks { nodes { items { text } } } }").await;
    let code = &page["errors"][0]["extensions"]["code"];
    assert_ne!(code, "COST_LIMIT_EXCEEDED", "{page}");
}
