//! Where values come from: flags, environment, file, defaults.

use std::{collections::BTreeMap, path::PathBuf};

use super::settings::{SETTINGS, Setting};

const PREFIX: &str = "INKLEDGER_";

/// Switches of the product, whose variables had another prefix before.
const SWITCHES: &str = "enable.";
const FORMER_PREFIX: &str = "NEXT_PUBLIC_";

/// Variables that are no settings: the configuration file's own, and those the tests take.
const OTHER_VARIABLES: [&str; 1] = ["INKLEDGER_CONFIG"];
const TEST_PREFIX: &str = "INKLEDGER_TEST_";

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Flag,
    /// An environment variable.
    Environment,
    /// The configuration file.
    File,
    /// Nobody set it.
    Default,
}

impl Source {
    /// The word in `inkledger config`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => "file",
            Self::Default => "default",
        }
    }
}

/// One setting's value.
#[derive(Clone)]
pub struct Value {
    /// Which setting.
    pub setting: &'static Setting,
    /// The text; never print it when the setting is secret.
    pub text: String,
    /// Where it came from.
    pub source: Source,
    /// What the variable of before says, where there is one. It decides nothing here.
    pub former: Option<String>,
}

impl Value {
    /// The text for people: secrets are hidden.
    pub fn shown(&self) -> &str {
        match (self.setting.secret, self.text.is_empty()) {
            (true, false) => "(hidden)",
            _ => &self.text,
        }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} = {} ({})", self.setting.key, self.shown(), self.source.as_str())
    }
}

/// All settings' values, in the table's order.
pub type Resolved = Vec<Value>;

/// Why the settings cannot be used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {source}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file is not TOML: {0}")]
    NotToml(String),
    /// There is no such setting.
    #[error("there is no setting `{name}`.{} See `inkledger config`", nearest.as_ref().map(|near| format!(" Did you mean `{near}`?")).unwrap_or_default())]
    Unknown {
        /// What was given.
        name: String,
        /// The nearest one there is.
        nearest: Option<String>,
    },
    /// The value cannot be used.
    #[error("{name} is `{found}`, but must be {expected}")]
    Invalid {
        /// Which setting.
        name: &'static str,
        /// What was given; never a secret.
        found: String,
        /// What it must be.
        expected: String,
    },
}

/// `--database-url` of `database.url`.
pub fn flag_of(key: &str) -> String {
    format!("--{}", key.replace(['.', '_'], "-"))
}

/// `INKLEDGER_DATABASE_URL` of `database.url`.
pub fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_uppercase())
}

/// `NEXT_PUBLIC_ENABLE_CHARTS` of `enable.charts`; `None` of other settings.
fn former_variable_of(key: &str) -> Option<String> {
    let variable = variable_of(key);
    let rest = variable.strip_prefix(PREFIX).filter(|_| key.starts_with(SWITCHES))?;
    Some(format!("{FORMER_PREFIX}{rest}"))
}

fn unknown(name: &str, known: impl Iterator<Item = String>) -> ConfigError {
    let nearest = known
        .map(|candidate| {
            let (given, known) = (name.trim_start_matches(PREFIX), candidate.trim_start_matches(PREFIX));
            (strsim::jaro_winkler(given, known), candidate)
        })
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate);
    ConfigError::Unknown { name: name.to_owned(), nearest }
}

fn flatten(prefix: &str, table: toml::Table, into: &mut BTreeMap<String, String>) -> Result<(), ConfigError> {
    for (key, value) in table {
        let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        let text = match value {
            toml::Value::Table(inner) => {
                let is_section = SETTINGS.iter().any(|setting| setting.key.starts_with(&format!("{key}.")));
                if !is_section {
                    return Err(unknown(&key, SETTINGS.iter().map(|setting| setting.key.to_owned())));
                }
                flatten(&key, inner, into)?;
                continue;
            }
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(switch) => switch.to_string(),
            other => other.to_string(),
        };
        if !SETTINGS.iter().any(|setting| setting.key == key) {
            return Err(unknown(&key, SETTINGS.iter().map(|setting| setting.key.to_owned())));
        }
        into.insert(key, text);
    }
    Ok(())
}

/// Resolves every setting. `flags` are (key, text) pairs that were on the command line.
pub fn resolve(flags: &[(String, String)], file: Option<&std::path::Path>) -> Result<Resolved, ConfigError> {
    let text = match file {
        None => None,
        Some(path) => Some(
            std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?,
        ),
    };
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    resolve_from(flags, |name| std::env::var(name).ok(), names, text.as_deref())
}

pub(super) fn resolve_from(
    flags: &[(String, String)],
    variable: impl Fn(&str) -> Option<String>,
    variables: impl Iterator<Item = String>,
    file: Option<&str>,
) -> Result<Resolved, ConfigError> {
    for name in variables.filter(|name| name.starts_with(PREFIX) && !name.starts_with(TEST_PREFIX)) {
        let known = || SETTINGS.iter().map(|setting| variable_of(setting.key));
        if !OTHER_VARIABLES.contains(&name.as_str()) && !known().any(|candidate| candidate == name) {
            return Err(unknown(&name, known()));
        }
    }
    let mut from_file = BTreeMap::new();
    if let Some(text) = file {
        let table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| ConfigError::NotToml(error.message().to_owned()))?;
        flatten("", table, &mut from_file)?;
    }
    let pick = |setting: &'static Setting| {
        let flag = flags.iter().find(|(key, _)| key == setting.key).map(|(_, text)| (text.clone(), Source::Flag));
        // An empty variable is an unset one, as shells and unit files leave them.
        let environment = || {
            variable(&variable_of(setting.key)).filter(|text| !text.is_empty()).map(|text| (text, Source::Environment))
        };
        let file = || from_file.get(setting.key).map(|text| (text.clone(), Source::File));
        let (text, source) =
            flag.or_else(environment).or_else(file).unwrap_or_else(|| (setting.default.to_owned(), Source::Default));
        let former = former_variable_of(setting.key).and_then(|name| variable(&name));
        Value { setting, text, source, former }
    };
    Ok(SETTINGS.iter().map(pick).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(resolved: &Resolved, key: &str) -> (String, Source) {
        let value = resolved.iter().find(|value| value.setting.key == key).unwrap();
        (value.text.clone(), value.source)
    }

    #[test]
    fn a_flag_wins_over_the_environment_over_the_file() {
        let file = "listen = \"c\"\ndata_dir = \"c\"\n[database]\nconnections = 3\n";
        let environment = |name: &str| match name {
            "INKLEDGER_LISTEN" | "INKLEDGER_DATA_DIR" => Some("b".to_owned()),
            _ => None,
        };
        let flags = [("listen".to_owned(), "a".to_owned())];
        let resolved = resolve_from(&flags, environment, std::iter::empty(), Some(file)).unwrap();
        assert_eq!(of(&resolved, "listen"), ("a".to_owned(), Source::Flag));
        assert_eq!(of(&resolved, "data_dir"), ("b".to_owned(), Source::Environment));
        assert_eq!(of(&resolved, "database.connections"), ("3".to_owned(), Source::File));
        assert_eq!(of(&resolved, "role"), ("all".to_owned(), Source::Default));
    }

    #[test]
    fn a_switch_remembers_what_its_variable_of_before_says() {
        let environment = |name: &str| (name == "NEXT_PUBLIC_ENABLE_CHARTS").then(|| "off".to_owned());
        let resolved = resolve_from(&[], environment, std::iter::empty(), None).unwrap();
        assert_eq!(of(&resolved, "enable.charts"), (String::new(), Source::Default));
        let former: Vec<_> = resolved.iter().filter_map(|value| value.former.as_deref()).collect();
        assert_eq!(former, ["off"]);
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_one() {
        let none = |_: &str| None;
        let refusal = |file: &str| resolve_from(&[], none, std::iter::empty(), Some(file)).unwrap_err().to_string();
        assert!(refusal("lisen = \"x\"").contains("Did you mean `listen`?"));
        assert!(refusal("[database]\nurll = \"x\"").contains("Did you mean `database.url`?"));
        assert!(refusal("[zzz]\nq = 1").contains("no setting `zzz`"));
        let names = ["INKLEDGER_LISTN".to_owned(), "INKLEDGER_TEST_X".to_owned()].into_iter();
        let error = resolve_from(&[], none, names, None).unwrap_err().to_string();
        assert!(error.contains("Did you mean `INKLEDGER_LISTEN`?"), "{error}");
    }

    #[test]
    fn a_secret_is_never_shown() {
        let variable = |name: &str| (name == "INKLEDGER_DATABASE_URL").then(|| "postgres://u:hush@h/d".to_owned());
        let resolved = resolve_from(&[], variable, std::iter::empty(), None).unwrap();
        assert!(!format!("{resolved:?}").contains("hush"));
    }
}
