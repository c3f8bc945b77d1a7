//! What every adapter to an outside service shares: two HTTP clients, one call's session, bodies under limits, event
//! streams, forms, downloads, and the reading of error answers.
//!
//! The clients do only what they are told: no redirect is followed, no proxy taken from the environment, nothing sent
//! again, no header added. It knows no provider's protocol, and no base URL or key outlives a call.

mod body;
mod download;
pub(crate) mod fault;
mod fold;
mod json;
mod lines;
mod multipart;
mod session;
mod sse;
mod text;

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, ClientBuilder};

pub(crate) use self::download::IMAGE_BYTES_MAX;
pub(crate) use self::fault::Refusal;
pub(crate) use self::fold::{Dialect, End, Fold, Progress};
pub(crate) use self::json::{count, decode_base64, decode_data_url, encode_base64, from_json, picked, report, to_json};
pub(crate) use self::lines::Lines;
pub(crate) use self::multipart::Form;
pub(crate) use self::session::{Protocol, Seen, Session, header_value, named, wrong_media_type};
pub(crate) use self::sse::SseReader;
pub(crate) use self::text::{TextProtocol, tokens};

/// How the clients are built.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Limit for connecting, TLS included.
    pub connect_timeout: Duration,
    /// Host names, besides a provider's own, from which images may be fetched even over http or from a private
    /// address.
    pub image_hosts: Vec<String>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(5), image_hosts: Vec::new() }
    }
}

/// Why the clients cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum HttpSetupError {
    /// No rustls crypto provider is installed for the process.
    #[error("no TLS back end is installed")]
    Crypto,
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Client(#[source] reqwest::Error),
}

/// The connections of all adapters of a process. Clones share them.
#[derive(Clone)]
pub struct Http(Arc<Clients>);

struct Clients {
    /// Reaches any address; for what the operator chose.
    plain: Client,
    /// Reaches public addresses only; for what a provider named.
    public: Client,
    image_hosts: Vec<String>,
}

impl Http {
    /// Builds the clients; sends nothing.
    ///
    /// # Errors
    /// [`HttpSetupError`].
    pub fn new(options: &HttpOptions) -> Result<Self, HttpSetupError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(HttpSetupError::Crypto);
        }
        let public = client(options).dns_resolver(download::public_resolver());
        Ok(Self(Arc::new(Clients {
            plain: client(options).build().map_err(HttpSetupError::Client)?,
            public: public.build().map_err(HttpSetupError::Client)?,
            image_hosts: options.image_hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
        })))
    }
}

/// A client that does only what it is told. Proxies in the environment are ignored: they would resolve names for us
/// and so pass by the check of addresses.
fn client(options: &HttpOptions) -> ClientBuilder {
    Client::builder()
        .connect_timeout(options.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .user_agent(concat!("inkledger/", env!("CARGO_PKG_VERSION")))
}
