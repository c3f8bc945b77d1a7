//! Settings of the transports. Limits by kind of caller stand with the Gate.

use std::time::Duration;

use super::origin::Origins;

/// Which status codes GraphQL answers carry (G2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StatusProfile {
    /// As the 61 audits of npm graphql-http 1.23.1 ask.
    #[default]
    Audit,
    /// As the GraphQL-over-HTTP draft of August 2026 says.
    Draft202608,
}

impl StatusProfile {
    /// Reads the word of the configuration: `audit` or `draft-2026-08`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "audit" => Some(Self::Audit),
            "draft-2026-08" => Some(Self::Draft202608),
            _ => None,
        }
    }

    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Draft202608 => "draft-2026-08",
        }
    }
}

/// How the transports behave.
#[derive(Debug, Clone, Default)]
pub struct HttpSettings {
    /// Status codes of GraphQL answers.
    pub status_profile: StatusProfile,
    /// Origins whose pages may read answers and open sockets; the server's own addresses belong here too.
    pub origins: Origins,
    /// How many proxies in front add to `X-Forwarded-For`.
    pub trusted_proxies: usize,
    /// Serve `/graphiql`.
    pub graphiql: bool,
    /// Serve `/docs`.
    pub docs: bool,
    /// Everyone may introspect, as in development.
    pub introspection: bool,
    /// Waiting times.
    pub timing: Timing,
}

/// Waiting times of the transports.
#[derive(Debug, Clone)]
pub struct Timing {
    /// From upgrade to `connection_init`; later is 4408.
    pub init: Duration,
    /// Between ping frames, give or take a fifth.
    pub ping: Duration,
    /// Without any frame from the client; then the socket ends.
    pub silence: Duration,
    /// An outgoing queue may stay full, or a write unfinished; then the client is dropped.
    pub stall: Duration,
    /// Between heartbeats of server-sent events and multipart streams.
    pub heartbeat: Duration,
    /// Over which sockets close at shutdown.
    pub shutdown_spread: Duration,
    /// For requests in flight at shutdown, after sockets have closed.
    pub shutdown_grace: Duration,
    /// From the first byte of a request to the end of its headers, and between requests of one connection.
    pub headers: Duration,
    /// For reading a request body.
    pub body: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            init: Duration::from_secs(3),
            ping: Duration::from_secs(25),
            silence: Duration::from_secs(60),
            stall: Duration::from_secs(30),
            heartbeat: Duration::from_secs(12),
            shutdown_spread: Duration::from_secs(10),
            shutdown_grace: Duration::from_secs(25),
            headers: Duration::from_secs(30),
            body: Duration::from_secs(15),
        }
    }
}
