//! The frame of a page, and the few forms that its text has.

use std::sync::LazyLock;

use axum::http::HeaderValue;

use crate::http::pages::{escape, policy};

const STYLE: &str = "
:root { --paper: #f7f5f0; --ink: #1c2333; --soft: #5a6275; --line: #dcd8cd; --accent: #27408b; --code: #ece8dd; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #11151d; --ink: #e9e6dd; --soft: #a3abbb; --line: #2f3747; --accent: #9db4ff; --code: #1f2733; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; padding-bottom: 0.75rem; border-bottom: 1px solid var(--line); }
h1 { font-size: 1.6rem; }
h2 { margin-top: 2rem; font-size: 1.2rem; }
h3 { margin: 1.5rem 0 0.25rem; font: 600 1rem ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
p { margin: 0.25rem 0 0.75rem; }
a { color: var(--accent); }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
code, pre { font: 0.9em ui-monospace, Menlo, Consolas, monospace; background: var(--code); border-radius: 4px; }
code { padding: 0 0.25em; }
pre { padding: 0.75rem 1rem; overflow-x: auto; }
ul { padding-left: 1.25rem; }
.types { columns: 16rem; list-style: none; padding: 0; }
.soft { color: var(--soft); font-weight: normal; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: 0.35rem 0.75rem 0.35rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
";

const START: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
    <link rel=\"icon\" href=\"data:,\">\n";

const NAV: &str = "<nav aria-label=\"Documentation\"><a href=\"/docs\">Schema</a> <a href=\"/docs/examples\">Examples</a> \
    <a href=\"/docs/errors\">Errors</a> <a href=\"/docs/limits\">Limits</a> <a href=\"/\">Server</a></nav>";

/// Nothing from elsewhere, no script; the one style sheet is named by its hash.
pub(super) static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(&page("", "")));

/// A whole page; `body` is HTML.
pub(super) fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "{START}<title>{title} · Inkledger API</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{NAV}\n<main>\n<h1>{title}</h1>\n\
         {body}</main>\n</body>\n</html>\n"
    )
}

/// Text of a description: paragraphs, and code between backticks.
pub(super) fn prose(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    paragraphs.map(|paragraph| format!("<p>{}</p>\n", inline(paragraph))).collect()
}

/// One paragraph of it.
pub(super) fn inline(text: &str) -> String {
    let mut html = String::new();
    for (at, part) in text.split('`').enumerate() {
        let part = escape(part);
        html.push_str(&if at % 2 == 1 { format!("<code>{part}</code>") } else { part });
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_text_and_no_markup() {
        assert_eq!(
            prose("Up to `<n>` of them.\n\n<b>Bold</b>"),
            "<p>Up to <code>&lt;n&gt;</code> of them.</p>\n<p>&lt;b&gt;Bold&lt;/b&gt;</p>\n"
        );
    }
}
