//! System prompts of the table: one that everybody asks about, and a fresh one for every edit.

use serde_json::{Value, json};

use crate::support::{builders::Person, server::Server};

/// A prompt with two versions, the second one active, and a split with the first one on trial.
#[derive(Debug, Clone)]
pub struct Prompt {
    pub prompt: String,
    pub first: String,
    pub split: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_owned()
}

/// Makes a prompt under `key`; with a split when it is asked for.
pub async fn make(server: &Server, hero: &Person, key: &str, with_split: bool) -> Prompt {
    let query = "mutation($i: CreateSystemPromptInput!) { createSystemPrompt(input: $i) \
                 { prompt { id activeVersion { id } } userErrors { code } } }";
    let input = json!({"category": "STYLE_PRESET", "key": key, "name": key, "content": format!("a {key} in ink")});
    let made = server.payload(hero, query, json!({"i": input})).await;
    let (prompt, first) = (text(&made["prompt"]["id"]), text(&made["prompt"]["activeVersion"]["id"]));
    let query = "mutation($i: UpdateSystemPromptInput!) { updateSystemPrompt(input: $i) { prompt { version } } }";
    let input = json!({"promptId": prompt, "expectedVersion": 1, "content": format!("another {key} in ink")});
    server.payload(hero, query, json!({"i": input})).await;
    let split = if with_split { start(server, hero, &prompt, &first).await } else { String::new() };
    Prompt { prompt, first, split }
}

async fn start(server: &Server, hero: &Person, prompt: &str, first: &str) -> String {
    let query = "mutation($i: StartPromptSplitInput!) { startPromptSplit(input: $i) { split { id } } }";
    let input = json!({"promptId": prompt, "expectedVersion": 2, "newVersionId": first, "creditBudget": 10});
    text(&server.payload(hero, query, json!({"i": input})).await["split"]["id"])
}

/// An applied optimisation of a fresh prompt.
pub async fn optimisation(server: &Server, hero: &Person, key: &str) -> String {
    let query = "mutation($i: CreateSystemPromptInput!) { createSystemPrompt(input: $i) { prompt { id } } }";
    let input = json!({"category": "STYLE_PRESET", "key": key, "name": key, "content": format!("a {key}, no blur")});
    server.payload(hero, query, json!({"i": input})).await;
    let query = "mutation($i: OptimisePromptsInput!) { optimisePrompts(input: $i) { reportHash optimisation { id } } }";
    let report = server.payload(hero, query, json!({"i": {}})).await;
    let input = json!({"dryRun": false, "reportHash": report["reportHash"]});
    text(&server.payload(hero, query, json!({"i": input})).await["optimisation"]["id"])
}

/// Puts a fresh prompt into the input of an edit.
pub async fn prepare(server: &Server, hero: &Person, fresh: &str, field: &str, variables: &mut Value) {
    let input = &mut variables["i"];
    match field {
        "updateSystemPrompt" | "disableSystemPrompt" | "enableSystemPrompt" | "resetSystemPrompt" => {
            input["promptId"] = json!(make(server, hero, fresh, false).await.prompt);
        }
        "activateSystemPromptVersion" => input["versionId"] = json!(make(server, hero, fresh, false).await.first),
        "startPromptSplit" => {
            let made = make(server, hero, fresh, false).await;
            input["promptId"] = json!(made.prompt);
            input["newVersionId"] = json!(made.first);
        }
        "undoOptimisation" => input["optimisationId"] = json!(optimisation(server, hero, fresh).await),
        "endPromptSplit" => input["splitId"] = json!(make(server, hero, fresh, true).await.split),
        _ => {}
    }
}
