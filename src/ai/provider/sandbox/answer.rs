//! Answers for the functions of the pipeline: JSON of the form that the prompt's data block asks for, made of its own
//! data, labelled wherever the text is free.
//!
//! It knows the names of fields, not the features behind them; a test of each feature reads what is written here.

use serde_json::{Value, json};

use super::{noise::Noise, write::LABEL, write::PLAIN_WORDS};
use crate::ai::model::{AiFunction, data_block::Asked};
use crate::ai::provider::TextRequest;

/// Characters of a stranger's text within one of ours.
const QUOTED_CHARS_MAX: usize = 80;
/// Words of an article at most, whatever is asked for.
const WORDS_MAX: u64 = 10_000;
/// Words of a paragraph, about.
const PARAGRAPH_WORDS: usize = 70;

const TITLES: &[&str] = &[
    "{a}: where to begin",
    "How to choose {a}",
    "Ten questions about {a}, answered",
    "{a} for beginners",
    "What nobody tells you about {a}",
    "{a} compared",
    "The checklist for {a}",
    "{a}: mistakes to avoid",
    "A short history of {a}",
    "What {a} costs, and why",
    "{a} at home and on the road",
    "{a}: an afternoon's guide",
];

const HEADINGS: &[&str] = &["What it is", "How to begin", "What to look for", "Common mistakes", "What comes next"];

const SENTENCES: &[&str] = &[
    "This sentence stands where a model would write about {a}. ",
    "Whoever asks about {a} wants to know how it goes together with {b}. ",
    "Take {a} first, look at it from all sides, and then turn to {b}. ",
    "There is more to {a} than meets the eye, and {b} is a good part of it. ",
    "A reader who came for {a} will find a word on {b} here as well. ",
    "None of this is advice; it only shows how much room {a} would take. ",
    "Between {a} and {b} lies the middle of this placeholder. ",
];

const SCENES: &[&str] = &[
    "soft morning light, wide composition",
    "warm colors, seen from above",
    "calm background, one clear subject",
    "late afternoon, long shadows",
];

/// The answer to a request with a data block. `None` for any other, and for functions that answer in prose.
pub(super) fn answer(request: &TextRequest) -> Option<String> {
    let Asked { function, data } = Asked::find(&request.prompt)?;
    let mut noise = Noise::new("answer", request.seed, &request.model, &request.prompt);
    let value = match function {
        AiFunction::ClusterKeywords => clusters(&data, &mut noise),
        AiFunction::GenerateIdeas => ideas(&data, &mut noise),
        AiFunction::GenerateContent => article(&data, &mut noise),
        AiFunction::GenerateImagePrompts => image_prompts(&data, &mut noise),
        AiFunction::OptimizeContent => optimized(&data, &mut noise),
        AiFunction::GenerateImages | AiFunction::UpscaleImage | AiFunction::GenerateText => return None,
    };
    Some(value.to_string())
}

fn text<'a>(data: &'a Value, pointer: &str) -> &'a str {
    data.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn texts<'a>(data: &'a Value, pointer: &str) -> Vec<&'a str> {
    let list = data.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).filter(|text| !text.trim().is_empty()).collect()
}

fn number(data: &Value, pointer: &str, fallback: u64) -> u64 {
    data.pointer(pointer).and_then(Value::as_u64).unwrap_or(fallback)
}

/// The first words of a text, at most 80 characters.
fn quoted(text: &str) -> String {
    clipped(text, QUOTED_CHARS_MAX)
}

/// Whole words of a text in at most so many characters, or what fits of the first.
fn clipped(text: &str, max: usize) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if out.chars().count() + word.chars().count() + 1 > max {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    if out.is_empty() { text.trim().chars().take(max).collect() } else { out }
}

/// The words of a keyword that could be a subject.
fn subjects(keyword: &str) -> Vec<String> {
    let words = keyword.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    words.filter(|word| word.chars().count() > 2 && !PLAIN_WORDS.contains(&word.as_str())).collect()
}

/// Keywords go to the word that most of them share; those that share none make one cluster of their own.
fn clusters(data: &Value, noise: &mut Noise) -> Value {
    let keywords = texts(data, "/keywords");
    let words: Vec<Vec<String>> = keywords.iter().map(|keyword| subjects(keyword)).collect();
    let holders = |word: &String| words.iter().filter(|others| others.contains(word)).count();
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    let mut rest: Vec<&str> = Vec::new();
    for (keyword, own) in keywords.iter().zip(&words) {
        // The later of equals: in most languages it is the thing, and what stands before it the kind.
        match own.iter().max_by_key(|word| holders(word)).filter(|word| holders(word) > 1) {
            None => rest.push(keyword),
            Some(word) => match groups.iter_mut().find(|(name, _)| name == word) {
                Some((_, members)) => members.push(keyword),
                None => groups.push((word.clone(), vec![keyword])),
            },
        }
    }
    if let Some(first) = rest.first() {
        groups.push((format!("{} and more", quoted(first)), rest));
    }
    let intents = ["INFORMATIONAL", "COMMERCIAL", "TRANSACTIONAL"];
    let described = groups.into_iter().map(|(name, members)| {
        json!({
            "name": capital(&name),
            "description": format!("{LABEL}{} keywords about {name}.", members.len()),
            "type": "BLOG",
            "intent": noise.pick(&intents, "INFORMATIONAL"),
            "rootKeyword": members.first(),
            "keywords": members,
        })
    });
    json!({ "clusters": described.collect::<Vec<_>>() })
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn ideas(data: &Value, noise: &mut Noise) -> Value {
    let name = quoted(text(data, "/cluster/name"));
    let name = if name.is_empty() { "the subject".to_owned() } else { name };
    let keywords = texts(data, "/cluster/keywords");
    let there: Vec<String> = texts(data, "/existingTitles").iter().map(|title| title.to_lowercase()).collect();
    let wanted = usize::try_from(number(data, "/wanted", 3)).unwrap_or(3).clamp(1, 10);
    let start = usize::try_from(noise.below(u32::try_from(TITLES.len()).unwrap_or(1))).unwrap_or(0);
    let rounds = (1..).flat_map(|round| TITLES.iter().cycle().skip(start).take(TITLES.len()).map(move |t| (round, t)));
    let titles = rounds
        .map(|(round, template)| {
            let title = capital(&template.replace("{a}", &name));
            if round == 1 { format!("{LABEL}{title}") } else { format!("{LABEL}{title} ({round})") }
        })
        .filter(|title| !there.contains(&title.to_lowercase()));
    let kinds = texts(data, "/cluster/type");
    let ideas = titles.take(wanted).enumerate().map(|(at, title)| {
        json!({
            "title": title,
            "outline": HEADINGS,
            "targetKeywords": keywords.iter().cycle().skip(at).take(keywords.len().min(3)).collect::<Vec<_>>(),
            "contentType": kinds.first().copied().unwrap_or("BLOG"),
            "targetWords": 400 + 100 * noise.below(7),
        })
    });
    json!({ "ideas": ideas.collect::<Vec<_>>() })
}

/// Sentences about some subjects with at least so many words, in paragraphs of HTML.
fn prose(noise: &mut Noise, subjects: &[&str], words: usize) -> (String, usize) {
    let (mut html, mut written) = (String::new(), 0);
    while written < words {
        let (mut paragraph, mut in_paragraph) = (String::new(), 0);
        while in_paragraph < PARAGRAPH_WORDS && written + in_paragraph < words {
            let sentence = ["{a}", "{b}"].iter().fold(noise.pick(SENTENCES, "").to_owned(), |sentence, slot| {
                sentence.replace(slot, &quoted(noise.pick(subjects, "the subject")))
            });
            in_paragraph += plain_words(&sentence);
            paragraph.push_str(&sentence);
        }
        written += in_paragraph;
        html.push_str(&format!("<p>{}</p>", escaped(paragraph.trim_end())));
    }
    (html, written)
}

/// Plain words alone are counted: a keyword may be a sign, or a whole sentence without blanks.
fn plain_words(text: &str) -> usize {
    text.split(' ').filter(|word| word.chars().any(|c| c.is_ascii_alphabetic())).count()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn article(data: &Value, noise: &mut Noise) -> Value {
    let title = text(data, "/task/title");
    let keywords = texts(data, "/task/keywords");
    let mut headings = texts(data, "/task/outline");
    if headings.is_empty() {
        headings = HEADINGS.to_vec();
    }
    let target = usize::try_from(number(data, "/task/targetWords", 600).min(WORDS_MAX)).unwrap_or(600);
    let mut subjects = keywords.clone();
    if !title.is_empty() {
        subjects.push(title);
    }
    let opening = format!(
        "{LABEL}This article about {} was put together without any model. It shows where the text would stand.",
        quoted(subjects.first().copied().unwrap_or("the subject"))
    );
    let mut html = format!("<p>{}</p>", escaped(&opening));
    let (mut left, mut sections) = (target.saturating_sub(plain_words(&opening)), headings.len());
    for heading in headings {
        let (text, written) = prose(noise, &subjects, left.div_ceil(sections.max(1)));
        html.push_str(&format!("<h2>{}</h2>{text}", escaped(&quoted(heading))));
        (left, sections) = (left.saturating_sub(written), sections.saturating_sub(1));
    }
    json!({
        "title": format!("{LABEL}{}", if title.is_empty() { "An article" } else { title }),
        "html": html,
        "excerpt": opening,
        "metaTitle": format!("{LABEL}{}", quoted(title)),
        "metaDescription": opening,
        "categories": ["Sandbox"],
        "tags": keywords.iter().take(5).map(|keyword| quoted(keyword)).collect::<Vec<_>>(),
    })
}

fn image_prompts(data: &Value, noise: &mut Noise) -> Value {
    let title = quoted(text(data, "/article/title"));
    let max = usize::try_from(number(data, "/promptCharsMax", 1_000)).unwrap_or(1_000).max(1);
    let wanted = usize::try_from(number(data, "/inArticleWanted", 2).min(5)).unwrap_or(2);
    let lines: Vec<&str> = text(data, "/article/summary").lines().collect();
    let mut image = |subject: &str| {
        let prompt = format!("{LABEL}A scene about {}, {}", quoted(subject), noise.pick(SCENES, "a calm scene"));
        json!({"prompt": clipped(&prompt, max), "altText": format!("{LABEL}A scene about {}", quoted(subject))})
    };
    let featured = image(&title);
    let inside = (0..wanted).map(|at| {
        let line = lines.iter().cycle().nth(at * 2).copied().unwrap_or_default();
        image(if line.is_empty() { &title } else { line })
    });
    json!({"featured": featured, "inArticle": inside.collect::<Vec<_>>()})
}

/// The article as it was, with the first keyword where search engines look for it.
fn optimized(data: &Value, noise: &mut Noise) -> Value {
    let (title, html) = (text(data, "/article/title"), text(data, "/article/html"));
    let keywords = texts(data, "/keywords");
    let first = quoted(keywords.first().copied().unwrap_or(title));
    let has_keyword = title.to_lowercase().contains(&first.to_lowercase());
    let title = if has_keyword { title.to_owned() } else { format!("{}: {title}", capital(&first)) };
    let about = format!("{LABEL}What there is to know about {first}, put together without any model.");
    let opening = if html.contains(LABEL.trim_end()) { String::new() } else { format!("<p>{}</p>", escaped(&about)) };
    let others: Vec<&str> = keywords.iter().copied().take(8).collect();
    let closing = match html.contains(&format!("<h2>More on {}</h2>", escaped(&first))) {
        true => String::new(),
        false => format!("<h2>More on {}</h2>{}", escaped(&first), prose(noise, &others, 40).0),
    };
    json!({
        "title": title,
        "html": format!("{opening}{html}{closing}"),
        "metaTitle": clipped(&format!("{} \u{2013} {LABEL}what there is to know", capital(&first)), 60),
        "metaDescription": about,
        "changes": [format!("{LABEL}Put {first} into the opening and a heading.")],
    })
}
