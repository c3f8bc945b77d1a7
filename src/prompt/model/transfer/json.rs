//! A strict JSON reader and writer: doubled keys, deep nesting and loose syntax are refused with their place,
//! numbers keep their spelling, and nothing is built that the caller did not ask for.

use std::{borrow::Cow, collections::BTreeMap, collections::HashSet};

/// Why a text is not the JSON wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub fault: JsonFault,
    /// Where, in bytes from the start.
    pub at: usize,
}

/// What is wrong with a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonFault {
    /// The syntax; says what was expected.
    Syntax(&'static str),
    /// An object has the key twice.
    DuplicateKey(String),
    /// It nests too deep.
    TooDeep,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonKind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    Text,
    /// An array.
    List,
    /// An object.
    Object,
}

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

/// Reads a JSON text piece by piece.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    depth_max: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the beginning of `text`. Arrays and objects may nest `depth_max` deep.
    pub fn new(text: &'a str, depth_max: usize) -> Self {
        Self { text, at: 0, depth: 0, depth_max }
    }

    /// What comes next; nothing is consumed but blanks.
    pub fn kind(&mut self) -> Result<JsonKind, JsonError> {
        match self.peek() {
            Some(b'n') => Ok(JsonKind::Null),
            Some(b't' | b'f') => Ok(JsonKind::Bool),
            Some(b'-' | b'0'..=b'9') => Ok(JsonKind::Number),
            Some(b'"') => Ok(JsonKind::Text),
            Some(b'[') => Ok(JsonKind::List),
            Some(b'{') => Ok(JsonKind::Object),
            _ => Err(self.syntax("a value")),
        }
    }

    /// Reads an object. `member` is called with each key, and reads the value.
    pub fn object<E: From<JsonError>>(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut seen = HashSet::new();
        self.enter(b'{', "an object")?;
        if !self.take(b'}') {
            loop {
                self.peek();
                let at = self.at;
                let key = self.text()?;
                if !seen.insert(key.clone()) {
                    return Err(JsonError { fault: JsonFault::DuplicateKey(key.into_owned()), at }.into());
                }
                self.expect(b':', "a colon")?;
                member(self, key)?;
                if !self.take(b',') {
                    break;
                }
            }
            self.expect(b'}', "a comma or the end of the object")?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads an array. `element` is called before each element, and reads it.
    pub fn list<E: From<JsonError>>(&mut self, mut element: impl FnMut(&mut Self) -> Result<(), E>) -> Result<(), E> {
        self.enter(b'[', "an array")?;
        if !self.take(b']') {
            loop {
                element(self)?;
                if !self.take(b',') {
                    break;
                }
            }
            self.expect(b']', "a comma or the end of the array")?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads a string.
    pub fn text(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.expect(b'"', "a string")?;
        let mut out = Cow::Borrowed("");
        loop {
            let rest = self.rest();
            let end = rest.find(|letter| letter == '"' || letter == '\\' || letter < ' ');
            let Some(end) = end else {
                self.at = self.text.len();
                return Err(self.syntax("the end of the string"));
            };
            let plain = rest.get(..end).unwrap_or_default();
            if out.is_empty() {
                out = Cow::Borrowed(plain);
            } else {
                out.to_mut().push_str(plain);
            }
            self.at += end;
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    let letter = self.escape()?;
                    out.to_mut().push(letter);
                }
                _ => return Err(self.syntax("no bare control character")),
            }
        }
    }

    /// Reads a number, and answers its spelling. Refuses numbers beyond a double.
    pub fn number(&mut self) -> Result<&'a str, JsonError> {
        self.peek();
        let start = self.at;
        self.eat(b"-");
        let zero = self.byte() == Some(b'0');
        let whole = self.digits();
        let mut legal = whole > 0 && (whole == 1 || !zero);
        if self.eat(b".") {
            legal &= self.digits() > 0;
        }
        if self.eat(b"eE") {
            self.eat(b"+-");
            legal &= self.digits() > 0;
        }
        let spelling = self.text.get(start..self.at).unwrap_or_default();
        let finite = spelling.parse::<f64>().is_ok_and(f64::is_finite);
        if legal && finite {
            return Ok(spelling);
        }
        self.at = start;
        Err(self.syntax(if legal { "a number within the range of a double" } else { "a number" }))
    }

    /// Reads `true` or `false`.
    pub fn bool(&mut self) -> Result<bool, JsonError> {
        let value = self.peek() == Some(b't');
        self.word(if value { "true" } else { "false" })?;
        Ok(value)
    }

    /// Reads `null`.
    pub fn null(&mut self) -> Result<(), JsonError> {
        self.peek();
        self.word("null")
    }

    /// Reads any value without keeping it, and answers how many bytes it takes in compact form.
    pub fn skip(&mut self) -> Result<usize, JsonError> {
        let mut size = 2;
        match self.kind()? {
            JsonKind::Null => self.null().map(|()| 4),
            JsonKind::Bool => self.bool().map(|value| if value { 4 } else { 5 }),
            JsonKind::Number => self.number().map(str::len),
            JsonKind::Text => self.text().map(|text| text_size(&text)),
            JsonKind::List => self
                .list(|reader| {
                    size += reader.skip()? + usize::from(size > 2);
                    Ok(())
                })
                .map(|()| size),
            JsonKind::Object => self
                .object(|reader, key| {
                    size += text_size(&key) + 1 + reader.skip()? + usize::from(size > 2);
                    Ok(())
                })
                .map(|()| size),
        }
    }

    /// Reads any value as a tree. Only for texts of known size.
    pub fn tree(&mut self) -> Result<Json, JsonError> {
        Ok(match self.kind()? {
            JsonKind::Null => self.null().map(|()| Json::Null)?,
            JsonKind::Bool => Json::Bool(self.bool()?),
            JsonKind::Number => Json::Number(self.number()?.to_owned()),
            JsonKind::Text => Json::Text(self.text()?.into_owned()),
            JsonKind::List => {
                let mut list = Vec::new();
                self.list(|reader| reader.tree().map(|value| list.push(value)))?;
                Json::List(list)
            }
            JsonKind::Object => {
                let mut members = BTreeMap::new();
                self.object(|reader, key| {
                    members.insert(key.into_owned(), reader.tree()?);
                    Ok::<_, JsonError>(())
                })?;
                Json::Object(members)
            }
        })
    }

    /// Makes sure that nothing follows.
    pub fn end(&mut self) -> Result<(), JsonError> {
        if self.peek().is_some() { Err(self.syntax("the end of the file")) } else { Ok(()) }
    }

    /// Where the reader stands, to come back to with [`Reader::back_to`].
    pub fn place(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// Goes back to a place at the same depth.
    pub fn back_to(&mut self, place: usize) {
        self.at = place;
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.syntax(what)) }
    }

    fn enter(&mut self, byte: u8, what: &'static str) -> Result<(), JsonError> {
        self.expect(byte, what)?;
        self.depth += 1;
        if self.depth > self.depth_max {
            return Err(JsonError { fault: JsonFault::TooDeep, at: self.at - 1 });
        }
        Ok(())
    }

    fn eat(&mut self, bytes: &[u8]) -> bool {
        let found = self.byte().is_some_and(|byte| bytes.contains(&byte));
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn word(&mut self, word: &'static str) -> Result<(), JsonError> {
        if !self.rest().starts_with(word) {
            return Err(self.syntax("null, true or false"));
        }
        self.at += word.len();
        Ok(())
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        self.at += 1;
        let byte = self.byte();
        self.at += usize::from(byte.is_some_and(|byte| byte.is_ascii()));
        let letter = match byte {
            Some(plain @ (b'"' | b'\\' | b'/')) => Some(char::from(plain)),
            Some(b'b') => Some('\u{8}'),
            Some(b'f') => Some('\u{c}'),
            Some(b'n') => Some('\n'),
            Some(b'r') => Some('\r'),
            Some(b't') => Some('\t'),
            Some(b'u') => self.unicode(),
            _ => None,
        };
        letter.ok_or_else(|| {
            self.at = start;
            self.syntax("a legal escape")
        })
    }

    fn unicode(&mut self) -> Option<char> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        let second = if self.rest().starts_with("\\u") {
            self.at += 2;
            self.hex()?
        } else {
            return None;
        };
        let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + low)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        let legal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| legal)
    }

    fn syntax(&self, expected: &'static str) -> JsonError {
        JsonError { fault: JsonFault::Syntax(expected), at: self.at }
    }
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

fn text_size(text: &str) -> usize {
    let extra = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
        0..=31 => 5,
        _ => 0,
    });
    2 + text.len() + extra.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree(text: &str) -> Result<Json, JsonError> {
        let mut reader = Reader::new(text, 16);
        let value = reader.tree()?;
        reader.end().map(|()| value)
    }

    fn compact(text: &str) -> String {
        let mut out = String::new();
        tree(text).unwrap().write_compact(&mut out);
        out
    }

    #[test]
    fn reads_and_writes_values() {
        assert_eq!(
            compact(r#" { "b" : [ 1.0 , -0e-2, true,false ,null], "a":{} , "c":[]} "#),
            r#"{"a":{},"b":[1.0,-0e-2,true,false,null],"c":[]}"#
        );
        assert_eq!(
            compact(r#""\u00e9\ud83c\udf89\/\b\f\n\r\t\"\\\u0001""#),
            "\"\u{e9}\u{1f389}/\\b\\f\\n\\r\\t\\\"\\\\\\u0001\""
        );
        let mut pretty = String::new();
        tree(r#"{"a":[1,{"b":[]}]}"#).unwrap().write_pretty(&mut pretty, 0);
        assert_eq!(pretty, "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ]\n}");
    }

    #[test]
    fn refuses_what_is_no_json() {
        for (text, at) in [
            ("", 0),
            ("{", 1),
            ("[1,]", 3),
            ("[1 2]", 3),
            ("{\"a\" 1}", 5),
            ("{\"a\":1,}", 7),
            ("01", 0),
            ("1.", 0),
            ("-", 0),
            (".5", 0),
            ("1e", 0),
            ("1e999", 0),
            ("nul", 0),
            ("tru", 0),
            ("\"a", 2),
            ("\"a\nb\"", 2),
            ("\"\\x\"", 1),
            ("\"\\ud800\"", 1),
            ("\"\\ud800\\u0041\"", 1),
            ("\"\\u+123\"", 1),
            ("\"\\u12", 1),
            ("1 1", 2),
            ("{1:2}", 1),
            ("'a'", 0),
            ("\"\\\u{e9}\"", 1),
            ("\u{a0}1", 0),
            ("NaN", 0),
            ("[1]]", 3),
            ("//x", 0),
        ] {
            let error = tree(text).unwrap_err();
            assert!(matches!(error.fault, JsonFault::Syntax(_)), "{text}");
            assert_eq!(error.at, at, "{text}");
        }
    }

    #[test]
    fn refuses_doubled_keys_however_spelled_and_deep_nesting() {
        let error = tree(r#"{"a":{"b":1,"\u0062":2}}"#).unwrap_err();
        assert_eq!(error, JsonError { fault: JsonFault::DuplicateKey("b".into()), at: 12 });
        assert!(Reader::new(r#"{"a":1,"a":2}"#, 16).skip().is_err());
        assert!(tree(&format!("{}{}", "[".repeat(16), "]".repeat(16))).is_ok());
        assert_eq!(tree(&"[".repeat(100_000)).unwrap_err(), JsonError { fault: JsonFault::TooDeep, at: 16 });
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                proptest::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_another_reader(value in value()) {
            let text = value.to_string();
            prop_assert_eq!(compact(&text), text.clone());
            prop_assert_eq!(Reader::new(&text, 16).skip(), Ok(text.len()));
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let mut ours = String::new();
            tree(&pretty).unwrap().write_pretty(&mut ours, 0);
            prop_assert_eq!(ours, pretty);
        }

        #[test]
        fn never_accepts_what_another_reader_refuses(text in "[\\[\\]{}:,\"\\\\a1.e\\-+ tru]{0,12}") {
            let ours = tree(&text);
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            let doubled = matches!(&ours, Err(JsonError { fault: JsonFault::DuplicateKey(_), .. }));
            prop_assert!(doubled || ours.is_ok() == theirs.is_ok(), "{ours:?} {theirs:?}");
        }
    }
}
