//! The table of settings.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its key in the file, with dots between tables.
    pub key: &'static str,
    /// Its default, as it would be typed.
    pub default: &'static str,
    /// What it does, with unit and range.
    pub help: &'static str,
    /// Whether its value is never shown.
    pub secret: bool,
    /// Whether it is a number or a switch, which the file writes without quotes.
    pub bare: bool,
}

impl Setting {
    /// Whether the file writes it in quotes.
    pub fn is_text(&self) -> bool {
        !self.bare
    }
}

const fn text(key: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { key, default, help, secret: false, bare: false }
}

const fn number(key: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { key, default, help, secret: false, bare: true }
}

const fn secret(key: &'static str, help: &'static str) -> Setting {
    Setting { key, default: "", help, secret: true, bare: false }
}

/// Every setting, top-level keys first, then table by table.
pub const SETTINGS: &[Setting] = &[
    text("listen", "127.0.0.1:8080", "The address to listen on. Port 0 takes a free one, which the ready line names."),
    text("data_dir", "data", "The folder of the SQLite file, stored objects and keys. It is made when it is missing."),
    text("role", "all", "What this process does: all, api (no jobs) or worker (jobs, and HTTP for health only)."),
    text("public_url", "", "The address clients use, for links and signed URLs. Empty: the address listened on."),
    secret("database.url", "postgres://… for PostgreSQL 15 or newer. Empty: a SQLite file in the data folder."),
    number("database.connections", "8", "Connections to PostgreSQL, or readers of SQLite (1–200)."),
    secret("nats.url", "nats://… carries hints between processes. Empty: in process, or through PostgreSQL."),
    text(
        "http.allowed_origins",
        "",
        "Origins whose pages may call, separated by commas. The server's own is always allowed.",
    ),
    text("http.status_profile", "audit", "HTTP status of GraphQL answers: audit (npm graphql-http) or draft-2026-08."),
    number("http.graphiql", "true", "Whether /graphiql is served."),
    number(
        "http.introspection",
        "false",
        "Whether introspection is open to everyone, as in development. ADMIN and HERO always may.",
    ),
    text("http.trusted_proxies", "", "Networks of proxies whose X-Forwarded-For is believed, separated by commas, such as 10.0.0.0/8."),
    number("http.shutdown_seconds", "25", "How long work in flight gets after SIGTERM, seconds (0–600)."),
    number("auth.access_token_minutes", "10", "How long an access token lives, minutes (1–60)."),
    number("auth.refresh_token_days", "30", "How long a refresh token lives, days (1–365)."),
    number("auth.signup_credits", "25", "Credits granted at sign-up (0–1000000; 0 is none)."),
    text("auth.issuer", "inkledger", "The issuer and audience of access tokens."),
    text(
        "auth.signing_key_file",
        "",
        "The Ed25519 signing key (PKCS#8). Empty: made in the data folder. Processes must share one.",
    ),
    number("auth.argon2_memory_kib", "19456", "Memory of one password hash, KiB (1024–1048576)."),
    number("auth.argon2_passes", "2", "Passes of one password hash (1–10)."),
    number("credits.amount_max", "1000000", "The most credits that one addCredits may add (1–1000000000000)."),
    number("jobs.workers", "4", "Jobs that this process runs at once (1–256)."),
    number("jobs.running_per_account", "4", "Jobs of one account and lane that may run at once (1–1000)."),
    text("ai.openai.base_url", "https://api.openai.com/v1", "Where the OpenAI-compatible API is."),
    secret("ai.openai.api_key", "The key of the OpenAI-compatible API. Empty: its models stay switched off."),
    text("log.filter", "info", "What is logged, in the syntax of tracing's EnvFilter."),
    text("log.format", "text", "How it is logged on standard error: text or json."),
];
