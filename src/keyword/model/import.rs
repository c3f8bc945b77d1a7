//! Reading keywords from a CSV file, row by row: a bad row never spoils the others.

use std::collections::HashMap;

use super::{Country, Cpc, Difficulty, Intent, KEYWORDS_MAX, KeywordFault, KeywordText, Volume};

/// Bytes of a file at most.
pub const FILE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Rows of a file at most, the header and blank ones not counted.
pub const ROWS_MAX: usize = 10_000;

/// Why a file cannot be read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It is too large.
    #[error("The file has {bytes} bytes; {FILE_BYTES_MAX} is the most. Split it.")]
    FileTooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is not UTF-8.
    #[error("The file is not UTF-8 text. Save it as CSV UTF-8.")]
    NotText,
    /// It has no row.
    #[error("The file holds no keyword.")]
    NoRows,
    /// Its first row names no column for the keyword.
    #[error(
        "The first row names no column \"keyword\". Known columns: keyword, country, volume, cpc, difficulty, intent."
    )]
    HeaderMissing,
    /// Its first row names a column twice.
    #[error("The first row names the column \"{column}\" twice.")]
    ColumnTwice {
        /// Which.
        column: &'static str,
    },
    /// It has too many rows.
    #[error("The file has more than {ROWS_MAX} rows. Split it.")]
    TooManyRows,
}

impl ImportError {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::FileTooLarge { .. } => "FILE_TOO_LARGE",
            Self::NotText => "FILE_NOT_TEXT",
            Self::NoRows => "FILE_EMPTY",
            Self::HeaderMissing => "HEADER_MISSING",
            Self::ColumnTwice { .. } => "COLUMN_TWICE",
            Self::TooManyRows => "TOO_MANY_ROWS",
        }
    }
}

/// Why one row is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// A value cannot be taken.
    #[error(transparent)]
    Value(#[from] KeywordFault),
    /// The same keyword with the same country stands further up.
    #[error("The keyword stands in line {first} already.")]
    Repeated {
        /// The line of the first one.
        first: u64,
    },
    /// Other imports have filled the site since this one began.
    #[error("The site has {KEYWORDS_MAX} keywords by now, or nearly so, and that is the most.")]
    SiteFull,
}

impl RowFault {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Value(fault) => fault.code(),
            Self::Repeated { .. } => "KEYWORD_REPEATED",
            Self::SiteFull => "TOO_MANY_KEYWORDS",
        }
    }

    /// The field that is at fault.
    pub fn field(self) -> &'static str {
        match self {
            Self::Value(fault) => fault.field(),
            Self::Repeated { .. } | Self::SiteFull => "text",
        }
    }
}

/// A keyword as a row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedKeyword {
    /// Its text.
    pub text: KeywordText,
    /// Where it is searched for.
    pub country: Country,
    /// Searches a month.
    pub volume: Option<Volume>,
    /// What a click costs.
    pub cpc: Option<Cpc>,
    /// How hard it is to be found.
    pub difficulty: Option<Difficulty>,
    /// What its searchers want.
    pub intent: Option<Intent>,
}

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// The line it begins in, from 1.
    pub line: u64,
    /// The keyword, or the first thing that is wrong.
    pub outcome: Result<ImportedKeyword, RowFault>,
}

/// Where the columns stand.
#[derive(Default)]
struct Columns {
    text: Option<usize>,
    country: Option<usize>,
    volume: Option<usize>,
    cpc: Option<usize>,
    difficulty: Option<usize>,
    intent: Option<usize>,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, ImportError> {
        let mut columns = Self::default();
        for (at, name) in header.iter().enumerate() {
            let name: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
            let (place, column) = match name.as_str() {
                "keyword" | "keywords" | "text" => (&mut columns.text, "keyword"),
                "country" => (&mut columns.country, "country"),
                "volume" | "searchvolume" => (&mut columns.volume, "volume"),
                "cpc" | "cpcusd" => (&mut columns.cpc, "cpc"),
                "difficulty" | "keyworddifficulty" | "kd" => (&mut columns.difficulty, "difficulty"),
                "intent" | "searchintent" => (&mut columns.intent, "intent"),
                _ => continue,
            };
            if place.replace(at).is_some() {
                return Err(ImportError::ColumnTwice { column });
            }
        }
        if columns.text.is_none() { Err(ImportError::HeaderMissing) } else { Ok(columns) }
    }

    fn keyword(&self, row: &csv::StringRecord) -> Result<ImportedKeyword, KeywordFault> {
        let cell = |column: Option<usize>| column.and_then(|at| row.get(at)).map(str::trim).unwrap_or_default();
        // Keyword tools write a dash where they know nothing.
        let known = |column| Some(cell(column)).filter(|text| !matches!(*text, "" | "-" | "–" | "—" | "n/a" | "N/A"));
        let intent = |text: &str| Intent::lenient(text).ok_or(KeywordFault::IntentUnknown);
        Ok(ImportedKeyword {
            text: KeywordText::new(cell(self.text))?,
            country: known(self.country).map_or(Ok(Country::NONE), Country::parse)?,
            volume: known(self.volume).map(Volume::parse).transpose()?,
            cpc: known(self.cpc).map(Cpc::parse).transpose()?,
            difficulty: known(self.difficulty).map(Difficulty::parse).transpose()?,
            intent: known(self.intent).map(intent).transpose()?,
        })
    }
}

/// Reads a file: UTF-8, with or without byte order mark, its columns named by the first row in any order and case and
/// parted by commas, semicolons or tabs. Unknown columns are left aside; blank rows do not count. Equal bytes give
/// equal rows. Refuses: any [`ImportError`].
pub fn read(bytes: &[u8]) -> Result<Vec<ImportRow>, ImportError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(ImportError::FileTooLarge { bytes: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| ImportError::NotText)?;
    // One kind of line end, so that lines can be counted.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(&text))
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut records =
        reader.records().filter_map(Result::ok).filter(|record| record.iter().any(|cell| !cell.trim().is_empty()));
    let columns = Columns::of(&records.next().ok_or(ImportError::NoRows)?)?;
    let mut seen: HashMap<(String, Country), u64> = HashMap::new();
    let mut rows = Vec::new();
    for record in records {
        if rows.len() == ROWS_MAX {
            return Err(ImportError::TooManyRows);
        }
        let line = record.position().map_or(0, |position| line_of(&text, position));
        let outcome = columns.keyword(&record).map_err(RowFault::from).and_then(|keyword| {
            let first = *seen.entry((keyword.text.key(), keyword.country)).or_insert(line);
            if first == line { Ok(keyword) } else { Err(RowFault::Repeated { first }) }
        });
        rows.push(ImportRow { line, outcome });
    }
    if rows.is_empty() { Err(ImportError::NoRows) } else { Ok(rows) }
}

/// The line that a row begins in. The reader counts blank lines before a row as the row's own.
fn line_of(text: &str, position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|start| text.as_bytes().get(start..)).unwrap_or_default();
    (position.line()..).zip(rest).find(|(_, byte)| **byte != b'\n').map_or(position.line(), |(line, _)| line)
}

/// What parts the columns: whichever of three the first row holds most of outside quotation marks.
fn delimiter(text: &str) -> u8 {
    let first = text.trim_start_matches(['\r', '\n']).lines().next().unwrap_or_default();
    let bare: String = first.split('"').step_by(2).collect();
    let count = |mark: char| bare.matches(mark).count();
    // The last of equals wins, and that is the comma.
    [b'\t', b';', b','].into_iter().max_by_key(|mark| count(char::from(*mark))).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(file: &str) -> Vec<Result<String, &'static str>> {
        let shown =
            |row: ImportRow| row.outcome.map(|keyword| keyword.text.as_str().to_owned()).map_err(RowFault::code);
        read(file.as_bytes()).unwrap().into_iter().map(shown).collect()
    }

    #[test]
    fn reads_columns_in_any_order_and_case() {
        let file = "\u{feff}Intent,CPC, Difficulty ,Keyword,note,Search Volume,COUNTRY\r\n\
                    commercial,$1.25,40,running shoes,x,\"1,200\",us\r\n";
        let rows = read(file.as_bytes()).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].line, 2);
        let keyword = rows[0].outcome.as_ref().unwrap();
        assert_eq!((keyword.text.as_str(), keyword.country.as_str()), ("running shoes", "US"));
        assert_eq!(keyword.volume.map(Volume::get), Some(1200));
        assert_eq!(keyword.cpc.map(Cpc::nanousd), Some(1_250_000_000));
        assert_eq!(keyword.difficulty.map(Difficulty::get), Some(40));
        assert_eq!(keyword.intent, Some(Intent::Commercial));
    }

    #[test]
    fn a_bad_row_says_what_is_wrong_and_spoils_no_other() {
        let file = "text,volume,cpc,country\n\
                    good,1,0.5,DE\n\
                    ,1,0.5,DE\n\
                    a,many,,\n\
                    b,1,0.12345678901,\n\
                    c,1,,Atlantis\n\
                    \n\
                    GOOD,7,,de\n\
                    good,,,\n\
                    short\n\
                    \"two\nlines\",-,n/a,\n\
                    last,1,1,1,1,1,1\n";
        let rows = read(file.as_bytes()).unwrap();
        let outcomes: Vec<_> = rows
            .iter()
            .map(|row| (row.line, row.outcome.as_ref().err().map(|fault| (fault.code(), fault.field()))))
            .collect();
        assert_eq!(
            outcomes,
            [
                (2, None),
                (3, Some(("KEYWORD_EMPTY", "text"))),
                (4, Some(("VOLUME_INVALID", "volume"))),
                (5, Some(("CPC_TOO_FINE", "cpc"))),
                (6, Some(("COUNTRY_UNKNOWN", "country"))),
                (8, Some(("KEYWORD_REPEATED", "text"))),
                (9, None),
                (10, None),
                (11, None),
                (13, Some(("COUNTRY_UNKNOWN", "country"))),
            ]
        );
        assert_eq!(rows[5].outcome, Err(RowFault::Repeated { first: 2 }));
        assert_eq!(rows[8].outcome.as_ref().unwrap().text.as_str(), "two lines");
    }

    #[test]
    fn reads_what_spreadsheets_write() {
        assert_eq!(texts("keyword;cpc\ntent;1.5\n"), [Ok("tent".to_owned())]);
        assert_eq!(texts("keyword\tcpc\ntent, big\t1.5\n"), [Ok("tent, big".to_owned())]);
        assert_eq!(texts("\n\"keyword\"\r\"tent\"\r"), [Ok("tent".to_owned())]);
        assert_eq!(texts("Keyword\ntent"), [Ok("tent".to_owned())]);
    }

    #[test]
    fn refuses_a_file_that_is_none() {
        let error = |bytes: &[u8]| read(bytes).unwrap_err();
        assert_eq!(error(b""), ImportError::NoRows);
        assert_eq!(error(b"\n \n,,\n"), ImportError::NoRows);
        assert_eq!(error(b"keyword\n"), ImportError::NoRows);
        assert_eq!(error(b"running shoes\ntent\n"), ImportError::HeaderMissing);
        assert_eq!(error(b"keyword,Text\na,b\n"), ImportError::ColumnTwice { column: "keyword" });
        assert_eq!(error(b"keyword\n\xff\xfe\n"), ImportError::NotText);
        assert_eq!(error(&vec![b'a'; FILE_BYTES_MAX + 1]), ImportError::FileTooLarge { bytes: FILE_BYTES_MAX + 1 });
        let rows = |count: usize| (0..count).map(|at| format!("k{at}\n")).collect::<String>();
        assert_eq!(read(format!("keyword\n{}", rows(ROWS_MAX)).as_bytes()).unwrap().len(), ROWS_MAX);
        assert_eq!(error(format!("keyword\n{}", rows(ROWS_MAX + 1)).as_bytes()), ImportError::TooManyRows);
    }

    proptest! {
        #[test]
        fn no_file_panics_the_reader(
            bytes in proptest::collection::vec(any::<u8>(), 0..80), text in "[keyword,;\"\n\ra1.\\-]{0,80}",
        ) {
            let _ = read(&bytes);
            let _ = read(text.as_bytes());
            let rows = read(format!("keyword,cpc,volume\n{text}").as_bytes()).unwrap_or_default();
            prop_assert!(rows.windows(2).all(|pair| pair[0].line < pair[1].line));
        }
    }
}
