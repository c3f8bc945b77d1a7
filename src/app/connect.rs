//! What the server talks to: the bus and the providers of AI.

use std::{net::SocketAddr, sync::Arc};

use super::{StartError, base_url};
use crate::{
    ai::{
        provider::{
            Access, anthropic::Anthropic, fal::Fal, gemini::Gemini, http, huggingface::HuggingFace, ideogram::Ideogram,
            ollama::Ollama, openai::OpenAi, runware::Runware, sandbox::Sandbox,
        },
        routing::Providers,
    },
    auth::mail::{ConsoleMailer, FolderMailer, Mailer, Post, SmtpMailer, SmtpOptions},
    bus::{Bus, local::LocalBus, nats::NatsBus, postgres::PostgresBus},
    config::{Config, MailTransport},
    db::Location,
    error::Internal,
    ids::Ids,
};

/// NATS where it is configured, else the database server; a database in a file has one process.
pub(super) async fn connect_bus(config: &Config, ids: &dyn Ids) -> Result<Arc<dyn Bus>, StartError> {
    let origin = ids.uuid().to_string();
    Ok(match (&config.nats_url, &config.database.options.location) {
        (Some(url), _) => Arc::new(NatsBus::connect(url, origin).await?),
        (None, Location::Server(url)) => Arc::new(PostgresBus::connect(url, origin).await?),
        (None, Location::File(_)) => Arc::new(LocalBus::new(origin)),
    })
}

/// The way letters go out.
pub fn connect_mailer(config: &Config) -> Result<Arc<dyn Mailer>, Internal> {
    Ok(match &config.mail.transport {
        MailTransport::Smtp(url) => Arc::new(SmtpMailer::new(&SmtpOptions { url: url.clone() })?),
        MailTransport::Folder(folder) => Arc::new(FolderMailer::new(folder.clone())),
        MailTransport::Console => Arc::new(ConsoleMailer),
    })
}

/// How the installation writes; links lead to its own pages unless others are named.
pub(super) fn connect_post(config: &Config, address: SocketAddr) -> Result<Post, Internal> {
    let own = || format!("{}/link", base_url(config, address));
    Post::new(connect_mailer(config)?, &config.mail.from, &config.mail.link_url.clone().unwrap_or_else(own))
}

/// The adapters of this version, with what the configuration says of them.
pub fn connect_providers(config: &Config) -> Result<Providers, StartError> {
    let cannot = |error| StartError::Internal(Internal::new("building the HTTP clients", error));
    let connections = http::Http::new(&http::HttpOptions::default()).map_err(cannot)?;
    let all = Providers::new()
        .with(Sandbox::default())
        .with(OpenAi::new(connections.clone()))
        .with_image(Arc::new(Fal::new(connections.clone())))
        .with_image(Arc::new(HuggingFace::new(connections.clone())))
        .with_image(Arc::new(Ideogram::new(connections.clone())))
        .with_image(Arc::new(Runware::new(connections.clone())))
        .with_text(Arc::new(Anthropic::new(connections.clone())))
        .with_text(Arc::new(Gemini::new(connections.clone())))
        .with_text(Arc::new(Ollama::new(connections)));
    Ok(config.ai.providers.iter().fold(all, |all, one| {
        all.with_access(one.name, Access { base_url: one.base_url.clone(), key: one.api_key.clone() })
    }))
}
