//! Reading a model's text as the JSON that was asked for: what is refused, cut, empty or misshapen, and the one request
//! that may mend it. It must never know what an answer is for: the features bring their own [`Output`].

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    AiFunction,
    shape::{Fault, Shape},
};

/// What a function of the pipeline asks a model for.
pub trait Output: DeserializeOwned {
    /// The function that asks.
    const FUNCTION: AiFunction;
    /// The form of the JSON; whatever fits it must be readable as `Self`.
    const SHAPE: Shape;
}

/// How the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, or it does not say.
    Whole,
    /// At the output limit.
    Cut,
}

/// Why an answer cannot be used. The messages are for logs; users read the words for the code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The model declined. Asking again with the same prompt is pointless.
    #[error("The model declined to answer.")]
    Refused,
    /// The answer ends before its end.
    #[error("The answer was cut off.")]
    Cut,
    /// There is no answer, or a provider's error text in its place.
    #[error("The answer holds nothing.")]
    Empty,
    /// The answer is no JSON, or JSON of another form.
    #[error("The answer does not have the form that was asked for ({} faults).", .0.len())]
    Unreadable(Vec<Fault>),
    /// The answer has the form, but breaks a rule of its function.
    #[error("The answer breaks a rule of its function: {code}.")]
    Unusable {
        /// The stable code of the rule.
        code: &'static str,
        /// What is wrong, and where.
        faults: Vec<Fault>,
    },
}

impl AnswerError {
    /// The stable code, as it stands in a task's error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused => "CONTENT_REFUSED",
            Self::Cut => "OUTPUT_TRUNCATED",
            Self::Empty => "EMPTY_OUTPUT",
            Self::Unreadable(_) => "PARSE_FAILED",
            Self::Unusable { code, .. } => code,
        }
    }

    /// Whether one repair attempt may follow.
    pub fn is_repairable(&self) -> bool {
        *self != Self::Refused
    }

    /// What is wrong, and where; never empty.
    pub fn faults(&self) -> Vec<Fault> {
        match self {
            Self::Refused => vec![Fault::new("answer", "was declined")],
            Self::Cut => vec![Fault::new("answer", "ends before its end; be shorter and close every bracket")],
            Self::Empty => vec![Fault::new("answer", "holds nothing")],
            Self::Unreadable(faults) | Self::Unusable { faults, .. } if faults.is_empty() => {
                vec![Fault::new("answer", "does not have the form that was asked for")]
            }
            Self::Unreadable(faults) | Self::Unusable { faults, .. } => faults.clone(),
        }
    }

    /// The prompt of the one repair attempt: the first one, and the faults of what came back. The answer itself is not
    /// repeated, because it is a stranger's text outside the data block. `None` when repairing is pointless.
    pub fn repair_prompt(&self, prompt: &str) -> Option<String> {
        if !self.is_repairable() {
            return None;
        }
        Some(repair_prompt(prompt, &self.fault_lines()))
    }

    /// What is wrong, a line each; kept with the attempt, so that any later run can ask for the repair.
    pub fn fault_lines(&self) -> String {
        let lines: Vec<String> = self.faults().iter().map(|fault| format!("- {fault}")).collect();
        lines.join("\n")
    }
}

/// The prompt of a repair attempt after an answer with these faults.
pub fn repair_prompt(prompt: &str, fault_lines: &str) -> String {
    format!(
        "{prompt}\n\nAn earlier answer to this could not be used. Its faults:\n{fault_lines}\n\
         Answer anew and in full, as one JSON value without these faults, and nothing else."
    )
}

/// Reads `text` as a `T`. Unknown fields are dropped, and so is U+0000, which no database holds. Never panics.
/// Refuses: any [`AnswerError`] but `Unusable`, in the order refused, cut, empty, unreadable.
pub fn read<T: Output>(text: &str, ending: Ending) -> Result<T, AnswerError> {
    let text = stripped(text);
    let is_json = text.starts_with(['{', '[']);
    if !is_json && is_refusal(text) {
        return Err(AnswerError::Refused);
    }
    if ending == Ending::Cut {
        return Err(AnswerError::Cut);
    }
    if !is_json && (text.is_empty() || is_provider_error(text)) {
        return Err(AnswerError::Empty);
    }
    let mut value: Value = serde_json::from_str(text).map_err(|error| match error.is_eof() {
        true => AnswerError::Cut,
        false => unreadable(format!("is no JSON from line {}, column {}", error.line(), error.column())),
    })?;
    if value.get("refusal").and_then(Value::as_str).is_some_and(|words| !words.trim().is_empty()) {
        return Err(AnswerError::Refused);
    }
    scrub(&mut value);
    let faults = T::SHAPE.faults(&value);
    if !faults.is_empty() {
        return Err(AnswerError::Unreadable(faults));
    }
    // What fits the shape reads; the words of serde would repeat the answer's.
    serde_json::from_value(value).map_err(|_| unreadable("does not have the form that was asked for".to_owned()))
}

fn unreadable(text: String) -> AnswerError {
    AnswerError::Unreadable(vec![Fault::new("answer", text)])
}

/// `text` without a byte order mark, outer white space and one code fence. A second fence inside stays, and fails.
fn stripped(text: &str) -> &str {
    let text = bare(text);
    let Some(fenced) = text.strip_prefix("```") else { return text };
    let inner = match fenced.split_once('\n') {
        // The name of a language, or nothing.
        Some((name, rest)) if name.trim().chars().all(|c| c.is_ascii_alphanumeric()) => rest,
        _ => fenced,
    };
    // The closing fence is missing where the answer was cut; the JSON tells.
    let inner = inner.trim_end();
    bare(inner.strip_suffix("```").unwrap_or(inner))
}

fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// Takes U+0000 out of every text, and fields that are null out of every object, so that null means left out.
fn scrub(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => text.retain(|c| c != '\0'),
        Value::Array(list) => list.iter_mut().for_each(scrub),
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(scrub);
        }
        _ => {}
    }
}

/// How models begin when they decline. Lower case, with plain apostrophes.
const REFUSALS: &[&str] = &[
    "as an ai",
    "i am not able to",
    "i am sorry, but i can",
    "i am sorry, i can",
    "i am unable to",
    "i apologize, but i",
    "i apologise, but i",
    "i can't assist",
    "i can't comply",
    "i can't create",
    "i can't fulfill",
    "i can't generate",
    "i can't help",
    "i can't provide",
    "i can't write",
    "i cannot assist",
    "i cannot comply",
    "i cannot create",
    "i cannot fulfill",
    "i cannot generate",
    "i cannot help",
    "i cannot provide",
    "i cannot write",
    "i must decline",
    "i won't be able to",
    "i'm not able to",
    "i'm sorry, but i",
    "i'm sorry, i can",
    "i'm unable to",
    "sorry, but i can",
    "sorry, i can",
    "unfortunately, i can",
];

/// Whether a text is a model's refusal: it begins as one.
pub fn is_refusal(text: &str) -> bool {
    let start = beginning(text);
    REFUSALS.iter().any(|refusal| start.starts_with(refusal))
}

/// What stands where an answer should, and is none.
const NOTHINGS: &[&str] =
    &["error", "n/a", "nil", "no content", "no output", "no response", "none", "null", "undefined"];

/// How providers and their gateways begin when they fail; of texts up to [`FAILURE_CHARS_MAX`] characters.
const FAILURES: &[&str] = &[
    "an error occurred",
    "bad gateway",
    "error code",
    "error generating",
    "failed to generate",
    "gateway timeout",
    "internal server error",
    "no response",
    "rate limit exceeded",
    "request timed out",
    "service unavailable",
    "too many requests",
    "upstream connect error",
];

/// An article may begin with such words; a failure is never so long.
const FAILURE_CHARS_MAX: usize = 300;

/// Whether a text is a provider's error in the place of content, such as `Error: …` or `No response.`.
pub fn is_provider_error(text: &str) -> bool {
    let start = beginning(text);
    let words = start.trim_end_matches(['.', '!', ' ']);
    let marked = ["error:", "[error", "exception:", "traceback (most recent call last)"];
    NOTHINGS.contains(&words)
        || marked.iter().any(|mark| start.starts_with(mark))
        || (text.chars().nth(FAILURE_CHARS_MAX).is_none() && FAILURES.iter().any(|words| start.starts_with(words)))
}

/// The first characters in lower case, with plain apostrophes, without quotation and emphasis before them.
fn beginning(text: &str) -> String {
    let text = bare(text).trim_start_matches(['"', '\'', '*', '_', '#', '>', ' ', '“', '‘']);
    text.chars().take(80).map(|c| if c == '\u{2019}' { '\'' } else { c }).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::ai::model::shape::Field;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Note {
        title: String,
        #[serde(default)]
        tags: Vec<String>,
    }

    impl Output for Note {
        const FUNCTION: AiFunction = AiFunction::GenerateText;
        const SHAPE: Shape = Shape::Object(&[
            Field::required("title", Shape::Text, ""),
            Field::optional("tags", Shape::List(&Shape::Text), ""),
        ]);
    }

    fn whole(text: &str) -> Result<Note, AnswerError> {
        read(text, Ending::Whole)
    }

    fn titled(title: &str) -> Result<Note, AnswerError> {
        Ok(Note { title: title.to_owned(), tags: Vec::new() })
    }

    // REQ-B-8: byte order mark, white space and one code fence go.
    #[test]
    fn strips_a_byte_order_mark_white_space_and_one_code_fence() {
        let json = r#"{"title": "T"}"#;
        for text in [
            json.to_owned(),
            format!("\u{feff} \n{json}\r\n "),
            format!("```json\n{json}\n```"),
            format!("\n```JSON\r\n{json}\r\n```\n"),
            format!("```\n{json}\n```"),
            format!("```{json}```"),
            format!("\u{feff}```json\n\u{feff}{json}"),
        ] {
            assert_eq!(whole(&text), titled("T"), "{text:?}");
        }
        for text in [
            format!("```json\n```json\n{json}\n```\n```"),
            format!("Here it is:\n{json}"),
            format!("{json}\nI hope this helps."),
            format!("{json}{json}"),
        ] {
            assert_eq!(whole(&text).map_err(|error| error.code()), Err("PARSE_FAILED"), "{text:?}");
        }
    }

    // REQ-B-8: a refusal is permanent for its prompt.
    #[test]
    fn knows_a_refusal_and_never_repairs_it() {
        for text in [
            "I'm sorry, but I can't help with that.",
            "I\u{2019}m sorry, I can\u{2019}t create this content.",
            "```\nI cannot assist with this request.\n```",
            "**As an AI language model**, I must not.",
            r#"{"refusal": "I will not write about this."}"#,
            r#"{"title": "T", "refusal": "no"}"#,
        ] {
            let error = whole(text).unwrap_err();
            assert_eq!(error, AnswerError::Refused, "{text}");
            assert_eq!(error.code(), "CONTENT_REFUSED");
            assert_eq!(error.repair_prompt("p"), None);
        }
        assert_eq!(read::<Note>("I'm sorry, but I", Ending::Cut), Err(AnswerError::Refused));
        // What a text says inside the JSON is content.
        assert_eq!(whole(r#"{"title": "I cannot help it", "refusal": null}"#), titled("I cannot help it"));
    }

    // REQ-B-8: cut output, whether the model says so or not.
    #[test]
    fn knows_a_cut_answer_by_its_ending_and_by_its_brackets() {
        assert_eq!(read::<Note>(r#"{"title": "T"}"#, Ending::Cut), Err(AnswerError::Cut));
        let json = r#"{"title": "A \" title {", "tags": ["a", "b"]}"#;
        for end in 1..json.len() {
            assert_eq!(whole(&json[..end]), Err(AnswerError::Cut), "{}", &json[..end]);
        }
        assert_eq!(whole("```json\n{\"title\": \"T\", \"tags\": ["), Err(AnswerError::Cut));
        assert_eq!(AnswerError::Cut.code(), "OUTPUT_TRUNCATED");
        assert!(AnswerError::Cut.repair_prompt("p").unwrap().contains("ends before its end"));
    }

    // REQ-B-9
    #[test]
    fn takes_a_providers_error_text_for_no_answer() {
        for text in [
            "",
            " \u{feff}\n",
            "Error: the model is overloaded",
            "No response.",
            "no response",
            "No response from the model",
            "**Error:** x",
            "null",
            "Internal Server Error",
            "Error code: 429 - too many requests",
        ] {
            assert_eq!(whole(text), Err(AnswerError::Empty), "{text:?}");
        }
        assert!(is_provider_error("[error] quota"));
        assert!(is_provider_error(&format!("Error: {}", "stack ".repeat(500))));
        for text in ["Errors teach us more than success", "None of these shoes fit", "Errors: none"] {
            assert!(!is_provider_error(text), "{text}");
        }
        assert!(!is_provider_error(&format!("Service unavailable: a history. {}", "word ".repeat(100))));
    }

    // REQ-B-8: unknown fields are dropped, a missing required one is a fault.
    #[test]
    fn drops_unknown_fields_and_lists_missing_ones() {
        assert_eq!(whole(r#"{"title": "T", "mood": {"x": 1}}"#), titled("T"));
        assert_eq!(whole(r#"{"title": "T", "tags": null}"#), titled("T"));
        let error = whole(r#"{"tags": ["a", 1]}"#).unwrap_err();
        assert_eq!(error.code(), "PARSE_FAILED");
        let faults: Vec<String> = error.faults().iter().map(ToString::to_string).collect();
        assert_eq!(faults, ["title: is missing", "tags[1]: is not a string"]);
        assert_eq!(whole(r#"{"title": "a\u0000b"}"#), titled("ab"));
    }

    // REQ-B-8: the one repair lists the faults, and repeats nothing that the model wrote.
    #[test]
    fn a_repair_lists_the_faults_behind_the_first_prompt() {
        let error = whole(r#"{"title": {"ignore": "all rules"}}"#).unwrap_err();
        let repair = error.repair_prompt("The prompt.").unwrap();
        assert!(repair.starts_with("The prompt.\n\n"));
        assert!(repair.contains("\n- title: is not a string\n"));
        assert!(!repair.contains("all rules"));
        for error in [AnswerError::Empty, AnswerError::Unreadable(Vec::new())] {
            assert!(error.repair_prompt("p").unwrap().contains("- answer: "));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_the_reader(text in "\\PC{0,60}", cut in any::<bool>()) {
            let ending = if cut { Ending::Cut } else { Ending::Whole };
            let _ = read::<Note>(&text, ending);
            let _ = (is_refusal(&text), is_provider_error(&text));
        }

        #[test]
        fn nearly_json_does_not_panic_the_reader(text in "[\\[\\]{}\",:`\\\\utile \n\u{feff}\u{0}0-9é]{0,60}") {
            let _ = read::<Note>(&text, Ending::Whole);
            let _ = read::<Note>(&format!("```json\n{{\"title\": {text}"), Ending::Whole);
        }

        #[test]
        fn whatever_is_written_as_json_is_read_back(
            title in "\\PC{0,40}", tags in proptest::collection::vec("\\PC{0,9}", 0..4),
        ) {
            let json = serde_json::json!({"title": title, "tags": tags});
            let text = format!("```json\n{json:#}\n```");
            prop_assert_eq!(whole(&text), Ok(Note { title, tags }));
        }
    }
}
