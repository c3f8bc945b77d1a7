//! `inkledger serve`.

use super::{CliError, Context, OK};
use crate::{app, performance::Monitoring, telemetry};

pub(super) async fn run(context: &Context) -> Result<u8, CliError> {
    let config = context.config()?;
    let monitoring = Monitoring::default();
    telemetry::start(&config, &monitoring);
    Box::pin(app::serve(config, monitoring)).await?;
    Ok(OK)
}
