//! The kill documents K1–K14 of the GraphQL specification, generated, for every transport to send (G33).

use std::fmt::Write as _;

use serde_json::{Value, json};

/// A hostile request. Every server must refuse it, for every kind of caller, and live.
pub struct KillDocument {
    /// Which, as in `K3 n=8000`.
    pub name: String,
    pub query: String,
    pub variables: Value,
}

/// How deep K1–K5 nest.
pub const DEPTHS: [usize; 8] = [65, 300, 1_000, 2_000, 4_000, 8_000, 20_000, 60_000];

fn document(name: impl Into<String>, query: impl Into<String>) -> KillDocument {
    KillDocument { name: name.into(), query: query.into(), variables: json!({}) }
}

/// All kill documents that are documents. Bodies that are none come from [`kill_bodies`].
pub fn kill_documents() -> Vec<KillDocument> {
    let mut documents = Vec::new();
    for n in DEPTHS {
        let wrap = |open: &str, inner: &str, close: &str| format!("{}{inner}{}", open.repeat(n), close.repeat(n));
        let mut add = |kind: &str, query: String| documents.push(document(format!("{kind} n={n}"), query));
        add("K1", format!("{{ __type(name: {}) {{ name }} }}", wrap("[", "1", "]")));
        add("K2", format!("{{ __type(name: {}) {{ name }} }}", wrap("{a:", "1", "}")));
        add("K3", format!("{{ __type(name: \"Query\") {{ {} }} }}", wrap("ofType{", "name", "}")));
        add("K4", format!("{{ {} }}", wrap("...{", "__typename", "}")));
        add("K5", format!("query($v: {}) {{ __typename }}", wrap("[", "Int", "]")));
        // Unclosed, a parser that recurses dies just the same.
        add("K1 open", format!("{{ __type(name: {}", "[".repeat(n)));
        add("K3 open", "{a".repeat(n));
    }
    documents.extend([14, 20, 30].map(|k| document(format!("K6 k={k}"), bomb(k, 2))));
    documents.push(document("K6 5 levels of 10", bomb(5, 10)));
    documents.push(document("K7 self", "{ ...A } fragment A on Query { ...A }"));
    documents.push(document(
        "K7 ring",
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { ...A }",
    ));
    documents.extend(counted());
    documents.extend(long());
    let levels = "fields{type{".repeat(11);
    documents.push(document("K13", format!("{{ __schema{{types{{{levels}name{}}}}} }}", "}}".repeat(11))));
    documents.push(document("K14", format!("{{ {} }}", "a{__typename}".repeat(4_000))));
    documents
}

/// `levels` fragments, each spreading the next `times` times.
fn bomb(levels: usize, times: usize) -> String {
    let mut text = String::from("{ ...F0 }");
    for level in 0..levels {
        let spreads = format!("...F{} ", level + 1).repeat(times);
        let _ = write!(text, " fragment F{level} on Query {{ {spreads}}}");
    }
    let _ = write!(text, " fragment F{levels} on Query {{ __typename }}");
    text
}

/// K8–K10: too many of one thing.
fn counted() -> Vec<KillDocument> {
    let many = |n: usize, each: &dyn Fn(usize) -> String| (0..n).map(each).collect::<Vec<_>>().join(" ");
    let aliases = |n| format!("{{ {} }}", many(n, &|i| format!("a{i}: __typename")));
    vec![
        document("K8 aliases=101", aliases(101)),
        document("K8 aliases=5000", aliases(5_000)),
        document("K8 equal fields", format!("{{ {} }}", "__typename ".repeat(500))),
        document("K9 unknown directives", format!("{{ __typename {} }}", many(5_000, &|i| format!("@d{i}")))),
        document("K9 skips", format!("{{ __typename {} }}", "@skip(if: false) ".repeat(2_000))),
        document("K10 fields", format!("{{ {} }}", many(2_000, &|i| format!("unknown{i}")))),
        document("K10 operations", many(2_000, &|i| format!("query Q{i} {{ __typename }}"))),
        document("K10 variables", format!("query({}) {{ __typename }}", many(2_000, &|i| format!("$v{i}: Int")))),
    ]
}

/// K11: too long. The one-line document has the longest length that any caller may send.
fn long() -> Vec<KillDocument> {
    let longest = 64 * 1_024;
    let filler = "x".repeat(longest - 8);
    vec![
        document("K11 comment", format!("#{}\n{{ __typename }}", "x".repeat(2 * 1_024 * 1_024))),
        document("K11 blanks", " ".repeat(longest)),
        document("K11 one line", format!("{{ {filler} %}}")),
    ]
}

/// Request bodies that never become a request: K12.
pub fn kill_bodies() -> Vec<(String, String)> {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let one = r#"{"query":"{ __typename }"}"#;
    vec![
        ("K12 nested variables".to_owned(), format!(r#"{{"query":"{{ __typename }}","variables":{{"v":{deep}}}}}"#)),
        ("K12 batch".to_owned(), format!("[{}]", vec![one; 1_000].join(","))),
    ]
}
