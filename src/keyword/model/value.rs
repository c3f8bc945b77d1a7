//! The checked values of a keyword.

use super::text_key;
use crate::prompt::model::collapse_blanks;

/// Characters of a keyword at most.
pub const KEYWORD_CHARS_MAX: usize = 200;
/// Searches a month at most; more than people.
pub const VOLUME_MAX: i64 = 100_000_000_000;
/// Nano-dollars of a click at most: a million dollars.
pub const CPC_NANOUSD_MAX: i64 = 1_000_000_000_000_000;

/// Why something that is said of a keyword cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeywordFault {
    /// There is no letter or digit in the text.
    #[error("The keyword is empty. Give it a letter or a digit.")]
    TextEmpty,
    /// The text is too long.
    #[error("The keyword has {length} characters; {KEYWORD_CHARS_MAX} is the most.")]
    TextTooLong {
        /// Its length, blanks collapsed.
        length: usize,
    },
    /// The text holds a control character.
    #[error("The keyword holds a control character. Remove it.")]
    TextControl,
    /// There is no such country.
    #[error("There is no such country. Use two letters of ISO 3166-1, such as DE.")]
    CountryUnknown,
    /// The volume is no whole number in range.
    #[error("The volume is not a whole number from 0 to {VOLUME_MAX}.")]
    VolumeInvalid,
    /// The cost per click is no amount in range.
    #[error("The cost per click is not an amount in dollars such as 1.25, at most a million.")]
    CpcInvalid,
    /// The cost per click has too many decimals. It is never rounded.
    #[error("The cost per click has more than nine decimals.")]
    CpcTooFine,
    /// The difficulty is no whole number in range.
    #[error("The difficulty is not a whole number from 0 to 100.")]
    DifficultyInvalid,
    /// There is no such intent.
    #[error("There is no such intent. Known: INFORMATIONAL, NAVIGATIONAL, COMMERCIAL, TRANSACTIONAL.")]
    IntentUnknown,
}

impl KeywordFault {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::TextEmpty => "KEYWORD_EMPTY",
            Self::TextTooLong { .. } => "KEYWORD_TOO_LONG",
            Self::TextControl => "KEYWORD_INVALID",
            Self::CountryUnknown => "COUNTRY_UNKNOWN",
            Self::VolumeInvalid => "VOLUME_INVALID",
            Self::CpcInvalid => "CPC_INVALID",
            Self::CpcTooFine => "CPC_TOO_FINE",
            Self::DifficultyInvalid => "DIFFICULTY_INVALID",
            Self::IntentUnknown => "INTENT_UNKNOWN",
        }
    }

    /// The field that is at fault.
    pub fn field(self) -> &'static str {
        match self {
            Self::TextEmpty | Self::TextTooLong { .. } | Self::TextControl => "text",
            Self::CountryUnknown => "country",
            Self::VolumeInvalid => "volume",
            Self::CpcInvalid | Self::CpcTooFine => "cpc",
            Self::DifficultyInvalid => "difficulty",
            Self::IntentUnknown => "intent",
        }
    }
}

/// A keyword's text: 1–200 characters, blanks collapsed, with a letter or a digit and without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeywordText(String);

impl KeywordText {
    /// Reads a text. Refuses: `TextEmpty`, `TextTooLong`, `TextControl`.
    pub fn new(text: &str) -> Result<Self, KeywordFault> {
        let text = collapse_blanks(text);
        let length = text.chars().count();
        if !text.chars().any(char::is_alphanumeric) {
            Err(KeywordFault::TextEmpty)
        } else if length > KEYWORD_CHARS_MAX {
            Err(KeywordFault::TextTooLong { length })
        } else if text.chars().any(char::is_control) {
            Err(KeywordFault::TextControl)
        } else {
            Ok(Self(text))
        }
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is compared.
    pub fn key(&self) -> String {
        text_key(&self.0)
    }
}

/// The officially assigned codes of ISO 3166-1, and XK, which keyword tools use.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA \
    CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA \
    GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP \
    KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS \
    MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS \
    RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW \
    TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// Where a keyword is searched for: a country, or nowhere in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Country(&'static str);

impl Country {
    /// No country, which counts as one value where texts are unique.
    pub const NONE: Self = Self("");

    /// Reads two letters in any case; blank is none, and UK is GB. Refuses: `CountryUnknown`.
    pub fn parse(text: &str) -> Result<Self, KeywordFault> {
        let code = match text.trim() {
            "" => return Ok(Self::NONE),
            text if text.eq_ignore_ascii_case("uk") => "GB",
            text => text,
        };
        let known = COUNTRIES.split_whitespace().find(|known| known.eq_ignore_ascii_case(code));
        known.map(Self).ok_or(KeywordFault::CountryUnknown)
    }

    /// Two capital letters, or nothing.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

/// Searches a month, 0–100,000,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Volume(i64);

impl Volume {
    /// Checks a number. Refuses: `VolumeInvalid`.
    pub fn new(volume: i64) -> Result<Self, KeywordFault> {
        if (0..=VOLUME_MAX).contains(&volume) { Ok(Self(volume)) } else { Err(KeywordFault::VolumeInvalid) }
    }

    /// Reads digits, which commas may part in threes. Refuses: `VolumeInvalid`.
    pub fn parse(text: &str) -> Result<Self, KeywordFault> {
        let number =
            ungrouped(text.trim()).and_then(|digits| digits.parse().ok()).ok_or(KeywordFault::VolumeInvalid)?;
        Self::new(number)
    }

    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

/// How hard it is to be found for a keyword, 0–100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Difficulty(i32);

impl Difficulty {
    /// Checks a number. Refuses: `DifficultyInvalid`.
    pub fn new(difficulty: i32) -> Result<Self, KeywordFault> {
        if (0..=100).contains(&difficulty) { Ok(Self(difficulty)) } else { Err(KeywordFault::DifficultyInvalid) }
    }

    /// Reads digits, which a percent sign may follow. Refuses: `DifficultyInvalid`.
    pub fn parse(text: &str) -> Result<Self, KeywordFault> {
        let digits = text.trim().trim_end_matches('%').trim_end();
        let number = ungrouped(digits).and_then(|digits| digits.parse().ok()).ok_or(KeywordFault::DifficultyInvalid)?;
        Self::new(number)
    }

    /// The number.
    pub fn get(self) -> i32 {
        self.0
    }
}

/// What a click costs advertisers, in nano-dollars, at most a million dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpc(i64);

impl Cpc {
    /// Checks an amount. Refuses: `CpcInvalid`.
    pub fn new(nanousd: i64) -> Result<Self, KeywordFault> {
        if (0..=CPC_NANOUSD_MAX).contains(&nanousd) { Ok(Self(nanousd)) } else { Err(KeywordFault::CpcInvalid) }
    }

    /// Reads dollars such as `1.25`, `$0.4` or `1,250.00`, digit by digit: no float is on the way, and nothing is
    /// rounded. Refuses: `CpcInvalid`, `CpcTooFine`.
    pub fn parse(text: &str) -> Result<Self, KeywordFault> {
        let text = text.trim();
        let text = text.strip_prefix('$').map_or(text, str::trim_start);
        let (whole, fraction) = match text.split_once('.') {
            Some(parts) => parts,
            None if text.is_empty() => return Err(KeywordFault::CpcInvalid),
            None => (text, "0"),
        };
        let whole = if whole.is_empty() { Some("0".to_owned()) } else { ungrouped(whole) };
        let whole = whole.filter(|whole| whole.len() <= 7).ok_or(KeywordFault::CpcInvalid)?;
        if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(KeywordFault::CpcInvalid);
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 9 {
            return Err(KeywordFault::CpcTooFine);
        }
        let nanousd = format!("{whole}{fraction:0<9}").parse().map_err(|_| KeywordFault::CpcInvalid)?;
        Self::new(nanousd)
    }

    /// Nano-dollars.
    pub fn nanousd(self) -> i64 {
        self.0
    }
}

/// The digits of a number without the commas that part them in threes. `None` when it is anything else.
fn ungrouped(text: &str) -> Option<String> {
    let mut groups = text.split(',');
    let first = groups.next()?;
    let is_grouped = text.contains(',');
    let sound = !first.is_empty() && (!is_grouped || first.len() <= 3) && groups.all(|group| group.len() == 3);
    let digits: String = text.split(',').collect();
    (sound && digits.len() <= 18 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_has_a_letter_and_no_control_character() {
        assert_eq!(KeywordText::new(" Running \n shoes ").unwrap().as_str(), "Running shoes");
        assert_eq!(KeywordText::new("Running shoes").unwrap().key(), "running shoes");
        for empty in ["", " ", "?!", "\u{feff}"] {
            assert_eq!(KeywordText::new(empty), Err(KeywordFault::TextEmpty), "{empty:?}");
        }
        assert_eq!(KeywordText::new("a\0b"), Err(KeywordFault::TextControl));
        assert!(KeywordText::new(&"é".repeat(200)).is_ok());
        assert_eq!(KeywordText::new(&"é".repeat(201)), Err(KeywordFault::TextTooLong { length: 201 }));
    }

    #[test]
    fn a_country_is_of_the_list_or_none() {
        assert_eq!(COUNTRIES.split_whitespace().count(), 250);
        assert_eq!(Country::parse(" de ").map(Country::as_str), Ok("DE"));
        assert_eq!(Country::parse("uk").map(Country::as_str), Ok("GB"));
        assert_eq!(Country::parse(" "), Ok(Country::NONE));
        for wrong in ["XX", "DEU", "D", "AD AE", "Germany"] {
            assert_eq!(Country::parse(wrong), Err(KeywordFault::CountryUnknown), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_whole_and_in_range() {
        assert_eq!(Volume::parse("1,234,567").map(Volume::get), Ok(1_234_567));
        assert_eq!(Volume::parse(" 0 ").map(Volume::get), Ok(0));
        for wrong in ["", "-1", "1.5", "1,23", "12,34,567", ",123", "1e3", "1 000", "100000000001", "٣"] {
            assert_eq!(Volume::parse(wrong), Err(KeywordFault::VolumeInvalid), "{wrong}");
        }
        assert_eq!(Difficulty::parse("100 %").map(Difficulty::get), Ok(100));
        for wrong in ["101", "-1", "", "50.5", "high"] {
            assert_eq!(Difficulty::parse(wrong), Err(KeywordFault::DifficultyInvalid), "{wrong}");
        }
    }

    #[test]
    fn a_cost_per_click_is_read_digit_by_digit() {
        for (text, nanousd) in [
            ("1.25", 1_250_000_000),
            ("$0.4", 400_000_000),
            (".5", 500_000_000),
            ("0", 0),
            ("1,250.00", 1_250_000_000_000),
            // As a double this is 0.1000000000000000055.
            ("0.1", 100_000_000),
            ("0.123456789", 123_456_789),
            ("0.1234567890000", 123_456_789),
            ("1000000", CPC_NANOUSD_MAX),
        ] {
            assert_eq!(Cpc::parse(text).map(Cpc::nanousd), Ok(nanousd), "{text}");
        }
        assert_eq!(Cpc::parse("0.1234567891"), Err(KeywordFault::CpcTooFine));
        for wrong in ["", "$", "1.", "-1", "1e2", "0,85", "1.2.3", "1000000.1", "9999999999", "NaN", "1 USD"] {
            assert_eq!(Cpc::parse(wrong), Err(KeywordFault::CpcInvalid), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_cost_per_click_is_exact(nanousd in 0..=CPC_NANOUSD_MAX) {
            let text = format!("{}.{:09}", nanousd / 1_000_000_000, nanousd % 1_000_000_000);
            prop_assert_eq!(Cpc::parse(&text).map(Cpc::nanousd), Ok(nanousd));
        }

        #[test]
        fn no_text_panics_a_value(text in "(\\PC|[0-9.,$%+-]){0,24}") {
            let _ = (KeywordText::new(&text), Country::parse(&text), Volume::parse(&text), Cpc::parse(&text));
            let _ = Difficulty::parse(&text);
        }
    }
}
