//! Texts kept by their hash, and documents that the operator trusts.

use async_graphql::Data;
use inkledger::graphql::gate::{
    Answer, Caller, CallerKind, DocumentRef, Gate, KindLimits, Limits, Params, RefusalKind, Refused, Trust,
    TrustedText, read_trusted,
};
use rstest::rstest;
use serde_json::json;

use super::{KINDS, caller, gate, gate_with, params, wire};

fn sha256(text: &str) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()))
}

fn with_hash(query: &str, hash: &str) -> Params {
    Params { document: Some(DocumentRef::Hash(hash.to_owned())), ..params(query, json!({})) }
}

fn by_id(id: &str) -> Params {
    Params { document: Some(DocumentRef::Id(id.to_owned())), ..params("", json!({})) }
}

async fn run(gate: &Gate, caller: &Caller, params: Params) -> Result<Answer, Refused> {
    let admitted = gate.admit(caller, params)?;
    Ok(gate.execute(admitted, caller, Data::default()).await)
}

async fn code(gate: &Gate, kind: CallerKind, params: Params) -> String {
    match run(gate, &caller(kind), params).await {
        Ok(answer) => answer.errors.first().map_or_else(String::new, |fault| fault.code().to_owned()),
        Err(refused) => refused.errors[0].code().to_owned(),
    }
}

const TEXT: &str = "{ int(value: 7) }";

// G22
#[tokio::test]
async fn a_text_is_kept_for_those_who_are_signed_in_and_answers_to_its_hash_then() {
    let gate = gate();
    let hash = sha256(TEXT);
    let unknown = gate.admit(&caller(CallerKind::User), with_hash("", &hash)).err().unwrap();
    assert_eq!(
        (unknown.kind, unknown.errors[0].message.as_str()),
        (RefusalKind::UnknownHash, "PersistedQueryNotFound")
    );
    assert_eq!(unknown.errors[0].code(), "PERSISTED_QUERY_NOT_FOUND");
    // Who is not signed in gets the answer, and leaves nothing behind.
    assert_eq!(code(&gate, CallerKind::Anonymous, with_hash(TEXT, &hash)).await, "");
    assert_eq!(gate.persisted(), (0, 0));
    assert_eq!(code(&gate, CallerKind::User, with_hash(TEXT, &hash)).await, "");
    assert_eq!(gate.persisted().0, 1);
    for kind in KINDS {
        let answer = run(&gate, &caller(kind), with_hash("", &hash)).await.unwrap();
        assert_eq!(wire(&answer), json!({ "data": { "int": 7 } }), "{kind:?}");
    }
    assert_eq!(code(&gate, CallerKind::User, by_id(&format!("sha256:{hash}"))).await, "");
}

// G22
#[rstest]
#[case::not_graphql("{", "GRAPHQL_PARSE_FAILED")]
#[case::not_of_this_schema("{ nope }", "GRAPHQL_VALIDATION_FAILED")]
#[case::too_dear("{ items(first: 6000) { nodes { name } } }", "COST_LIMIT_EXCEEDED")]
#[case::introspection("{ __schema { description } }", "INTROSPECTION_DISABLED")]
#[case::two_operations("query A { __typename } query B { __typename }", "BAD_REQUEST")]
#[tokio::test]
async fn a_text_that_the_gate_refuses_is_not_kept(#[case] text: &str, #[case] refused: &str) {
    let gate = gate();
    let hash = sha256(text);
    assert_eq!(code(&gate, CallerKind::User, with_hash(text, &hash)).await, refused);
    assert_eq!(code(&gate, CallerKind::User, with_hash("", &hash)).await, "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(gate.persisted(), (0, 0));
}

// G22: else one caller's hash would run another's document.
#[tokio::test]
async fn a_hash_of_another_text_is_refused() {
    let gate = gate();
    let hash = sha256("{ __typename }");
    let refused = gate.admit(&caller(CallerKind::User), with_hash(TEXT, &hash)).err().unwrap();
    assert_eq!((refused.kind, refused.errors[0].code()), (RefusalKind::Parameters, "BAD_REQUEST"));
    assert_eq!(gate.persisted(), (0, 0));
    // The rate was not charged and the limits of each caller still hold for what is kept.
    let deep = format!("{{ tree {{ {} name {} }} }}", "child {".repeat(13), "}".repeat(13));
    let hash = sha256(&deep);
    assert_eq!(code(&gate, CallerKind::Admin, with_hash(&deep, &hash)).await, "");
    assert_eq!(code(&gate, CallerKind::Anonymous, with_hash("", &hash)).await, "DOCUMENT_LIMIT_EXCEEDED");
}

// G22
#[tokio::test]
async fn the_least_recently_used_texts_leave_when_entries_or_bytes_are_full() {
    let text = |number: usize| format!("{{ int(value: {number}) }}");
    for (limits, most) in [
        (Limits { persisted_entries: 3, ..Limits::default() }, 3),
        (Limits { persisted_bytes: 1_000, ..Limits::default() }, 6),
    ] {
        let gate = gate_with(limits);
        for number in 0..10 {
            assert_eq!(code(&gate, CallerKind::User, with_hash(&text(number), &sha256(&text(number)))).await, "");
            // The first is asked for again and again, so it stays.
            assert_eq!(code(&gate, CallerKind::User, with_hash("", &sha256(&text(0)))).await, "");
        }
        let (entries, bytes) = gate.persisted();
        assert!(entries == most && bytes <= 1_000, "{entries} {bytes}");
        assert_eq!(code(&gate, CallerKind::User, with_hash("", &sha256(&text(1)))).await, "PERSISTED_QUERY_NOT_FOUND");
    }
    let shipped = Limits::default();
    assert_eq!((shipped.persisted_entries, shipped.persisted_bytes), (2_000, 16 << 20));
}

/// As relay-compiler writes it, with MD5, and as the client preset does, with SHA-1.
const RELAY: &str = r#"{ "0123456789abcdef0123456789abcdef": "query ViewerQuery { int(value: 1) }\n" }"#;
const PRESET: &str = r#"{ "7c222fb2927d828af22f592134e8932480637c0d": "query Big { __typename }" }"#;

fn trusting(trust: Trust, files: &[&str]) -> Gate {
    let limits = Limits::default();
    let column = |column: KindLimits| KindLimits { trust, ..column };
    let limits = Limits { anonymous: column(limits.anonymous.clone()), user: column(limits.user.clone()), ..limits };
    let texts = files.iter().flat_map(|file| read_trusted(file).unwrap()).collect();
    gate_with(limits).trusting(texts).unwrap_or_else(|fault| panic!("{fault}"))
}

// G23
#[tokio::test]
async fn a_trusted_document_answers_to_the_hash_of_its_file_and_to_its_text() {
    let gate = trusting(Trust::Enforce, &[RELAY, PRESET]);
    let relay = "0123456789abcdef0123456789abcdef";
    for params in [
        by_id(relay),
        by_id(&format!("md5:{relay}")),
        with_hash("", relay),
        with_hash("query ViewerQuery { int(value: 1) }\n", relay),
        params("query ViewerQuery { int(value: 1) }\n", json!({})),
        by_id("7c222fb2927d828af22f592134e8932480637c0d"),
    ] {
        assert_eq!(code(&gate, CallerKind::Anonymous, params).await, "");
    }
    // Nothing of it is an automatic persisted query.
    assert_eq!(gate.persisted(), (0, 0));
    let contradicting = Params { query: TEXT.to_owned(), ..by_id(relay) };
    assert_eq!(code(&gate, CallerKind::Admin, contradicting).await, "BAD_REQUEST");
}

// G23: off, log and enforce; a mode holds for one kind of caller.
#[tokio::test]
async fn what_is_not_trusted_runs_or_not_as_the_mode_says() {
    let hash = sha256(TEXT);
    for trust in [Trust::Off, Trust::Log] {
        let gate = trusting(trust, &[RELAY]);
        assert_eq!(code(&gate, CallerKind::User, params(TEXT, json!({}))).await, "");
        assert_eq!(code(&gate, CallerKind::User, by_id(&hash)).await, "PERSISTED_QUERY_NOT_FOUND");
    }
    let gate = trusting(Trust::Enforce, &[RELAY]);
    // An ADMIN may, and may keep a text; that makes it no trusted one.
    assert_eq!(code(&gate, CallerKind::Admin, with_hash(TEXT, &hash)).await, "");
    for params in
        [params(TEXT, json!({})), with_hash(TEXT, &hash), with_hash("", &hash), by_id(&hash), by_id("unknown")]
    {
        assert_eq!(code(&gate, CallerKind::User, params).await, "DOCUMENT_NOT_TRUSTED");
    }
    assert_eq!(code(&gate, CallerKind::Anonymous, params("{ __typename }", json!({}))).await, "DOCUMENT_NOT_TRUSTED");
}

// G23: they skip limits on size and number, never those on cost, time or introspection.
#[tokio::test(start_paused = true)]
async fn a_trusted_document_may_be_large_but_not_dear() {
    let aliases: Vec<String> = (0..400).map(|number| format!("alias{number:020}: int(value: {number})")).collect();
    let large = format!("{{ {} }}", aliases.join(" "));
    let deep = format!("{{ tree {{ {} name {} }} }}", "child {".repeat(40), "}".repeat(40));
    let dear = "{ items(first: 1001) { nodes { name } } }".to_owned();
    let schema = "{ __schema { description } }".to_owned();
    let slow = "{ slow }".to_owned();
    let texts = [("large", large), ("deep", deep), ("dear", dear), ("schema", schema), ("slow", slow)];
    let texts: Vec<_> = texts.into_iter().map(|(id, text)| TrustedText { id: id.to_owned(), text }).collect();
    let gate = gate().trusting(texts.clone()).unwrap_or_else(|fault| panic!("{fault}"));
    let ask = async |id: &str| code(&gate, CallerKind::Anonymous, by_id(id)).await;
    assert_eq!((ask("large").await, ask("deep").await), (String::new(), String::new()));
    assert_eq!(
        (ask("dear").await.as_str(), ask("schema").await.as_str()),
        ("COST_LIMIT_EXCEEDED", "INTROSPECTION_DISABLED")
    );
    assert_eq!(ask("slow").await, "TIMEOUT");
    // Sent as text it is the same document; a letter more, and it is another.
    let sent = params(&texts[0].text, json!({}));
    assert_eq!(code(&gate, CallerKind::Anonymous, sent).await, "");
    let other = params(&format!("{} ", texts[0].text), json!({}));
    assert_eq!(code(&gate, CallerKind::Anonymous, other).await, "DOCUMENT_LIMIT_EXCEEDED");
}

// G23: checked at start.
#[rstest]
#[case::not_json("{", "it must be one JSON object")]
#[case::not_an_object("[]", "it must be one JSON object")]
#[case::not_texts(r#"{ "a": { "query": "{ __typename }" } }"#, "it must be one JSON object")]
#[case::two_objects(r#"{} {}"#, "it must be one JSON object")]
#[case::no_hash(r#"{ "": "{ __typename }" }"#, "0 characters")]
#[case::not_graphql(r#"{ "abc": "{ int(" }"#, "the document abc cannot be trusted: Syntax error: line 1")]
#[case::another_schema(r#"{ "abc": "{ gone }" }"#, "the document abc cannot be trusted: Unknown field \"gone\"")]
#[case::too_deep(r#"{ "abc": "{ any(value: NESTED) }" }"#, "the document abc cannot be trusted")]
#[case::two_sign_ins(r#"{ "abc": "mutation { a: signIn b: signIn }" }"#, "credentialMutations")]
fn a_file_that_cannot_be_trusted_says_why(#[case] file: &str, #[case] expected: &str) {
    let file = file.replace("NESTED", &format!("{}1{}", "[".repeat(130), "]".repeat(130)));
    let fault = match read_trusted(&file) {
        Ok(texts) => gate().trusting(texts).err().unwrap(),
        Err(fault) => fault,
    };
    assert!(fault.to_string().contains(expected), "{fault}");
}

// G23
#[test]
fn one_hash_stands_for_one_document() {
    let text = |text: &str| TrustedText { id: "same".to_owned(), text: text.to_owned() };
    assert!(gate().trusting(vec![text("{ __typename }"), text("{ __typename }")]).is_ok());
    let fault = gate().trusting(vec![text("{ __typename }"), text("{ a: __typename }")]).err().unwrap();
    assert!(fault.to_string().contains("the hash same stands for two"), "{fault}");
}
