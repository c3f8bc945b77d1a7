//! The command line: parse, resolve the settings, run one command, answer with an exit code.

mod audit;
mod backup;
mod config;
mod doctor;
mod erase;
mod flags;
mod keys;
mod ledger;
mod migrate;
mod place;
mod prompts;
mod schema;
mod serve;
mod smoke;
mod table;
mod users;

use std::{ffi::OsString, io::Write, path::PathBuf, process::ExitCode};

use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser};

use crate::{
    config::{Config, ConfigError, Resolved, SETTINGS, flag_of, redact, resolve, variable_of},
    error::Error,
};

/// Ended well.
const OK: u8 = 0;
/// Found something, or could not be done.
const FAILED: u8 = 1;
/// Could not even begin: wrong use or settings, or no database to work on.
const UNUSABLE: u8 = 2;

/// Why a command ended badly. Messages say what to do.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Writing to standard output failed.
    #[error("cannot write to standard output")]
    Output(#[from] std::io::Error),
    /// The server did not start.
    #[error(transparent)]
    Start(#[from] crate::app::StartError),
    /// The database could not be opened.
    #[error(transparent)]
    Open(#[from] crate::db::OpenError),
    /// The schema could not be brought up to date.
    #[error(transparent)]
    Migrate(#[from] crate::db::migrate::MigrateError),
    /// The data folder cannot be made.
    #[error("cannot make the folder {path}: {source}. Make it, or name another one with --data-dir")]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no SQLite file yet.
    #[error(
        "there is no database at {0}. Run `inkledger migrate` or `inkledger serve` first, or name its folder with \
         --data-dir"
    )]
    NoDatabase(PathBuf),
    /// The schema is older than this binary.
    #[error("the database lacks {0} of this version. Run `inkledger migrate`")]
    Behind(String),
    /// An argument cannot be used.
    #[error("{0}. See --help")]
    Usage(String),
    /// The use case refused.
    #[error("{0}")]
    Refused(String),
    /// The use case failed.
    #[error("the command could not be finished. Try again; `inkledger doctor` looks for the cause")]
    Fault(#[from] Error),
    /// The database failed.
    #[error("the database failed. Try again; `inkledger doctor` looks for the cause")]
    Db(#[from] sea_orm::DbErr),
}

impl CliError {
    fn code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Open(_) | Self::NoDatabase(_) | Self::Behind(_) | Self::Usage(_) => UNUSABLE,
            Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => OK,
            _ => FAILED,
        }
    }

    /// The message and its causes, which the operator on the host may see.
    fn in_full(&self) -> String {
        let mut text = self.to_string();
        if let Self::Fault(Error::Internal(internal)) = self {
            return format!("{text}\n  because: {}", internal.chain());
        }
        let mut cause = std::error::Error::source(self);
        while let Some(next) = cause {
            let next_text = next.to_string();
            // Many libraries repeat the cause in their own message.
            if !text.contains(&next_text) {
                text.push_str(&format!("\n  because: {next_text}"));
            }
            cause = next.source();
        }
        text
    }
}

/// What every command gets.
struct Context {
    matches: ArgMatches,
    resolved: Resolved,
}

impl Context {
    fn config(&self) -> Result<Config, ConfigError> {
        Config::from_resolved(&self.resolved)
    }

    fn json(&self) -> bool {
        self.matches.try_contains_id("json").unwrap_or(false) && self.matches.get_flag("json")
    }
}

fn json_flag() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help("Answer in JSON, for scripts")
}

fn command() -> Command {
    let mut root = Command::new("inkledger")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The backend for products that sell AI content by credits")
        .after_help("Every option is also an environment variable (INKLEDGER_…) and a key of the configuration file.")
        .arg(
            Arg::new("config")
                .long("config")
                .global(true)
                .env("INKLEDGER_CONFIG")
                .value_name("FILE")
                .value_parser(clap::value_parser!(PathBuf))
                .help("The configuration file (TOML)"),
        );
    for setting in SETTINGS {
        let flag = flag_of(setting.key);
        root = root.arg(
            Arg::new(setting.key)
                .long(flag.trim_start_matches("--").to_owned())
                .global(true)
                .value_name(if setting.bare { "N" } else { "TEXT" })
                .hide(!matches!(setting.key, "listen" | "data_dir" | "role" | "database.url" | "nats.url"))
                .help(format!("{} [{}]", setting.help, variable_of(setting.key))),
        );
    }
    root.subcommand(Command::new("serve").about("Serve the API (the default)"))
        .subcommand(Command::new("migrate").about("Bring the database's schema up to date, and end"))
        .subcommand(
            Command::new("config")
                .about("Show every setting, its value and where it came from; secrets are hidden")
                .arg(json_flag())
                .arg(Arg::new("example").long("example").action(ArgAction::SetTrue).help("Print an example file")),
        )
        .subcommand(Command::new("schema").about("Print the GraphQL schema"))
        .subcommand(
            Command::new("users")
                .about("People and their platform roles")
                .subcommand_required(true)
                .subcommand(Command::new("list").about("List people, newest first").arg(json_flag()))
                .subcommand(erase::command())
                .subcommand(
                    Command::new("promote")
                        .about("Give a person a platform role; the only way besides the claim link to make a HERO")
                        .arg(Arg::new("who").required(true).help("Username or e-mail address"))
                        .arg(
                            Arg::new("to")
                                .long("to")
                                .value_parser(PossibleValuesParser::new(["USER", "ADMIN", "HERO"]))
                                .ignore_case(true)
                                .default_value("HERO")
                                .help("The role"),
                        ),
                ),
        )
        .subcommand(audit::command())
        .subcommand(flags::command())
        .subcommand(backup::command())
        .subcommand(backup::restore_command())
        .subcommand(keys::command())
        .subcommand(smoke::command())
        .subcommand(prompts::command())
        .subcommand(ledger::command())
        .subcommand(
            Command::new("doctor")
                .about("Check this installation and say what to do; exit 0, 1 warnings, 2 failures")
                .arg(json_flag())
                .arg(
                    Arg::new("records")
                        .long("records")
                        .action(ArgAction::SetTrue)
                        .help("Run the five verification queries instead, pass or fail per query"),
                )
                .arg(
                    Arg::new("work")
                        .long("work")
                        .action(ArgAction::SetTrue)
                        .conflicts_with("records")
                        .help("Run the invariants of durable work instead, pass or fail each"),
                )
                .arg(
                    Arg::new("require-data")
                        .long("require-data")
                        .action(ArgAction::SetTrue)
                        .requires("records")
                        .help("Count an empty result of queries 2 to 5 as a failure"),
                ),
        )
}

fn settings_of(matches: &ArgMatches) -> Vec<(String, String)> {
    let mut flags = Vec::new();
    for setting in SETTINGS {
        if let Some(text) = matches.get_one::<String>(setting.key) {
            flags.push((setting.key.to_owned(), text.clone()));
        }
    }
    flags
}

/// The innermost subcommand's name, with spaces, and its matches.
fn innermost(matches: &ArgMatches) -> (String, ArgMatches) {
    let mut path = Vec::new();
    let mut current = matches;
    while let Some((name, inner)) = current.subcommand() {
        path.push(name);
        current = inner;
    }
    (path.join(" "), current.clone())
}

/// Runs the command line `arguments` and answers with the exit code.
pub async fn run(arguments: Vec<OsString>) -> ExitCode {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { UNUSABLE } else { OK });
        }
    };
    let (name, matches) = innermost(&matches);
    let file = matches.get_one::<PathBuf>("config").cloned();
    let resolved = match resolve(&settings_of(&matches), file.as_deref()) {
        Ok(resolved) => resolved,
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::from(UNUSABLE);
        }
    };
    let context = Context { matches, resolved };
    match dispatch(&name, &context).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let code = error.code();
            if code != OK {
                complain(&redact(&context.resolved, &error.in_full()));
            }
            ExitCode::from(code)
        }
    }
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "inkledger: {text}");
}

async fn dispatch(name: &str, context: &Context) -> Result<u8, CliError> {
    match name {
        "" | "serve" => serve::run(context).await,
        "audit verify" => audit::run(context).await,
        "backup" => backup::run(context).await,
        "config" => config::run(context),
        "doctor" => doctor::run(context).await,
        "flags clear" | "flags list" | "flags set" => flags::run(name.trim_start_matches("flags "), context).await,
        "keys list" | "keys rotate" => keys::run(name.trim_start_matches("keys "), context).await,
        "ledger accept-restore"
        | "ledger adjust"
        | "ledger export"
        | "ledger receipt verify"
        | "ledger unfreeze"
        | "ledger verify" => ledger::run(name.trim_start_matches("ledger "), context).await,
        "migrate" => migrate::run(context).await,
        "restore" => backup::restore(context).await,
        "smoke" => smoke::run(context).await,
        "schema" => schema::run(),
        "prompts diff" | "prompts export" | "prompts import" | "prompts optimise" | "prompts stats" => {
            prompts::run(name.trim_start_matches("prompts "), context).await
        }
        "users erase" => erase::run(context).await,
        "users list" => users::list(context).await,
        "users promote" => users::promote(context).await,
        _ => Ok(UNUSABLE),
    }
}
