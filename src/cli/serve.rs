//! `inkledger serve`.

use super::{CliError, Context, OK};
use crate::{app, telemetry};

pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    let config = context.config()?;
    telemetry::start(&config);
    Box::pin(app::serve(config)).await?;
    Ok(OK)
}
