//! `inkledger doctor --records`: the five verification queries, word for word, against what the base tables say, in one
//! snapshot and in integers; and the further checks that tie the three records together. Reads only.

mod check;
mod expected;

use std::{cmp::Ordering, fmt};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult};

use crate::{
    db::{Db, Engine, engine_of, statement},
    error::{Error, Failure, Internal, Never},
};

/// The file that operators know.
const FILE: &str = include_str!("../../sql/verify_records.sql");

/// How one query or check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It says what the base tables say.
    Pass,
    /// It answers nothing, and there is nothing to answer.
    Empty,
    /// It says something else.
    Fail,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "PASS",
            Self::Empty => "EMPTY",
            Self::Fail => "FAIL",
        })
    }
}

/// One query or check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The query's number, 1–5; `None` for a further check.
    pub query: Option<usize>,
    /// What it verifies.
    pub title: String,
    /// How it came out.
    pub verdict: Verdict,
    /// Rows that are not as expected: `+` is there and should not be, `-` should be there and is not.
    pub differences: Vec<String>,
}

/// All queries and checks, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordsReport {
    /// What was found.
    pub findings: Vec<Finding>,
}

impl RecordsReport {
    /// Whether nothing failed. With `require_data`, a query of 2–5 without data fails too.
    pub fn passes(&self, require_data: bool) -> bool {
        self.findings.iter().all(|finding| match finding.verdict {
            Verdict::Pass => true,
            Verdict::Fail => false,
            Verdict::Empty => !(require_data && finding.query.is_some_and(|number| number >= 2)),
        })
    }

    /// The report for people, a line each, differing rows indented.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for finding in &self.findings {
            let number = finding.query.map_or("-".to_owned(), |number| number.to_string());
            lines.push(format!("{:5} {number} {}", finding.verdict, finding.title));
            lines.extend(finding.differences.iter().map(|difference| format!("        {difference}")));
        }
        lines
    }
}

/// One value of a row, in a form that both engines' answers can be brought to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    Null,
    Text(String),
    Whole(i64),
    /// US dollars, as nano-dollars.
    Dollars(i64),
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Text(text) => f.write_str(text),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Dollars(nano) => {
                let sign = if *nano < 0 { "-" } else { "" };
                let size = nano.unsigned_abs();
                write!(f, "{sign}{}.{:09}", size / 1_000_000_000, size % 1_000_000_000)
            }
        }
    }
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Text(&'static str),
    Whole(&'static str),
    Dollars(&'static str),
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Whole(name) | Self::Dollars(name) => name,
        }
    }
}

type Row = Vec<Cell>;

const COLUMNS: [&[Column]; 5] = [
    &[
        Column::Text("model_name"),
        Column::Dollars("cost_per_1k_input"),
        Column::Dollars("cost_per_1k_output"),
        Column::Whole("credits_per_image"),
    ],
    &[Column::Text("function_name"), Column::Whole("count"), Column::Dollars("total_cost")],
    &[
        Column::Text("operation_type"),
        Column::Whole("count"),
        Column::Whole("total_credits"),
        Column::Dollars("total_cost"),
    ],
    &[Column::Text("notification_type"), Column::Whole("count")],
    &[Column::Text("operation_type"), Column::Whole("transactions"), Column::Whole("total_credits")],
];

/// Verifies the records for the API.
#[derive(Clone)]
pub struct RecordsAuditor(pub Db);

impl RecordsAuditor {
    /// See [`audit_records`].
    pub async fn audit(&self) -> Result<RecordsReport, Error> {
        audit_records(&self.0).await
    }
}

/// Verifies the records.
pub async fn audit_records(db: &Db) -> Result<RecordsReport, Error> {
    let report = db.snapshot((), |tx, ()| Box::pin(audit(tx))).await?;
    Ok(report)
}

async fn audit(tx: &DatabaseTransaction) -> Result<RecordsReport, Failure<Never>> {
    let mut findings = Vec::new();
    for (at, ((title, sql), columns)) in statements(FILE).zip(COLUMNS).enumerate() {
        let title = title.split_once(". ").map_or(title.clone(), |(_, rest)| rest.to_owned());
        let number = at + 1;
        let actual = run(tx, &sql, columns).await?;
        let expected = expected::rows(tx, number).await?;
        let mut differences = compare(&actual, &expected, engine_of(tx));
        if number == 5 && !actual.is_sorted_by(biggest_first) {
            differences.push("the rows are not in descending order".to_owned());
        }
        let verdict = match (differences.is_empty(), actual.is_empty()) {
            (true, true) => Verdict::Empty,
            (true, false) => Verdict::Pass,
            (false, _) => Verdict::Fail,
        };
        findings.push(Finding { query: Some(number), title, verdict, differences });
    }
    findings.extend(check::all(tx).await?);
    Ok(RecordsReport { findings })
}

/// Title and text of each query of a file: the title is the last line of the comment before it.
pub(super) fn statements(file: &str) -> impl Iterator<Item = (String, String)> {
    file.split_inclusive(";\n").filter_map(|part| {
        let title = part.lines().rev().find_map(|line| line.strip_prefix("-- "))?.to_owned();
        let sql = part.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
        let sql = sql.trim().trim_end_matches(';').to_owned();
        (!sql.is_empty()).then_some((title, sql))
    })
}

/// Runs a query as it stands. PostgreSQL's exact decimals cannot be read as a float without loss, so there its answer is
/// cast to text around it.
async fn run(tx: &DatabaseTransaction, sql: &str, columns: &[Column]) -> Result<Vec<Row>, Failure<Never>> {
    let plain = tx.query_all_raw(statement(tx, sql, [])).await?;
    if engine_of(tx) == Engine::Sqlite {
        return Ok(plain.iter().map(|row| sqlite_row(row, columns)).collect::<Result<_, _>>()?);
    }
    let cast: Vec<String> = columns.iter().map(|column| format!("CAST(q.{0} AS text) AS {0}", column.name())).collect();
    let sql = format!("SELECT {} FROM ({sql}) q", cast.join(", "));
    let rows = tx.query_all_raw(statement(tx, sql, [])).await?;
    rows.iter().map(|row| postgres_row(row, columns)).collect()
}

fn sqlite_row(row: &QueryResult, columns: &[Column]) -> Result<Row, DbErr> {
    columns
        .iter()
        .map(|column| {
            Ok(match column {
                Column::Text(name) => row.try_get::<Option<String>>("", name)?.map_or(Cell::Null, Cell::Text),
                Column::Whole(name) => row.try_get::<Option<i64>>("", name)?.map_or(Cell::Null, Cell::Whole),
                // The view is REAL here; what it was made of is compared in integers.
                Column::Dollars(name) => row.try_get::<Option<f64>>("", name)?.map_or(Cell::Null, nano_of_real),
            })
        })
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates, and such a sum differs anyhow")]
fn nano_of_real(value: f64) -> Cell {
    Cell::Dollars((value * 1e9).round() as i64)
}

fn postgres_row(row: &QueryResult, columns: &[Column]) -> Result<Row, Failure<Never>> {
    let mut cells = Vec::with_capacity(columns.len());
    for column in columns {
        let text: Option<String> = row.try_get("", column.name())?;
        let Some(text) = text else {
            cells.push(Cell::Null);
            continue;
        };
        let cell = match column {
            Column::Text(_) => Some(Cell::Text(text.clone())),
            Column::Whole(_) => text.parse().ok().map(Cell::Whole),
            Column::Dollars(_) => nano_of_decimal(&text).map(Cell::Dollars),
        };
        cells.push(cell.ok_or_else(|| Internal::new("reading a verification query", format!("{text} is no number")))?);
    }
    Ok(cells)
}

/// Nano-dollars of a decimal text; `None` when it has more than nine decimals that are not zero.
fn nano_of_decimal(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1_i128, rest),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 9 {
        return None;
    }
    let nano: i128 = format!("{whole}{fraction:0<9}").parse().ok()?;
    i64::try_from(sign * nano).ok()
}

/// The rows that are in one list alone. Their order does not count.
fn compare(actual: &[Row], expected: &[Row], engine: Engine) -> Vec<String> {
    let mut missing: Vec<&Row> = expected.iter().collect();
    let mut differences = Vec::new();
    for row in actual {
        match missing.iter().position(|wanted| alike(row, wanted, engine)) {
            Some(at) => {
                missing.swap_remove(at);
            }
            None => differences.push(format!("+ {}", text_of(row))),
        }
    }
    differences.extend(missing.into_iter().map(|row| format!("- {}", text_of(row))));
    differences
}

/// Equal; dollars to the sixth decimal on SQLite, whose views can only be REAL.
fn alike(actual: &Row, expected: &Row, engine: Engine) -> bool {
    actual.len() == expected.len()
        && actual.iter().zip(expected).all(|pair| match pair {
            (Cell::Dollars(a), Cell::Dollars(b)) if engine == Engine::Sqlite => a.abs_diff(*b) < 1000,
            (a, b) => a == b,
        })
}

fn biggest_first(a: &Row, b: &Row) -> bool {
    b.last().cmp(&a.last()) != Ordering::Greater
}

fn text_of(row: &Row) -> String {
    row.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_five_queries_from_the_file() {
        let queries: Vec<_> = statements(FILE).collect();
        assert_eq!(queries.len(), 5);
        assert_eq!(queries[0].0, "1. Verify AIModelConfig field names");
        for (_, sql) in &queries {
            assert!(sql.starts_with("SELECT") && FILE.contains(&format!("{sql};\n")), "not word for word: {sql}");
        }
    }

    #[test]
    fn reads_decimals_exactly() {
        assert_eq!(nano_of_decimal("0.000150000"), Some(150_000));
        assert_eq!(nano_of_decimal("0.37224"), Some(372_240_000));
        assert_eq!(nano_of_decimal("-2"), Some(-2_000_000_000));
        assert_eq!(nano_of_decimal("0.00000000010"), None);
        assert_eq!(nano_of_decimal("1e3"), None);
    }

    #[test]
    fn tells_which_rows_differ() {
        let row = |name: &str, nano| vec![Cell::Text(name.to_owned()), Cell::Dollars(nano)];
        let differences = compare(&[row("a", 1), row("b", 2)], &[row("b", 2), row("c", 3)], Engine::Postgres);
        assert_eq!(differences, ["+ a | 0.000000001", "- c | 0.000000003"]);
        assert!(compare(&[row("a", 1_000_999)], &[row("a", 1_000_000)], Engine::Sqlite).is_empty());
        assert_eq!(compare(&[row("a", 1_000_999)], &[row("a", 1_000_000)], Engine::Postgres).len(), 2);
    }
}
