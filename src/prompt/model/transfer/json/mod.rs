//! Strict JSON: doubled keys, deep nesting and loose syntax are refused with their place,
//! numbers keep their spelling, and nothing is built that the caller did not ask for.

mod reader;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use reader::{JsonError, JsonFault, JsonKind, Reader};

/// A JSON value. Objects are sorted by key, numbers are as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number's spelling.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Whether a string or key in it holds U+0000, which no database takes.
    pub fn has_nul(&self) -> bool {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => false,
            Self::Text(text) => text.contains('\0'),
            Self::List(list) => list.iter().any(Self::has_nul),
            Self::Object(members) => members.iter().any(|(key, value)| key.contains('\0') || value.has_nul()),
        }
    }

    /// The same value with every number in one spelling: equal values are equal texts then.
    pub fn normal(self) -> Self {
        match self {
            Self::Number(spelling) => Self::Number(normal_number(&spelling)),
            Self::List(list) => Self::List(list.into_iter().map(Self::normal).collect()),
            Self::Object(members) => {
                Self::Object(members.into_iter().map(|(key, value)| (key, value.normal())).collect())
            }
            other => other,
        }
    }

    /// Writes it without blanks.
    pub fn write_compact(&self, out: &mut String) {
        self.write(out, None);
    }

    /// Writes it over several lines, two blanks per level. `level` is where it stands.
    pub fn write_pretty(&self, out: &mut String, level: usize) {
        self.write(out, Some(level));
    }

    fn write(&self, out: &mut String, level: Option<usize>) {
        let inner = level.map(|level| level + 1);
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(spelling) => out.push_str(spelling),
            Self::Text(text) => write_text(out, text),
            Self::List(list) if list.is_empty() => out.push_str("[]"),
            Self::Object(members) if members.is_empty() => out.push_str("{}"),
            Self::List(list) => {
                for (at, value) in list.iter().enumerate() {
                    out.push(if at == 0 { '[' } else { ',' });
                    new_line(out, inner);
                    value.write(out, inner);
                }
                new_line(out, level);
                out.push(']');
            }
            Self::Object(members) => {
                for (at, (key, value)) in members.iter().enumerate() {
                    out.push(if at == 0 { '{' } else { ',' });
                    new_line(out, inner);
                    write_text(out, key);
                    out.push_str(if level.is_some() { ": " } else { ":" });
                    value.write(out, inner);
                }
                new_line(out, level);
                out.push('}');
            }
        }
    }
}

/// A legal number as digits without outer zeroes and a power of ten: `1.50`, `15e-1` and `1.5` are all `15e-1`.
fn normal_number(spelling: &str) -> String {
    let (sign, number) = spelling.strip_prefix('-').map_or(("", spelling), |rest| ("-", rest));
    let (digits, power) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_matches('0');
    if digits.is_empty() {
        return "0".to_owned();
    }
    let zeroes = all.len() - all.trim_end_matches('0').len();
    let shift = i128::try_from(zeroes).unwrap_or_default() - i128::try_from(fraction.len()).unwrap_or_default();
    // A power that no 128 bits hold is of a number that no double holds, but for those that are nearly zero.
    match power.parse::<i128>().ok().and_then(|power| power.checked_add(shift)) {
        Some(power) => format!("{sign}{digits}e{power}"),
        None => spelling.to_owned(),
    }
}

/// Begins a line at `level`, two blanks each. Nothing in compact form.
pub fn new_line(out: &mut String, level: Option<usize>) {
    if let Some(level) = level {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", level));
    }
}

/// Writes a string. Only what must be escaped is.
pub fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            letter if letter < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
}
