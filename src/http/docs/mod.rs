//! `/docs`: the API as pages, made from the schema itself, the table of codes, the limits in force and examples that a test
//! runs (G70). Plain HTML with one style sheet: no script, nothing from elsewhere.

mod page;
mod schema;
mod tables;

use std::collections::BTreeMap;

use axum::{
    body::Body,
    extract::{Extension, Path, State},
    http::{HeaderMap, Response, StatusCode},
};
use tracing::error;

use super::{pages, router::RequestMeta, state::HttpState};
use crate::graphql::gate::Gate;

/// All pages by what stands behind `/docs/`; the first one has no name.
pub(super) type Docs = BTreeMap<String, String>;

/// Makes the pages. Without a schema that can be read, there are those that need none.
fn make(gate: &Gate) -> Docs {
    let mut docs = Docs::new();
    match schema::pages(gate.sdl()) {
        Ok(types) => docs.extend(types),
        Err(fault) => error!(cause = fault.to_string(), "the schema's pages cannot be made"),
    }
    docs.insert("errors".to_owned(), tables::errors());
    docs.insert("limits".to_owned(), tables::limits(gate.limits()));
    docs.insert("examples".to_owned(), tables::examples());
    docs
}

/// `/docs`.
pub(super) async fn first(state: State<HttpState>, meta: Extension<RequestMeta>, headers: HeaderMap) -> Response<Body> {
    show(&state, &meta, &headers, "")
}

/// `/docs/…`.
pub(super) async fn named(
    state: State<HttpState>,
    meta: Extension<RequestMeta>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response<Body> {
    show(&state, &meta, &headers, &name)
}

fn show(state: &HttpState, meta: &RequestMeta, headers: &HeaderMap, name: &str) -> Response<Body> {
    let path = || format!("/docs/{name}");
    if !state.settings.docs {
        return pages::answer(state, meta, headers, &path(), "The documentation is switched off (http.docs).");
    }
    match state.docs(make).get(name) {
        Some(page) => pages::html(StatusCode::OK, page.clone(), &page::POLICY),
        None => pages::answer(state, meta, headers, &path(), "The documentation has no such page."),
    }
}
