//! The forms of the event types as data: published to clients, and what the server checks by.

/// The most characters of a text value.
pub const VALUE_LENGTH_MAX: usize = 120;

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// A whole number.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A text.
    Text {
        /// The most characters (Unicode scalar values).
        max: usize,
    },
}

/// How a value is worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Wording {
    /// `21st birthday`
    Birthday,
    /// `at the barn`
    At,
    /// `featuring live music`
    Featuring,
    /// `with lanterns`
    With,
    /// The value and a word after it.
    Before(&'static str),
    /// The value alone.
    Alone,
    /// The value alone, but never "Public Holiday", which says nothing.
    Context,
}

/// A field of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DetailField {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: FieldKind,
    /// Whether it must be given.
    pub required: bool,
    /// Suggestions; any other value within the limits is taken too.
    pub options: &'static [&'static str],
    pub(super) wording: Wording,
}

const AGE: FieldKind = FieldKind::Integer { min: 1, max: 130 };
const COUNT: FieldKind = FieldKind::Integer { min: 1, max: 1_000_000 };
const TEXT: FieldKind = FieldKind::Text { max: VALUE_LENGTH_MAX };

const fn field(name: &'static str, wording: Wording) -> DetailField {
    DetailField { name, kind: TEXT, required: false, options: &[], wording }
}

/// A field whose fragment is the value and the field's name.
const fn named(name: &'static str) -> DetailField {
    field(name, Wording::Before(name))
}

impl DetailField {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn takes(mut self, kind: FieldKind) -> Self {
        self.kind = kind;
        self
    }

    const fn suggests(mut self, options: &'static [&'static str]) -> Self {
        self.options = options;
        self
    }
}

const VENUE: DetailField = field("venue", Wording::At);
const ATMOSPHERE: DetailField = named("atmosphere").suggests(&["relaxed", "festive", "cozy", "elegant", "energetic"]);
const ACTIVITIES: DetailField = field("activities", Wording::Featuring);
const DECORATIONS: DetailField = field("decorations", Wording::With);
const GUESTS: DetailField = named("guests").takes(COUNT);
const CROWD: DetailField = named("crowd").suggests(&["small", "lively", "huge"]);
const LIGHTING: DetailField = named("lighting").suggests(&["warm", "neon", "candle", "spotlight", "natural"]);
const COLORS: DetailField = named("colors");

pub(super) const GENERAL: &[DetailField] = &[VENUE, ATMOSPHERE, ACTIVITIES, DECORATIONS];

const BIRTHDAY_PARTY: &[DetailField] =
    &[field("age", Wording::Birthday).takes(AGE).required(), named("theme"), VENUE, GUESTS, ACTIVITIES, DECORATIONS];

const WEDDING: &[DetailField] = &[
    named("style").required().suggests(&["classic", "rustic", "bohemian", "modern", "beach"]),
    COLORS,
    VENUE,
    named("season").suggests(&["spring", "summer", "autumn", "winter"]),
    GUESTS,
    field("elements", Wording::Featuring),
];

const CORPORATE_EVENT: &[DetailField] = &[
    field("eventType", Wording::Alone).required().suggests(&[
        "conference",
        "product launch",
        "networking evening",
        "team building",
        "awards ceremony",
    ]),
    named("industry"),
    named("attendees").takes(COUNT),
    VENUE,
    field("formality", Wording::Before("tone")).suggests(&["formal", "business casual", "casual"]),
    named("branding"),
];

const HOLIDAY_CELEBRATION: &[DetailField] = &[
    field("holiday", Wording::Before("celebration")).required(),
    field("type", Wording::Before("holiday")).suggests(&["religious", "national", "cultural", "seasonal"]),
    field("description", Wording::Alone),
    field("region", Wording::Before("customs")),
    field("context", Wording::Context),
    VENUE,
    named("people").takes(COUNT),
    named("traditions"),
    DECORATIONS,
];

const CONCERT: &[DetailField] = &[
    field("genre", Wording::Before("music")).required().suggests(&["rock", "jazz", "classical", "hip hop", "folk"]),
    VENUE,
    CROWD,
    LIGHTING,
    named("performance"),
    ATMOSPHERE,
];

const SPORTS_EVENT: &[DetailField] = &[
    field("sport", Wording::Alone).required().suggests(&["soccer", "basketball", "tennis", "running", "swimming"]),
    VENUE,
    COLORS,
    CROWD,
    field("eventType", Wording::Alone).suggests(&["match", "tournament", "final", "friendly game"]),
    named("weather").suggests(&["sunny", "rainy", "snowy", "windy"]),
];

const NIGHTLIFE: &[DetailField] = &[
    VENUE,
    named("music"),
    CROWD,
    LIGHTING,
    field("features", Wording::Featuring),
    field("dresscode", Wording::Before("dress code")).suggests(&["casual", "elegant", "all white", "costume"]),
];

const OTHER: &[DetailField] = &[field("occasion", Wording::Alone), VENUE, ATMOSPHERE, ACTIVITIES, DECORATIONS];

/// The fields of an event type, in the order of their fragments.
pub(super) fn fields_of(event_type: &str) -> &'static [DetailField] {
    match event_type {
        "BIRTHDAY_PARTY" => BIRTHDAY_PARTY,
        "WEDDING" => WEDDING,
        "CORPORATE_EVENT" => CORPORATE_EVENT,
        "HOLIDAY_CELEBRATION" => HOLIDAY_CELEBRATION,
        "CONCERT" => CONCERT,
        "SPORTS_EVENT" => SPORTS_EVENT,
        "NIGHTLIFE" => NIGHTLIFE,
        "OTHER" => OTHER,
        _ => GENERAL,
    }
}
