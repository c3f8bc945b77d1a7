//! The scalars of the API (G38). Credits and money are never a float, and no field is a plain 64-bit integer.

use async_graphql::{InputValueError, InputValueResult, Number, Scalar, ScalarType, Value};

use crate::clock::{self, Micros};

const CREDITS: &str = "Give a whole number within ±(2^53 − 1).";
const SAFE_INT: &str = "Give a whole number within ±(2^53 − 1).";
const DECIMAL: &str = "Give a string such as \"0.04\": digits with at most nine decimals, below 10000000000.";
const DATE: &str = "Give a calendar day, such as 2026-01-31.";
const TIME: &str = "Give a time of RFC 3339, such as 2026-01-31T09:00:00Z.";

/// What a value of the scalar or built-in type `name` must be, as a sentence; `None` for other types.
pub fn wanted(name: &str) -> Option<&'static str> {
    Some(match name {
        "Credits" => CREDITS,
        "SafeInt" => SAFE_INT,
        "Decimal" => DECIMAL,
        "Date" => DATE,
        "DateTime" => TIME,
        "CreditsEntry" => "Give a JSON number or string.",
        "Int" => "Give a whole number within ±(2^31 − 1).",
        "String" | "ID" => "Give a string.",
        "Boolean" => "Give true or false.",
        _ => return None,
    })
}

/// The greatest integer that every JSON client holds exactly: 2^53 − 1.
pub const SAFE_MAX: i64 = 9_007_199_254_740_991;

/// A whole number within ±(2^53 − 1) from a JSON integer, or from a string of one.
fn safe_integer(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    (-SAFE_MAX..=SAFE_MAX).contains(&number).then_some(number)
}

/// A whole number of credits within ±(2^53 − 1): a JSON integer; input also takes a string of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credits(pub i64);

#[Scalar(name = "Credits", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
/// A whole number of credits within ±(2^53 − 1): a JSON integer; input also takes a string of one.
impl ScalarType for Credits {
    fn parse(value: Value) -> InputValueResult<Self> {
        safe_integer(&value).map(Self).ok_or_else(|| InputValueError::custom(CREDITS))
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

/// A sequence number, a count of bytes or of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SafeInt(pub i64);

#[Scalar(name = "SafeInt", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
/// A whole number within ±(2^53 − 1), for sequence numbers, bytes and tokens: a JSON integer; input also takes a string of one.
impl ScalarType for SafeInt {
    fn parse(value: Value) -> InputValueResult<Self> {
        safe_integer(&value).map(Self).ok_or_else(|| InputValueError::custom(SAFE_INT))
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

/// What a person typed as an amount of credits. It never fails to read a number or a string: the service judges, so
/// that a bad amount gets its own code as a literal and as a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreditsEntry {
    /// A whole number.
    Whole(i64),
    /// Not whole, or not a number.
    NotWhole,
    /// Below anything an integer holds.
    BelowRange,
    /// Above anything an integer holds.
    AboveRange,
}

impl CreditsEntry {
    /// The whole number; beyond what an integer holds, the last one on that side. `None`: it is not whole.
    pub fn whole(&self) -> Option<i64> {
        match self {
            Self::Whole(whole) => Some(*whole),
            Self::NotWhole => None,
            Self::BelowRange => Some(i64::MIN),
            Self::AboveRange => Some(i64::MAX),
        }
    }
}

fn entry_of_number(number: &Number) -> CreditsEntry {
    if let Some(whole) = number.as_i64() {
        return CreditsEntry::Whole(whole);
    }
    let Some(float) = number.as_f64() else { return CreditsEntry::NotWhole };
    if float >= 9e18 {
        CreditsEntry::AboveRange
    } else if float <= -9e18 {
        CreditsEntry::BelowRange
    } else {
        CreditsEntry::NotWhole
    }
}

#[Scalar(name = "CreditsEntry", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
/// What a person typed as an amount of credits: any JSON number or string. It never fails to read; the mutation judges it
/// and answers `AMOUNT_ZERO`, `AMOUNT_NEGATIVE`, `AMOUNT_NOT_WHOLE` or `AMOUNT_TOO_LARGE`.
impl ScalarType for CreditsEntry {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::Number(number) => Ok(entry_of_number(&number)),
            Value::String(_) => Ok(Self::NotWhole),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Whole(whole) => Value::Number((*whole).into()),
            Self::NotWhole | Self::BelowRange | Self::AboveRange => Value::Null,
        }
    }
}

/// An amount of US dollars, held as nano-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal(pub i64);

/// `nano` billionths as a decimal string with as many places as it needs, at least two and at most nine.
pub fn decimal_text(nano: i64) -> String {
    let sign = if nano < 0 { "-" } else { "" };
    let size = nano.unsigned_abs();
    let mut fraction = format!("{:09}", size % 1_000_000_000);
    while fraction.len() > 2 && fraction.ends_with('0') {
        fraction.pop();
    }
    format!("{sign}{}.{fraction}", size / 1_000_000_000)
}

fn decimal_of(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1_i128, rest),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let numeric = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !numeric(whole) || !numeric(fraction) || whole.len() > 10 || fraction.len() > 9 {
        return None;
    }
    let nano: i128 = format!("{whole}{fraction:0<9}").parse().ok()?;
    i64::try_from(sign * nano).ok()
}

#[Scalar(name = "Decimal", specified_by_url = "https://www.w3.org/TR/xmlschema-2/#decimal")]
/// An amount of US dollars as a decimal string with at most nine decimals, such as "0.04".
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => decimal_of(text).map(Self),
            _ => None,
        }
        .ok_or_else(|| InputValueError::custom(DECIMAL))
    }

    fn to_value(&self) -> Value {
        Value::String(decimal_text(self.0))
    }
}

/// A calendar day of a site, without a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date(pub chrono::NaiveDate);

#[Scalar(name = "Date", specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
/// A calendar day of a site, such as 2026-01-31.
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) if text.len() == 10 => text.parse().ok().map(Self),
            _ => None,
        }
        .ok_or_else(|| InputValueError::custom(DATE))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.format("%Y-%m-%d").to_string())
    }
}

/// An instant in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime(pub Micros);

#[Scalar(name = "DateTime", specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
/// An instant in UTC with six decimals and `Z`, such as 2026-01-31T09:00:00.000000Z; input takes any offset.
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => clock::from_rfc3339(text).map(Self),
            _ => None,
        }
        .ok_or_else(|| InputValueError::custom(TIME))
    }

    fn to_value(&self) -> Value {
        Value::String(clock::to_rfc3339(self.0))
    }
}

/// Any JSON value, where the shape is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(pub serde_json::Value);

#[Scalar(name = "JSON", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
/// Any JSON value, where the shape is open: each field that has it says what it holds.
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value.into_json()?))
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

/// An absolute or host-relative address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(pub String);

#[Scalar(name = "URL", specified_by_url = "https://www.rfc-editor.org/rfc/rfc3986")]
/// An absolute address.
impl ScalarType for Url {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(text) => Ok(Self(text)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(json: &str) -> CreditsEntry {
        CreditsEntry::parse(Value::from_json(serde_json::from_str(json).unwrap()).unwrap()).unwrap()
    }

    // G38
    #[test]
    fn reads_every_typed_amount_without_failing() {
        assert_eq!(entry("0"), CreditsEntry::Whole(0));
        assert_eq!(entry("-5"), CreditsEntry::Whole(-5));
        assert_eq!(entry("1.5"), CreditsEntry::NotWhole);
        assert_eq!(entry("1e30"), CreditsEntry::AboveRange);
        assert_eq!(entry("1000000000000000000000000000000"), CreditsEntry::AboveRange);
        assert_eq!(entry("-1e300"), CreditsEntry::BelowRange);
        assert_eq!(entry("\"NaN\""), CreditsEntry::NotWhole);
        assert_eq!(entry("\"10\""), CreditsEntry::NotWhole);
    }

    // G38
    #[test]
    fn writes_dollars_exactly() {
        assert_eq!(decimal_text(40_000_000), "0.04");
        assert_eq!(decimal_text(150_000), "0.00015");
        assert_eq!(decimal_text(-1_500_000_000), "-1.50");
        assert_eq!(decimal_of("0.000000001"), Some(1));
        assert_eq!(decimal_of("0.0000000001"), None);
        assert_eq!(decimal_of("1e3"), None);
        assert_eq!(decimal_of("-12.5"), Some(-12_500_000_000));
    }

    // G38
    #[test]
    fn refuses_integers_that_a_client_would_round() {
        assert!(Credits::parse(Value::from(SAFE_MAX)).is_ok());
        assert!(Credits::parse(Value::from(SAFE_MAX + 1)).is_err());
        assert!(Credits::parse(Value::from("12")).is_ok());
        assert!(Credits::parse(Value::from(1.5)).is_err());
    }
}
