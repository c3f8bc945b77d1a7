//! `inkledger flags`.

use std::{io::Write, sync::Arc};

use clap::{
    Arg, Command,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use serde_json::json;

use super::{CliError, Context, OK, json_flag, place, table};
use crate::{
    bus::local::LocalBus,
    clock::{Clock, SECOND, SystemClock, to_rfc3339},
    config::Config,
    db::Db,
    error::Failure,
    flag::{Flag, Flags, FlagsParts, SetFlag, Standing, parse_switch},
    ids::SystemIds,
    viewer::{Feature, Level, Viewer},
};

/// What stands below `inkledger flags`.
pub(super) fn command() -> Command {
    let name = || {
        let names = PossibleValuesParser::new(Flag::WORDS).map(|name| Flag::parse(&name));
        Arg::new("name").required(true).value_parser(names).help("Which flag")
    };
    let reason = || {
        let help = "Why, at most 500 characters; it is shown and kept in the audit trail";
        Arg::new("reason").long("reason").required(true).value_name("TEXT").help(help)
    };
    let hours =
        Arg::new("hours").long("hours").value_name("N").value_parser(clap::value_parser!(u32).range(1..=87_600));
    Command::new("flags")
        .about("Switches of the product, with what the environment says and what was set at run time")
        .subcommand_required(true)
        .subcommand(Command::new("list").about("List every flag; safe beside a running server").arg(json_flag()))
        .subcommand(
            Command::new("set")
                .about("Set a flag at run time; on SQLite with the server stopped, else use `setFlag`")
                .arg(name())
                .arg(Arg::new("value").required(true).value_parser(["on", "off", "true", "false"]).help("To what"))
                .arg(reason())
                .arg(hours.help("For so long; until it is cleared when omitted"))
                .arg(json_flag()),
        )
        .subcommand(
            Command::new("clear")
                .about("Let the environment or the default of a flag count again; on SQLite with the server stopped")
                .arg(name())
                .arg(reason())
                .arg(json_flag()),
        )
}

fn flags(config: &Config, db: &Db) -> Flags {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Flags::new(FlagsParts {
        db: db.clone(),
        clock: Arc::clone(&clock),
        ids: Arc::new(SystemIds::new(clock)),
        // Servers elsewhere see the change by their own look.
        bus: Arc::new(LocalBus::new("command line")),
        environment: config.flags.clone(),
    })
}

/// Carries out the subcommand `name`.
pub(super) async fn run(name: &str, context: &Context) -> Result<u8, CliError> {
    let config = context.config()?;
    match name {
        "list" => list(context, &config).await,
        _ => change(name == "set", context, &config).await,
    }
}

async fn list(context: &Context, config: &Config) -> Result<u8, CliError> {
    let db = place::open_to_read(config).await?;
    let standings = flags(config, &db).list().await?;
    for warning in config.flags.warnings() {
        super::complain(&warning.to_string());
    }
    let mut out = std::io::stdout().lock();
    if context.json() {
        writeln!(out, "{:#}", standings.iter().map(as_json).collect::<serde_json::Value>())?;
        return Ok(OK);
    }
    let rows: Vec<Vec<String>> = standings.iter().map(as_row).collect();
    table::print(&mut out, &["FLAG", "VALUE", "SOURCE", "OVERRIDE", "ENVIRONMENT", "DEFAULT", "IMPACT", "WHY"], &rows)?;
    Ok(OK)
}

/// `flags set` and `flags clear`: on SQLite with the server stopped, on PostgreSQL beside it.
async fn change(sets: bool, context: &Context, config: &Config) -> Result<u8, CliError> {
    let missing = |what: &str| CliError::Usage(format!("{what} is missing"));
    let flag = context.matches.get_one::<Option<Flag>>("name").copied().flatten().ok_or_else(|| missing("the flag"))?;
    let reason = context.matches.get_one::<String>("reason").cloned().ok_or_else(|| missing("--reason"))?;
    let right = Viewer::System.may(Feature::SystemSettingsManage, Level::Hero)?;
    let db = place::open_to_write(config).await?;
    let flags = flags(config, &db);
    let done = if sets {
        let text = context.matches.get_one::<String>("value").map(String::as_str).unwrap_or_default();
        let hours = context.matches.get_one::<u32>("hours").copied();
        let expires_at = hours.map(|hours| SystemClock.now().saturating_add(i64::from(hours) * 3_600 * SECOND));
        match parse_switch(text) {
            None => Err(missing("the value")),
            Some(is_on) => {
                let command = SetFlag { flag, is_on, reason, expires_at };
                flags.set_flag(right, command, None).await.map_err(refused)
            }
        }
    } else {
        flags.clear_flag(right, flag, &reason, None).await.map_err(refused)
    };
    db.close().await;
    let standing = done?;
    let mut out = std::io::stdout().lock();
    if context.json() {
        writeln!(out, "{:#}", as_json(&standing))?;
    } else {
        let (is_on, source) = standing.effective();
        let (name, value) = (flag.as_str(), word(is_on));
        let source = source.as_str().to_lowercase();
        writeln!(out, "{name} is {value} ({source}), in every running server within five seconds.")?;
    }
    Ok(OK)
}

fn refused<R: std::fmt::Display>(failure: Failure<R>) -> CliError {
    match failure {
        Failure::Refused(refusal) => CliError::Refused(refusal.to_string()),
        Failure::Fault(error) => CliError::Fault(error),
    }
}

fn word(is_on: bool) -> String {
    if is_on { "on" } else { "off" }.to_owned()
}

fn as_json(standing: &Standing) -> serde_json::Value {
    let (is_on, source) = standing.effective();
    let set = standing.overridden.as_ref().map(|set| {
        json!({
            "is_on": set.is_on, "reason": set.reason, "set_by": set.set_by, "set_at": to_rfc3339(set.set_at),
            "expires_at": set.expires_at.map(to_rfc3339), "is_expired": !set.counts(standing.at),
        })
    });
    json!({
        "name": standing.flag.as_str(), "is_on": is_on, "source": source.as_str(), "override": set,
        "environment": standing.environment, "default": standing.flag.default_value(),
        "variable": standing.flag.variable(), "impact": standing.flag.impact().as_str(),
        "is_critical": standing.flag.is_critical(), "description": standing.flag.description(),
        "when_off": standing.flag.when_off(),
    })
}

fn as_row(standing: &Standing) -> Vec<String> {
    let (is_on, source) = standing.effective();
    let shown = |value: Option<bool>| value.map_or_else(|| "-".to_owned(), word);
    let set = standing.overridden.as_ref();
    let overridden = set.map_or_else(
        || "-".to_owned(),
        |set| match set.expires_at {
            None => word(set.is_on),
            Some(end) if set.counts(standing.at) => format!("{} until {}", word(set.is_on), to_rfc3339(end)),
            Some(end) => format!("expired at {}", to_rfc3339(end)),
        },
    );
    vec![
        standing.flag.as_str().to_owned(),
        word(is_on),
        source.as_str().to_lowercase(),
        overridden,
        shown(standing.environment),
        word(standing.flag.default_value()),
        standing.flag.impact().as_str().to_lowercase(),
        set.map(|set| set.reason.clone()).unwrap_or_default(),
    ]
}
