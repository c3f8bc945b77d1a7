use proptest::prelude::*;

use super::*;

fn tree(text: &str) -> Result<Json, JsonError> {
    let mut reader = Reader::new(text, 16);
    let value = reader.tree()?;
    reader.end().map(|()| value)
}

fn compact(text: &str) -> String {
    let mut out = String::new();
    tree(text).unwrap().write_compact(&mut out);
    out
}

#[test]
fn reads_and_writes_values() {
    assert_eq!(
        compact(r#" { "b" : [ 1.0 , -0e-2, true,false ,null], "a":{} , "c":[]} "#),
        r#"{"a":{},"b":[1.0,-0e-2,true,false,null],"c":[]}"#
    );
    assert_eq!(
        compact(r#""\u00e9\ud83c\udf89\/\b\f\n\r\t\"\\\u0001""#),
        "\"\u{e9}\u{1f389}/\\b\\f\\n\\r\\t\\\"\\\\\\u0001\""
    );
    let mut pretty = String::new();
    tree(r#"{"a":[1,{"b":[]}]}"#).unwrap().write_pretty(&mut pretty, 0);
    assert_eq!(pretty, "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ]\n}");
}

#[test]
fn equal_numbers_have_one_spelling() {
    for (one, other) in [
        ("1.50", "1.5"),
        ("100", "1e2"),
        ("0.00120E+3", "12e-1"),
        ("-0.0", "0"),
        ("0e99999999999999999999999999999999999999999", "0"),
        ("10.0", "10"),
    ] {
        assert_eq!(normal_number(one), normal_number(other), "{one} {other}");
    }
    for (one, other) in [("1", "-1"), ("1.05", "1.5"), ("10", "1"), ("1e1", "1e-1"), ("1e-400", "1e-401")] {
        assert_ne!(normal_number(one), normal_number(other), "{one} {other}");
    }
}

#[test]
fn refuses_what_is_no_json() {
    for (text, at) in [
        ("", 0),
        ("{", 1),
        ("[1,]", 3),
        ("[1 2]", 3),
        ("{\"a\" 1}", 5),
        ("{\"a\":1,}", 7),
        ("01", 0),
        ("1.", 0),
        ("-", 0),
        (".5", 0),
        ("1e", 0),
        ("1e999", 0),
        ("nul", 0),
        ("tru", 0),
        ("\"a", 2),
        ("\"a\nb\"", 2),
        ("\"\\x\"", 1),
        ("\"\\ud800\"", 1),
        ("\"\\ud800\\u0041\"", 1),
        ("\"\\u+123\"", 1),
        ("\"\\u12", 1),
        ("1 1", 2),
        ("{1:2}", 1),
        ("'a'", 0),
        ("\"\\\u{e9}\"", 1),
        ("\u{a0}1", 0),
        ("NaN", 0),
        ("[1]]", 3),
        ("//x", 0),
    ] {
        let error = tree(text).unwrap_err();
        assert!(matches!(error.fault, JsonFault::Syntax(_)), "{text}");
        assert_eq!(error.at, at, "{text}");
    }
}

#[test]
fn refuses_doubled_keys_however_spelled_and_deep_nesting() {
    let error = tree(r#"{"a":{"b":1,"\u0062":2}}"#).unwrap_err();
    assert_eq!(error, JsonError { fault: JsonFault::DuplicateKey("b".into()), at: 12 });
    assert!(Reader::new(r#"{"a":1,"a":2}"#, 16).skip().is_err());
    assert!(tree(&format!("{}{}", "[".repeat(16), "]".repeat(16))).is_ok());
    assert_eq!(tree(&"[".repeat(100_000)).unwrap_err(), JsonError { fault: JsonFault::TooDeep, at: 16 });
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn agrees_with_another_reader(value in value()) {
        let text = value.to_string();
        prop_assert_eq!(compact(&text), text.clone());
        prop_assert_eq!(Reader::new(&text, 16).skip(), Ok(text.len()));
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let mut ours = String::new();
        tree(&pretty).unwrap().write_pretty(&mut ours, 0);
        prop_assert_eq!(ours, pretty);
    }

    #[test]
    fn never_accepts_what_another_reader_refuses(text in "[\\[\\]{}:,\"\\\\a1.e\\-+ tru]{0,12}") {
        let ours = tree(&text);
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        let doubled = matches!(&ours, Err(JsonError { fault: JsonFault::DuplicateKey(_), .. }));
        prop_assert!(doubled || ours.is_ok() == theirs.is_ok(), "{ours:?} {theirs:?}");
    }
}
