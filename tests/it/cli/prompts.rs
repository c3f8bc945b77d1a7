//! `inkledger prompts`. REQ-A-27, REQ-A-30

use std::process::Stdio;

use inkledger::db::Engine;
use rstest::rstest;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::place::{Answer, Place};

const TWO: &str = r#"[
  {"category": "style_preset", "subcategory": "Origami", "name": "Origami", "content": "folded paper, no blur"},
  {"category": "event_type", "subcategory": "GALA", "name": "Gala", "content": "gowns and candles in a long hall", "isActive": false}
]"#;

impl Place {
    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    async fn piped(&self, arguments: &str, input: &str) -> Answer {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        child.wait_with_output().await.unwrap().into()
    }
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn prompts_go_in_and_out_and_are_compared(#[case] engine: Engine) {
    let place = Place::migrated(engine).await;
    place.file("two.json", TWO);
    // A dry run is the default; it names the plan.
    let dry = place.run("prompts import two.json").await;
    assert_eq!(dry.code, 0, "{dry:?}");
    assert!(dry.out.contains("created") && dry.out.contains("--apply --plan-hash"), "{dry:?}");
    let plan = place.run("prompts import two.json --json").await.json();
    assert_eq!(
        (&plan["dry_run"], &plan["applied"], &plan["counts"]["created"]),
        (&json!(true), &json!(false), &json!(2))
    );
    let other = place.run("prompts import two.json --apply --plan-hash 00").await;
    assert_eq!((other.code, other.err.contains("Run it dry again")), (2, true), "{other:?}");
    let hash = plan["plan_hash"].as_str().unwrap();
    let done = place.piped(&format!("prompts import - --apply --plan-hash {hash} --json"), TWO).await;
    assert_eq!((done.code, &done.json()["applied_count"]), (0, &json!(2)), "{done:?}");
    let again = place.run("prompts import two.json --apply --json").await.json();
    assert_eq!((&again["outcome"], &again["counts"]["unchanged"]), (&json!("SUCCESS"), &json!(2)));

    let shown = place.run("prompts export").await;
    assert_eq!(shown.code, 0, "{shown:?}");
    assert!(shown.err.contains("1 disabled left out"), "{shown:?}");
    assert_eq!(shown.json()["totalPrompts"], 1);
    let dash = place.run("prompts export --out -").await;
    assert_eq!(dash.json()["prompts"], shown.json()["prompts"], "- is standard output");
    let styles = place.run("prompts export --include-inactive --category style_preset").await.json();
    assert_eq!((&styles["totalPrompts"], &styles["prompts"][0]["subcategory"]), (&json!(1), &json!("Origami")));
    let written = place.run("prompts export --include-inactive --environment --out . --json").await.json();
    assert_eq!((&written["total_prompts"], &written["left_out"]), (&json!(2), &json!(0)));
    let path = written["path"].as_str().unwrap().to_owned();
    assert!(path.contains("system-prompts-export-20"), "{path}");

    let same = place.run(&format!("prompts diff {path}")).await;
    assert_eq!((same.code, same.out.contains("2 the same, 0 not")), (0, true), "{same:?}");
    let text = std::fs::read_to_string(place.folder.path().join(&path)).unwrap();
    place.file("other.json", &text.replace("folded paper", "torn paper").replace("GALA", "BALL"));
    let differs = place.run("prompts diff other.json").await;
    assert_eq!(differs.code, 1, "{differs:?}");
    assert!(
        differs.out.contains("- torn paper, no blur") && differs.out.contains("+ folded paper, no blur"),
        "{differs:?}"
    );
    let files = place.run(&format!("prompts diff {path} other.json --json")).await;
    assert_eq!(files.code, 1, "{files:?}");
    let rows = files.json()["rows"].clone();
    let rows: Vec<(&str, &str)> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["difference"].as_str().unwrap(), row["name"].as_str().unwrap()))
        .collect();
    assert_eq!(
        rows,
        [("ONLY_RIGHT", "event_type/BALL"), ("ONLY_LEFT", "event_type/GALA"), ("DIFFERS", "style_preset/Origami")]
    );
    for wrong in ["prompts diff nowhere.json", "prompts import nowhere.json", "prompts diff two.json nowhere.json"] {
        let answer = place.run(wrong).await;
        assert_eq!((answer.code, answer.err.contains("nowhere.json")), (2, true), "{answer:?}");
    }
    place.file("broken.json", "[{]");
    for broken in ["prompts diff broken.json", "prompts import broken.json --apply"] {
        let answer = place.run(broken).await;
        assert_eq!((answer.code, answer.err.contains("Line 1, column 3")), (2, true), "{answer:?}");
    }
    place.file("bad.json", r#"[{"category": "event_type", "name": "n", "content": "c"}]"#);
    let bad = place.run("prompts import bad.json --apply").await;
    assert_eq!((bad.code, bad.out.contains("KEY_REQUIRED")), (1, true), "{bad:?}");
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn prompts_are_counted_optimised_and_put_back(#[case] engine: Engine) {
    let place = Place::migrated(engine).await;
    assert_eq!(place.piped("prompts import - --apply", TWO).await.code, 0);
    let stats = place.run("prompts stats").await;
    assert_eq!(stats.code, 0, "{stats:?}");
    assert!(stats.out.contains("REDUNDANT_PHRASE") && stats.out.contains("TOO_SHORT"), "{stats:?}");
    let counted = place.run("prompts stats --json").await.json();
    assert_eq!((&counted["count"], &counted["warnings"]["DISABLED"]), (&json!(2), &json!(1)));

    let dry = place.run("prompts optimise").await;
    assert!(dry.out.contains("1 changed, 9 characters saved") && dry.out.contains("--report-hash"), "{dry:?}");
    let none = place.run("prompts optimise --category event_type --json").await.json();
    assert_eq!((&none["totals"]["examined"], &none["totals"]["changed"]), (&json!(1), &json!(0)));
    let stale = place.run("prompts optimise --apply --report-hash 00").await;
    assert_eq!(stale.code, 2, "{stale:?}");
    let done = place.run("prompts optimise --apply --json").await.json();
    let id = done["optimisation"].as_str().unwrap();
    assert_eq!(place.run("prompts optimise --json").await.json()["totals"]["changed"], 0);
    let undone = place.run(&format!("prompts optimise --undo {id} --json")).await;
    assert_eq!((undone.code, undone.json()), (0, json!({"restored": ["style_preset/Origami"], "skipped": []})));
    let twice = place.run(&format!("prompts optimise --undo {id}")).await;
    assert_eq!((twice.code, twice.err.contains("undone already")), (2, true), "{twice:?}");
    let nonsense = place.run("prompts optimise --undo x").await;
    assert_eq!((nonsense.code, nonsense.err.contains("--undo")), (2, true), "{nonsense:?}");

    let doctor = place.run("doctor --json").await.json();
    let check = doctor["checks"].as_array().unwrap().iter().find(|check| check["id"] == "prompts").unwrap();
    assert_eq!(check["status"], "WARN", "{check}");
    assert!(check["finding"].as_str().unwrap().contains("1 of 43 shipped prompts"), "{check}");
    assert!(check["remedy"].as_str().unwrap().contains("inkledger serve"), "{check}");
}

#[rstest]
#[case(Engine::Sqlite)]
#[case(Engine::Postgres)]
#[tokio::test]
async fn a_bare_array_with_metadata_too_deep_harms_nothing(#[case] engine: Engine) {
    let place = Place::migrated(engine).await;
    let deep = |depth: usize| {
        let metadata = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        format!(
            "[{{\"category\":\"style_preset\",\"subcategory\":\"D\",\"name\":\"n\",\"content\":\"words\",\"metadata\":{metadata}}}]"
        )
    };
    for depth in [17, 18] {
        place.file("deep.json", &deep(depth));
        let done = place.run("prompts import deep.json --apply --json").await;
        assert_eq!((done.code, &done.json()["rows"][0]["reason"]["code"]), (1, &json!("METADATA_INVALID")), "{done:?}");
        assert_eq!(place.run("prompts export").await.code, 0);
        assert_eq!(place.run("prompts stats").await.code, 0);
    }
    place.file("deep.json", &deep(16));
    assert_eq!(place.run("prompts import deep.json --apply").await.code, 0);
    assert_eq!(place.run("prompts export").await.json()["totalPrompts"], 1);
}
