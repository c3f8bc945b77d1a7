//! HTML as models write it: cleaned by an allow-list, and read as plain text.

use std::collections::{HashMap, HashSet};

use ammonia::{Builder, UrlRelative};

use crate::prompt::model::collapse_blanks;

/// What an article may be made of.
const TAGS: &[&str] = &[
    "a",
    "b",
    "blockquote",
    "br",
    "caption",
    "code",
    "dd",
    "del",
    "dl",
    "dt",
    "em",
    "h2",
    "h3",
    "h4",
    "hr",
    "i",
    "ins",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "small",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
];

/// What is dropped with everything inside it; of all other tags the text stays.
const DROPPED: &[&str] = &[
    "applet", "audio", "button", "canvas", "embed", "form", "frameset", "head", "iframe", "math", "noembed",
    "noframes", "noscript", "object", "script", "select", "style", "svg", "template", "textarea", "title", "video",
    "xmp",
];

/// Where links may lead; relative ones stay on the site.
const SCHEMES: &[&str] = &["http", "https", "mailto", "tel"];

/// Cleaning once more changes nothing, at the latest after so many times.
const ROUNDS_MAX: usize = 8;

/// `html` with nothing but headings, paragraphs, lists, tables, quotations, emphasis and links: no script, no handler,
/// no style, no image, no address but http, https, mailto, tel and relative ones. An h1 becomes an h2, because the title
/// is the page's own h1. Cleaning twice is cleaning once.
pub fn clean_html(html: &str) -> String {
    let builder = builder();
    let mut clean = wash(&builder, html);
    for _ in 0..ROUNDS_MAX {
        let again = wash(&builder, &clean);
        if again == clean {
            return clean;
        }
        clean = again;
    }
    // What changes with every reading is no HTML that anybody meant to write.
    paragraphs(&builder.clean(&ammonia::clean_text(&text_of(&clean))).to_string())
}

fn builder() -> Builder<'static> {
    let set = |words: &[&'static str]| words.iter().copied().collect::<HashSet<_>>();
    let attributes: HashMap<&str, HashSet<&str>> = [
        ("a", set(&["href", "title"])),
        ("ol", set(&["start"])),
        ("td", set(&["colspan", "rowspan"])),
        ("th", set(&["colspan", "rowspan", "scope"])),
    ]
    .into();
    let mut builder = Builder::default();
    builder
        .tags(set(TAGS))
        .clean_content_tags(set(DROPPED))
        .tag_attributes(attributes)
        .generic_attributes(HashSet::new())
        .url_schemes(set(SCHEMES))
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("noopener noreferrer"))
        .strip_comments(true);
    builder
}

fn wash(builder: &Builder<'_>, html: &str) -> String {
    let mut clean = builder.clean(&demoted(html)).to_string().trim().to_owned();
    // A parser drops the first line end of a `pre`, so each reading would lose one.
    while clean.contains("<pre>\n") {
        clean = clean.replace("<pre>\n", "<pre>");
    }
    clean
}

/// `html` with each h1 an h2.
fn demoted(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let mut out = String::with_capacity(html.len());
    let mut done = 0;
    for (at, _) in lower.match_indices("h1") {
        let is_tag = lower.get(..at).is_some_and(|before| before.ends_with('<') || before.ends_with("</"));
        let ends = lower.get(at + 2..).and_then(|rest| rest.chars().next());
        if is_tag && ends.is_none_or(|next| next.is_ascii_whitespace() || matches!(next, '>' | '/')) {
            out.push_str(html.get(done..=at).unwrap_or_default());
            out.push('2');
            done = at + 2;
        }
    }
    out.push_str(html.get(done..).unwrap_or_default());
    out
}

/// Cleaned text without tags of its own, a paragraph for each line that is not blank.
pub(super) fn paragraphs(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| format!("<p>{line}</p>")).collect()
}

/// Whether cleaned HTML has any structure, rather than being bare text.
pub(super) fn has_blocks(clean: &str) -> bool {
    ["<p>", "<h2>", "<h3>", "<h4>", "<ul>", "<ol", "<table>", "<blockquote>", "<dl>", "<pre>"]
        .iter()
        .any(|tag| clean.contains(tag))
}

/// A piece of text that stands by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// 2–4 for a heading; `None` for everything else.
    pub heading: Option<u8>,
    /// Its text on one line, not empty.
    pub text: String,
}

/// The headings, paragraphs, list items and cells of `html`, in their order, without tags. It is cleaned first.
pub fn blocks(html: &str) -> Vec<Block> {
    read_blocks(&clean_html(html))
}

/// What a reader sees of `html`: its blocks, one a line.
pub fn plain_text(html: &str) -> String {
    text_of(&clean_html(html))
}

fn text_of(clean: &str) -> String {
    read_blocks(clean).into_iter().map(|block| block.text).collect::<Vec<_>>().join("\n")
}

/// `clean` is what a serialiser wrote: every `<` begins a tag, attributes are quoted, five entities are used.
fn read_blocks(clean: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut heading = None;
    let mut text = String::new();
    let mut flush = |text: &mut String, heading: Option<u8>| {
        let line = collapse_blanks(&decoded(text));
        text.clear();
        if !line.is_empty() {
            blocks.push(Block { heading, text: line });
        }
    };
    let mut rest = clean;
    while let Some((before, tagged)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, after) = split_tag(tagged);
        rest = after;
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
        let is_inline = matches!(
            name,
            "a" | "b"
                | "code"
                | "del"
                | "em"
                | "i"
                | "ins"
                | "mark"
                | "q"
                | "s"
                | "small"
                | "strong"
                | "sub"
                | "sup"
                | "u"
        );
        if is_inline {
            continue;
        }
        flush(&mut text, heading);
        let level = name.strip_prefix('h').and_then(|level| level.parse().ok());
        if level.is_some() {
            heading = level.filter(|_| !tag.starts_with('/'));
        }
    }
    text.push_str(rest);
    flush(&mut text, heading);
    blocks
}

/// A tag's inside, and what follows it. A `>` within quotation marks does not end it.
fn split_tag(tagged: &str) -> (&str, &str) {
    let mut is_quoted = false;
    let end = tagged.find(|letter| {
        is_quoted ^= letter == '"';
        letter == '>' && !is_quoted
    });
    match end {
        Some(end) => (tagged.get(..end).unwrap_or_default(), tagged.get(end + 1..).unwrap_or_default()),
        None => (tagged, ""),
    }
}

/// The entities that a serialiser writes; the ampersand last, so that nothing is decoded twice.
fn decoded(text: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&nbsp;", " "), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}

/// A text that should have no tags, without those it has all the same, on one line.
pub(super) fn plain_line(text: &str) -> String {
    if text.contains('<') && text.contains('>') { collapse_blanks(&plain_text(text)) } else { collapse_blanks(text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_what_articles_are_made_of() {
        let html = "<h2>Tents</h2><p>Buy <strong>one</strong>, <a href=\"/guide\">see</a>.</p>\
                    <ul><li>big</li></ul><table><thead><tr><th scope=\"col\">a</th></tr></thead></table>";
        let clean = clean_html(html);
        assert_eq!(clean, html.replace("href=\"/guide\"", "href=\"/guide\" rel=\"noopener noreferrer\""));
        assert_eq!(clean_html("<H1 class=x>Tents</H1><h12>x</h12>"), "<h2>Tents</h2>x");
        assert_eq!(clean_html(&format!("<pre>{}x\n</pre>", "\n".repeat(50))), "<pre>x\n</pre>");
    }

    // REQ-B-8: HTML is cleaned by allow-list.
    #[test]
    fn drops_what_runs_loads_or_leads_astray() {
        for (html, clean) in [
            ("<script>alert(1)</script>x", "x"),
            ("<p onclick=\"x()\" style=\"color:red\" class=\"a\">x</p>", "<p>x</p>"),
            ("<a href=\"JaVaScRiPt:x()\">x</a>", "<a rel=\"noopener noreferrer\">x</a>"),
            ("<a href=\" java\nscript:x()\">x</a>", "<a rel=\"noopener noreferrer\">x</a>"),
            ("<a href=\"data:text/html,x\">x</a>", "<a rel=\"noopener noreferrer\">x</a>"),
            ("<img src=x onerror=x()><div>y</div>", "y"),
            ("<iframe src=//x></iframe><svg><script>x</script></svg>z", "z"),
            ("<style>p{}</style><!-- c --><p>x</p>", "<p>x</p>"),
            ("<noscript><p title=\"</noscript><img src=x onerror=x()>\">", "\"&gt;"),
            ("<p>&lt;script&gt; &amp; &quot;</p>", "<p>&lt;script&gt; &amp; \"</p>"),
        ] {
            assert_eq!(clean_html(html), clean, "{html}");
        }
    }

    #[test]
    fn reads_plain_text_by_blocks() {
        let html = "<h2>Big &amp; <em>small</em></h2><p>One<br>two&nbsp;<a href=\"/?a>b\">three</a></p>\
                    <ul><li>x</li><li>y</li></ul><script>no()</script>tail &amp;lt;";
        assert_eq!(plain_text(html), "Big & small\nOne\ntwo three\nx\ny\ntail &lt;");
        assert_eq!(blocks(html)[0], Block { heading: Some(2), text: "Big & small".to_owned() });
        assert_eq!(blocks(html)[1].heading, None);
        assert_eq!(plain_text(""), "");
        assert_eq!(plain_line("5 < 6 & <b>more</b>"), "5 < 6 & more");
        assert_eq!(plain_line(" 5 <  6 &amp; "), "5 < 6 &amp;");
    }

    /// Every tag of cleaned HTML: its name and its attributes.
    fn tags(clean: &str) -> Vec<(String, Vec<(String, String)>)> {
        let mut found = Vec::new();
        let mut rest = clean;
        while let Some((_, tagged)) = rest.split_once('<') {
            let (tag, after) = split_tag(tagged);
            rest = after;
            let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            let mut pairs = Vec::new();
            while let Some((key, value)) = attributes.split_once("=\"") {
                let (value, more) = value.split_once('"').unwrap();
                pairs.push((key.trim().to_owned(), value.to_owned()));
                attributes = more;
            }
            assert_eq!(attributes.trim(), "", "{tag}");
            found.push((name.trim_start_matches('/').to_owned(), pairs));
        }
        found
    }

    fn assert_harmless(clean: &str) {
        for (name, attributes) in tags(clean) {
            assert!(TAGS.contains(&name.as_str()), "{name} in {clean}");
            for (key, value) in attributes {
                assert!(
                    ["href", "title", "rel", "start", "colspan", "rowspan", "scope"].contains(&key.as_str()),
                    "{clean}"
                );
                let value: String =
                    value.to_lowercase().chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
                let scheme = value.split_once(':').map(|(scheme, _)| scheme.to_owned());
                let leads_on = key == "href"
                    && scheme.is_some_and(|scheme| ["javascript", "data", "vbscript"].contains(&scheme.as_str()));
                assert!(!leads_on, "{clean}");
            }
        }
    }

    fn piece() -> impl Strategy<Value = String> {
        let tag = "(</?)(a|p|h1|h2|ul|li|table|td|tr|b|i|pre|code|script|style|svg|math|mtext|noscript|title|textarea|select|option|div|form|template|br|mglyph|foreignObject|img)( (href|src|onclick|style|title|xlink:href)=\"(javascript:x\\(\\)|JAVA\tscript:x|data:x|/a|https://x.y|\"|>|<script>)\")?/?>";
        // Addresses that run, spelled as attackers do, where links take them.
        let link = "<a (href|HREF|title=\"\" href)=[\"']?[ \t\n\u{1}]?(java\t?script|JavaScript|data|vbscript|&#106;avascript)(:|&colon;|&#58;)x\\(\\)[\"' ]?>";
        prop_oneof![4 => tag, 3 => link, 2 => "[a-z <>&\"'=/\n]{0,6}", 1 => "(<!--|-->|<!\\[CDATA\\[|\\]\\]>|&lt;|&#60;|&amp;|&#x6a;avascript:|<pre>\n)", 1 => "\\PC{0,4}"]
    }

    proptest! {
        #[test]
        fn cleaning_is_idempotent_and_leaves_nothing_that_runs(pieces in proptest::collection::vec(piece(), 0..14)) {
            let html = pieces.concat();
            let clean = clean_html(&html);
            prop_assert_eq!(&clean_html(&clean), &clean, "{}", html);
            assert_harmless(&clean);
            let _ = plain_text(&html);
        }

        #[test]
        fn no_text_panics_the_cleaner(text in "\\PC{0,80}|[<>/a-c\"'= !\\-\n]{0,60}") {
            let clean = clean_html(&text);
            prop_assert_eq!(clean_html(&clean), clean.clone());
            assert_harmless(&clean);
            let plain = plain_text(&text);
            prop_assert!(plain.lines().all(|line| !line.trim().is_empty()));
        }
    }
}
