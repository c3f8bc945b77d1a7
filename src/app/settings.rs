//! The settings of single parts, from those of the server.

use std::net::SocketAddr;

use super::StartError;
use crate::{
    auth::{AuthSettings, TryLimits, erased, password::HashCost, token::TokenRules},
    clock::SECOND,
    config::Config,
    http::{HttpSettings, Origins, StatusProfile, Timing},
};

/// What hashing a password costs.
pub(super) fn hash_cost(config: &Config) -> HashCost {
    HashCost { memory_kib: config.auth.argon2_memory_kib, passes: config.auth.argon2_passes, ..HashCost::default() }
}

/// Of identity.
pub(super) fn auth_settings(config: &Config) -> AuthSettings {
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
        introspection: config.http.introspection,
        timing,
    })
}
