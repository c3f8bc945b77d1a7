//! How two environments differ: prompts, flags and provider settings, each as named texts. Secrets never get here.

use std::{collections::BTreeMap, time::Instant};

use super::{
    TransferPrompt,
    json::{Json, Reader},
};
use crate::prompt::model::diff::{Change, diff_lines};

/// What an entry belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// The system prompts.
    Prompt,
    /// The flags.
    Flag,
    /// The provider settings.
    ProviderSetting,
}

impl Section {
    /// The field of a file that holds it.
    pub fn file_field(self) -> &'static str {
        match self {
            Self::Prompt => "prompts",
            Self::Flag => "flags",
            Self::ProviderSetting => "providerSettings",
        }
    }

    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Flag => "flag",
            Self::ProviderSetting => "provider_setting",
        }
    }
}

/// Flags or provider settings as files hold them: values by name. Whoever fills it leaves secrets out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentPart {
    /// What they are.
    pub section: Section,
    /// By name.
    pub values: BTreeMap<String, Json>,
}

/// How deep a value of a part may nest.
const PART_DEPTH_MAX: usize = 16;

impl EnvironmentPart {
    /// Values that were made within this process. One that is no JSON of ours is left out.
    pub fn new(section: Section, values: impl IntoIterator<Item = (String, serde_json::Value)>) -> Self {
        let tree = |value: serde_json::Value| Reader::new(&value.to_string(), PART_DEPTH_MAX).tree().ok();
        let values = values.into_iter().filter_map(|(name, value)| Some((name, tree(value)?)));
        Self { section, values: values.collect() }
    }

    /// As entries to compare, each one text.
    pub fn entries(&self) -> Vec<Entry> {
        let entry = |(name, value): (&String, &Json)| {
            let mut text = String::new();
            value.write_pretty(&mut text, 0);
            Entry { section: self.section, id: name.clone(), name: name.clone(), fields: vec![("value", text)] }
        };
        self.values.iter().map(entry).collect()
    }
}

/// A thing that an environment has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it belongs to.
    pub section: Section,
    /// What it is matched by, such as `style_preset/origami`.
    pub id: String,
    /// How it is shown, such as `style_preset/Origami`.
    pub name: String,
    /// What it says, by field.
    pub fields: Vec<(&'static str, String)>,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDiff {
    /// Which field.
    pub field: &'static str,
    /// Its text on the left; `None` when it has no such field.
    pub left: Option<String>,
    /// Its text on the right.
    pub right: Option<String>,
}

impl FieldDiff {
    /// The change from left to right by line, until `deadline` as [`diff_lines`] has it.
    pub fn changes(&self, deadline: Instant) -> Vec<Change> {
        diff_lines(self.left.as_deref().unwrap_or_default(), self.right.as_deref().unwrap_or_default(), deadline)
    }
}

/// How the two sides of an entry compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// They are the same.
    Same,
    /// Only the left side has it.
    OnlyLeft,
    /// Only the right side has it.
    OnlyRight,
    /// They differ in these fields.
    Differs(Vec<FieldDiff>),
}

impl Difference {
    /// The word in reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Same => "SAME",
            Self::OnlyLeft => "ONLY_LEFT",
            Self::OnlyRight => "ONLY_RIGHT",
            Self::Differs(_) => "DIFFERS",
        }
    }
}

/// An entry and how its two sides compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentRow {
    /// What it belongs to.
    pub section: Section,
    /// How it is shown.
    pub name: String,
    /// How the sides compare.
    pub difference: Difference,
}

/// How two environments compare, sorted by section and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentDiff {
    /// One row per entry of either side.
    pub rows: Vec<EnvironmentRow>,
}

impl EnvironmentDiff {
    /// Whether there is no difference.
    pub fn is_same(&self) -> bool {
        self.rows.iter().all(|row| row.difference == Difference::Same)
    }

    /// The exit code of the command: 0, or 1 if something differs.
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.is_same())
    }
}

/// Compares two environments. Of entries with one section and id on the same side, the last counts.
pub fn compare_environments(left: Vec<Entry>, right: Vec<Entry>) -> EnvironmentDiff {
    let mut sides: BTreeMap<(Section, String), (Option<Entry>, Option<Entry>)> = BTreeMap::new();
    for entry in left {
        let key = (entry.section, entry.id.clone());
        sides.entry(key).or_default().0 = Some(entry);
    }
    for entry in right {
        let key = (entry.section, entry.id.clone());
        sides.entry(key).or_default().1 = Some(entry);
    }
    let row = |entry: Entry, difference| EnvironmentRow { section: entry.section, name: entry.name, difference };
    let rows = sides.into_values().filter_map(|side| match side {
        (Some(left), None) => Some(row(left, Difference::OnlyLeft)),
        (None, Some(right)) => Some(row(right, Difference::OnlyRight)),
        (Some(left), Some(right)) => {
            let difference = compare(&left, &right);
            Some(row(left, difference))
        }
        (None, None) => None,
    });
    EnvironmentDiff { rows: rows.collect() }
}

fn compare(left: &Entry, right: &Entry) -> Difference {
    let text =
        |entry: &Entry, name: &str| entry.fields.iter().find(|(field, _)| *field == name).map(|(_, text)| text.clone());
    let mut fields: Vec<&'static str> = left.fields.iter().map(|(field, _)| *field).collect();
    fields.extend(right.fields.iter().map(|(field, _)| *field).filter(|field| text(left, field).is_none()));
    let differing = fields.into_iter().filter_map(|field| {
        let (left, right) = (text(left, field), text(right, field));
        (left != right).then_some(FieldDiff { field, left, right })
    });
    let differing: Vec<FieldDiff> = differing.collect();
    if differing.is_empty() { Difference::Same } else { Difference::Differs(differing) }
}

/// Prompts as entries. Version numbers are left out: equal prompts count their versions apart.
pub fn prompt_entries(prompts: &[TransferPrompt]) -> Vec<Entry> {
    let entry = |prompt: &TransferPrompt| {
        let mut fields = vec![
            ("name", prompt.name.clone()),
            ("content", prompt.content.clone()),
            ("isActive", prompt.is_active.to_string()),
            ("metadata", prompt.metadata.compared()),
        ];
        fields.extend(prompt.description.clone().map(|description| ("description", description)));
        Entry {
            section: Section::Prompt,
            id: format!("{}/{}", prompt.category, prompt.key.folded()),
            name: format!("{}/{}", prompt.category, prompt.key.as_str()),
            fields,
        }
    };
    prompts.iter().map(entry).collect()
}
