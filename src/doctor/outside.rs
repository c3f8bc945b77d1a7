//! What this installation talks to: AI providers and the bus. Nothing here costs money.

use secrecy::ExposeSecret;

use super::{Finding, Scene};
use crate::{bus::nats::NatsBus, db::Location};

pub(super) async fn providers(scene: &Scene) -> Result<Finding, Finding> {
    let settings = &scene.config.ai;
    let Some(key) = &settings.openai_api_key else {
        return Ok(Finding::warn(
            "sandbox only: texts and images are made up on this machine and labelled so",
            "set INKLEDGER_AI_OPENAI_API_KEY, and INKLEDGER_AI_OPENAI_BASE_URL for another than OpenAI's own API",
        ));
    };
    let see = "see that INKLEDGER_AI_OPENAI_BASE_URL is right and can be reached from here";
    let unreachable = |error: reqwest::Error| {
        // The address may hold a name and password.
        let error = error.without_url();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Finding::fail(format!("openai cannot be reached: {error}{cause}"), see)
    };
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().map_err(unreachable)?;
    // The list of models is free.
    let address = format!("{}/models", settings.openai_base_url);
    let answer = client.get(address).bearer_auth(key.expose_secret()).send().await.map_err(unreachable)?;
    let status = answer.status();
    match status.as_u16() {
        200..=299 => Ok(Finding::ok("openai answers and takes the key; the sandbox is there too")),
        401 | 403 => Ok(Finding::fail(
            format!("openai refuses the key ({status})"),
            "set a valid key in INKLEDGER_AI_OPENAI_API_KEY",
        )),
        // Compatible servers need not have this list.
        404 | 405 => Ok(Finding::ok(format!("openai can be reached ({status}); the key was not tried"))),
        _ => Ok(Finding::warn(format!("openai answers {status}"), see)),
    }
}

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
