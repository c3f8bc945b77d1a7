//! The messages of `graphql-transport-ws`, read and written. Knows no socket and no Gate.

use async_graphql::{Value, indexmap::IndexMap};

use crate::{
    graphql::gate::{Answer, Fault, Params},
    http::{fault::BROKEN, json, params},
};

/// Characters of an operation's id.
const ID_CHARS_MAX: usize = 128;

/// What a client may say.
#[derive(Debug)]
pub(super) enum ClientMessage {
    /// `connection_init`, with the `authorization` of its payload.
    Init { authorization: Option<Value> },
    /// `ping`, with its payload.
    Ping { payload: Option<Value> },
    /// `pong`.
    Pong,
    /// `subscribe`.
    Subscribe { id: String, params: Params },
    /// `complete`.
    Complete { id: String },
}

/// A message that cannot be read; the text is the close frame's reason and never quotes the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) &'static str);

type Map = IndexMap<async_graphql::Name, Value>;

/// Reads one text frame.
pub(super) fn read(text: &str) -> Result<ClientMessage, Unreadable> {
    let Ok(Value::Object(mut map)) = json::read(text) else { return Err(Unreadable("The message is no JSON object.")) };
    let Some(Value::String(kind)) = map.swap_remove("type") else { return Err(Unreadable("`type` is missing.")) };
    match kind.as_str() {
        "connection_init" => {
            let authorization = match payload(&mut map)? {
                Some(Value::Object(mut payload)) => authorization(&mut payload),
                _ => None,
            };
            Ok(ClientMessage::Init { authorization })
        }
        "ping" => Ok(ClientMessage::Ping { payload: payload(&mut map)? }),
        "pong" => payload(&mut map).map(|_| ClientMessage::Pong),
        "subscribe" => {
            let id = id(&mut map)?;
            let Some(payload @ Value::Object(_)) = map.swap_remove("payload") else {
                return Err(Unreadable("`payload` is missing."));
            };
            let params = params::from_value(payload)
                .map_err(|_| Unreadable("`payload` needs `query`, and its other members of the right type."))?;
            Ok(ClientMessage::Subscribe { id, params })
        }
        "complete" => Ok(ClientMessage::Complete { id: id(&mut map)? }),
        _ => Err(Unreadable("The `type` is unknown.")),
    }
}

fn payload(map: &mut Map) -> Result<Option<Value>, Unreadable> {
    match map.swap_remove("payload") {
        None | Some(Value::Null) => Ok(None),
        Some(payload @ Value::Object(_)) => Ok(Some(payload)),
        Some(_) => Err(Unreadable("`payload` must be an object.")),
    }
}

fn id(map: &mut Map) -> Result<String, Unreadable> {
    match map.swap_remove("id") {
        Some(Value::String(id)) if !id.is_empty() && id.chars().count() <= ID_CHARS_MAX => Ok(id),
        _ => Err(Unreadable("`id` must be a string of 1 to 128 characters.")),
    }
}

/// The credential in a payload, under `authorization` in either of its usual spellings.
pub(super) fn authorization(payload: &mut Map) -> Option<Value> {
    ["authorization", "Authorization"]
        .into_iter()
        .find_map(|key| payload.swap_remove(key))
        .filter(|value| *value != Value::Null)
}

/// `connection_ack`.
pub(super) const ACK: &str = r#"{"type":"connection_ack"}"#;

/// `pong` with the payload of its `ping`.
pub(super) fn pong(payload: Option<&Value>) -> String {
    match payload.map(serde_json::to_string) {
        Some(Ok(payload)) => format!(r#"{{"type":"pong","payload":{payload}}}"#),
        _ => r#"{"type":"pong"}"#.to_owned(),
    }
}

/// `next`. An answer that cannot be written is one of our own errors.
pub(super) fn next(id: &str, answer: &Answer) -> String {
    let payload = serde_json::to_string(answer).unwrap_or_else(|_| BROKEN.to_owned());
    format!(r#"{{"id":{},"type":"next","payload":{payload}}}"#, quoted(id))
}

/// `error`, which ends the operation.
pub(super) fn error(id: &str, faults: &[Fault]) -> String {
    let payload = serde_json::to_string(faults).unwrap_or_else(|_| "[]".to_owned());
    format!(r#"{{"id":{},"type":"error","payload":{payload}}}"#, quoted(id))
}

/// `complete`.
pub(super) fn complete(id: &str) -> String {
    format!(r#"{{"id":{},"type":"complete"}}"#, quoted(id))
}

fn quoted(id: &str) -> String {
    serde_json::Value::from(id).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    // G11
    #[test]
    fn refuses_unreadable_and_unknown_messages() {
        let long = format!(r#"{{"type":"complete","id":"{}"}}"#, "é".repeat(129));
        let bad = [
            "",
            "{",
            "[]",
            "1",
            "null",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"start","id":"1","payload":{"query":"{a}"}}"#,
            r#"{"type":"connection_init","payload":"x"}"#,
            r#"{"type":"ping","payload":[]}"#,
            r#"{"type":"subscribe"}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":1,"payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":{}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":1}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"","variables":[]}}"#,
            r#"{"type":"complete"}"#,
            r#"{"type":"ping","type":"pong"}"#,
            &long,
        ];
        for text in bad {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_what_clients_send() {
        assert!(matches!(read(r#"{"type":"connection_init"}"#), Ok(ClientMessage::Init { authorization: None })));
        let init = read(r#"{"type":"connection_init","payload":{"authorization":"Bearer x","other":1}}"#);
        assert!(matches!(init, Ok(ClientMessage::Init { authorization: Some(_) })));
        assert!(matches!(read(r#"{"type":"pong","payload":null}"#), Ok(ClientMessage::Pong)));
        let id = "é".repeat(128);
        assert!(matches!(read(&format!(r#"{{"type":"complete","id":"{id}"}}"#)), Ok(ClientMessage::Complete { .. })));
        let subscribe = read(r#"{"id":"a\"b","type":"subscribe","payload":{"query":"{a}","operationName":null}}"#);
        let Ok(ClientMessage::Subscribe { id, params }) = subscribe else { panic!() };
        assert_eq!((complete(&id).as_str(), params.query.as_str()), (r#"{"id":"a\"b","type":"complete"}"#, "{a}"));
    }
}
