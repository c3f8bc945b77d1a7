//! Random documents, valid on the schema of `things`.

use std::fmt::Write as _;

use super::Dice;
use super::things::{FIELDS, ROOTS, THING_FIELDS};

/// Fields selected in one document, at most, about.
const SELECTIONS: usize = 18;

struct Writer<'d> {
    dice: &'d mut Dice,
    left: usize,
    /// Bodies of named fragments, and the type each is on.
    fragments: Vec<(&'static str, String)>,
}

/// A document whose operation takes `$seed: Int!` and `$flag: Boolean!`.
pub fn document(dice: &mut Dice) -> String {
    let left = 2 + dice.below(SELECTIONS);
    let mut writer = Writer { dice, left, fragments: Vec::new() };
    let mut text = String::from("query($seed: Int!, $flag: Boolean!) {");
    let roots = 1 + writer.dice.below(2);
    for _ in 0..roots {
        let (name, ty) = ROOTS[writer.dice.below(ROOTS.len())];
        writer.root(&mut text, name, ty);
    }
    // Every variable must be used.
    text.push_str(" __typename @skip(if: $flag) }");
    for (number, (on, body)) in writer.fragments.iter().enumerate() {
        let _ = write!(text, " fragment F{number} on {on} {body}");
    }
    text
}

impl Writer<'_> {
    fn root(&mut self, text: &mut String, name: &str, ty: &'static str) {
        let key = self.key(name);
        let inside = self.dice.below(5) == 0;
        if inside {
            text.push_str(" ... on Query {");
        }
        let _ = write!(text, " {key}: {name}(seed: $seed)");
        self.condition(text);
        self.set(text, innermost(ty), 0);
        if inside {
            text.push('}');
        }
    }

    /// A response key that implies its field, so that any two uses can be merged.
    fn key(&mut self, name: &str) -> String {
        match self.dice.below(4) {
            0 => format!("x{name}"),
            _ => name.to_owned(),
        }
    }

    fn condition(&mut self, text: &mut String) {
        match self.dice.below(24) {
            0 => text.push_str(" @skip(if: $flag)"),
            1 => text.push_str(" @include(if: $flag)"),
            2 => text.push_str(" @skip(if: true)"),
            3 => text.push_str(" @include(if: true)"),
            _ => {}
        }
    }

    fn set(&mut self, text: &mut String, on: &'static str, depth: usize) {
        text.push_str(" {");
        let count = 1 + self.dice.below(if depth > 5 { 2 } else { 4 });
        for _ in 0..count {
            self.selection(text, on, depth);
        }
        text.push_str(" }");
    }

    fn selection(&mut self, text: &mut String, on: &'static str, depth: usize) {
        let spent = self.left == 0 || depth > 8;
        self.left = self.left.saturating_sub(1);
        if spent {
            text.push_str(" __typename");
            return;
        }
        match self.dice.below(10) {
            0 => {
                text.push_str(" __typename");
                self.condition(text);
            }
            1 | 2 => {
                let inner = self.narrower(on);
                text.push_str(" ...");
                if inner != on || self.dice.below(2) == 0 {
                    let _ = write!(text, " on {inner}");
                }
                self.condition(text);
                self.set(text, inner, depth + 1);
            }
            3 => {
                let inner = self.narrower(on);
                let mut body = String::new();
                self.set(&mut body, inner, depth + 1);
                let _ = write!(text, " ...F{}", self.fragments.len());
                self.condition(text);
                self.fragments.push((inner, body));
            }
            4 if !self.fragments.is_empty() => self.spread_again(text, on),
            _ => self.field(text, on, depth),
        }
    }

    /// Spreads a fragment a second time, if it fits.
    fn spread_again(&mut self, text: &mut String, on: &'static str) {
        let number = self.dice.below(self.fragments.len());
        let other = self.fragments[number].0;
        if overlaps(on, other) {
            let _ = write!(text, " ...F{number}");
        } else {
            text.push_str(" __typename");
        }
    }

    /// A type that a fragment inside `on` may be on.
    fn narrower(&mut self, on: &'static str) -> &'static str {
        let all = ["A", "B", "Thing", "Any"];
        let candidate = all[self.dice.below(4)];
        if overlaps(on, candidate) { candidate } else { on }
    }

    fn field(&mut self, text: &mut String, on: &'static str, depth: usize) {
        let field = match on {
            "Any" => None,
            "Thing" => {
                let name = THING_FIELDS[self.dice.below(THING_FIELDS.len())];
                FIELDS.iter().copied().find(|field| field.0 == name)
            }
            _ if self.dice.below(12) == 0 => Some((if on == "A" { "onlyA" } else { "onlyB" }, "Int")),
            _ => Some(FIELDS[self.dice.below(FIELDS.len())]),
        };
        let Some((name, ty)) = field else {
            text.push_str(" __typename");
            return;
        };
        let key = self.key(name);
        let _ = write!(text, " {key}: {name}");
        self.condition(text);
        if innermost(ty) != "Int" {
            self.set(text, innermost(ty), depth + 1);
        }
    }
}

fn overlaps(one: &str, other: &str) -> bool {
    !matches!((one, other), ("A", "B") | ("B", "A"))
}

fn innermost(ty: &'static str) -> &'static str {
    ty.trim_matches(['[', ']', '!'])
}
