//! What this installation talks to: the bus and the mail server.

use super::{Finding, Scene};
use crate::{app::connect_mailer, bus::nats::NatsBus, config::MailTransport, db::Location};

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

pub(super) async fn mail(scene: &Scene) -> Result<Finding, Finding> {
    let unusable = |chain: String| {
        let remedy =
            "see INKLEDGER_MAIL_SMTP_URL, or INKLEDGER_MAIL_FOLDER; letters wait and are tried again for an hour";
        Finding::fail(format!("letters cannot go out: {chain}"), remedy)
    };
    let mailer = connect_mailer(&scene.config).map_err(|error| unusable(error.chain()))?;
    let verifies = scene.config.auth.verify_email;
    if let MailTransport::Folder(folder) = &scene.config.mail.transport {
        // Nothing is made by a look; the folder comes with the first letter.
        let remedy = "set INKLEDGER_MAIL_TRANSPORT=smtp and INKLEDGER_MAIL_SMTP_URL, so that people get their links";
        let finding = format!("letters go to the folder {}; nobody but you reads them", folder.display());
        return Ok(Finding::warn(finding, remedy));
    }
    if matches!(scene.config.mail.transport, MailTransport::Console) {
        let remedy = "set INKLEDGER_MAIL_TRANSPORT=smtp and INKLEDGER_MAIL_SMTP_URL for anything but trying things out";
        return Ok(Finding::warn("letters with links that sign people in go to standard error", remedy));
    }
    mailer.probe().await.map_err(|error| unusable(error.chain()))?;
    Ok(match verifies {
        Some(false) => Finding::warn(
            "the mail server answers, and people sign up without proving their address",
            "unset INKLEDGER_AUTH_VERIFY_EMAIL, so that nobody signs up with the address of somebody else",
        ),
        _ => Finding::ok("the mail server answers, and people who sign up prove their address"),
    })
}
