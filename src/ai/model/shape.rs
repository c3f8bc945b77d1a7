//! What a model's answer must look like, as data: one description writes the schema that a call asks for and finds the
//! faults of an answer, so that the two cannot disagree.

use std::fmt;

use serde_json::{Map, Value, json};

/// The most faults that are named at once; a model that gets more than these wrong gets the rest wrong too.
pub const FAULTS_MAX: usize = 20;

/// What is wrong with an answer, and where. Both are our own words, never the answer's: they go into the repair request
/// and may go into a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where, such as `clusters[0].name`; `answer` is the whole.
    pub path: String,
    /// What is wrong, without a full stop.
    pub text: String,
}

impl Fault {
    /// A fault at a place.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.text)
    }
}

/// The form of a JSON value.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A string.
    Text,
    /// A whole number.
    Whole,
    /// One of these strings, in any case. In a field that may be left out any other string counts as left out.
    Choice(&'static [&'static str]),
    /// A list of values of one form.
    List(&'static Shape),
    /// An object; fields it does not name are of no interest.
    Object(&'static [Field]),
}

/// A field of an object.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name in the JSON.
    pub name: &'static str,
    /// The form of its value.
    pub shape: Shape,
    /// Whether it must be there and not null.
    pub is_required: bool,
    /// What it is, in words for the model.
    pub note: &'static str,
}

impl Field {
    /// A field that must be there.
    pub const fn required(name: &'static str, shape: Shape, note: &'static str) -> Self {
        Self { name, shape, is_required: true, note }
    }

    /// A field that may be left out, or null.
    pub const fn optional(name: &'static str, shape: Shape, note: &'static str) -> Self {
        Self { name, shape, is_required: false, note }
    }
}

impl Shape {
    /// The form as a JSON schema, as models know it.
    pub fn schema(&self) -> Value {
        match self {
            Self::Text => json!({"type": "string"}),
            Self::Whole => json!({"type": "integer"}),
            Self::Choice(words) => json!({"type": "string", "enum": words}),
            Self::List(of) => json!({"type": "array", "items": of.schema()}),
            Self::Object(fields) => {
                let described = fields.iter().map(|field| {
                    let mut schema = field.shape.schema();
                    if let Value::Object(schema) = &mut schema
                        && !field.note.is_empty()
                    {
                        schema.insert("description".to_owned(), field.note.into());
                    }
                    (field.name.to_owned(), schema)
                });
                let properties: Map<String, Value> = described.collect();
                let required: Vec<&str> =
                    fields.iter().filter(|field| field.is_required).map(|field| field.name).collect();
                json!({"type": "object", "properties": properties, "required": required})
            }
        }
    }

    /// Where `value` has another form, at most [`FAULTS_MAX`] places. Empty when it fits.
    pub fn faults(&self, value: &Value) -> Vec<Fault> {
        let mut found = Vec::new();
        self.compare(value, "answer", &mut found);
        found
    }

    fn compare(&self, value: &Value, path: &str, found: &mut Vec<Fault>) {
        if found.len() >= FAULTS_MAX {
            return;
        }
        match (self, value) {
            (Self::Text, Value::String(_)) => {}
            (Self::Whole, Value::Number(number)) if number.is_i64() => {}
            (Self::Choice(words), Value::String(text)) => {
                if !words.iter().any(|word| word.eq_ignore_ascii_case(text.trim())) {
                    found.push(Fault::new(path, format!("is none of {}", words.join(", "))));
                }
            }
            (Self::List(of), Value::Array(list)) => {
                for (at, one) in list.iter().enumerate() {
                    of.compare(one, &format!("{}[{at}]", below_root(path)), found);
                }
            }
            (Self::Object(fields), Value::Object(object)) => {
                for field in *fields {
                    let place = join(path, field.name);
                    match object.get(field.name) {
                        None | Some(Value::Null) if field.is_required => found.push(Fault::new(place, "is missing")),
                        None | Some(Value::Null) => {}
                        Some(Value::String(_))
                            if matches!((field.shape, field.is_required), (Self::Choice(_), false)) => {}
                        Some(value) => field.shape.compare(value, &place, found),
                    }
                }
            }
            _ => found.push(Fault::new(path, format!("is not {}", self.name()))),
        }
        found.truncate(FAULTS_MAX);
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Text | Self::Choice(_) => "a string",
            Self::Whole => "a whole number",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// The whole answer has a name of its own, which does not stand before what is in it.
fn below_root(path: &str) -> &str {
    if path == "answer" { "" } else { path }
}

fn join(path: &str, name: &str) -> String {
    match below_root(path) {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PET: Shape = Shape::Object(&[
        Field::required("name", Shape::Text, "what it is called"),
        Field::required("kind", Shape::Choice(&["CAT", "DOG"]), ""),
        Field::optional("age", Shape::Whole, "in years"),
        Field::optional("size", Shape::Choice(&["S", "L"]), ""),
    ]);
    const PETS: Shape = Shape::Object(&[Field::required("pets", Shape::List(&PET), "all of them")]);

    fn faults(value: &Value) -> Vec<String> {
        PETS.faults(value).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_every_fault_with_its_place() {
        let answer = json!({"pets": [
            {"name": "Ada", "kind": "cat", "age": null, "colour": "red", "size": "XXL"},
            {"name": 1, "kind": "COW", "age": 1.5},
            {"name": null},
            "Bo",
        ]});
        assert_eq!(
            faults(&answer),
            [
                "pets[1].name: is not a string",
                "pets[1].kind: is none of CAT, DOG",
                "pets[1].age: is not a whole number",
                "pets[2].name: is missing",
                "pets[2].kind: is missing",
                "pets[3]: is not an object",
            ]
        );
        assert_eq!(faults(&json!([])), ["answer: is not an object"]);
        assert_eq!(faults(&json!({})), ["pets: is missing"]);
        assert_eq!(faults(&json!({"pets": []})), Vec::<String>::new());
    }

    #[test]
    fn names_no_more_faults_than_anybody_would_mend() {
        let many: Vec<Value> = (0..500).map(Value::from).collect();
        assert_eq!(PETS.faults(&json!({ "pets": many })).len(), FAULTS_MAX);
    }

    #[test]
    fn asks_for_what_it_checks() {
        let schema = PETS.schema();
        assert_eq!(schema["required"], json!(["pets"]));
        let pet = &schema["properties"]["pets"]["items"];
        assert_eq!(pet["required"], json!(["name", "kind"]));
        assert_eq!(pet["properties"]["kind"], json!({"type": "string", "enum": ["CAT", "DOG"]}));
        assert_eq!(pet["properties"]["age"], json!({"type": "integer", "description": "in years"}));
    }
}
