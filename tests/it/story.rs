//! The stories that the product is for, told through HTTP and WebSocket against the whole server, on both databases.

mod amounts;
mod api_keys;
mod budget;
mod caps;
mod corrections;
mod disconnect;
mod docs;
mod environment;
mod health;
mod kill;
mod levels;
mod mail;
mod main_path;
mod quote;
mod race;
mod refusal;
mod scenarios;
mod sessions;

use serde_json::Value;

use crate::support::{
    builders::{Person, next_event},
    server::Server,
    ws_client::Ws,
};

/// A subscription to a person's own balance.
pub async fn watch_balance(server: &Server, person: &Person, after: Option<&str>) -> Ws {
    let mut ws = Ws::ready(server.address(), Some(&person.token)).await;
    let query = balance_query(person, after);
    ws.subscribe("balance", &query).await;
    ws
}

fn balance_query(person: &Person, after: Option<&str>) -> String {
    let after = after.map(|after| format!(", after: \"{after}\"")).unwrap_or_default();
    format!(
        "subscription {{ creditBalance(accountId: \"{}\"{after}) {{ kind sequence cursor \
         balance {{ available held sequence }} transaction {{ kind amount sequence }} }} }}",
        person.account
    )
}

fn progress_query(task: &str, after: Option<&str>) -> String {
    let after = after.map(|after| format!(", after: \"{after}\"")).unwrap_or_default();
    format!(
        "subscription {{ aiTaskProgress(taskId: \"{task}\"{after}) {{ kind sequence cursor percent phase credits \
         errorCode message item {{ position state }} balance {{ available held sequence }} task {{ status sequence }} }} }}"
    )
}

/// Kind, sequence, available, held of a balance event.
fn figures(event: &Value) -> (String, i64, i64, i64) {
    let kind = match event["transaction"]["kind"].as_str() {
        Some(kind) => kind.to_owned(),
        None => event["kind"].as_str().unwrap().to_owned(),
    };
    let number = |value: &Value| value.as_i64().unwrap();
    (kind, number(&event["sequence"]), number(&event["balance"]["available"]), number(&event["balance"]["held"]))
}

/// Balance events until the sequence `last`.
async fn balance_until(ws: &mut Ws, last: i64) -> Vec<Value> {
    let mut events = Vec::new();
    while events.last().is_none_or(|event: &Value| event["sequence"].as_i64().unwrap() < last) {
        events.push(next_event(ws, "balance").await);
    }
    events
}
