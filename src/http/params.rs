//! The four parameters of a GraphQL request, from a JSON object or a query string (G6). Must never quote a value back.

use async_graphql::{Name, Value, Variables, indexmap::IndexMap};
use axum::{extract::Query, http::Uri};

use super::json::{self, JsonFault};
use crate::graphql::gate::{DocumentRef, ID_CHARS_MAX, Params};

/// Why there are no parameters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ParamsFault {
    /// The body is not one JSON object.
    #[error("The request body is {0}.")]
    NotJson(JsonFault),
    /// An array, a batch among them, or a bare value.
    #[error("The request body must be one JSON object; batches are not accepted.")]
    NotAnObject,
    /// The query string names a parameter twice, or cannot be read.
    #[error("The address must name each parameter once, percent-encoded.")]
    NotAQuery,
    /// `query` is missing or no string.
    #[error("`query` must be a string.")]
    Query,
    /// `operationName` is no string.
    #[error("`operationName` must be a string or null.")]
    OperationName,
    /// `variables` is no object.
    #[error("`variables` must be an object or null.")]
    Variables,
    /// `extensions` is no object.
    #[error("`extensions` must be an object or null.")]
    Extensions,
    /// `extensions.persistedQuery` lacks something, or is of a version that is not known.
    #[error("`extensions.persistedQuery` needs `version` 1 and `sha256Hash`, a string of 1 to 256 characters.")]
    PersistedQuery,
    /// `documentId` is no name of a document.
    #[error("`documentId` must be a string of 1 to 256 characters or null.")]
    DocumentId,
}

impl ParamsFault {
    /// Is the body unreadable, rather than a parameter of the wrong type?
    pub(super) fn is_syntax(&self) -> bool {
        matches!(self, Self::NotJson(_))
    }
}

/// Reads a request body.
pub(super) fn from_text(text: &str) -> Result<Params, ParamsFault> {
    from_value(json::read(text).map_err(ParamsFault::NotJson)?)
}

/// Reads an object of parameters; other keys are ignored.
pub(super) fn from_value(value: Value) -> Result<Params, ParamsFault> {
    let Value::Object(mut map) = value else { return Err(ParamsFault::NotAnObject) };
    let document = reference(&mut map)?;
    let query = match map.swap_remove("query") {
        Some(Value::String(query)) => query,
        None | Some(Value::Null) if document.is_some() => String::new(),
        _ => return Err(ParamsFault::Query),
    };
    let operation_name = match map.swap_remove("operationName") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => return Err(ParamsFault::OperationName),
    };
    let variables = match map.swap_remove("variables") {
        None | Some(Value::Null) => Variables::default(),
        Some(variables @ Value::Object(_)) => Variables::from_value(variables),
        Some(_) => return Err(ParamsFault::Variables),
    };
    Ok(Params { query, document, operation_name, variables })
}

/// What stands for the document: `documentId`, which Relay calls `doc_id`, or the hash of Apollo's
/// `extensions.persistedQuery`.
fn reference(map: &mut IndexMap<Name, Value>) -> Result<Option<DocumentRef>, ParamsFault> {
    let hash = match map.swap_remove("extensions") {
        None | Some(Value::Null) => None,
        Some(Value::Object(mut extensions)) => match extensions.swap_remove("persistedQuery") {
            None | Some(Value::Null) => None,
            Some(Value::Object(mut persisted)) => {
                if persisted.get("version") != Some(&Value::from(1)) {
                    return Err(ParamsFault::PersistedQuery);
                }
                let hash = named(persisted.swap_remove("sha256Hash")).ok_or(ParamsFault::PersistedQuery)?;
                Some(DocumentRef::Hash(hash))
            }
            Some(_) => return Err(ParamsFault::PersistedQuery),
        },
        Some(_) => return Err(ParamsFault::Extensions),
    };
    let given = ["documentId", "doc_id"].into_iter().filter_map(|key| map.swap_remove(key));
    let mut given = given.filter(|value| *value != Value::Null);
    match (given.next(), hash) {
        (None, hash) => Ok(hash),
        (Some(id), _) => Ok(Some(DocumentRef::Id(named(Some(id)).ok_or(ParamsFault::DocumentId)?))),
    }
}

fn named(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(id)) if !id.is_empty() && id.chars().count() <= ID_CHARS_MAX => Some(id),
        _ => None,
    }
}

/// Reads the query string of a GET. `variables` and `extensions` are JSON in it; an empty one counts as absent.
pub(super) fn from_uri(uri: &Uri) -> Result<Params, ParamsFault> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| ParamsFault::NotAQuery)?;
    let mut map = async_graphql::indexmap::IndexMap::new();
    for (name, text) in pairs {
        let value = match name.as_str() {
            "query" => Value::String(text),
            "operationName" | "variables" | "extensions" | "documentId" | "doc_id" if text.is_empty() => Value::Null,
            "operationName" | "documentId" | "doc_id" => Value::String(text),
            "variables" => json::read(&text).map_err(|_| ParamsFault::Variables)?,
            "extensions" => json::read(&text).map_err(|_| ParamsFault::Extensions)?,
            _ => continue,
        };
        if map.insert(async_graphql::Name::new(name), value).is_some() {
            return Err(ParamsFault::NotAQuery);
        }
    }
    from_value(Value::Object(map))
}

#[cfg(test)]
mod tests {
    use super::*;

    // G6
    #[test]
    fn takes_one_object_and_refuses_everything_else() {
        assert!(
            from_text(r#"{"query":"{a}","operationName":null,"variables":{"a":1},"extensions":{},"id":7}"#).is_ok()
        );
        for text in ["[]", "[{\"query\":\"{a}\"}]", "1", "null", "\"{a}\""] {
            assert_eq!(from_text(text).unwrap_err(), ParamsFault::NotAnObject, "{text}");
        }
        assert!(from_text(r#"{"query":"{a}","query":"{b}"}"#).unwrap_err().is_syntax());
        let wrong = [
            ("{}", ParamsFault::Query),
            (r#"{"query":1}"#, ParamsFault::Query),
            (r#"{"query":"","operationName":1}"#, ParamsFault::OperationName),
            (r#"{"query":"","variables":[]}"#, ParamsFault::Variables),
            (r#"{"query":"","extensions":""}"#, ParamsFault::Extensions),
            (r#"{"query":null}"#, ParamsFault::Query),
            (r#"{"extensions":{"persistedQuery":null}}"#, ParamsFault::Query),
            (r#"{"extensions":{"persistedQuery":{"version":2,"sha256Hash":"a"}}}"#, ParamsFault::PersistedQuery),
            (r#"{"extensions":{"persistedQuery":{"version":1}}}"#, ParamsFault::PersistedQuery),
            (r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":""}}}"#, ParamsFault::PersistedQuery),
            (r#"{"query":"{a}","extensions":{"persistedQuery":"a"}}"#, ParamsFault::PersistedQuery),
            (r#"{"documentId":7}"#, ParamsFault::DocumentId),
            (r#"{"doc_id":""}"#, ParamsFault::DocumentId),
        ];
        for (text, fault) in wrong {
            assert_eq!(from_text(text).unwrap_err(), fault, "{text}");
        }
    }

    // G22, G23
    #[test]
    fn a_hash_or_an_id_stands_for_the_document() {
        let hash = from_text(r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab"}}}"#).unwrap();
        assert_eq!((hash.query.as_str(), hash.document), ("", Some(DocumentRef::Hash("ab".to_owned()))));
        for text in [r#"{"documentId":"ab","query":null}"#, r#"{"doc_id":"ab"}"#] {
            assert_eq!(from_text(text).unwrap().document, Some(DocumentRef::Id("ab".to_owned())));
        }
        let read = |text: &str| from_uri(&text.parse().unwrap()).unwrap().document;
        assert_eq!(read("/graphql?documentId=ab"), Some(DocumentRef::Id("ab".to_owned())));
        let address =
            "/graphql?extensions=%7B%22persistedQuery%22%3A%7B%22version%22%3A1%2C%22sha256Hash%22%3A%22ab%22%7D%7D";
        assert_eq!(read(address), Some(DocumentRef::Hash("ab".to_owned())));
        assert_eq!(read("/graphql?query=%7Ba%7D&documentId="), None);
    }

    // G4
    #[test]
    fn reads_operation_name_from_the_address_and_no_parameter_twice() {
        let read = |text: &str| from_uri(&text.parse().unwrap());
        let params = read("/graphql?query=query+A%7Ba%7D&operationName=A&operation_name=B&variables=%7B%22x%22%3A1%7D");
        let params = params.unwrap();
        assert_eq!((params.query.as_str(), params.operation_name.as_deref()), ("query A{a}", Some("A")));
        assert_eq!(params.variables.len(), 1);
        assert_eq!(read("/graphql?query=a&query=b").unwrap_err(), ParamsFault::NotAQuery);
        assert_eq!(read("/graphql?variables=%7B").unwrap_err(), ParamsFault::Variables);
        assert_eq!(read("/graphql").unwrap_err(), ParamsFault::Query);
    }
}
