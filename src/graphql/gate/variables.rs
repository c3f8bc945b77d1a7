//! Coercion of an operation's variables against the type table before anything runs (G28). The library notices a bad
//! variable only when its field runs, after earlier mutation fields have run. Custom scalars pass: the scalar judges.

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{BaseType, Type, VariableDefinition};
use async_graphql::{Name, Pos, Positioned, Value, Variables};

use super::refusal::{Fault, RefusalKind, Refused};
use super::text::{self, has_nul};
use super::types::{InputField, Kind, TypeDef, TypeTable};

/// Variables that have a value: given, or by default. An omitted one has no entry, so a patch can tell it from null.
pub(super) type Coerced = IndexMap<Name, Value>;

/// Errors that one refusal lists, at most.
const FAULTS_MAX: usize = 20;

/// Coerces what `given` holds for `definitions`; other entries are ignored. Refuses with one `BAD_USER_INPUT` per
/// fault, each with the `path` of the value, which starts with the variable's name.
pub(super) fn coerce(
    table: &TypeTable,
    definitions: &[Positioned<VariableDefinition>],
    given: &Variables,
) -> Result<Coerced, Refused> {
    let mut coerced = Coerced::new();
    let mut faults = Vec::new();
    for definition in definitions {
        let variable = &definition.node;
        let ty = &variable.var_type.node;
        let mut walk = Walk { table, path: vec![Segment::Name(&variable.name.node)], pos: definition.pos, faults };
        match (given.get(&variable.name.node), &variable.default_value) {
            (Some(value), _) => {
                if let Some(value) = walk.value(ty, value) {
                    coerced.insert(variable.name.node.clone(), value);
                }
            }
            (None, Some(default)) => {
                coerced.insert(variable.name.node.clone(), default.node.clone());
            }
            (None, None) if !ty.nullable => walk.fault("A value is required."),
            (None, None) => {}
        }
        faults = walk.faults;
    }
    if faults.is_empty() { Ok(coerced) } else { Err(Refused { kind: RefusalKind::Variables, errors: faults }) }
}

#[derive(Clone, Copy)]
enum Segment<'a> {
    Name(&'a str),
    Index(usize),
}

struct Walk<'a> {
    table: &'a TypeTable,
    path: Vec<Segment<'a>>,
    pos: Pos,
    faults: Vec<Fault>,
}

impl<'a> Walk<'a> {
    fn fault(&mut self, message: impl AsRef<str>) {
        if self.faults.len() >= FAULTS_MAX {
            return;
        }
        let path = self.path.iter().map(|segment| match *segment {
            Segment::Name(name) => Value::String(name.chars().take(128).collect()),
            Segment::Index(index) => Value::from(index as u64),
        });
        let path = Value::List(path.collect());
        self.faults.push(Fault::new("BAD_USER_INPUT", message).with("path", path).at(self.pos));
    }

    fn refuse(&mut self, message: impl AsRef<str>) -> Option<Value> {
        self.fault(message);
        None
    }

    /// The value as `ty`, or none after noting at least one fault.
    fn value(&mut self, ty: &'a Type, value: &'a Value) -> Option<Value> {
        if matches!(value, Value::Null) {
            return if ty.nullable { Some(Value::Null) } else { self.refuse("The value must not be null.") };
        }
        match (&ty.base, value) {
            (BaseType::List(item), Value::List(values)) => {
                let before = self.faults.len();
                let mut coerced = Vec::with_capacity(values.len());
                for (index, value) in values.iter().enumerate() {
                    self.path.push(Segment::Index(index));
                    coerced.extend(self.value(item, value));
                    self.path.pop();
                }
                (self.faults.len() == before && coerced.len() == values.len()).then_some(Value::List(coerced))
            }
            // One value stands for a list of one.
            (BaseType::List(item), value) => Some(Value::List(vec![self.value(item, value)?])),
            (BaseType::Named(name), value) => match self.table.get(name) {
                Some(def) => self.named(def, value),
                // An unknown type is for validation to refuse.
                None => Some(value.clone()),
            },
        }
    }

    fn named(&mut self, def: &'a TypeDef, value: &'a Value) -> Option<Value> {
        match (&def.kind, value) {
            (Kind::Scalar, value) => self.scalar(&def.name, value),
            (Kind::Enum(values), Value::String(name)) if values.contains(name) => Some(Value::Enum(Name::new(name))),
            (Kind::Enum(values), Value::Enum(name)) if values.contains(name.as_str()) => Some(value.clone()),
            (Kind::Enum(_), _) => self.refuse(format!("The value is not one of `{}`.", def.name)),
            (Kind::Input { fields, one_of }, Value::Object(values)) => self.input(fields, *one_of, values),
            (Kind::Input { .. }, _) => self.refuse(format!("The value must be an object of type `{}`.", def.name)),
            // Not an input type: for validation to refuse.
            (Kind::Object(_) | Kind::Abstract { .. }, value) => Some(value.clone()),
        }
    }

    fn scalar(&mut self, name: &str, value: &Value) -> Option<Value> {
        if has_nul(value) {
            return self.refuse(text::MESSAGE);
        }
        let coerced = match (name, value) {
            ("Int", Value::Number(number)) => {
                whole(number).filter(|whole| i32::try_from(*whole).is_ok()).map(Value::from)
            }
            ("Float", Value::Number(number)) => {
                number.as_f64().filter(|float| float.is_finite()).map(|_| value.clone())
            }
            ("ID", Value::Number(number)) => whole(number).map(|whole| Value::String(whole.to_string())),
            ("String" | "ID", Value::String(_)) | ("Boolean", Value::Boolean(_)) => Some(value.clone()),
            ("Int" | "Float" | "String" | "Boolean" | "ID", _) => None,
            _ => Some(value.clone()),
        };
        coerced.or_else(|| self.refuse(format!("The value is not of type `{name}`.")))
    }

    fn input(
        &mut self,
        fields: &'a std::collections::HashMap<String, InputField>,
        one_of: bool,
        values: &'a IndexMap<Name, Value>,
    ) -> Option<Value> {
        let before = self.faults.len();
        if one_of && (values.len() != 1 || values.values().any(|value| matches!(value, Value::Null))) {
            return self.refuse("Exactly one field must be given, and not null.");
        }
        let mut coerced = IndexMap::with_capacity(values.len());
        for (name, value) in values {
            self.path.push(Segment::Name(name));
            match fields.get(name.as_str()) {
                Some(field) => {
                    if let Some(value) = self.value(&field.ty, value) {
                        coerced.insert(name.clone(), value);
                    }
                }
                None => self.fault("The field does not exist."),
            }
            self.path.pop();
        }
        let mut missing: Vec<&str> = fields
            .iter()
            .filter(|(name, field)| !field.ty.nullable && !field.has_default && !values.contains_key(name.as_str()))
            .map(|(name, _)| name.as_str())
            .collect();
        missing.sort_unstable();
        for name in missing {
            self.path.push(Segment::Name(name));
            self.fault("A value is required.");
            self.path.pop();
        }
        (self.faults.len() == before && coerced.len() == values.len()).then_some(Value::Object(coerced))
    }
}

/// The number if it is whole, however it was written: JSON does not tell `1.0` from `1`.
fn whole(number: &async_graphql::Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, checked here")]
        (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
    })
}
