//! `inkledger config`.

use std::io::Write;

use serde_json::json;

use super::{CliError, Context, OK, table};
use crate::config::{example, flag_of, variable_of};

pub(super) fn run(context: &Context) -> Result<u8, CliError> {
    let mut out = std::io::stdout().lock();
    if context.matches.get_flag("example") {
        out.write_all(example().as_bytes())?;
        return Ok(OK);
    }
    if context.json() {
        let all: Vec<_> = context
            .resolved
            .iter()
            .map(|value| {
                json!({
                    "key": value.setting.key, "value": value.shown(), "source": value.source.as_str(),
                    "flag": flag_of(value.setting.key), "variable": variable_of(value.setting.key),
                    "help": value.setting.help,
                })
            })
            .collect();
        writeln!(out, "{:#}", serde_json::Value::from(all))?;
    } else {
        let rows: Vec<Vec<String>> = context
            .resolved
            .iter()
            .map(|value| {
                vec![
                    value.setting.key.to_owned(),
                    value.shown().to_owned(),
                    value.source.as_str().to_owned(),
                    variable_of(value.setting.key),
                ]
            })
            .collect();
        table::print(&mut out, &["SETTING", "VALUE", "FROM", "VARIABLE"], &rows)?;
    }
    context.config()?;
    Ok(OK)
}
