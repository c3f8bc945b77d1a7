//! Prose rules as tests: who may import whom, sizes, names, roles, ambient time, links, and a test for every rule.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn files(root: &str, extension: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, extension: &str, into: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("node_modules") && !path.ends_with("dist") && !path.ends_with("target") {
                    walk(&path, extension, into);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                into.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(root), extension, &mut found);
    found.sort();
    assert!(!found.is_empty(), "no .{extension} below {root}");
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
}

/// Lines of code: comments, doc comments and the unit tests at the end are left out.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(at, line)| (at + 1, line.to_owned()))
        .collect()
}

fn assert_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn no_file_is_longer_than_600_lines() {
    let long: Vec<String> = ["src", "entity", "migration", "tests"]
        .iter()
        .flat_map(|root| files(root, "rs"))
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > 600).then(|| format!("{} has {lines} lines", shown(&path)))
        })
        .collect();
    assert_none(&long, "split by noun");
}

/// What a file may not mention, by its place.
fn forbidden(path: &str) -> &'static [&'static str] {
    let name = path.rsplit('/').next().unwrap_or_default();
    let in_folder = |folder: &str| path.contains(&format!("/{folder}/"));
    if path.starts_with("src/http/") {
        &["sea_orm", "entity::", "crate::ledger", "crate::ai::", "crate::notification"]
    } else if path.starts_with("src/graphql/") {
        &["sea_orm", "entity::", "axum"]
    } else if in_folder("graphql") {
        &["sea_orm", "entity::", "axum::"]
    } else if name == "model.rs" || in_folder("model") {
        &["sea_orm", "entity::", "async_graphql", "axum", "tokio", "Utc::now"]
    } else if name == "store.rs" || in_folder("store") {
        &["async_graphql", "axum", "::service"]
    } else if name == "service.rs" || in_folder("service") {
        &["async_graphql", "axum", "entity::"]
    } else if name == "jobs.rs" {
        &["entity::", "async_graphql", "::store"]
    } else if path.starts_with("src/db") || path.starts_with("src/bus") || path.starts_with("src/jobs") {
        &["async_graphql", "axum", "crate::ai", "crate::auth"]
    } else {
        &[]
    }
}

#[test]
fn nobody_imports_what_their_place_must_not_know() {
    let mut found = Vec::new();
    for path in files("src", "rs") {
        let place = shown(&path);
        for (line, text) in code(&path) {
            let import = text.trim_start().starts_with("use ") || text.trim_start().starts_with("crate::");
            for word in forbidden(&place) {
                if import && text.contains(word) {
                    found.push(format!("{place}:{line} mentions {word}"));
                }
            }
        }
    }
    assert_none(&found, "see docs/architecture.md");
}

const LINE: [&str; 17] = [
    "audit",
    "flag",
    "storage",
    "ledger",
    "prompt",
    "notification",
    "auth",
    "ai",
    "site",
    "keyword",
    "idea",
    "content",
    "image",
    "publishing",
    "statistics",
    "automation",
    "trace",
];

#[test]
fn a_service_imports_only_from_its_left() {
    let mut found = Vec::new();
    for path in files("src", "rs") {
        let place = shown(&path);
        let Some(feature) = place.strip_prefix("src/").and_then(|rest| rest.split('/').next()) else { continue };
        let Some(own) = LINE.iter().position(|name| *name == feature) else { continue };
        if place.contains("/graphql/") {
            continue;
        }
        for (line, text) in code(&path) {
            for right in &LINE[own + 1..] {
                if text.contains(&format!("crate::{right}::")) {
                    found.push(format!("{place}:{line} {feature} imports {right}"));
                }
            }
        }
    }
    assert_none(&found, "own a trait instead, and plug it in in app.rs");
}

#[test]
fn nobody_compares_roles_but_the_permission_table() {
    let mut found = Vec::new();
    for path in files("src", "rs") {
        let place = shown(&path);
        if place == "src/viewer.rs" {
            continue;
        }
        for (line, text) in code(&path) {
            let compares = text.contains("== PlatformRole::") || text.contains("!= PlatformRole::");
            if compares && !text.contains("// role:") {
                found.push(format!("{place}:{line}"));
            }
        }
    }
    assert_none(&found, "ask Viewer::may; a rule about roles themselves says so with `// role:`");
}

#[test]
fn no_field_of_the_api_is_a_plain_64_bit_integer() {
    let mut found = Vec::new();
    for path in files("src", "rs").into_iter().filter(|path| path.to_string_lossy().contains("/graphql/")) {
        for (line, text) in code(&path) {
            let text = text.trim_start();
            let declares = text.starts_with("pub ") && !text.contains("fn ") && !text.starts_with("pub const");
            let field = declares && text.contains(": i64") || text.contains("-> i64 {") && text.contains("async fn");
            if field {
                found.push(format!("{}:{line}", shown(&path)));
            }
        }
    }
    assert_none(&found, "use Credits, SafeInt or DateTime (G38)");
}

#[test]
fn every_flag_is_read_outside_its_own_folder() {
    let model = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/flag/model.rs")).unwrap();
    let table = model.split("    Flag {").nth(1).unwrap().split("\n    }").next().unwrap();
    let flags = table.lines().map(str::trim).filter(|line| line.ends_with(',') && !line.starts_with("//"));
    let flags: Vec<&str> = flags.filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(flags.len(), 5, "{flags:?}");
    let mut read = BTreeSet::new();
    for path in files("src", "rs").into_iter().filter(|path| !shown(path).starts_with("src/flag/")) {
        for (_, line) in code(&path) {
            read.extend(flags.iter().filter(|flag| line.contains(&format!("Flag::{flag}"))).copied());
        }
    }
    let phantoms: Vec<&str> = flags.into_iter().filter(|flag| !read.contains(flag)).collect();
    assert!(phantoms.is_empty(), "without a reader: {phantoms:?}");
}

#[test]
fn no_junk_drawers() {
    let junk = ["utils", "common", "helpers", "misc", "manager"];
    let found: Vec<String> = files("src", "rs")
        .iter()
        .map(|path| shown(path))
        .filter(|path| junk.iter().any(|word| path.split(['/', '.']).any(|part| part == *word)))
        .collect();
    assert_none(&found, "name it after its subject");
}

#[test]
fn no_price_is_per_million_tokens() {
    // REQ-B-2: in either word order, in any case style.
    let mut found = Vec::new();
    for root in ["src", "entity", "migration"] {
        for path in files(root, "rs").into_iter().chain(files("migration", "sql")) {
            let text = fs::read_to_string(&path).unwrap().to_lowercase();
            for word in ["per_1m", "per1m", "1m_cost", "per_million_cost"] {
                if text.contains(word) {
                    found.push(format!("{} has {word}", shown(&path)));
                }
            }
        }
    }
    assert_none(&found, "rates are per 1,000 tokens");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let documents = files("docs", "md").into_iter().chain([root.join("README.md")]);
    for path in documents {
        let text = fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let link = link.split('#').next().unwrap_or_default();
            if !link.is_empty() && !link.contains("://") && !path.parent().unwrap().join(link).exists() {
                found.push(format!("{} links to {link}", shown(&path)));
            }
        }
    }
    assert_none(&found, "mend the link");
}

#[test]
fn migrations_only_expand() {
    let mut found = Vec::new();
    for path in files("migration", "sql") {
        for (at, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let upper = line.to_uppercase();
            if upper.starts_with("DROP ") || upper.contains(" DROP COLUMN") || upper.contains("CURRENT_TIMESTAMP") {
                found.push(format!("{}:{}", shown(&path), at + 1));
            }
        }
    }
    assert_none(&found, "contract in a later release; take the time from the clock");
}

/// The rules of the GraphQL document that this version keeps; the others belong to later work.
fn kept_rules() -> BTreeSet<u32> {
    (1..=64).chain(66..=76).collect()
}

#[test]
fn every_rule_stands_in_the_comment_of_a_test() {
    let mut named = BTreeSet::new();
    let sources = files("tests", "rs")
        .into_iter()
        .chain(files("src", "rs"))
        .chain(files("web/checks", "mjs"))
        .chain(files("web/clients", "mjs"));
    for path in sources.filter(|path| !path.ends_with("tidy.rs")) {
        for line in fs::read_to_string(&path).unwrap().lines() {
            let block = line.trim_start().strip_prefix('*').or_else(|| line.trim_start().strip_prefix("/*"));
            let Some(comment) = block.or_else(|| line.split_once("//").map(|(_, comment)| comment)) else { continue };
            for part in comment.split(|letter: char| !letter.is_ascii_alphanumeric()) {
                if let Some(Ok(number)) = part.strip_prefix('G').map(str::parse::<u32>) {
                    named.insert(number);
                }
            }
            // A span such as G34–G46 names what lies between.
            for span in comment.split_whitespace().filter(|word| word.contains('–')) {
                let ends: Vec<u32> = span
                    .split('–')
                    .filter_map(|end| end.trim_matches(|letter: char| !letter.is_ascii_digit()).parse().ok())
                    .collect();
                if let (true, [from, to]) = (span.contains('G'), ends.as_slice()) {
                    named.extend(*from..=*to);
                }
            }
        }
    }
    let missing: Vec<String> = kept_rules().difference(&named).map(|rule| format!("G{rule}")).collect();
    assert_none(&missing, "no test names these rules");
}
