//! Every document of `tests/scenarios`, operation by operation, against its committed answers. Comments before an
//! operation say who asks (`as`), with which variables (`with`), and which task is waited for (`ends`).

use std::{collections::BTreeMap, fs, path::PathBuf};

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{builders::Person, server::Server};

/// One operation of a document, with what its comments say.
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) caller: String,
    pub(super) variables: String,
    ends: Option<String>,
    pub(super) document: String,
}

pub(super) fn operations(text: &str) -> Vec<Operation> {
    text.split("\n\n").filter(|part| part.contains("# as:")).map(operation).collect()
}

fn operation(part: &str) -> Operation {
    let said = |key: &str| {
        part.lines().find_map(|line| line.strip_prefix(&format!("# {key}: "))).map(|value| value.trim().to_owned())
    };
    let document: Vec<&str> = part.lines().filter(|line| !line.starts_with('#')).collect();
    let document = document.join("\n");
    let name = document.split([' ', '(', '{']).filter(|word| !word.is_empty()).nth(1).unwrap().to_owned();
    Operation {
        name,
        caller: said("as").unwrap(),
        variables: said("with").unwrap_or_else(|| "{}".to_owned()),
        ends: said("ends"),
        document,
    }
}

/// Takes out what differs from run to run: ids by their names, tokens, times, cursors.
fn redact(value: &mut Value, names: &BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let hidden =
                    ["id", "accessToken", "refreshToken", "requestId", "timestamp", "startCursor", "endCursor"];
                let is_time = key.ends_with("At") || key == "asOf";
                if value.is_string() && (hidden.contains(&key.as_str()) || is_time) {
                    let known = value.as_str().and_then(|text| names.get(text)).cloned();
                    *value = json!(known.unwrap_or_else(|| format!("[{key}]")));
                } else {
                    redact(value, names);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, names)),
        _ => {}
    }
}

async fn play(server: &Server, text: &str) -> Vec<Value> {
    let hero = server.hero().await;
    let user = server.sign_up("reader").await;
    server.give(&hero, &user, 5).await;
    let people: [(&str, &Person); 2] = [("user", &user), ("hero", &hero)];
    let mut names = BTreeMap::new();
    for (name, person) in people {
        names.insert(person.user.clone(), format!("[{name}]"));
        names.insert(person.account.clone(), format!("[account of {name}]"));
    }
    let mut told = Vec::new();
    for operation in operations(text) {
        let caller = people.iter().find(|(name, _)| *name == operation.caller).map(|(_, person)| *person);
        let mut variables = operation.variables;
        for (name, person) in people {
            variables = variables.replace(&format!("\"${name}\""), &format!("\"{}\"", person.user));
        }
        let variables = serde_json::from_str(&variables).unwrap();
        let token = caller.map(|person| person.token.as_str());
        let mut answer = server.call(token, &operation.document, variables).await;
        if let Some(field) = operation.ends {
            let task = answer["data"][&field]["task"]["id"].as_str().unwrap().to_owned();
            server.ended(caller.unwrap(), &task).await;
        }
        redact(&mut answer, &names);
        answer.as_object_mut().unwrap().remove("extensions");
        told.push(json!({"operation": operation.name, "as": operation.caller, "answer": answer}));
    }
    told
}

// G35, G36, G40–G42, G49: both databases tell the same story.
#[rstest]
#[tokio::test]
async fn a_scenario_is_answered_as_committed(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values("credits", "images", "text", "identity")] name: &str,
) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/scenarios/{name}.graphql"));
    let server = Server::open(engine).await;
    let told = play(&server, &fs::read_to_string(path).unwrap()).await;
    insta::with_settings!({ snapshot_path => "../../scenarios/snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_json_snapshot!(name, told);
    });
    server.check_ledger().await;
}

#[test]
fn every_scenario_is_played() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut found: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".graphql").map(str::to_owned))
        .collect();
    found.sort();
    assert_eq!(found, ["credits", "identity", "images", "text"]);
}
