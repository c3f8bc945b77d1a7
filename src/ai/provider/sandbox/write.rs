//! Text from a request's own words: readable sentences, labelled, equal for equal requests. A request with a data block
//! gets the JSON it asks for.

use super::{answer::answer, noise::Noise};
use crate::ai::provider::{TextRequest, TokenUsage};

/// How every sandbox text begins, so that nobody takes it for a model's.
pub const LABEL: &str = "[Sandbox] ";

const SENTENCES_MAX: u32 = 10;

const OPENINGS: &[&str] = &[
    "This is a rehearsal text about {a}, written from the request without any model. ",
    "Here a model would write about {a} and {b}; the sandbox repeats what it was asked. ",
    "The request speaks of {a}, so this placeholder does too. ",
];

const MIDDLES: &[&str] = &[
    "Start with {a}, and let {b} follow close behind. ",
    "Nobody who cares for {a} will want to miss {b}. ",
    "Between {a} and {b} there is room for {c}. ",
    "First comes {a}; then, when the time is right, {b}. ",
    "Think of {a} as the frame and of {b} as the picture. ",
    "What makes {a} worth reading about is how it meets {c}. ",
    "A few words on {b}: it is at its best next to {a}. ",
    "Keep {c} in mind whenever {a} is mentioned. ",
];

/// Words too common to be a subject.
pub(super) const PLAIN_WORDS: &[&str] = &[
    "about", "after", "also", "and", "are", "been", "before", "from", "have", "into", "more", "must", "only", "over",
    "should", "some", "than", "that", "the", "their", "them", "then", "there", "they", "this", "under", "were", "what",
    "when", "which", "with", "without", "would", "write", "your",
];

/// The text for `request` and whether it is whole: `false` when not even the first sentence fits the output limit, or
/// not all of the JSON.
pub(super) fn text(request: &TextRequest) -> (String, bool) {
    if let Some(mut json) = answer(request) {
        let whole = tokens(json.len()) <= i64::from(request.max_output_tokens);
        if !whole {
            let bytes_max = usize::try_from(request.max_output_tokens).unwrap_or(usize::MAX).saturating_mul(4);
            json.truncate(json.floor_char_boundary(bytes_max));
        }
        return (json, whole);
    }
    let mut noise = Noise::new("text", request.seed, &request.model, &request.prompt);
    let subjects = subjects(&request.prompt);
    let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
    let mut text = LABEL.to_owned();
    let wanted = 4 + noise.below(SENTENCES_MAX - 3);
    for no in 0..wanted {
        let templates = if no == 0 { OPENINGS } else { MIDDLES };
        let sentence = fill(&mut noise, templates, &subjects);
        if tokens(text.len() + sentence.trim_end().len()) > i64::from(request.max_output_tokens) {
            break;
        }
        text.push_str(&sentence);
    }
    let text = text.trim_end().to_owned();
    let whole = text.len() > LABEL.len();
    (text, whole)
}

/// A deterministic estimate: four bytes to the token, up, at least one. Below every hold, which reckons with three.
pub(super) fn usage(request: &TextRequest, text: &str) -> TokenUsage {
    let system = request.system.as_ref().map_or(0, String::len);
    TokenUsage { input: tokens(system + request.prompt.len()), output: tokens(text.len()) }
}

fn tokens(bytes: usize) -> i64 {
    i64::try_from(bytes.div_ceil(4)).unwrap_or(i64::MAX).max(1)
}

fn fill(noise: &mut Noise, templates: &[&str], subjects: &[&str]) -> String {
    let template = noise.pick(templates, "");
    let mut last = "";
    ["{a}", "{b}", "{c}"].iter().fold(template.to_owned(), |sentence, slot| {
        let mut word = noise.pick(subjects, "the request");
        if word == last {
            word = noise.pick(subjects, "the request");
        }
        last = word;
        sentence.replace(slot, word)
    })
}

/// Up to 24 different words of the prompt that could be subjects, in order of appearance.
fn subjects(prompt: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in prompt.split(|c: char| !c.is_alphabetic()) {
        let word = word.to_lowercase();
        let length = word.chars().count();
        let suits = (4..=24).contains(&length) && !PLAIN_WORDS.contains(&word.as_str());
        if suits && !found.contains(&word) {
            found.push(word);
        }
        if found.len() == 24 {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(prompt: &str, seed: Option<u32>, max_output_tokens: u32) -> TextRequest {
        TextRequest {
            model: "sandbox-text".into(),
            system: None,
            prompt: prompt.into(),
            max_output_tokens,
            seed,
            settings: crate::ai::provider::Settings::new(),
            request_key: "k".into(),
        }
    }

    #[test]
    fn writes_the_same_text_for_the_same_request_and_another_for_another_seed() {
        let prompt = "Write about lanterns over the harbour at night";
        let (first, whole) = text(&request(prompt, Some(1), 500));
        assert!(whole && first.starts_with(LABEL) && first.ends_with('.'));
        assert_eq!(text(&request(prompt, Some(1), 500)).0, first);
        assert_ne!(text(&request(prompt, Some(2), 500)).0, first);
        assert!(["lanterns", "harbour", "night"].iter().any(|word| first.contains(word)), "{first}");
        assert!(!first.contains('{'), "{first}");
    }

    #[test]
    fn never_writes_more_than_the_output_limit() {
        for limit in 1..200 {
            let asked = request("paper cranes, warm light", Some(limit), limit);
            let (text, whole) = text(&asked);
            assert!(!whole || usage(&asked, &text).output <= i64::from(limit), "{limit}: {text}");
        }
    }

    #[test]
    fn a_prompt_without_subjects_still_gets_a_text() {
        for prompt in ["", "1 2 3", "日本", "{a} {b}"] {
            let (text, whole) = text(&request(prompt, None, 500));
            assert!(whole && text.contains("the request"), "{text}");
        }
    }
}
