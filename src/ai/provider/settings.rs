//! Settings of a provider or of one of its models: what an adapter takes beyond prompt and size, as data that an
//! administrator can change. The adapter declares them; what it does not declare is refused, so that nothing stored is
//! ever left off the wire without anybody noticing.

use serde_json::{Map, Value};

/// Settings by name, as stored and as sent.
pub type Settings = Map<String, Value>;

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SettingKind {
    /// True or false.
    Flag,
    /// A whole number, both ends included.
    Whole {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// Any number, both ends included.
    Number {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// Text of at most so many characters, none of them a control character.
    Text {
        /// The longest.
        max: usize,
    },
    /// Text that goes into a header: 1 to so many visible ASCII characters.
    Header {
        /// The longest.
        max: usize,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// One setting that an adapter takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SettingSpec {
    /// Its name here and, unless the adapter says otherwise, on the wire.
    pub name: &'static str,
    /// What values it takes.
    pub kind: SettingKind,
    /// What it does, for administrators.
    pub help: &'static str,
}

/// A row of an adapter's table.
pub(super) const fn setting(name: &'static str, kind: SettingKind, help: &'static str) -> SettingSpec {
    SettingSpec { name, kind, help }
}

/// Why settings are not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingFault {
    /// The adapter takes no such setting.
    #[error("There is no setting \"{name}\". Known: {known}.")]
    Unknown {
        /// The name given.
        name: String,
        /// Those there are.
        known: String,
    },
    /// The value does not fit.
    #[error("The setting \"{name}\" must be {expected}.")]
    Invalid {
        /// Which setting.
        name: &'static str,
        /// What it must be.
        expected: String,
    },
}

impl SettingKind {
    fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::Flag => value.is_boolean(),
            Self::Whole { min, max } => value.as_i64().is_some_and(|number| (*min..=*max).contains(&number)),
            Self::Number { min, max } => value.as_f64().is_some_and(|number| (*min..=*max).contains(&number)),
            Self::Text { max } => {
                value.as_str().is_some_and(|text| text.chars().count() <= *max && !text.chars().any(char::is_control))
            }
            Self::Header { max } => value.as_str().is_some_and(|text| {
                (1..=*max).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
            }),
            Self::Choice(words) => value.as_str().is_some_and(|text| words.contains(&text)),
        }
    }

    /// What a value must be, as it stands after "must be".
    pub fn expected(&self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::Text { max } => format!("text of at most {max} characters without control characters"),
            Self::Header { max } => format!("1–{max} visible ASCII characters, for it is sent as a header"),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
        }
    }
}

/// Whether every one of `settings` is among `specs` and fits it. Refuses: the first that does not.
pub fn check_settings(specs: &[SettingSpec], settings: &Settings) -> Result<(), SettingFault> {
    for (name, value) in settings {
        let Some(spec) = specs.iter().find(|spec| spec.name == name) else {
            let mut known = Vec::new();
            for spec in specs {
                // What texts and images both take stands there twice.
                if !known.contains(&spec.name) {
                    known.push(spec.name);
                }
            }
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(SettingFault::Unknown { name: name.clone(), known });
        };
        if !spec.kind.accepts(value) {
            return Err(SettingFault::Invalid { name: spec.name, expected: spec.kind.expected() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SPECS: &[SettingSpec] = &[
        SettingSpec { name: "steps", kind: SettingKind::Whole { min: 1, max: 50 }, help: "" },
        SettingSpec { name: "guidance", kind: SettingKind::Number { min: 0.0, max: 20.0 }, help: "" },
        SettingSpec { name: "style", kind: SettingKind::Choice(&["vivid", "natural"]), help: "" },
        SettingSpec { name: "expand", kind: SettingKind::Flag, help: "" },
        SettingSpec { name: "avoid", kind: SettingKind::Text { max: 5 }, help: "" },
        SettingSpec { name: "owner", kind: SettingKind::Header { max: 8 }, help: "" },
    ];

    fn check(value: Value) -> Result<(), SettingFault> {
        check_settings(SPECS, value.as_object().unwrap())
    }

    #[test]
    fn accepts_what_is_declared_and_refuses_the_rest_by_name() {
        assert_eq!(check(json!({})), Ok(()));
        let all = json!({"steps": 50, "guidance": 7.5, "style": "vivid", "expand": true, "avoid": "äöüß!"});
        assert_eq!(check(all), Ok(()));
        assert_eq!(check(json!({"owner": "org-1234", "avoid": ""})), Ok(()));
        for wrong in [
            json!({"steps": 0}),
            json!({"steps": 1.5}),
            json!({"steps": "5"}),
            json!({"guidance": 20.5}),
            json!({"style": "loud"}),
            json!({"expand": 1}),
            json!({"avoid": "sixsix"}),
            json!({"avoid": null}),
            json!({"avoid": "a\nb"}),
            json!({"avoid": "a\u{7f}"}),
            json!({"avoid": "\u{85}"}),
            json!({"owner": ""}),
            json!({"owner": "a b"}),
            json!({"owner": "b\r\nc"}),
            json!({"owner": "örg"}),
            json!({"owner": "org-12345"}),
        ] {
            assert!(matches!(check(wrong.clone()), Err(SettingFault::Invalid { .. })), "{wrong}");
        }
        let unknown = check(json!({"step": 5})).unwrap_err();
        assert!(unknown.to_string().contains("steps, guidance"), "{unknown}");
        let twice = check_settings(&[SPECS, SPECS].concat(), json!({"step": 5}).as_object().unwrap()).unwrap_err();
        assert_eq!(twice, unknown, "each is named once");
    }
}
