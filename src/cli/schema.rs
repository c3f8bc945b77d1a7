//! `inkledger schema`.

use std::io::Write;

use super::{CliError, OK};
use crate::graphql;

pub(super) fn run() -> Result<u8, CliError> {
    std::io::stdout().lock().write_all(graphql::sdl().as_bytes())?;
    Ok(OK)
}
