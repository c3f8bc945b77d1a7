//! `inkledger migrate`.

use std::io::Write;

use super::{CliError, Context, OK, place};
use crate::db::{
    Db,
    migrate::{apply_pending, schema_state},
};

pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    let config = context.config()?;
    let options = &config.database.options;
    place::make_folders(&config)?;
    let db = Db::open(options).await?;
    let applied = apply_pending(&db).await?;
    let known = schema_state(&db).await.map_err(CliError::from)?.applied.len();
    db.close().await;
    let (place, mut out) = (place::describe(options), std::io::stdout().lock());
    if applied.is_empty() {
        writeln!(out, "{place} is up to date ({}).", place::count(known, "migration"))?;
        return Ok(OK);
    }
    writeln!(out, "{place}: applied {}.", place::count(applied.len(), "migration"))?;
    for name in applied {
        writeln!(out, "  {name}")?;
    }
    Ok(OK)
}
