//! What several test files share.

pub mod builders;
pub mod content;
pub mod cost;
pub mod database;
pub mod dump;
pub mod fake_openai;
pub mod fake_provider;
pub mod fake_text;
pub mod fake_writer;
pub mod graphql_client;
pub mod http_server;
pub mod kill;
pub mod members;
pub mod planning;
pub mod s3_server;
pub mod schema;
pub mod server;
pub mod smtp_server;
pub mod ws_client;

/// Installs the TLS back end, as `main` does first; repeating it is harmless.
pub fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
