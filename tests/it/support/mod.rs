//! What several test files share.

pub mod database;
pub mod fake_openai;
pub mod kill;

/// Installs the TLS back end, as `main` does first; repeating it is harmless.
pub fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
