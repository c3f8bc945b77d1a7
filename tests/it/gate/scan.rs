//! The pass over the bytes, and what the parser's refusals say.

use inkledger::graphql::gate::{CallerKind, Scan, ScanFault, scan};
use rstest::rstest;

use super::{KINDS, gate, limit_of, refusal};

fn counts(text: &str) -> (usize, usize) {
    let Scan { tokens, nesting } = scan(text, usize::MAX, usize::MAX).unwrap();
    (tokens, nesting)
}

// G24
#[rstest]
#[case::blank(" \t\r\n,\u{feff}", (0, 0))]
#[case::field("{ a }", (3, 1))]
#[case::alias_and_arguments("{ b: a(x: -1.5e+3, y: $v) @d }", (16, 2))]
#[case::spread("{ ...F ... on T { a } }", (10, 2))]
#[case::comment("{ a # {{{{ \" \n}", (3, 1))]
#[case::comment_to_carriage_return("# {{{{\r{a}", (3, 1))]
#[case::string(r#"{ a(x: "[[[[ \" # {{{") }"#, (8, 2))]
#[case::empty_string(r#"{ a(x: "" y: "") }"#, (11, 2))]
#[case::block_string("{ a(x: \"\"\"[[ \" \"\" # \\\"\"\" {{\n\"\"\") }", (8, 2))]
#[case::types("query($v: [[Int!]!]) { a }", (16, 3))]
fn counts_tokens_and_nesting(#[case] text: &str, #[case] expected: (usize, usize)) {
    assert_eq!(counts(text), expected);
}

// G24: the parser reads an unclosed block string as an empty one followed by code.
#[rstest]
#[case::block("{ a(x: [\"\"\"s\" [[[[[[[[")]
#[case::line("{ a(x: \"\n[[[[[[[\") }")]
#[case::escape_at_the_end("\"\\")]
#[case::escaped_line("\"\\\n[[[\"")]
fn refuses_a_string_that_does_not_end(#[case] text: &str) {
    assert!(matches!(scan(text, usize::MAX, usize::MAX), Err(ScanFault::OpenString(_))));
}

// G24
#[test]
fn stops_at_the_first_excess() {
    assert_eq!(scan("{ a a a }", 4, 9), Err(ScanFault::Tokens(5)));
    assert_eq!(scan("{{{}}}", 99, 2), Err(ScanFault::Nesting(3)));
    assert_eq!(scan("[([([(", 99, 6).unwrap().nesting, 6);
}

// G24
#[test]
fn no_setting_lets_nesting_exceed_128() {
    assert!(scan(&"[".repeat(128), usize::MAX, usize::MAX).is_ok());
    assert_eq!(scan(&"[".repeat(129), usize::MAX, usize::MAX), Err(ScanFault::Nesting(129)));
}

// G24
#[test]
fn each_kind_of_caller_has_its_bounds() {
    let gate = gate();
    for (kind, nesting, tokens, bytes) in
        [(KINDS[0], 32, 1_000, 8 * 1_024), (KINDS[1], 64, 2_000, 16 * 1_024), (KINDS[2], 64, 5_000, 64 * 1_024)]
    {
        let nested = |n: usize| format!("{{ any(value: {}1{}) }}", "[".repeat(n - 2), "]".repeat(n - 2));
        assert!(super::admit(&gate, kind, &nested(nesting)).is_ok());
        assert_eq!(limit_of(&refusal(&gate, kind, &nested(nesting + 1))), ("DOCUMENT_LIMIT_EXCEEDED", "nesting"));
        // `{ any(value: [` and `]) }` are nine tokens.
        let listed = |n: usize| format!("{{ any(value: [{}]) }}", "1 ".repeat(n - 9));
        assert!(super::admit(&gate, kind, &listed(tokens)).is_ok());
        assert_eq!(limit_of(&refusal(&gate, kind, &listed(tokens + 1))), ("DOCUMENT_LIMIT_EXCEEDED", "tokens"));
        let sized = |n: usize| format!("{{ __typename }}{}", " ".repeat(n - 14));
        assert!(super::admit(&gate, kind, &sized(bytes)).is_ok());
        let refused = refusal(&gate, kind, &sized(bytes + 1));
        assert_eq!(limit_of(&refused), ("DOCUMENT_LIMIT_EXCEEDED", "documentBytes"));
        // Before the scan, let alone the parser.
        let refused_unread = refusal(&gate, kind, &"[".repeat(bytes + 1));
        assert_eq!(limit_of(&refused_unread), ("DOCUMENT_LIMIT_EXCEEDED", "documentBytes"));
        assert_eq!(refused["errors"][0]["extensions"]["maximum"], bytes);
        assert_eq!(refused["errors"][0]["extensions"]["actual"], bytes + 1);
    }
}

// G30
#[rstest]
#[case::fault("{ secret_word %}", 1, 15)]
#[case::second_line("{\n  secret_word(\n}", 3, 1)]
#[case::unclosed("{", 1, 2)]
#[case::open_string("{\n a(x: \"secret_word\n) }", 2, 7)]
#[case::number("{ a(secret_word: 1e999) }", 1, 18)]
fn a_parse_error_names_line_and_column_and_quotes_nothing(
    #[case] text: &str,
    #[case] line: usize,
    #[case] column: usize,
) {
    let refused = refusal(&gate(), CallerKind::Admin, text);
    let error = &refused["errors"][0];
    assert_eq!(error["extensions"]["code"], "GRAPHQL_PARSE_FAILED");
    assert_eq!(error["locations"][0]["line"], line, "{refused}");
    assert_eq!(error["locations"][0]["column"], column, "{refused}");
    let message = error["message"].as_str().unwrap();
    assert!(message.ends_with(&format!("line {line}, column {column}.")), "{message}");
    assert!(!refused.to_string().contains("secret_word"), "{refused}");
}

// G30
#[rstest]
#[case::two_anonymous("{ a } { b }")]
#[case::same_name("query A { a } query A { b }")]
#[case::same_fragment("{ a } fragment F on Q { a } fragment F on Q { b }")]
#[case::only_fragments("fragment F on Q { a }")]
#[case::empty("")]
fn other_faults_of_the_document_are_parse_errors_too(#[case] text: &str) {
    let refused = refusal(&gate(), CallerKind::User, text);
    assert_eq!(refused["errors"][0]["extensions"]["code"], "GRAPHQL_PARSE_FAILED");
}

// G30
#[test]
fn no_answer_to_a_refused_document_exceeds_4_kib() {
    let gate = gate();
    let long = "y".repeat(60_000);
    let documents = [
        format!("{{ {long} }}"),
        format!("{{ ...{long} }}"),
        format!("query($v: {long}) {{ __typename }}"),
        format!("{{ {} }}", (0..45).map(|i| format!("unknown{i}{} ", "y".repeat(1_000))).collect::<String>()),
        format!("{{ int(value: \"{}\") }}", "\u{1F4A3}\\u0000".repeat(4_000)),
        format!("{{ __typename {long}% }}"),
    ];
    for document in documents {
        let Err(refused) = super::admit(&gate, CallerKind::Admin, &document) else { panic!("{document:.60}") };
        let size = serde_json::to_string(&refused).unwrap().len();
        assert!(size <= 4_096, "{size} bytes for {document:.60}");
        assert!(!refused.errors.is_empty());
    }
}
