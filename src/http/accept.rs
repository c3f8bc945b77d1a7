//! Which media type answers (G3): `Accept` by q-value, then by order. Knows header text only.

use axum::http::{HeaderMap, header};

/// A type that `/graphql` can answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/json`.
    Json,
    /// `application/graphql-response+json`.
    GraphqlJson,
    /// `text/event-stream`.
    EventStream,
    /// `multipart/mixed` with parts as Apollo's subscription protocol writes them.
    Multipart,
}

impl Media {
    /// Can it carry more than one answer?
    pub fn streams(self) -> bool {
        matches!(self, Self::EventStream | Self::Multipart)
    }
}

/// What the client takes, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted(Vec<Media>);

/// One entry of `Accept`.
struct Range {
    media: Pattern,
    q: u16,
}

#[derive(Clone, Copy, PartialEq)]
enum Pattern {
    /// `*/*`.
    Any,
    /// `application/*`.
    Application,
    /// `text/*`.
    Text,
    Exactly(Media),
}

impl Pattern {
    /// How well the pattern names `media`: 0 not at all, 2 exactly. A wildcard never stands for a stream that the
    /// client did not name, except `text/*`, under which nothing else of ours falls.
    fn fit(self, media: Media) -> u8 {
        match (self, media) {
            (Self::Exactly(named), media) if named == media => 3,
            (Self::Application, Media::Json | Media::GraphqlJson) | (Self::Text, Media::EventStream) => 2,
            (Self::Any, Media::Json | Media::GraphqlJson) => 1,
            _ => 0,
        }
    }
}

impl Accepted {
    /// Reads every `Accept` header. None at all means `application/json`.
    pub fn of(headers: &HeaderMap) -> Self {
        let texts: Vec<&str> =
            headers.get_all(header::ACCEPT).iter().map(|value| value.to_str().unwrap_or_default()).collect();
        if texts.iter().all(|text| text.trim().is_empty()) {
            return Self(vec![Media::Json, Media::GraphqlJson]);
        }
        let ranges: Vec<Range> = texts.iter().flat_map(|text| split(text, ',')).filter_map(range).collect();
        let mut found: Vec<(u16, usize, Media)> = Vec::new();
        for media in [Media::Json, Media::GraphqlJson, Media::EventStream, Media::Multipart] {
            let fits = ranges.iter().enumerate().map(|(place, range)| (range.media.fit(media), place, range.q));
            // The most specific entry decides; of equal ones the first.
            let best = fits.filter(|(fit, ..)| *fit > 0).max_by_key(|(fit, place, _)| (*fit, usize::MAX - place));
            if let Some((_, place, q)) = best
                && q > 0
            {
                found.push((q, place, media));
            }
        }
        found.sort_by_key(|(q, place, _)| (u16::MAX - q, *place));
        Self(found.into_iter().map(|(.., media)| media).collect())
    }

    /// The best type, or none that we can write.
    pub fn best(&self) -> Option<Media> {
        self.0.first().copied()
    }

    /// The best type that carries one answer.
    pub fn single(&self) -> Option<Media> {
        self.0.iter().copied().find(|media| !media.streams())
    }

    /// The best type that carries a stream.
    pub fn stream(&self) -> Option<Media> {
        self.0.iter().copied().find(|media| media.streams())
    }
}

fn range(entry: &str) -> Option<Range> {
    let mut parts = split(entry, ';').map(str::trim);
    let name = parts.next()?.to_ascii_lowercase();
    let mut q = 1_000;
    let mut foreign = false;
    for parameter in parts.filter(|parameter| !parameter.is_empty()) {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim().trim_matches('"');
        match key.trim().to_ascii_lowercase().as_str() {
            "q" => {
                q = quality(value)?;
                // What follows the weight belongs to no media type.
                break;
            }
            "charset" => foreign |= !value.eq_ignore_ascii_case("utf-8"),
            "boundary" => foreign |= value != super::multipart::BOUNDARY,
            "subscriptionspec" => foreign |= value != "1.0",
            // Incremental delivery and other dialects of multipart are not ours.
            _ => foreign |= name == "multipart/mixed",
        }
    }
    let media = match name.as_str() {
        "*/*" | "*" => Pattern::Any,
        "application/*" => Pattern::Application,
        "text/*" => Pattern::Text,
        "application/json" => Pattern::Exactly(Media::Json),
        "application/graphql-response+json" => Pattern::Exactly(Media::GraphqlJson),
        "text/event-stream" => Pattern::Exactly(Media::EventStream),
        "multipart/mixed" => Pattern::Exactly(Media::Multipart),
        _ => return None,
    };
    (!foreign).then_some(Range { media, q })
}

/// Thousandths from `0` to `1.000`.
fn quality(text: &str) -> Option<u16> {
    let weight: f32 = text.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the weight is between 0 and 1")]
    (0.0..=1.0).contains(&weight).then(|| (weight * 1_000.0).round() as u16)
}

/// Splits at `at` outside quotes.
fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |sign| {
        quoted ^= sign == '"';
        sign == at && !quoted
    })
}

/// Does the client, a browser, ask for a page rather than for data?
pub fn wants_html(headers: &HeaderMap) -> bool {
    let weight = |name: &str| {
        let texts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let entries = texts.flat_map(|text| split(text, ',')).filter_map(|entry| {
            let mut parts = split(entry, ';').map(str::trim);
            let named = parts.next().is_some_and(|media| media.eq_ignore_ascii_case(name));
            let q = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1_000), quality).unwrap_or(0);
            named.then_some(q)
        });
        entries.max().unwrap_or(0)
    };
    let html = weight("text/html").max(weight("application/xhtml+xml"));
    html > 0 && html >= weight("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accept: &[&str]) -> Accepted {
        let mut headers = HeaderMap::new();
        for text in accept {
            headers.append(header::ACCEPT, text.parse().unwrap());
        }
        Accepted::of(&headers)
    }

    // G3
    #[test]
    fn takes_the_highest_weight_then_the_first() {
        use Media::{EventStream, GraphqlJson, Json, Multipart};
        let cases: &[(&[&str], Option<Media>)] = &[
            (&[], Some(Json)),
            (&[""], Some(Json)),
            (&["*/*"], Some(Json)),
            (&["application/*"], Some(Json)),
            (&["application/json"], Some(Json)),
            (&["application/graphql-response+json"], Some(GraphqlJson)),
            (&["application/graphql-response+json, application/json;q=0.9"], Some(GraphqlJson)),
            (&["application/json;q=0.9, application/graphql-response+json"], Some(GraphqlJson)),
            (&["application/json", "application/graphql-response+json"], Some(Json)),
            (&["application/graphql-response+json;q=0.5, */*;q=0.8"], Some(Json)),
            (&["*/*, application/json;q=0"], Some(GraphqlJson)),
            (&["text/html, application/xhtml+xml, */*;q=0.8"], Some(Json)),
            (&["text/html"], None),
            (&["application/json;q=0"], None),
            (&["application/json; charset=utf-16"], None),
            (&["Application/JSON; Charset=\"UTF-8\""], Some(Json)),
            (&["text/event-stream"], Some(EventStream)),
            (&["multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json"], Some(Multipart)),
            (&["multipart/mixed;deferSpec=20220824,application/json"], Some(Json)),
            (&["application/json;q=1.5"], None),
            (&["image/png, nonsense"], None),
        ];
        for (accept, best) in cases {
            assert_eq!(of(accept).best(), *best, "{accept:?}");
        }
    }

    // G3
    #[test]
    fn a_wildcard_never_stands_for_a_stream() {
        assert_eq!(of(&["*/*"]).stream(), None);
        assert_eq!(of(&["application/json, text/event-stream;q=0.1"]).stream(), Some(Media::EventStream));
    }

    #[test]
    fn a_browser_wants_a_page_and_a_program_does_not() {
        let wants = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            wants_html(&headers)
        };
        assert!(wants("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(!wants("*/*"));
        assert!(!wants("application/json"));
        assert!(!wants("application/json, text/html;q=0.5"));
    }
}
