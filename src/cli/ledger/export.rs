//! `inkledger ledger export`.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Arg, Command, builder::PossibleValuesParser};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tokio::sync::mpsc::{Receiver, channel};

use super::{account, no_ledger};
use crate::{
    cli::{CliError, Context, OK, json_flag, place, table},
    clock::{Clock, Micros, SystemClock, from_rfc3339, to_rfc3339},
    ledger::export::{Cell, ExportPage, ExportRequest, Extent, Subject, export},
};

/// Pages that wait to be written.
const PAGES_AHEAD: usize = 2;

/// The command.
pub(super) fn command() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("export")
        .about(
            "Write an account's ledger as a file, as it is at one moment; read-only, safe beside a running server. The \
             columns are in docs/operations.md",
        )
        .arg(text("account", "ID", "Whose").required(true))
        .arg(
            text("what", "WHAT", "What of it")
                .value_parser(PossibleValuesParser::new(Subject::WORDS.iter().copied()))
                .default_value(Subject::Transactions.as_str()),
        )
        .arg(
            text("format", "FORMAT", "How")
                .value_parser(PossibleValuesParser::new(["csv", "jsonl"]))
                .default_value("csv"),
        )
        .arg(text("from", "TIME", "Only what was made then or later: 2026-01-31T12:00:00Z, or a day in UTC"))
        .arg(text("until", "TIME", "Only what was made before then"))
        .arg(
            text("output", "FILE", "Where to; standard output for - or without it")
                .value_parser(clap::value_parser!(PathBuf)),
        )
        .arg(json_flag().help("Say in JSON, on standard error, what was written"))
}

/// `ledger export`: 0 written, 1 could not be finished, 2 could not begin.
pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    let began = SystemClock.now();
    let word = |name: &str| context.matches.get_one::<String>(name).map(String::as_str);
    let account = account(context)?.ok_or_else(|| CliError::Usage("--account is missing".to_owned()))?;
    let subject = word("what").and_then(Subject::parse).unwrap_or(Subject::Transactions);
    let is_csv = word("format") != Some("jsonl");
    let request = ExportRequest { account, subject, from: time(context, "from")?, until: time(context, "until")? };
    let output = context.matches.get_one::<PathBuf>("output").filter(|path| path.as_os_str() != "-");
    let db = place::open_to_read(&context.config()?).await?;
    let target = Target::open(output.map(PathBuf::as_path))?;
    let (sender, receiver) = channel(PAGES_AHEAD);
    let sheet = Sheet { out: BufWriter::new(target), format: Format::of(is_csv), rows: 0, bytes: 0 };
    let (read, written) = tokio::join!(export(&db, request, sender), write_all(sheet, subject, receiver));
    db.close().await;
    // First what was read: an end that came too soon leaves less to write, which is no fault of writing.
    if !read? {
        return Err(no_ledger(account));
    }
    let done = written?;
    let report = Report { done, request, is_csv, output, took: SystemClock.now() - began };
    let mut err = io::stderr().lock();
    if context.json() {
        writeln!(err, "{:#}", report.as_json())?;
    } else {
        report.print(&mut err)?;
    }
    Ok(OK)
}

/// An instant, or the first one of a day in UTC.
fn time(context: &Context, name: &str) -> Result<Option<Micros>, CliError> {
    let Some(text) = context.matches.get_one::<String>(name) else { return Ok(None) };
    let found = from_rfc3339(text).or_else(|| from_rfc3339(&format!("{text}T00:00:00Z")));
    found.map(Some).ok_or_else(|| {
        CliError::Usage(format!("--{name} is `{text}`, but must be like 2026-01-31T12:00:00Z or 2026-01-31"))
    })
}

fn cannot_write(path: &Path, error: &io::Error) -> CliError {
    CliError::Refused(format!("cannot write {}: {error}. Check the folder, or name another", path.display()))
}

/// Where the rows go: standard output, or a neighbour of the file that takes its name at the end, so that nobody ever finds half
/// of one under it.
enum Target {
    Standard(io::Stdout),
    Neighbour { file: File, neighbour: PathBuf, path: PathBuf, is_kept: bool },
}

impl Target {
    fn open(path: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = path else { return Ok(Self::Standard(io::stdout())) };
        if path.exists() && !path.is_file() {
            let message = "is no file, and nothing else is written over. Name a file, or - for standard output";
            return Err(CliError::Usage(format!("{} {message}", path.display())));
        }
        let Some(name) = path.file_name() else {
            return Err(CliError::Usage(format!("--output is `{}`, but must name a file", path.display())));
        };
        let neighbour = path.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        let opened = OpenOptions::new().write(true).create_new(true).open(&neighbour);
        let file = opened.map_err(|error| cannot_write(&neighbour, &error))?;
        Ok(Self::Neighbour { file, neighbour, path: path.to_owned(), is_kept: false })
    }

    /// Gives the file its name, once its bytes are on the disk.
    fn finish(mut self) -> Result<(), CliError> {
        let Self::Neighbour { file, neighbour, path, is_kept } = &mut self else { return Ok(()) };
        let done = file.sync_all().and_then(|()| std::fs::rename(&neighbour, &path));
        done.map_err(|error| cannot_write(path, &error))?;
        *is_kept = true;
        Ok(())
    }

    /// What a fault of writing means here.
    fn fault(&self, error: io::Error) -> CliError {
        match self {
            Self::Standard(_) => error.into(),
            Self::Neighbour { path, .. } => cannot_write(path, &error),
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::Neighbour { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::Neighbour { file, .. } => file.flush(),
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Self::Neighbour { neighbour, is_kept: false, .. } = self {
            let _ = std::fs::remove_file(neighbour);
        }
    }
}

/// What was written.
#[derive(Default)]
struct Done {
    rows: u64,
    bytes: u64,
    extent: Extent,
}

async fn write_all(mut sheet: Sheet, subject: Subject, mut pages: Receiver<ExportPage>) -> Result<Done, CliError> {
    let bar = progress();
    let (mut extent, mut is_begun) = (Extent::default(), false);
    while let Some(page) = pages.recv().await {
        if !is_begun {
            is_begun = true;
            extent = page.extent;
            bar.set_length(u64::try_from(extent.upto.saturating_sub(extent.above)).unwrap_or(0));
            sheet.begin(subject)?;
        }
        sheet.add(subject, &page.rows)?;
        bar.set_position(u64::try_from(page.reached.saturating_sub(extent.above)).unwrap_or(0));
        bar.set_message(format!("{} rows", sheet.rows));
    }
    bar.finish_and_clear();
    // Without a first page there is nothing of which a file could be made.
    if !is_begun {
        return Ok(Done::default());
    }
    let (rows, bytes) = (sheet.rows, sheet.bytes);
    sheet.finish()?;
    Ok(Done { rows, bytes, extent })
}

/// On standard error while it goes on, when that is a terminal; counts transactions, whose number is known.
fn progress() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "{bar:30} {pos}/{len} transactions, {msg}, {elapsed}, {eta} to go";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

#[derive(Clone, Copy)]
enum Format {
    Csv,
    JsonLines,
}

impl Format {
    fn of(is_csv: bool) -> Self {
        if is_csv { Self::Csv } else { Self::JsonLines }
    }
}

/// The rows as text.
struct Sheet {
    out: BufWriter<Target>,
    format: Format,
    rows: u64,
    bytes: u64,
}

impl Sheet {
    fn begin(&mut self, subject: Subject) -> Result<(), CliError> {
        match self.format {
            Format::Csv => self.line(&record(subject.columns().iter().map(|&name| name.to_owned()))?),
            Format::JsonLines => Ok(()),
        }
    }

    fn add(&mut self, subject: Subject, rows: &[Vec<Cell>]) -> Result<(), CliError> {
        for row in rows {
            let line = match self.format {
                Format::Csv => record(row.iter().map(in_csv))?,
                Format::JsonLines => {
                    // By hand, since the order of the columns is theirs, and names of ours need no escapes.
                    let cells = subject.columns().iter().zip(row);
                    let cells: Vec<String> =
                        cells.map(|(name, cell)| format!("\"{name}\":{}", in_json(cell))).collect();
                    format!("{{{}}}\n", cells.join(",")).into_bytes()
                }
            };
            self.line(&line)?;
            self.rows += 1;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), CliError> {
        self.bytes += u64::try_from(line.len()).unwrap_or(0);
        self.out.write_all(line).map_err(|error| self.out.get_ref().fault(error))
    }

    fn finish(mut self) -> Result<(), CliError> {
        self.out.flush().map_err(|error| self.out.get_ref().fault(error))?;
        match self.out.into_inner() {
            Ok(target) => target.finish(),
            Err(error) => Err(CliError::Output(error.into_error())),
        }
    }
}

/// One line of CSV as RFC 4180 has it, but for the end of line, which is a line feed alone.
fn record(cells: impl Iterator<Item = String>) -> Result<Vec<u8>, CliError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells).map_err(io::Error::other)?;
    Ok(writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?)
}

fn in_csv(cell: &Cell) -> String {
    match cell {
        Cell::Id(id) => id.to_string(),
        Cell::Number(number) => number.to_string(),
        Cell::Word(word) => (*word).to_owned(),
        Cell::Hash(hash) => hash.clone(),
        // A spreadsheet would take what comes from outside for a formula.
        Cell::Text(text) if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) => format!("'{text}"),
        Cell::Text(text) => text.clone(),
        Cell::Time(at) => to_rfc3339(*at),
        Cell::Empty => String::new(),
    }
}

fn in_json(cell: &Cell) -> serde_json::Value {
    match cell {
        Cell::Id(id) => json!(id),
        Cell::Number(number) => json!(number),
        Cell::Word(word) => json!(word),
        Cell::Hash(text) | Cell::Text(text) => json!(text),
        Cell::Time(at) => json!(to_rfc3339(*at)),
        Cell::Empty => serde_json::Value::Null,
    }
}

/// What an export came to, for people and scripts.
struct Report<'a> {
    done: Done,
    request: ExportRequest,
    is_csv: bool,
    output: Option<&'a PathBuf>,
    took: Micros,
}

impl Report<'_> {
    fn format(&self) -> &'static str {
        if self.is_csv { "csv" } else { "jsonl" }
    }

    /// The first and the last transaction it is about; none when there is none.
    fn sequences(&self) -> Option<(i64, i64)> {
        let Extent { above, upto, .. } = self.done.extent;
        (upto > above).then_some((above + 1, upto))
    }

    fn seconds(&self) -> f64 {
        Duration::from_micros(u64::try_from(self.took).unwrap_or(0)).as_secs_f64()
    }

    fn as_json(&self) -> serde_json::Value {
        json!({
            "account": self.request.account, "what": self.request.subject.as_str(), "format": self.format(),
            "rows": self.done.rows, "bytes": self.done.bytes,
            "first_sequence": self.sequences().map(|(first, _)| first),
            "last_sequence": self.sequences().map(|(_, last)| last),
            "account_sequence": self.done.extent.sequence,
            "output": self.output.map(|path| path.display().to_string()), "seconds": self.seconds(),
        })
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let transactions = match self.sequences() {
            Some((first, last)) => format!("{first}–{last} of {}", self.done.extent.sequence),
            None => format!("none of {}", self.done.extent.sequence),
        };
        let row = vec![
            self.request.subject.as_str().to_owned(),
            self.done.rows.to_string(),
            self.done.bytes.to_string(),
            transactions,
            format!("{:.3}", self.seconds()),
            self.output.map_or_else(|| "standard output".to_owned(), |path| path.display().to_string()),
        ];
        table::print(out, &["WHAT", "ROWS", "BYTES", "TRANSACTIONS", "SECONDS", "WRITTEN TO"], &[row])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_from_outside_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(in_csv(&Cell::Text(text.to_owned())), format!("'{text}"));
            assert_eq!(in_json(&Cell::Text(text.to_owned())), text, "JSON has no formulas");
        }
        assert_eq!(in_csv(&Cell::Text("pay_1=2".to_owned())), "pay_1=2");
        let line = record([in_csv(&Cell::Text("a,\"b\"\nc".to_owned())), String::new()].into_iter()).unwrap();
        assert_eq!(String::from_utf8(line).unwrap(), "\"a,\"\"b\"\"\nc\",\n");
    }
}
