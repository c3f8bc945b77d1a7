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
    number(
        "database.connections",
        "8",
        "Connections to PostgreSQL beside the two of the ledger, or readers of SQLite (1–200).",
    ),
    secret("nats.url", "nats://… carries hints between processes. Empty: in process, or through PostgreSQL."),
    text(
        "http.allowed_origins",
        "",
        "Origins whose pages may call, separated by commas. The server's own is always allowed.",
    ),
    text("http.status_profile", "audit", "HTTP status of GraphQL answers: audit (npm graphql-http) or draft-2026-08."),
    number("http.graphiql", "true", "Whether /graphiql is served."),
    number(
        "http.docs",
        "true",
        "Whether /docs is served: the schema, codes, limits and examples as pages, to everyone.",
    ),
    number(
        "http.introspection",
        "false",
        "Whether introspection is open to everyone, as in development. ADMIN and HERO always may.",
    ),
    number("http.trusted_proxies", "0", "How many proxies in front add to X-Forwarded-For (0–5)."),
    number("http.shutdown_seconds", "25", "How long work in flight gets after SIGTERM, seconds (0–600)."),
    number(
        "rate.anonymous_burst",
        "1000",
        "Points that everybody at one address may spend at once without signing in (1–1000000000).",
    ),
    number("rate.anonymous_per_second", "20", "Points that come back to them in a second (1–1000000000)."),
    number("rate.user_burst", "5000", "Points that a user may spend at once (1–1000000000)."),
    number("rate.user_per_second", "100", "Points that come back to a user in a second (1–1000000000)."),
    number("rate.admin_burst", "20000", "Points that an ADMIN or HERO may spend at once (1–1000000000)."),
    number("rate.admin_per_second", "500", "Points that come back to them in a second (1–1000000000)."),
    text(
        "documents.trusted_files",
        "",
        "Files of trusted documents by hash, as relay-compiler and codegen's client preset write them, with commas.",
    ),
    text(
        "documents.anonymous",
        "off",
        "Documents that are not trusted, of who is not signed in: off (they run), log or enforce (they are refused).",
    ),
    text("documents.user", "off", "The same for users."),
    text("documents.admin", "off", "The same for ADMIN and HERO. Enforced, GraphiQL runs trusted documents only."),
    number("auth.access_token_minutes", "10", "How long an access token lives, minutes (1–60)."),
    number("auth.refresh_token_days", "30", "How long a refresh token lives, days (1–365)."),
    number("auth.signup_credits", "25", "Credits granted at sign-up (0–1000000; 0 is none)."),
    number("auth.signups_per_hour", "30", "Tries to sign up that are taken from one address in an hour (1–1000000)."),
    text(
        "auth.verify_email",
        "auto",
        "Whether people who sign up prove their address by a link: on, off, or auto (on when mail goes out by SMTP).",
    ),
    text("auth.issuer", "inkledger", "The issuer and audience of access tokens."),
    text(
        "auth.signing_key_file",
        "",
        "The Ed25519 signing key (PKCS#8). Empty: made in the data folder. Processes must share one.",
    ),
    number("auth.argon2_memory_kib", "19456", "Memory of one password hash, KiB (1024–1048576)."),
    number("auth.argon2_passes", "2", "Passes of one password hash (1–10)."),
    number("credits.amount_max", "1000000", "The most credits that one addCredits may add (1–1000000000000)."),
    text(
        "ledger.anchor_file",
        "",
        "The file of signed anchors, outside the database. Empty: in the data folder. Keep copies elsewhere.",
    ),
    number(
        "ledger.check_hours",
        "24",
        "How often every rule and hash of the ledger is checked, hours (0–168); 0 is never.",
    ),
    number("ledger.anchor_seconds", "60", "How often accounts that moved are anchored, seconds (1–3600)."),
    text(
        "ledger.former_keys",
        "",
        "Public keys that signed anchors and receipts before, 43 letters each, with commas.",
    ),
    text(
        "ledger.signing_key_file",
        "",
        "The Ed25519 key of anchors and receipts (PKCS#8). Empty: made in the data folder. Processes must share one.",
    ),
    text("mail.transport", "folder", "How letters go out: smtp, folder (one file each) or console (standard error)."),
    secret(
        "mail.smtp_url",
        "smtps://user:password@host:465, or smtp://user:password@host:587?tls=required for STARTTLS.",
    ),
    text(
        "mail.from",
        "Inkledger <no-reply@localhost>",
        "Who letters are from; the name is what they call the product.",
    ),
    text("mail.folder", "", "Where letters are put by the folder transport. Empty: mail in the data folder."),
    text(
        "mail.link_url",
        "",
        "Where links in letters lead; /sign-in, /reset-password, /verify-email or /invitation and # with the token follow. \
         Empty: /link of public_url.",
    ),
    number("jobs.workers", "4", "Jobs that this process runs at once (1–256)."),
    number("jobs.running_per_account", "4", "Jobs of one account and lane that may run at once (1–1000)."),
    text(
        "ai.secret_key_file",
        "",
        "The key that provider keys are encrypted under (32 bytes). Empty: made in the data folder. Processes must share one.",
    ),
    text("ai.anthropic.base_url", "https://api.anthropic.com/v1", "Where Anthropic's Messages API is."),
    secret("ai.anthropic.api_key", "The key of Anthropic's API. Empty: its models stay switched off."),
    text("ai.fal.base_url", "https://queue.fal.run", "Where fal's queue is."),
    secret("ai.fal.api_key", "The key of fal. Empty: its models stay switched off."),
    text("ai.gemini.base_url", "https://generativelanguage.googleapis.com/v1beta", "Where Google's Gemini API is."),
    secret("ai.gemini.api_key", "The key of the Gemini API. Empty: its models stay switched off."),
    text("ai.huggingface.base_url", "https://router.huggingface.co", "Where Hugging Face's router is."),
    secret("ai.huggingface.api_key", "The token of Hugging Face. Empty: its models stay switched off."),
    text("ai.ideogram.base_url", "https://api.ideogram.ai", "Where Ideogram's API is."),
    secret("ai.ideogram.api_key", "The key of Ideogram's API. Empty: its models stay switched off."),
    text(
        "ai.ollama.base_url",
        "",
        "Where Ollama is, such as http://127.0.0.1:11434. Empty: its models stay switched off.",
    ),
    secret("ai.ollama.api_key", "The key of a proxy in front of Ollama, which needs none itself."),
    text("ai.openai.base_url", "https://api.openai.com/v1", "Where the OpenAI-compatible API is."),
    secret("ai.openai.api_key", "The key of the OpenAI-compatible API. Empty: its models stay switched off."),
    text("ai.runware.base_url", "https://api.runware.ai/v1", "Where Runware's API is."),
    secret("ai.runware.api_key", "The key of Runware's API. Empty: its models stay switched off."),
    number(
        "prompts.install_catalogue",
        "true",
        "Whether the shipped system prompts that are missing are added at start. Nothing is ever overwritten.",
    ),
    text(
        "storage.store",
        "local",
        "Where new objects go: local (the data folder) or s3. Older ones stay readable where they are.",
    ),
    text(
        "storage.s3.endpoint",
        "",
        "The S3-compatible service without the bucket, such as https://s3.example.com. Empty: AWS.",
    ),
    text("storage.s3.public_endpoint", "", "The address that browsers reach the service by. Empty: the same."),
    text("storage.s3.region", "us-east-1", "The region that signatures name."),
    text("storage.s3.bucket", "", "The bucket, which must be there. Empty: there is no S3."),
    text("storage.s3.prefix", "", "What stands before every key. Installations that share a bucket need one each."),
    number(
        "storage.s3.path_style",
        "true",
        "Whether the bucket stands in the path (MinIO, R2) or in the host name (AWS).",
    ),
    secret("storage.s3.access_key_id", "The access key's id."),
    secret("storage.s3.secret_access_key", "The access key's secret."),
    number(
        "storage.s3.allow_http",
        "false",
        "Whether the service may be reached without TLS. A loopback address always may.",
    ),
    text("log.filter", "info", "What is logged, in the syntax of tracing's EnvFilter."),
    text("log.format", "text", "How it is logged on standard error: text or json."),
    text(
        "audit.anchor_file",
        "",
        "The file of signed heads of the audit trail, outside the database. Empty: in the data folder. Keep copies elsewhere.",
    ),
    number("audit.seal_seconds", "60", "How often new rows of the audit trail are sealed, seconds (1–3600)."),
    text("enable.charts", "", "The flag charts: true or false. Empty: on. An override at run time goes before it."),
    text("enable.cloud_services", "", "The flag cloudServices: true or false. Empty: on."),
    text("enable.image_processing", "", "The flag imageProcessing: true or false. Empty: on."),
    text("enable.animations", "", "The flag animations: true or false. Empty: on."),
    text("enable.perf_monitoring", "", "The flag performanceMonitoring: true or false. Empty: off."),
];
