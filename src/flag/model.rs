//! The table of flags, what the environment says of them, and which layer counts.

use uuid::Uuid;

use crate::{clock::Micros, words::words};

words! {
    /// How much hangs on a flag.
    Impact {
        /// Something that people rely on.
        High "HIGH",
        /// Something that people notice.
        Medium "MEDIUM",
        /// A nicety, or something for operators.
        Low "LOW",
    }
}

words! {
    /// A switch.
    Flag {
        /// Charts of the administration.
        Charts "charts",
        /// Objects in the cloud.
        CloudServices "cloudServices",
        /// Copies and marks of images.
        ImageProcessing "imageProcessing",
        /// Steps of work, told as they are taken.
        Animations "animations",
        /// Timings of fields and the store.
        PerformanceMonitoring "performanceMonitoring",
    }
}

/// A row of the table.
struct Row {
    key: &'static str,
    impact: Impact,
    is_critical: bool,
    default: bool,
    description: &'static str,
    when_off: &'static str,
}

impl Flag {
    fn row(self) -> Row {
        match self {
            Self::Charts => Row {
                key: "enable.charts",
                impact: Impact::High,
                is_critical: true,
                default: true,
                description: "Charts of the administration.",
                when_off: "adminCharts is FEATURE_DISABLED; adminStats answers.",
            },
            Self::CloudServices => Row {
                key: "enable.cloud_services",
                impact: Impact::High,
                is_critical: true,
                default: true,
                description: "New objects go to the object store of the settings.",
                when_off: "New objects go to the local store; those in the bucket stay readable.",
            },
            Self::ImageProcessing => Row {
                key: "enable.image_processing",
                impact: Impact::Medium,
                is_critical: false,
                default: true,
                description: "Thumbnails, smaller copies, placeholders and watermarks of images.",
                when_off: "Originals are kept and copies are null; images that want a watermark are FEATURE_DISABLED.",
            },
            Self::Animations => Row {
                key: "enable.animations",
                impact: Impact::Low,
                is_critical: false,
                default: true,
                description: "Every phase of an AI task is told as it begins.",
                when_off: "Streams of tasks have no PHASE events; items and ends are told.",
            },
            Self::PerformanceMonitoring => Row {
                key: "enable.perf_monitoring",
                impact: Impact::Low,
                is_critical: false,
                default: false,
                description: "Timings of fields and of the database.",
                when_off: "Nothing is timed; adminPerformance is null.",
            },
        }
    }

    /// Its setting, which names its variable too.
    pub fn key(self) -> &'static str {
        self.row().key
    }

    /// Its environment variable.
    pub fn variable(self) -> String {
        format!("INKLEDGER_{}", self.key().replace('.', "_").to_uppercase())
    }

    /// The name that the variable had before.
    pub fn alias(self) -> String {
        format!("NEXT_PUBLIC_{}", self.key().replace('.', "_").to_uppercase())
    }

    /// How much hangs on it.
    pub fn impact(self) -> Impact {
        self.row().impact
    }

    /// Whether the product lacks something essential while it is off.
    pub fn is_critical(self) -> bool {
        self.row().is_critical
    }

    /// What it is when nobody says anything.
    pub fn default_value(self) -> bool {
        self.row().default
    }

    /// What it switches.
    pub fn description(self) -> &'static str {
        self.row().description
    }

    /// What happens while it is off.
    pub fn when_off(self) -> &'static str {
        self.row().when_off
    }

    /// Its place in the table.
    pub(super) fn place(self) -> usize {
        // Declared in the order of `ALL`, as one enum.
        self as usize
    }
}

/// What a text says of a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Value(bool),
    Nothing,
    Nonsense,
}

/// The one parser of switches: true, 1, on, yes and false, 0, off, no in any case; nothing is nothing.
fn parse(text: &str) -> Said {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Said::Value(true),
        "false" | "0" | "off" | "no" => Said::Value(false),
        "" => Said::Nothing,
        _ => Said::Nonsense,
    }
}

/// Whether `text` is a switch, as the environment and the command line spell it. `None` when it is neither on nor off.
pub fn parse_switch(text: &str) -> Option<bool> {
    match parse(text) {
        Said::Value(value) => Some(value),
        Said::Nothing | Said::Nonsense => None,
    }
}

/// What was found for one flag outside the database, as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// Under its own name.
    pub own: Option<String>,
    /// Under the name of before.
    pub alias: Option<String>,
}

impl Given {
    fn values(&self) -> [Said; 2] {
        [&self.own, &self.alias].map(|text| text.as_deref().map_or(Said::Nothing, parse))
    }
}

/// What an operator should know of the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// A value that is none.
    #[error("{variable} is `{found}`, which is neither on nor off, and counts as unset")]
    Nonsense {
        /// Which variable.
        variable: String,
        /// What it is.
        found: String,
    },
    /// Two names, two values.
    #[error("{variable} and {alias} contradict each other; {variable} counts")]
    Clash {
        /// The name that counts.
        variable: String,
        /// The name of before.
        alias: String,
    },
}

/// What the environment of this process says of every flag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment([Given; Flag::ALL.len()]);

impl Environment {
    /// Asks `given` for each flag.
    pub fn of(mut given: impl FnMut(Flag) -> Given) -> Self {
        let mut environment = Self::default();
        for (place, flag) in environment.0.iter_mut().zip(Flag::ALL) {
            *place = given(*flag);
        }
        environment
    }

    fn given(&self, flag: Flag) -> Option<&Given> {
        self.0.get(flag.place())
    }

    /// What it says of `flag`; `None` when nothing that counts.
    pub fn value(&self, flag: Flag) -> Option<bool> {
        let found = self.given(flag).map(Given::values).unwrap_or([Said::Nothing; 2]);
        found.into_iter().find_map(|said| match said {
            Said::Value(value) => Some(value),
            Said::Nothing | Said::Nonsense => None,
        })
    }

    /// What to warn of, in the order of the table.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (flag, given) in Flag::ALL.iter().zip(&self.0) {
            let (variable, alias) = (flag.variable(), flag.alias());
            let values = given.values();
            for ((name, said), text) in [&variable, &alias].into_iter().zip(values).zip([&given.own, &given.alias]) {
                if said == Said::Nonsense {
                    // Long texts are cut: this goes into logs and tables.
                    let found = text.iter().flat_map(|text| text.chars()).take(40).collect();
                    warnings.push(Warning::Nonsense { variable: name.clone(), found });
                }
            }
            if let [Said::Value(own), Said::Value(other)] = values
                && own != other
            {
                warnings.push(Warning::Clash { variable, alias });
            }
        }
        warnings
    }
}

/// What was set at run time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The value.
    pub is_on: bool,
    /// Why.
    pub reason: String,
    /// Who set it; `None` is the operator on the host.
    pub set_by: Option<Uuid>,
    /// When.
    pub set_at: Micros,
    /// From then on it counts no more; `None` is until it is cleared.
    pub expires_at: Option<Micros>,
}

impl Override {
    /// Whether it counts at `now`.
    pub fn counts(&self, now: Micros) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

words! {
    /// Which layer a flag's value comes from.
    Source {
        /// It was set at run time.
        Override "OVERRIDE",
        /// The environment of the process.
        Environment "ENVIRONMENT",
        /// Nobody says anything.
        Default "DEFAULT",
    }
}

/// A flag with its three layers at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Which flag.
    pub flag: Flag,
    /// What was set at run time, though its time may be over.
    pub overridden: Option<Override>,
    /// What the environment of the process says that answers.
    pub environment: Option<bool>,
    /// The moment.
    pub at: Micros,
}

impl Standing {
    /// The value that counts, and where it comes from: override, then environment, then default.
    pub fn effective(&self) -> (bool, Source) {
        if let Some(set) = self.overridden.as_ref().filter(|set| set.counts(self.at)) {
            return (set.is_on, Source::Override);
        }
        match self.environment {
            Some(value) => (value, Source::Environment),
            None => (self.flag.default_value(), Source::Default),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_switches_in_any_case_and_nothing_else() {
        for text in ["true", "1", "ON", "Yes", " on "] {
            assert_eq!(parse(text), Said::Value(true), "{text}");
        }
        for text in ["FALSE", "0", "off", "No"] {
            assert_eq!(parse(text), Said::Value(false), "{text}");
        }
        assert_eq!((parse(""), parse("  ")), (Said::Nothing, Said::Nothing));
        for text in ["maybe", "2", "-1", "truee", "enabled"] {
            assert_eq!(parse(text), Said::Nonsense, "{text}");
        }
    }

    fn charts(own: Option<&str>, alias: Option<&str>) -> Environment {
        Environment::of(|flag| match flag {
            Flag::Charts => Given { own: own.map(str::to_owned), alias: alias.map(str::to_owned) },
            _ => Given::default(),
        })
    }

    #[test]
    fn our_name_wins_over_the_one_of_before_and_a_clash_is_told() {
        let value = |own, alias| charts(own, alias).value(Flag::Charts);
        assert_eq!(value(None, None), None);
        assert_eq!(value(None, Some("off")), Some(false));
        assert_eq!(value(Some("on"), Some("off")), Some(true));
        assert_eq!(value(Some(""), Some("off")), Some(false));
        assert_eq!(value(Some("maybe"), Some("off")), Some(false));
        assert_eq!(value(Some("maybe"), None), None);
        let told = |own, alias| charts(own, alias).warnings().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(told(Some("on"), Some("yes")), [""; 0]);
        assert_eq!(
            told(Some("on"), Some("off")),
            ["INKLEDGER_ENABLE_CHARTS and NEXT_PUBLIC_ENABLE_CHARTS contradict each other; INKLEDGER_ENABLE_CHARTS \
              counts"]
        );
        assert_eq!(
            told(Some("maybe"), Some("off")),
            ["INKLEDGER_ENABLE_CHARTS is `maybe`, which is neither on nor off, and counts as unset"]
        );
    }

    #[test]
    fn an_override_counts_until_its_time_is_over() {
        let set =
            |is_on, expires_at| Some(Override { is_on, reason: String::new(), set_by: None, set_at: 0, expires_at });
        let standing =
            |overridden, environment, at| Standing { flag: Flag::Charts, overridden, environment, at }.effective();
        assert_eq!(standing(set(false, None), Some(true), 5), (false, Source::Override));
        assert_eq!(standing(set(false, Some(6)), Some(true), 5), (false, Source::Override));
        assert_eq!(standing(set(false, Some(5)), Some(false), 5), (false, Source::Environment));
        assert_eq!(standing(set(false, Some(5)), None, 5), (true, Source::Default));
    }

    #[test]
    fn every_flag_has_its_own_place_and_variable() {
        for (place, flag) in Flag::ALL.iter().enumerate() {
            assert_eq!(flag.place(), place);
        }
        assert_eq!(Flag::PerformanceMonitoring.variable(), "INKLEDGER_ENABLE_PERF_MONITORING");
        assert_eq!(Flag::CloudServices.alias(), "NEXT_PUBLIC_ENABLE_CLOUD_SERVICES");
    }
}
