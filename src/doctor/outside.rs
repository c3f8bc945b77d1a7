//! What this installation talks to: the bus.

use super::{Finding, Scene};
use crate::{bus::nats::NatsBus, db::Location};

pub(super) async fn bus(scene: &Scene) -> Result<Finding, Finding> {
    let Some(url) = &scene.config.nats_url else {
        return Ok(match scene.config.database.options.location {
            Location::File(_) => Finding::ok("in process, which is all that one process needs"),
            Location::Server(_) => {
                Finding::ok("through PostgreSQL, enough for a few processes; INKLEDGER_NATS_URL serves many")
            }
        });
    };
    match NatsBus::connect(url, scene.ids.uuid().to_string()).await {
        Ok(_) => Ok(Finding::ok("NATS answers")),
        Err(error) => Ok(Finding::fail(
            format!("NATS cannot be reached: {}", error.chain()),
            "see that the server of INKLEDGER_NATS_URL runs and can be reached from here",
        )),
    }
}
