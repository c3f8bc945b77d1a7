mod random;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::*;
use crate::prompt::model::{catalogue::catalogue, metadata::METADATA_SIZE_MAX};

fn at() -> DateTime<Utc> {
    "2026-01-31T09:00:00.123Z".parse().unwrap()
}

fn parse(text: &str) -> Result<ParsedFile, TransferError> {
    parse_file(text.as_bytes(), &TransferLimits::default())
}

fn plan(existing: &[ExistingPrompt], text: &str) -> ImportPlan {
    plan_import(existing, parse(text).unwrap(), ImportMode::Atomic)
}

fn prompt(category: Category, key: &str, content: &str) -> TransferPrompt {
    TransferPrompt {
        category,
        key: PromptKey::lenient(key),
        name: key.to_owned(),
        description: None,
        content: content.to_owned(),
        version: 3,
        is_active: true,
        metadata: Metadata::default(),
    }
}

/// What a server holds after a plan was applied to `existing`.
fn apply(existing: &[ExistingPrompt], plan: &ImportPlan) -> Vec<ExistingPrompt> {
    let mut after = existing.to_vec();
    for (row, prompt) in plan.rows_to_apply() {
        let stored = ExistingPrompt {
            id: Uuid::from_u128(after.len() as u128),
            category: prompt.category,
            key: prompt.key.clone(),
            name: prompt.name.clone(),
            description: prompt.description.clone(),
            content: prompt.content.clone(),
            metadata: prompt.metadata.clone(),
            is_active: prompt.is_active,
            version_id: Uuid::from_u128(row.index as u128 + 1_000_000),
            version_latest: row.version.unwrap(),
        };
        match row.existing_id {
            Some(id) => {
                let old = after.iter_mut().find(|old| old.id == id).unwrap();
                *old = ExistingPrompt { id, key: old.key.clone(), ..stored };
            }
            None => after.push(stored),
        }
    }
    after
}

fn exported(existing: &[ExistingPrompt]) -> Vec<TransferPrompt> {
    let file = |own: &ExistingPrompt| TransferPrompt {
        category: own.category,
        key: own.key.clone(),
        name: own.name.clone(),
        description: own.description.clone(),
        content: own.content.clone(),
        version: own.version_latest,
        is_active: own.is_active,
        metadata: own.metadata.clone(),
    };
    existing.iter().map(file).collect()
}

fn item(category: &str, key: &str, content: &str) -> String {
    format!("{{\"category\":\"{category}\",\"subcategory\":{key},\"name\":\"N\",\"content\":\"{content}\"}}")
}

fn statuses(plan: &ImportPlan) -> Vec<&'static str> {
    plan.rows.iter().map(|row| row.status.as_str()).collect()
}

fn reasons(plan: &ImportPlan) -> Vec<&'static str> {
    plan.rows.iter().map(|row| row.reason.as_ref().map_or("", ImportReason::code)).collect()
}

#[test]
fn writes_the_specified_bytes() {
    let mut disabled = prompt(Category::EventType, "BBQ", "x");
    disabled.is_active = false;
    let mut origami = prompt(Category::StylePreset, "Origami", "fold \"it\"\n\u{e9}");
    origami.metadata = Metadata::parse(r#"{"tags":["a",1.50],"none":{}}"#).unwrap();
    let empty = prompt(Category::SystemDefault, "", "y");
    let file = export(vec![empty, origami, disabled.clone()], false, at());
    let want = r#"{
  "version": "1.0",
  "exportedAt": "2026-01-31T09:00:00Z",
  "totalPrompts": 2,
  "prompts": [
    {
      "category": "style_preset",
      "subcategory": "Origami",
      "name": "Origami",
      "description": null,
      "content": "fold \"it\"\né",
      "version": 3,
      "isActive": true,
      "metadata": {
        "none": {},
        "tags": [
          "a",
          1.50
        ]
      }
    },
    {
      "category": "system_default",
      "subcategory": null,
      "name": "",
      "description": null,
      "content": "y",
      "version": 3,
      "isActive": true,
      "metadata": {}
    }
  ]
}
"#;
    assert_eq!(file.text, want);
    assert_eq!(file.file_name, "system-prompts-export-2026-01-31.json");
    assert_eq!((file.total_prompts, file.left_out), (2, 1));
    assert_eq!(export(vec![disabled], true, at()).total_prompts, 1);
    assert!(export(Vec::new(), true, at()).text.ends_with("\"totalPrompts\": 0,\n  \"prompts\": []\n}\n"));
}

#[test]
fn keeps_both_vectors() {
    let rows = |all_null: bool| -> String {
        let rows = catalogue().filter(|prompt| prompt.category != Category::AiFunction).map(|prompt| {
            let null = all_null || prompt.category == Category::SystemDefault;
            let key = if null { "null".to_owned() } else { format!("\"{}\"", prompt.key) };
            item(prompt.category.as_str(), &key, prompt.content)
        });
        format!("[{}]", rows.collect::<Vec<_>>().join(","))
    };
    let first = plan(&[], &rows(false));
    assert_eq!(
        (first.count(ImportStatus::Created), first.count(ImportStatus::Conflict), first.rows.len()),
        (40, 3, 43)
    );
    let second = plan(&[], &rows(true));
    assert_eq!((second.count(ImportStatus::Invalid), second.count(ImportStatus::Conflict)), (40, 3));
    assert!(reasons(&second).iter().all(|reason| ["KEY_REQUIRED", "DUPLICATE_KEY"].contains(reason)));
}

#[test]
fn reads_envelopes_arrays_defaults_and_a_byte_order_mark() {
    let text = format!("\u{feff}{{\"prompts\":[{}]}}", item("style_preset", "\" Pop   Art\"", "c"));
    let file = parse(&text).unwrap();
    assert_eq!(file.warnings, []);
    let read = file.items[0].prompt.as_ref().unwrap();
    assert_eq!((read.version, read.is_active, &read.description), (1, true, &None));
    assert_eq!((read.key.as_str(), read.metadata.as_str()), ("Pop Art", "{}"));
    assert!(parse("[]").is_ok_and(|file| file.items.is_empty()));
    for version in ["\"1.0\"", "\"1.7\"", "1.0", "null"] {
        assert!(parse(&format!("{{\"prompts\":[],\"version\":{version}}}")).is_ok(), "{version}");
    }
    for version in ["\"2.0\"", "\"10\"", "2", "\"\"", "[]"] {
        let error = parse(&format!("{{\"version\":{version},\"prompts\":[]}}")).unwrap_err();
        assert_eq!(error.code(), "UNSUPPORTED_VERSION", "{version}");
    }
    for text in ["{}", "null", "5", "\"x\"", "{\"prompts\":{}}", "{\"prompts\":null}"] {
        assert_eq!(parse(text), Err(TransferError::NotAnExport), "{text}");
    }
}

#[test]
fn warns_of_wrong_totals_and_unknown_fields() {
    let text = "{\"totalPrompts\":3,\"id\":1,\"prompts\":[{\"id\":5,\"createdAt\":\"x\"},{\"id\":{\"a\":[]}}]}";
    let warnings: Vec<String> = parse(text).unwrap().warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "totalPrompts is 3, but there are 2 prompts.",
            "The field \"createdAt\" is not known and was ignored, 1 times.",
            "The field \"id\" is not known and was ignored, 3 times."
        ]
    );
    let many: Vec<String> = (0..50).map(|n| format!("\"f{n}\":0")).collect();
    assert_eq!(parse(&format!("[{{{}}}]", many.join(","))).unwrap().warnings.len(), 21);
}

#[test]
fn refuses_files_with_line_and_column() {
    let shown = |text: &str| parse(text).unwrap_err().to_string();
    assert_eq!(
        shown("[\n  {\"name\": \"\u{1f389}\" \"x\"}\n]"),
        "Line 2, column 16: expected a comma or the end of the object. Correct the file."
    );
    assert_eq!(shown(""), "Line 1, column 1: expected a value. Correct the file.");
    assert!(shown("[{\"a\":1,\n\"a\":2}]").starts_with("Line 2, column 1: the key \"a\" stands twice"));
    assert!(shown("{\"prompts\":[],\"prompts\":[]}").starts_with("Line 1, column 15: the key"));
    assert!(shown(&format!("{}1", "[".repeat(33))).starts_with("Line 1, column 33: nested deeper than 32"));
    let error = parse_file(b"[\n\"\xff\"]", &TransferLimits::default()).unwrap_err();
    assert_eq!(error, TransferError::Syntax { line: 2, column: 2, expected: "UTF-8" });
}

#[test]
fn refuses_files_beyond_the_limits() {
    let limits = TransferLimits::default();
    let fill = |size: usize| {
        let mut text = "[]".to_owned();
        text.push_str(&" ".repeat(size - 2));
        parse(&text)
    };
    assert!(fill(limits.file_size_max).is_ok());
    assert_eq!(fill(limits.file_size_max + 1).unwrap_err().code(), "FILE_TOO_LARGE");
    let many = |count| parse(&format!("[{}]", vec!["0"; count].join(",")));
    assert_eq!(many(1_000).unwrap().items.len(), 1_000);
    assert_eq!(many(1_001), Err(TransferError::TooManyPrompts { max: 1_000 }));
}

#[test]
fn finds_faults_of_prompts_at_the_edges() {
    let fields = |extra: &str| {
        let text = format!("[{{\"category\":\"event_type\",\"subcategory\":\"K\",{extra}}}]");
        let plan = plan(&[], &text);
        plan.rows[0].reason.as_ref().map_or("", ImportReason::code)
    };
    let text = |field: &str, length: usize| {
        let mut values = vec![("name", "N".to_owned()), ("content", "C".to_owned())];
        values.retain(|(name, _)| *name != field);
        values.push((field, "\u{e9}".repeat(length)));
        let pairs: Vec<String> = values.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
        fields(&pairs.join(","))
    };
    for (field, max) in [("name", 200), ("content", 20_000), ("description", 2_000)] {
        assert_eq!((text(field, max), text(field, max + 1)), ("", "FIELD_TOO_LONG"), "{field}");
    }
    let with = |extra: &str| fields(&format!("\"name\":\"N\",\"content\":\"C\",{extra}"));
    for (extra, code) in [
        ("\"version\":1", ""),
        ("\"version\":2147483647", ""),
        ("\"version\":2147483648", "FIELD_INVALID"),
        ("\"version\":null", ""),
        ("\"version\":0", "FIELD_INVALID"),
        ("\"version\":1.5", "FIELD_INVALID"),
        ("\"version\":\"1\"", "FIELD_INVALID"),
        ("\"version\":99999999999", "FIELD_INVALID"),
        ("\"isActive\":\"yes\"", "FIELD_INVALID"),
        ("\"description\":7", "FIELD_INVALID"),
        ("\"description\":\"\\u0000\"", "FIELD_INVALID"),
        ("\"metadata\":[]", "FIELD_INVALID"),
        ("\"metadata\":null", ""),
        ("\"metadata\":{\"a\":\"\\u0000\"}", "METADATA_INVALID"),
    ] {
        assert_eq!(with(extra), code, "{extra}");
    }
    let metadata = |size: usize| with(&format!("\"metadata\": {{ \"a\": \"{}\" }}", "x".repeat(size - 8)));
    assert_eq!((metadata(METADATA_SIZE_MAX), metadata(METADATA_SIZE_MAX + 1)), ("", "METADATA_TOO_LARGE"));
    assert_eq!(fields("\"name\":\"N\""), "FIELD_REQUIRED");
    assert_eq!(fields("\"name\":\" \",\"content\":\"C\""), "FIELD_REQUIRED");
    assert_eq!(fields("\"name\":\"N\",\"content\":\" , .\""), "FIELD_INVALID");
    let deep = |levels: usize| with(&format!("\"metadata\":{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels)));
    assert_eq!([16, 17, 18].map(deep), ["", "METADATA_INVALID", "METADATA_INVALID"]);
    assert_eq!(reasons(&plan(&[], "[1,null,[]]")), ["NOT_AN_OBJECT"; 3]);
    assert_eq!(reasons(&plan(&[], &format!("[{}]", item("EVENT_TYPE", "\"a\"", "c")))), ["UNKNOWN_CATEGORY"]);
    assert_eq!(reasons(&plan(&[], &format!("[{}]", item("event_type", "5", "c")))), ["FIELD_INVALID"]);
    let long = format!("[{}]", item("event_type", &format!("\"{}\"", "k".repeat(101)), "c"));
    assert_eq!(reasons(&plan(&[], &long)), ["KEY_TOO_LONG"]);
}

#[test]
fn plans_every_status_and_version() {
    let first = plan(&[], &format!("[{}]", item("event_type", "\"Gala\"", "old").replace('{', "{\"version\":4,")));
    assert_eq!((statuses(&first), first.rows[0].version), (vec!["created"], Some(4)));
    let stored = apply(&[], &first);
    let rows = [
        item("event_type", "\" GALA\"", "old"),
        item("event_type", "\"other\"", "x"),
        item("style_preset", "\"Gala\"", "x"),
        item("style_preset", "\"gala\"", "y"),
        item("style_preset", "\"gala\"", ""),
        item("system_default", "null", "z"),
    ];
    let mixed = plan(&stored, &format!("[{}]", rows.join(",")));
    assert_eq!(statuses(&mixed), ["unchanged", "created", "conflict", "conflict", "invalid", "created"]);
    assert_eq!(mixed.rows[2].reason, Some(ImportReason::DuplicateKey { rows: vec![2, 3] }));
    assert_eq!(mixed.rows_to_apply().count(), 0);
    assert_eq!((mixed.outcome(0), mixed.outcome(2)), (ImportOutcome::Failed, ImportOutcome::Partial));
    let per_item = ImportPlan { mode: ImportMode::PerItem, ..mixed };
    assert_eq!(per_item.rows_to_apply().map(|(row, _)| row.index).collect::<Vec<_>>(), [1, 5]);
    for (version, want) in [(1, 5), (5, 5), (9, 9)] {
        let text = item("event_type", "\"gala\"", "new").replace('{', &format!("{{\"version\":{version},"));
        let update = plan(&stored, &format!("[{text}]"));
        assert_eq!((statuses(&update), update.rows[0].version), (vec!["updated"], Some(want)));
        assert_eq!(apply(&stored, &update)[0].key.as_str(), "Gala");
        assert_eq!(update.outcome(1), ImportOutcome::Success);
    }
    let mut last = stored.clone();
    last[0].version_latest = VERSION_MAX;
    let text = item("event_type", "\"gala\"", "new");
    assert_eq!(reasons(&plan(&last, &format!("[{text}]"))), ["VERSIONS_EXHAUSTED"]);
    for change in ["\"isActive\":false,", "\"description\":\"d\",", "\"metadata\":{\"a\":1},"] {
        let text = item("event_type", "\"gala\"", "old").replacen('{', &format!("{{{change}"), 1);
        assert_eq!(statuses(&plan(&stored, &format!("[{text}]"))), ["updated"], "{change}");
    }
}

#[test]
fn the_plan_hash_changes_with_file_mode_and_store() {
    let text = format!("[{}]", item("event_type", "\"gala\"", "new"));
    let stored = apply(&[], &plan(&[], &text.replace("new", "old")));
    let first = plan(&stored, &text).plan_hash;
    assert_eq!(first, plan(&stored, &format!(" {text}\n")).plan_hash);
    assert_ne!(first, plan(&stored, &text.replace("new", "newer")).plan_hash);
    assert_ne!(first, plan_import(&stored, parse(&text).unwrap(), ImportMode::PerItem).plan_hash);
    assert_ne!(first, plan(&[], &text).plan_hash);
    let mut edited = stored.clone();
    edited[0].version_id = Uuid::from_u128(9);
    assert_ne!(first, plan(&edited, &text).plan_hash);
    let mut disabled = stored;
    disabled[0].is_active = false;
    assert_ne!(first, plan(&disabled, &text).plan_hash);
}

#[test]
fn compares_environments() {
    let left = vec![
        prompt(Category::StylePreset, "Origami", "a\nb"),
        prompt(Category::StylePreset, "Pop Art", "x"),
        prompt(Category::EventType, "BBQ", "x"),
    ];
    let mut same = left[2].clone();
    same.version = 9;
    same.key = PromptKey::lenient("bbq");
    let right = vec![prompt(Category::StylePreset, "Origami", "a\nc"), same, prompt(Category::EventType, "NEW", "x")];
    let flag = |value: &str| Entry {
        section: Section::Flag,
        id: "charts".into(),
        name: "charts".into(),
        fields: vec![("value", value.to_owned())],
    };
    let mut left = prompt_entries(&left);
    left.push(flag("on"));
    let mut right = prompt_entries(&right);
    right.push(flag("off"));
    let diff = compare_environments(left.clone(), right);
    let shown: Vec<_> = diff.rows.iter().map(|row| (row.name.as_str(), row.difference.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("event_type/BBQ", "SAME"),
            ("event_type/NEW", "ONLY_RIGHT"),
            ("style_preset/Origami", "DIFFERS"),
            ("style_preset/Pop Art", "ONLY_LEFT"),
            ("charts", "DIFFERS")
        ]
    );
    let Difference::Differs(fields) = &diff.rows[2].difference else { panic!("differs") };
    let soon = std::time::Instant::now() + std::time::Duration::from_secs(60);
    assert_eq!((fields.len(), fields[0].field, fields[0].changes(soon).len()), (1, "content", 3));
    assert_eq!(diff.exit_code(), 1);
    assert_eq!(compare_environments(left.clone(), left).exit_code(), 0);
}

#[test]
fn an_environment_file_is_read_back_and_imports_pass_over_it() {
    let values = [("openai".to_owned(), serde_json::json!({"isEnabled": true, "settings": {"a": 1.5}}))];
    let parts = vec![EnvironmentPart::new(Section::ProviderSetting, values)];
    let file = export_environment(vec![prompt(Category::EventType, "BBQ", "x")], true, at(), &parts);
    let read = parse(&file.text).unwrap();
    assert_eq!((&read.parts, read.items.len(), &read.warnings), (&parts, 1, &Vec::new()));
    assert_eq!(
        parts[0].entries()[0].fields[0].1,
        "{\n  \"isEnabled\": true,\n  \"settings\": {\n    \"a\": 1.5\n  }\n}"
    );
    let large = format!("{{\"prompts\":[],\"flags\":{{\"a\":\"{}\"}}}}", "x".repeat(300_000));
    assert_eq!(parse(&large).unwrap_err().code(), "FILE_TOO_LARGE");
    assert_eq!(parse("[{]").unwrap_err().place(), Some((1, 3)));
}
