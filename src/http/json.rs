//! Reads one JSON text the way a request must be written (G6): no key twice, no nesting over 128, nothing after the
//! value. Its own reader because serde_json takes the last of two equal keys and counts one level less; must never
//! quote the text in an error.

use async_graphql::{Name, Number, Value, indexmap::IndexMap};

/// Levels of `{` and `[` that a request may nest.
pub const DEPTH_MAX: usize = 128;

/// Why a text is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Not JSON.
    #[error("not valid JSON at byte {0}")]
    Syntax(usize),
    /// A key stands twice in one object.
    #[error("not accepted: an object has the same key twice, at byte {0}")]
    DuplicateKey(usize),
    /// More than 128 levels.
    #[error("nested more than {DEPTH_MAX} levels, at byte {0}")]
    TooDeep(usize),
}

/// Reads `text` as one JSON value. Recurses at most 128 times.
pub fn read(text: &str) -> Result<Value, JsonFault> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.blanks();
    if reader.at < text.len() { Err(reader.syntax()) } else { Ok(value) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn syntax(&self) -> JsonFault {
        JsonFault::Syntax(self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over `byte` if it comes next.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonFault> {
        self.blanks();
        match self.peek() {
            Some(b'{' | b'[') if depth >= DEPTH_MAX => Err(JsonFault::TooDeep(self.at)),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.list(depth + 1),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonFault> {
        self.at += 1;
        let mut map = IndexMap::new();
        self.blanks();
        if self.take(b'}') {
            return Ok(Value::Object(map));
        }
        loop {
            self.blanks();
            let start = self.at;
            let key = self.string()?;
            self.blanks();
            if !self.take(b':') {
                return Err(self.syntax());
            }
            let value = self.value(depth)?;
            if map.insert(Name::new(key), value).is_some() {
                return Err(JsonFault::DuplicateKey(start));
            }
            self.blanks();
            if self.take(b'}') {
                return Ok(Value::Object(map));
            }
            if !self.take(b',') {
                return Err(self.syntax());
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, JsonFault> {
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.take(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.blanks();
            if self.take(b']') {
                return Ok(Value::List(items));
            }
            if !self.take(b',') {
                return Err(self.syntax());
            }
        }
    }

    fn string(&mut self) -> Result<String, JsonFault> {
        if !self.take(b'"') {
            return Err(self.syntax());
        }
        let mut text = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= 0x20) {
                self.at += 1;
            }
            text.push_str(self.text.get(start..self.at).unwrap_or_default());
            if self.take(b'"') {
                return Ok(text);
            }
            if !self.take(b'\\') {
                return Err(self.syntax());
            }
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, JsonFault> {
        let escaped = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.syntax()),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// The character of `\uXXXX`, or of a pair of surrogates; half a pair is no character.
    fn unicode(&mut self) -> Result<char, JsonFault> {
        let first = self.unit()?;
        if !(0xD800..0xDC00).contains(&first) {
            return char::from_u32(first).ok_or(self.syntax());
        }
        if !(self.take(b'\\') && self.take(b'u')) {
            return Err(self.syntax());
        }
        let second = self.unit()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(self.syntax());
        }
        char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or(self.syntax())
    }

    fn unit(&mut self) -> Result<u32, JsonFault> {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or_default();
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.syntax());
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| self.syntax())
    }

    fn number(&mut self) -> Result<Value, JsonFault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')) {
            self.at += 1;
        }
        let digits = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str::<Number>(digits).map(Value::Number).map_err(|_| JsonFault::Syntax(start))
    }

    fn word(&mut self) -> Result<Value, JsonFault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        for (word, value) in [("true", Value::Boolean(true)), ("false", Value::Boolean(false)), ("null", Value::Null)] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.syntax())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // G6
    #[test]
    fn refuses_a_key_that_stands_twice_at_any_level() {
        assert_eq!(read(r#"{"a":1,"a":2}"#), Err(JsonFault::DuplicateKey(7)));
        assert_eq!(read(r#"{"x":[{"a":1,"\u0061":2}]}"#), Err(JsonFault::DuplicateKey(13)));
        assert!(read(r#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    }

    // G6
    #[test]
    fn accepts_128_levels_and_refuses_129() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(&nested(128)).is_ok());
        assert_eq!(read(&nested(129)), Err(JsonFault::TooDeep(128)));
        assert_eq!(read(&"[".repeat(1_000_000)), Err(JsonFault::TooDeep(128)));
        assert_eq!(read(&"{\"a\":".repeat(1_000_000)), Err(JsonFault::TooDeep(5 * 128)));
    }

    #[test]
    fn refuses_what_is_not_json() {
        let faults = [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            "+1",
            "nul",
            "\"\u{1}\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "1 2",
            "\"",
            "'a'",
            "NaN",
            "[1 2]",
            "{\"a\" 1}",
            "\u{feff}1",
            "1e400",
            "-",
            "--1",
        ];
        for text in faults {
            assert!(read(text).is_err(), "{text:?}");
        }
        assert_eq!(read(r#""\ud83d\ude00\n\u00e9""#), Ok(Value::String("😀\né".to_owned())));
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::btree_map(".{0,3}", inner, 0..5)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_what_serde_json_writes(value in json()) {
            for text in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
                let read = read(&text).map(|value| value.into_json().unwrap());
                prop_assert_eq!(read, Ok(serde_json::from_str::<serde_json::Value>(&text).unwrap()));
            }
        }

        #[test]
        fn accepts_no_text_that_serde_json_refuses(text in "[\\[\\]{}\",:0-9.eE+\\-\\\\ untrfalse]{0,24}") {
            if read(&text).is_ok() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
            }
        }
    }
}
