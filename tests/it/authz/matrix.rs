//! The table: each root field and each kind of node × each kind of viewer.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use async_graphql_parser::{
    parse_schema,
    types::{TypeKind, TypeSystemDefinition},
};
use inkledger::db::Engine;
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    pipeline, prompt,
    world::{CALLERS, CANARY, Caller, World},
};
use crate::support::members::{join, member_id};

const ROOTS: [&str; 3] = ["Query", "Mutation", "Subscription"];
const COMMITTED: &str = include_str!("matrix.txt");

/// Every root field of the committed schema.
pub fn root_fields() -> Vec<(&'static str, String)> {
    let document = parse_schema(include_str!("../../../schema.graphql")).unwrap();
    let mut found = Vec::new();
    for definition in document.definitions {
        let TypeSystemDefinition::Type(definition) = definition else { continue };
        let name = definition.node.name.node.as_str();
        let Some(root) = ROOTS.into_iter().find(|root| *root == name) else { continue };
        let TypeKind::Object(object) = &definition.node.kind else { continue };
        found.extend(object.fields.iter().map(|field| (root, field.node.name.node.to_string())));
    }
    found.sort_by_key(|(root, field)| (ROOTS.iter().position(|other| other == root), field.clone()));
    found
}

/// One word for an answer: a fault's code, a refusal's code, NULL, or OK.
pub fn outcome(answer: &Value, field: &str) -> String {
    if let Some(code) = answer["errors"][0]["extensions"]["code"].as_str() {
        // G49: the field is null then.
        assert!(answer["data"].is_null() || answer["data"][field].is_null(), "{answer}");
        return code.to_owned();
    }
    assert!(answer.get("errors").is_none(), "{answer}");
    let found = &answer["data"][field];
    match found["userErrors"][0]["code"].as_str() {
        Some(code) => code.to_owned(),
        None if found.is_null() || *found == json!([null]) => "NULL".to_owned(),
        None => "OK".to_owned(),
    }
}

/// Nobody but the owner and those who look at people may meet a canary.
fn check_canary(caller: Caller, answer: &Value) {
    if matches!(caller, Caller::Anonymous | Caller::Other) {
        assert!(!answer.to_string().to_lowercase().contains(CANARY), "{caller:?} met {answer}");
    }
}

async fn cell(world: &mut World, root: &str, field: &str, caller: Caller) -> String {
    let (query, variables) = world.document(root, field);
    let mut variables = variables;
    if field == "deleteUser" {
        // Somebody nobody will miss, but for those who may not.
        let name = world.fresh();
        variables["i"]["userId"] = json!(world.server.sign_up(&name).await.user);
    }
    if field == "removeMember" {
        // Somebody who may go.
        let name = world.fresh();
        let spare = world.server.sign_up(&name).await;
        join(&world.server, &world.owner.account, &spare, "VIEWER").await;
        variables["i"]["memberId"] = json!(member_id(&world.owner.account, &spare));
    }
    if field == "deleteImage" {
        // One that is not asked about any more.
        variables["i"]["imageId"] = json!(world.spare_image().await);
    }
    if field == "deleteCluster" {
        variables["i"]["clusterId"] = json!(world.spare_cluster().await);
    }
    if let Some(state) = pipeline::content_state(field) {
        variables["i"]["contentId"] = json!(pipeline::article(&world.server, &world.pipeline.site, state).await);
    }
    let (fresh, hero) = (world.fresh(), world.hero());
    prompt::prepare(&world.server, &hero, &fresh, field, &mut variables).await;
    let before = world.rows().await;
    let answer = match root {
        "Subscription" => world.listen(caller, &query).await,
        _ => world.ask(caller, &query, variables).await,
    };
    check_canary(caller, &answer);
    let outcome = outcome(&answer, field);
    if outcome != "OK" || root != "Mutation" {
        assert_eq!(world.rows().await, before, "{caller:?} {root}.{field} was {outcome} and left something");
    }
    if outcome == "OK" {
        settle(world, field, caller).await;
    }
    outcome
}

/// Brings the world back to where the next cell expects it.
async fn settle(world: &mut World, field: &str, caller: Caller) {
    match field {
        "signOut" | "signOutEverywhere" => world.return_of(caller).await,
        "assignRole" => world.return_of(Caller::Owner).await,
        "suspendAccount" => {
            world.server.execute("UPDATE account SET state = 'ACTIVE', version = 1 WHERE name <> 'deleted'").await;
        }
        // The bytes go by themselves, and their rows with them: not during the next cell.
        "deleteImage" => {
            world.server.objects.purge().await.unwrap();
        }
        "generateImages"
        | "generateText"
        | "upscaleImage"
        | "generateIdeas"
        | "generateContent"
        | "generateImagePrompts"
        | "optimizeContent" => {
            let open = "SELECT COUNT(*) FROM ai_task WHERE finished_at IS NULL";
            let settled = async {
                while world.server.number(open).await > 0 {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(std::time::Duration::from_secs(30), settled).await.unwrap();
        }
        "startAutomationRun" | "forkAutomationRun" => pipeline::runs_ended(&world.server).await,
        _ => {}
    }
}

fn line(name: &str, cells: &[String]) -> String {
    let mut line = format!("{name:<36}");
    for cell in cells {
        let _ = write!(line, " {cell:<22}");
    }
    line.trim_end().to_owned()
}

fn header() -> String {
    line("# field", &CALLERS.map(|caller| format!("{caller:?}").to_uppercase()))
}

async fn walk(world: &mut World) -> String {
    let mut lines = vec![header()];
    for (root, field) in root_fields() {
        let mut cells = Vec::new();
        for caller in CALLERS {
            cells.push(cell(world, root, &field, caller).await);
        }
        lines.push(line(&format!("{root}.{field}"), &cells));
    }
    // G39: unknown, foreign and forbidden alike are null, without error.
    let nodes: Vec<_> = world.nodes().iter().map(|(kind, id)| (*kind, (*id).to_owned())).collect();
    for (kind, id) in nodes {
        let mut cells = Vec::new();
        for caller in CALLERS {
            let answer = world.ask(caller, &format!("{{ node(id: \"{id}\") {{ id __typename }} }}"), json!({})).await;
            check_canary(caller, &answer);
            cells.push(outcome(&answer, "node"));
        }
        lines.push(line(&format!("node of {kind}"), &cells));
    }
    lines.join("\n") + "\n"
}

// G51, G52, G54: a field without a line fails, and so does any cell that differs.
#[rstest]
#[tokio::test]
async fn every_root_field_answers_each_kind_of_viewer_as_the_table_says(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let mut world = World::open(engine).await;
    let found = walk(&mut world).await;
    if std::env::var_os("INKLEDGER_TEST_WRITE_MATRIX").is_some() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/authz/matrix.txt");
        fs::write(path, &found).unwrap();
        return;
    }
    assert_eq!(found, COMMITTED, "set INKLEDGER_TEST_WRITE_MATRIX to write the table, then read every changed cell");
    world.server.check_ledger().await;
}

/// The table, by field.
pub fn committed() -> BTreeMap<String, Vec<String>> {
    let rows = COMMITTED.lines().filter(|line| !line.starts_with('#') && !line.starts_with("node of"));
    rows.map(|line| {
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.collect())
    })
    .collect()
}

// G51: a root field without a line in the table fails here, before any server starts.
#[test]
fn every_root_field_has_a_line_in_the_table() {
    let table = committed();
    let fields: Vec<String> = root_fields().iter().map(|(root, field)| format!("{root}.{field}")).collect();
    let missing: Vec<_> = fields.iter().filter(|field| !table.contains_key(*field)).collect();
    assert!(missing.is_empty(), "without a line: {missing:?}");
    let gone: Vec<_> = table.keys().filter(|field| !fields.contains(field)).collect();
    assert!(gone.is_empty(), "not in the schema: {gone:?}");
    assert!(table.values().all(|cells| cells.len() == CALLERS.len()));
}

// G53: what introspection shows is what may be called.
#[tokio::test]
async fn introspection_shows_each_viewer_what_they_may_call() {
    let world = World::open(Engine::Sqlite).await;
    let table = committed();
    let query = "{ __schema { queryType { fields { name } } mutationType { fields { name } } \
                 subscriptionType { fields { name } } } }";
    for (column, caller) in CALLERS.into_iter().enumerate() {
        let answer = world.ask(caller, query, json!({})).await;
        let mut shown = Vec::new();
        for (root, key) in ROOTS.into_iter().zip(["queryType", "mutationType", "subscriptionType"]) {
            let fields = answer["data"]["__schema"][key]["fields"].as_array().cloned().unwrap_or_default();
            shown.extend(fields.iter().map(|field| format!("{root}.{}", field["name"].as_str().unwrap())));
        }
        shown.sort();
        let denied = |cell: &String| cell == "UNAUTHENTICATED" || cell == "FORBIDDEN";
        let may: Vec<String> =
            table.iter().filter(|(_, cells)| !denied(&cells[column])).map(|(field, _)| field.clone()).collect();
        assert_eq!(shown, may, "{caller:?}");
    }
}
