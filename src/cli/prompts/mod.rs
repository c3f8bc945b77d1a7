//! `inkledger prompts`: the same use cases as the API, for operators and pipelines.

mod optimise;
mod report;
mod transfer;

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Arg, ArgAction, Command, builder::PossibleValuesParser};

use super::{CliError, Context, UNUSABLE, complain, json_flag, place};
use crate::{
    app::PromptSurroundings,
    clock::{Clock, SystemClock},
    config::redact,
    db::Db,
    error::Error,
    ids::SystemIds,
    prompt::{
        Prompts, PromptsParts,
        model::{Category, transfer::TransferLimits},
    },
    viewer::{Feature, FeatureRight, Level, Viewer},
};

/// The commands.
pub(super) fn command() -> Command {
    let file = |help: &'static str| Arg::new("file").required(true).value_name("FILE").help(help);
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let category = || {
        Arg::new("category")
            .long("category")
            .action(ArgAction::Append)
            .value_parser(PossibleValuesParser::new(Category::ALL.map(Category::as_str)))
            .help("Only this category; may be repeated. One category never has more prompts than an import takes")
    };
    Command::new("prompts")
        .about("System prompts as files, figures and rules; exit 0 done, 1 something is not as wanted, 2 not possible")
        .subcommand_required(true)
        .subcommand(
            Command::new("export")
                .about("Write every enabled prompt as a file")
                .arg(
                    Arg::new("out").long("out").value_name("PATH").value_parser(clap::value_parser!(PathBuf)).help(
                        "A file, or a folder to write the file of today into; standard output for - or without it",
                    ),
                )
                .arg(category())
                .arg(flag("include-inactive", "Write the disabled prompts too"))
                .arg(flag("environment", "Add provider settings, for `prompts diff`; never a key"))
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("import")
                .about("Say what importing a file would do, or do it with --apply; exit 1 when a row is no good")
                .arg(file("The file; - is standard input"))
                .arg(flag("apply", "Write; without it nothing is written").conflicts_with("dry-run"))
                .arg(flag("dry-run", "Write nothing (the default)"))
                .arg(
                    Arg::new("mode")
                        .long("mode")
                        .value_parser(PossibleValuesParser::new(["ATOMIC", "PER_ITEM"]))
                        .ignore_case(true)
                        .default_value("ATOMIC")
                        .help("With a row that is no good: write nothing, or the others"),
                )
                .arg(Arg::new("plan-hash").long("plan-hash").value_name("HASH").help("Apply this plan only"))
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("diff")
                .about("Compare a file with this server, or with another file; exit 0 same, 1 different, 2 error")
                .arg(file("The file on the left; - is standard input"))
                .arg(Arg::new("other").value_name("OTHER").help("The file on the right; this server without it"))
                .arg(json_flag()),
        )
        .subcommand(Command::new("stats").about("Count prompts, lengths and warnings").arg(json_flag()))
        .subcommand(
            Command::new("optimise")
                .about(
                    "Say what would be left out of the prompts because it tells a model nothing, or do it with --apply",
                )
                .arg(flag("apply", "Write new versions; without it nothing is written"))
                .arg(Arg::new("report-hash").long("report-hash").value_name("HASH").help("Apply this report only"))
                .arg(category())
                .arg(
                    Arg::new("undo")
                        .long("undo")
                        .value_name("ID")
                        .conflicts_with_all(["apply", "report-hash", "category"])
                        .help("Make the versions before an applied optimisation active again"),
                )
                .arg(json_flag()),
        )
}

/// Runs one of the commands. What could not even begin, or failed on the way, is 2: 1 is an answer.
pub(super) async fn run(name: &str, context: &Context) -> Result<u8, CliError> {
    let done = match name {
        "export" => transfer::export(context).await,
        "import" => transfer::import(context).await,
        "diff" => report::diff(context).await,
        "stats" => report::stats(context).await,
        _ => optimise::run(context).await,
    };
    match done {
        Err(CliError::Output(error)) => Err(error.into()),
        Err(error) => {
            complain(&redact(&context.resolved, &error.in_full()));
            Ok(UNUSABLE)
        }
        done => done,
    }
}

/// The registry as the commands use it.
struct Desk {
    prompts: Prompts,
    surroundings: PromptSurroundings,
    right: FeatureRight,
    db: Db,
}

impl Desk {
    fn of(db: Db) -> Result<Self, Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids = Arc::new(SystemIds::new(Arc::clone(&clock)));
        let right = Viewer::System.may(Feature::SystemPromptsManage, Level::Admin)?;
        Ok(Self {
            prompts: Prompts::new(PromptsParts { db: db.clone(), clock, ids }),
            surroundings: PromptSurroundings { db: db.clone(), uploads: None },
            right,
            db,
        })
    }

    /// To look, beside a running server.
    async fn to_read(context: &Context) -> Result<Self, CliError> {
        Ok(Self::of(place::open_to_read(&context.config()?).await?)?)
    }

    /// To write: on SQLite with the server stopped, on PostgreSQL beside it.
    async fn to_write(context: &Context) -> Result<Self, CliError> {
        Ok(Self::of(place::open_to_write(&context.config()?).await?)?)
    }

    async fn for_work(context: &Context, writes: bool) -> Result<Self, CliError> {
        if writes { Self::to_write(context).await } else { Self::to_read(context).await }
    }
}

/// The bytes of a file, `-` being standard input. No more is read than an import takes, and one byte.
fn read_file(name: &str) -> Result<Vec<u8>, CliError> {
    let most = u64::try_from(TransferLimits::default().file_size_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = if name == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(name).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(CliError::Refused(format!("cannot read {name}: {error}. Check the name"))),
    }
}

/// Writes `text` to a file, or to the file `file_name` in a folder; answers where it is.
fn write_file(path: &Path, file_name: &str, text: &str) -> Result<PathBuf, CliError> {
    let path = if path.is_dir() { path.join(file_name) } else { path.to_owned() };
    std::fs::write(&path, text).map_err(|error| {
        CliError::Refused(format!("cannot write {}: {error}. Check the folder, or name another", path.display()))
    })?;
    Ok(path)
}

fn print_json(value: &serde_json::Value) -> Result<(), CliError> {
    Ok(writeln!(std::io::stdout().lock(), "{value:#}")?)
}
