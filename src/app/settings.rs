//! The settings of single parts, from those of the server.

use std::{net::SocketAddr, path::PathBuf};

use super::StartError;
use crate::{
    auth::{AuthSettings, TryLimits, erased, password::HashCost, token::TokenRules},
    clock::SECOND,
    config::Config,
    graphql::gate::{Gate, read_trusted},
    http::{HttpSettings, Origins, StatusProfile, Timing},
};

/// What hashing a password costs.
pub(super) fn hash_cost(config: &Config) -> HashCost {
    HashCost { memory_kib: config.auth.argon2_memory_kib, passes: config.auth.argon2_passes, ..HashCost::default() }
}

/// Of identity. Addresses are proven where letters get to people, unless a setting says otherwise.
pub(super) fn auth_settings(config: &Config, letters_reach_people: bool) -> AuthSettings {
    let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / SECOND);
    AuthSettings {
        tokens: TokenRules {
            issuer: config.auth.issuer.clone(),
            audience: config.auth.issuer.clone(),
            lifetime_seconds: seconds(config.auth.access_token),
        },
        refresh_lifetime: seconds(config.auth.refresh_token) * SECOND,
        sign_ups: TryLimits::sign_ups_per_hour(config.auth.signups_per_hour),
        signup_credits: config.auth.signup_credits,
        verify_sign_ups: config.auth.verify_email.unwrap_or(letters_reach_people),
        erased_file: Some(erased::file_in(&config.data_dir)),
        ..AuthSettings::default()
    }
}

/// The address clients use.
pub fn base_url(config: &Config, address: SocketAddr) -> String {
    config.http.public_url.clone().unwrap_or_else(|| format!("http://{address}"))
}

/// Of the HTTP door. Refuses origins that are none.
pub(super) fn http_settings(config: &Config, timing: Timing, address: SocketAddr) -> Result<HttpSettings, StartError> {
    let setting = |name: &str, error: &dyn std::fmt::Display| StartError::Setting(format!("{name}: {error}"));
    let listed = config.http.allowed_origins.iter().map(String::as_str);
    let own = [
        base_url(config, address),
        format!("http://{address}"),
        format!("http://localhost:{}", address.port()),
        format!("http://127.0.0.1:{}", address.port()),
    ];
    let origins = Origins::parse(listed.chain(own.iter().map(String::as_str)))
        .map_err(|error| setting("http.allowed_origins", &error))?;
    Ok(HttpSettings {
        status_profile: if config.http.draft_statuses { StatusProfile::Draft202608 } else { StatusProfile::Audit },
        origins,
        trusted_proxies: config.http.trusted_proxies,
        graphiql: config.http.graphiql,
        docs: config.http.docs,
        introspection: config.http.introspection,
        timing,
    })
}

/// The Gate with the documents of `files` trusted. Refuses a file that cannot be read or does not fit the schema.
pub(super) fn trusting(mut gate: Gate, files: &[PathBuf]) -> Result<Gate, StartError> {
    let mut texts = Vec::new();
    for file in files {
        let refuse = |error: &dyn std::fmt::Display| {
            StartError::Setting(format!("documents.trusted_files: {}: {error}", file.display()))
        };
        let text = std::fs::read_to_string(file).map_err(|error| refuse(&error))?;
        let more = read_trusted(&text).map_err(|error| refuse(&error))?;
        // All so far together, so that a hash that two files use differently is found, and the last one named.
        texts.extend(more);
        gate = gate.trusting(texts.clone()).map_err(|error| refuse(&error))?;
    }
    Ok(gate)
}
