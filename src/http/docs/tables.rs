//! The pages that are tables: codes of errors, limits, examples.

use super::page::{inline, page, prose};
use crate::{
    graphql::gate::{CODES, KindLimits, Limits},
    http::pages::escape,
};

/// Every code of a top-level error. Codes of `userErrors` are the schema's own.
pub(super) fn errors() -> String {
    let mut body = String::from(
        "<p>What a business rule refuses stands in the payload's <code>userErrors</code>, with a \
         <a href=\"/docs/types/UserErrorCode\">code</a>, a message and the path into the input. Faults of the request or the server \
         are top-level <code>errors</code>; their <code>extensions</code> hold <code>code</code>, <code>requestId</code>, \
         <code>timestamp</code> and what the table names. A field that failed is null and spares its siblings.</p>\n\
         <div class=\"scroll\"><table>\n<tr><th>Code</th><th>When</th></tr>\n",
    );
    for (code, when) in CODES {
        body.push_str(&format!("<tr id=\"{code}\"><td><code>{code}</code></td><td>{}</td></tr>\n", inline(when)));
    }
    body.push_str("</table></div>\n");
    page("Errors", &body)
}

/// What a limit is called, and where it stands.
type Row = (&'static str, fn(&KindLimits) -> String);

const ROWS: &[Row] = &[
    ("Request body, bytes", |limits| grouped(limits.body_bytes as u64)),
    ("Document, bytes", |limits| grouped(limits.document_bytes as u64)),
    ("Nesting of brackets", |limits| grouped(limits.nesting as u64)),
    ("Tokens", |limits| grouped(limits.tokens as u64)),
    ("Operations", |limits| grouped(limits.operations as u64)),
    ("Fragments", |limits| grouped(limits.fragments as u64)),
    ("Variables", |limits| grouped(limits.variables as u64)),
    ("Selections, fragments written out", |limits| grouped(limits.selections as u64)),
    ("Aliases", |limits| grouped(limits.aliases as u64)),
    ("Directives", |limits| grouped(limits.directives as u64)),
    ("Root fields", |limits| grouped(limits.root_fields as u64)),
    ("Depth, introspection apart", |limits| grouped(limits.depth as u64)),
    ("Cost of one operation, points", |limits| grouped(limits.cost)),
    ("Points of a full bucket", |limits| grouped(limits.burst)),
    ("Points that come back in a second", |limits| grouped(limits.refill)),
    ("Errors in an answer", |limits| grouped(limits.errors as u64)),
    ("Execution, milliseconds", |limits| grouped(limits.execution_ms)),
    ("Sockets and streams", |limits| grouped(limits.sockets as u64)),
    ("Operations on a socket", |limits| grouped(limits.operations_per_socket as u64)),
];

/// The limits in force.
pub(super) fn limits(limits: &Limits) -> String {
    let mut body = String::from(
        "<p>A document beyond a limit is refused before anything runs: <a href=\"/docs/errors#DOCUMENT_LIMIT_EXCEEDED\">\
         <code>DOCUMENT_LIMIT_EXCEEDED</code></a> names the limit, its maximum and what was sent.</p>\n\
         <p>Operations cost points: an object 1, a page the size asked for times what is selected of each item, a mutation 10, an \
         AI command 50. What was not resolved is given back. <code>extensions.cost</code> of each answer and the field \
         <a href=\"/docs/types/Query#rateLimit\"><code>rateLimit</code></a> tell what is left; an empty bucket is \
         <a href=\"/docs/errors#RATE_LIMITED\"><code>RATE_LIMITED</code></a>. A user has one bucket; those who are not signed in \
         have one for each address.</p>\n<div class=\"scroll\"><table>\n\
         <tr><th>Limit</th><th>not signed in</th><th>user</th><th>ADMIN, HERO</th></tr>\n",
    );
    for (name, value) in ROWS {
        let [anonymous, user, admin] = [&limits.anonymous, &limits.user, &limits.admin].map(value);
        body.push_str(&format!(
            "<tr><td>{name}</td><td class=\"number\">{anonymous}</td><td class=\"number\">{user}</td>\
             <td class=\"number\">{admin}</td></tr>\n"
        ));
    }
    body.push_str("</table></div>\n");
    body.push_str(&format!(
        "<p>The data of an answer is {} bytes long at most.</p>\n",
        grouped(limits.answer_bytes as u64)
    ));
    page("Limits", &body)
}

/// With commas between the thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Operations that a test runs against the whole server.
const EXAMPLES: &str = include_str!("../../../docs/examples.graphql");

/// The examples, each with its title, who may ask, and its variables.
pub(super) fn examples() -> String {
    let mut body = String::new();
    for part in EXAMPLES.split("\n\n").map(str::trim).filter(|part| !part.is_empty()) {
        let (notes, document): (Vec<&str>, Vec<&str>) = part.lines().partition(|line| line.starts_with('#'));
        let said = |key: &str| notes.iter().find_map(|note| note.strip_prefix(key));
        if document.is_empty() {
            continue;
        }
        let title = notes.first().and_then(|note| note.strip_prefix("# ")).unwrap_or_default();
        body.push_str(&format!("<h2>{}</h2>\n", inline(title)));
        if let Some(role) = said("# as: ") {
            body.push_str(&prose(&format!("Asked by: {role}.")));
        }
        body.push_str(&format!("<pre>{}</pre>\n", escape(&document.join("\n"))));
        if let Some(variables) = said("# with: ") {
            body.push_str(&format!("<p>Variables:</p>\n<pre>{}</pre>\n", escape(variables)));
        }
    }
    page("Examples", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!([0, 999, 1_000, 20_000, 1_048_576].map(grouped), ["0", "999", "1,000", "20,000", "1,048,576"]);
    }
}
