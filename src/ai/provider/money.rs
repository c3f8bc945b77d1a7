//! Dollars as providers write them, into nano-dollars, without a float on the way.

use serde_json::value::RawValue;

/// The most that one call can cost, nano-dollars: a thousand dollars. Beyond it a report is a mistake, and sums of millions
/// of calls stay countable.
const COST_MAX: i64 = 1_000_000_000_000;

/// A JSON number, or a string that holds one, as a cost; half up. `None` for anything else, and for what is negative
/// or above a thousand dollars.
pub(super) fn cost_nanousd(dollars: &RawValue) -> Option<i64> {
    nanousd(dollars.get().trim().trim_matches('"'))
}

/// Reads dollars such as `0.0412` or `1.5e-7` into nano-dollars, half up.
fn nanousd(dollars: &str) -> Option<i64> {
    let (mantissa, exponent) = match dollars.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (dollars, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    if digits < 0 || mantissa.starts_with('-') {
        return None;
    }
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?.checked_add(9)?;
    let power = 10_i128.checked_pow(shift.unsigned_abs());
    let value = if shift >= 0 {
        digits.checked_mul(power?)?
    } else {
        power.map_or(Some(0), |power| digits.checked_add(power / 2).map(|sum| sum / power))?
    };
    i64::try_from(value).ok().filter(|cost| *cost <= COST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reported_cost_becomes_nano_dollars_half_up() {
        for (dollars, expected) in [
            ("0", Some(0)),
            ("0.0412", Some(41_200_000)),
            ("0.040000001", Some(40_000_001)),
            ("0.123456789012345678901234", Some(123_456_789)),
            ("1", Some(1_000_000_000)),
            ("1.5e-9", Some(2)),
            ("1.4e-9", Some(1)),
            ("4e-10", Some(0)),
            ("1e-60", Some(0)),
            ("1000", Some(COST_MAX)),
            ("1000.000000001", None),
            ("9223372036.854775807", None),
            ("-0.01", None),
            ("1e30", None),
            ("1e2147483647", None),
            ("1e-2147483648", Some(0)),
            ("12e", None),
            ("", None),
            ("free", None),
        ] {
            assert_eq!(nanousd(dollars), expected, "{dollars}");
        }
    }

    #[test]
    fn numbers_and_strings_are_read_digit_by_digit() {
        for (json, expected) in [
            ("0.1", Some(100_000_000)),
            ("\"0.1\"", Some(100_000_000)),
            // As a double this is 0.30000000000000004 and would still round right; twenty digits would not survive one.
            ("0.30000000049999999999", Some(300_000_000)),
            ("0.30000000050000000000", Some(300_000_001)),
            ("null", None),
            ("{}", None),
            ("[1]", None),
        ] {
            let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
            assert_eq!(cost_nanousd(&raw), expected, "{json}");
        }
    }
}
