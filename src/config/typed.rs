//! The settings as the program uses them: checked and typed.

use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf, str::FromStr, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use super::sources::{ConfigError, Resolved, Source, Value};
use crate::{
    db::{Location, Options},
    flag::{Environment, Flag, Given},
    ledger::proof::PublicKey,
    storage::StorageOptions,
};

/// What this process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    All,
    /// The API without jobs.
    Api,
    /// Jobs, and HTTP for health only.
    Worker,
}

impl Role {
    /// The word in settings and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Api => "api",
            Self::Worker => "worker",
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Settings of the HTTP door.
#[derive(Debug, Clone)]
pub struct Http {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The address clients use, without a final slash; `None` means the one listened on.
    pub public_url: Option<String>,
    /// Origins whose pages may call.
    pub allowed_origins: Vec<String>,
    /// Whether statuses follow the newer draft instead of the audits.
    pub draft_statuses: bool,
    /// Whether /graphiql is served.
    pub graphiql: bool,
    /// Whether /docs is served.
    pub docs: bool,
    /// Whether introspection is open to everyone.
    pub introspection: bool,
    /// How many proxies in front add to `X-Forwarded-For`.
    pub trusted_proxies: usize,
    /// How long work in flight gets at the end.
    pub shutdown: Duration,
}

/// Settings of the database.
#[derive(Debug, Clone)]
pub struct Database {
    /// How to open it.
    pub options: Options,
}

/// Settings of identity.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Life of an access token.
    pub access_token: Duration,
    /// Life of a refresh token.
    pub refresh_token: Duration,
    /// Credits granted at sign-up; 0 is none.
    pub signup_credits: i64,
    /// Tries to sign up per address and hour.
    pub signups_per_hour: u32,
    /// Whether people who sign up prove their address; `None` when letters get to people.
    pub verify_email: Option<bool>,
    /// Issuer and audience of access tokens.
    pub issuer: String,
    /// Where the signing key is.
    pub signing_key_file: PathBuf,
    /// Memory of one password hash, KiB.
    pub argon2_memory_kib: u32,
    /// Passes of one password hash.
    pub argon2_passes: u32,
}

/// The providers that have settings of their own: the name in the model registry, and the keys of address and key.
const PROVIDERS: &[(&str, &str, &str)] = &[
    ("anthropic", "ai.anthropic.base_url", "ai.anthropic.api_key"),
    ("fal", "ai.fal.base_url", "ai.fal.api_key"),
    ("gemini", "ai.gemini.base_url", "ai.gemini.api_key"),
    ("huggingface", "ai.huggingface.base_url", "ai.huggingface.api_key"),
    ("ideogram", "ai.ideogram.base_url", "ai.ideogram.api_key"),
    ("ollama", "ai.ollama.base_url", "ai.ollama.api_key"),
    ("openai", "ai.openai.base_url", "ai.openai.api_key"),
    ("runware", "ai.runware.base_url", "ai.runware.api_key"),
];

/// Where a provider is, and the key to it.
#[derive(Debug, Clone)]
pub struct ProviderAccess {
    /// The provider's name in the model registry.
    pub name: &'static str,
    /// Its address; `None` is the adapter's own.
    pub base_url: Option<String>,
    /// Its key.
    pub api_key: Option<SecretString>,
}

/// Settings of the AI providers.
#[derive(Debug, Clone)]
pub struct Ai {
    /// Where each provider is, and the key to it, in the order of their names.
    pub providers: Vec<ProviderAccess>,
    /// Where the key is that provider keys are encrypted under.
    pub secret_key_file: PathBuf,
}

/// How letters go out.
#[derive(Debug, Clone)]
pub enum MailTransport {
    /// Through an SMTP server.
    Smtp(SecretString),
    /// Into a folder.
    Folder(PathBuf),
    /// To standard error.
    Console,
}

/// Settings of letters.
#[derive(Debug, Clone)]
pub struct Mail {
    /// How they go out.
    pub transport: MailTransport,
    /// Who they are from.
    pub from: String,
    /// Where links lead, without a final slash; `None` is the server's own pages.
    pub link_url: Option<String>,
}

/// Settings of what the ledger proves to outsiders.
#[derive(Debug, Clone)]
pub struct Proof {
    /// Where anchors are written.
    pub anchor_file: PathBuf,
    /// How often accounts that moved are anchored.
    pub anchor_every: Duration,
    /// How often everything is checked; zero is never.
    pub check_every: Duration,
    /// Where the heads of the audit trail's chain are written.
    pub audit_file: PathBuf,
    /// How often new rows of the audit trail are sealed.
    pub seal_every: Duration,
    /// Public keys that signed before.
    pub former_keys: Vec<PublicKey>,
    /// Where the signing key is.
    pub signing_key_file: PathBuf,
}

/// All settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// What this process does.
    pub role: Role,
    /// The data folder.
    pub data_dir: PathBuf,
    /// The HTTP door.
    pub http: Http,
    /// The database.
    pub database: Database,
    /// The bus between processes.
    pub nats_url: Option<SecretString>,
    /// The Gate before the schema.
    pub gate: super::Gate,
    /// Identity.
    pub auth: Auth,
    /// Letters.
    pub mail: Mail,
    /// The most credits that one `addCredits` may add.
    pub amount_max: i64,
    /// What the ledger proves to outsiders.
    pub proof: Proof,
    /// Jobs that this process runs at once.
    pub workers: usize,
    /// Jobs of one account and lane that may run at once.
    pub running_per_account: i32,
    /// The AI providers.
    pub ai: Ai,
    /// Where stored objects are.
    pub storage: StorageOptions,
    /// What the environment says of the flags.
    pub flags: Environment,
    /// Whether the shipped system prompts that are missing are added at start.
    pub install_catalogue: bool,
    /// What is logged.
    pub log_filter: String,
    /// How it is logged.
    pub log_format: LogFormat,
    /// What all of it was read from.
    pub settings: Resolved,
}

pub(super) struct Reader<'a>(&'a Resolved);

impl Reader<'_> {
    fn value(&self, key: &'static str) -> Result<&Value, ConfigError> {
        self.0.iter().find(|value| value.setting.key == key).ok_or_else(|| ConfigError::Invalid {
            name: key,
            found: String::new(),
            expected: "in the table of settings".to_owned(),
        })
    }

    pub(super) fn text(&self, key: &'static str) -> Result<&str, ConfigError> {
        Ok(self.value(key)?.text.as_str())
    }

    pub(super) fn invalid(&self, key: &'static str, expected: impl Into<String>) -> ConfigError {
        let found = self.value(key).map(|value| value.shown().to_owned()).unwrap_or_default();
        ConfigError::Invalid { name: key, found, expected: expected.into() }
    }

    pub(super) fn number<T>(&self, key: &'static str, range: RangeInclusive<T>) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        self.text(key)?
            .trim()
            .parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| self.invalid(key, format!("a whole number from {} to {}", range.start(), range.end())))
    }

    pub(super) fn switch(&self, key: &'static str) -> Result<bool, ConfigError> {
        match self.text(key)?.to_ascii_lowercase().as_str() {
            "true" | "1" | "on" | "yes" => Ok(true),
            "false" | "0" | "off" | "no" => Ok(false),
            _ => Err(self.invalid(key, "true or false")),
        }
    }

    pub(super) fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Result<T, ConfigError> {
        let text = self.text(key)?;
        choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.invalid(key, format!("one of {}", names.join(", ")))
        })
    }

    pub(super) fn secret(&self, key: &'static str) -> Result<Option<SecretString>, ConfigError> {
        let text = self.text(key)?;
        Ok((!text.is_empty()).then(|| SecretString::from(text.to_owned())))
    }

    pub(super) fn optional(&self, key: &'static str) -> Result<Option<String>, ConfigError> {
        let text = self.text(key)?.trim().trim_end_matches('/');
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }
}

impl Config {
    /// Checks every setting.
    pub fn from_resolved(resolved: &Resolved) -> Result<Self, ConfigError> {
        let read = Reader(resolved);
        let data_dir = PathBuf::from(read.text("data_dir")?);
        Ok(Self {
            role: read.choice("role", &[("all", Role::All), ("api", Role::Api), ("worker", Role::Worker)])?,
            http: http(&read)?,
            database: database(&read, &data_dir)?,
            nats_url: read.secret("nats.url")?,
            gate: super::gate::read(&read)?,
            auth: auth(&read, &data_dir)?,
            mail: mail(&read, &data_dir)?,
            amount_max: read.number("credits.amount_max", 1..=1_000_000_000_000)?,
            proof: proof(&read, &data_dir)?,
            workers: read.number("jobs.workers", 1..=256)?,
            running_per_account: read.number("jobs.running_per_account", 1..=1000)?,
            ai: Ai {
                providers: providers(&read)?,
                secret_key_file: read
                    .optional("ai.secret_key_file")?
                    .map_or_else(|| data_dir.join("secret_key"), PathBuf::from),
            },
            storage: super::storage::read(&read)?,
            flags: flags(&read),
            install_catalogue: read.switch("prompts.install_catalogue")?,
            log_filter: read.text("log.filter")?.to_owned(),
            log_format: read.choice("log.format", &[("text", LogFormat::Text), ("json", LogFormat::Json)])?,
            data_dir,
            settings: resolved.clone(),
        })
    }
}

/// The texts as they are: what one means, and what to warn of, is for the flags to say.
fn flags(read: &Reader<'_>) -> Environment {
    Environment::of(|flag: Flag| {
        let value = read.value(flag.key()).ok();
        let own = value.filter(|value| value.source != Source::Default).map(|value| value.text.clone());
        Given { own, alias: value.and_then(|value| value.former.clone()) }
    })
}

fn address(read: &Reader<'_>, key: &'static str) -> Result<String, ConfigError> {
    read.optional(key)?
        .filter(|text| text.starts_with("http://") || text.starts_with("https://"))
        .ok_or_else(|| read.invalid(key, "an address that starts with http:// or https://"))
}

fn providers(read: &Reader<'_>) -> Result<Vec<ProviderAccess>, ConfigError> {
    let access = |(name, base_url, api_key): &(&'static str, &'static str, &'static str)| {
        let base_url = match read.optional(base_url)? {
            None => None,
            Some(_) => Some(address(read, base_url)?),
        };
        Ok(ProviderAccess { name, base_url, api_key: read.secret(api_key)? })
    };
    PROVIDERS.iter().map(access).collect()
}

fn http(read: &Reader<'_>) -> Result<Http, ConfigError> {
    let origins = read.text("http.allowed_origins")?;
    Ok(Http {
        listen: read
            .text("listen")?
            .parse()
            .map_err(|_| read.invalid("listen", "an address and a port, such as 127.0.0.1:8080 or [::]:8080"))?,
        public_url: match read.optional("public_url")? {
            None => None,
            Some(_) => Some(address(read, "public_url")?),
        },
        allowed_origins: origins
            .split(',')
            .map(|origin| origin.trim().trim_end_matches('/').to_owned())
            .filter(|origin| !origin.is_empty())
            .collect(),
        draft_statuses: read.choice("http.status_profile", &[("audit", false), ("draft-2026-08", true)])?,
        graphiql: read.switch("http.graphiql")?,
        docs: read.switch("http.docs")?,
        introspection: read.switch("http.introspection")?,
        trusted_proxies: read.number("http.trusted_proxies", 0..=5)?,
        shutdown: Duration::from_secs(read.number("http.shutdown_seconds", 0..=600)?),
    })
}

fn database(read: &Reader<'_>, data_dir: &std::path::Path) -> Result<Database, ConfigError> {
    let location = match read.secret("database.url")? {
        None => Location::File(data_dir.join("inkledger.sqlite3")),
        Some(url) => {
            let text = read.text("database.url")?;
            if let Some(path) = text.strip_prefix("sqlite:") {
                Location::File(PathBuf::from(path.trim_start_matches("//")))
            } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
                Location::Server(url)
            } else {
                return Err(read.invalid("database.url", "a URL that starts with postgres:// or sqlite:"));
            }
        }
    };
    Ok(Database { options: Options { location, connections: read.number("database.connections", 1..=200)? } })
}

fn proof(read: &Reader<'_>, data_dir: &std::path::Path) -> Result<Proof, ConfigError> {
    let file = |key, name| Ok::<_, ConfigError>(read.optional(key)?.map_or_else(|| data_dir.join(name), PathBuf::from));
    let former = read.optional("ledger.former_keys")?.unwrap_or_default();
    let former = former.split(',').map(str::trim).filter(|text| !text.is_empty()).map(|text| {
        let expected =
            "public keys as /.well-known/inkledger-ledger-keys.json shows them under `x`, with commas between";
        PublicKey::parse(text).ok_or_else(|| read.invalid("ledger.former_keys", expected))
    });
    Ok(Proof {
        anchor_file: file("ledger.anchor_file", "anchors.jsonl")?,
        audit_file: file("audit.anchor_file", "audit_anchors.jsonl")?,
        seal_every: Duration::from_secs(read.number("audit.seal_seconds", 1..=3600)?),
        anchor_every: Duration::from_secs(read.number("ledger.anchor_seconds", 1..=3600)?),
        check_every: Duration::from_secs(3600 * read.number::<u64>("ledger.check_hours", 0..=168)?),
        former_keys: former.collect::<Result<_, _>>()?,
        signing_key_file: file("ledger.signing_key_file", "ledger_key.pk8")?,
    })
}

fn mail(read: &Reader<'_>, data_dir: &std::path::Path) -> Result<Mail, ConfigError> {
    let folder =
        || Ok::<_, ConfigError>(read.optional("mail.folder")?.map_or_else(|| data_dir.join("mail"), PathBuf::from));
    let transport = match read.choice("mail.transport", &[("smtp", 's'), ("folder", 'f'), ("console", 'c')])? {
        's' => {
            let expected = "the address of a mail server, such as smtps://user:password@mail.example.com:465";
            let url = read.secret("mail.smtp_url")?.filter(|url| {
                let url = url.expose_secret();
                url.starts_with("smtp://") || url.starts_with("smtps://")
            });
            MailTransport::Smtp(url.ok_or_else(|| read.invalid("mail.smtp_url", expected))?)
        }
        'c' => MailTransport::Console,
        _ => MailTransport::Folder(folder()?),
    };
    let from = read.text("mail.from")?.trim().to_owned();
    if from.parse::<lettre::message::Mailbox>().is_err() {
        return Err(read.invalid("mail.from", "a sender, such as Inkledger <no-reply@example.com>"));
    }
    let link_url = match read.optional("mail.link_url")? {
        None => None,
        Some(_) => Some(address(read, "mail.link_url")?),
    };
    Ok(Mail { transport, from, link_url })
}

fn auth(read: &Reader<'_>, data_dir: &std::path::Path) -> Result<Auth, ConfigError> {
    Ok(Auth {
        access_token: Duration::from_secs(60 * read.number::<u64>("auth.access_token_minutes", 1..=60)?),
        refresh_token: Duration::from_secs(86_400 * read.number::<u64>("auth.refresh_token_days", 1..=365)?),
        signup_credits: read.number("auth.signup_credits", 0..=1_000_000)?,
        signups_per_hour: read.number("auth.signups_per_hour", 1..=1_000_000)?,
        verify_email: read.choice("auth.verify_email", &[("auto", None), ("on", Some(true)), ("off", Some(false))])?,
        issuer: read
            .optional("auth.issuer")?
            .ok_or_else(|| read.invalid("auth.issuer", "a name of one character or more"))?,
        signing_key_file: read
            .optional("auth.signing_key_file")?
            .map_or_else(|| data_dir.join("signing_key.pk8"), PathBuf::from),
        argon2_memory_kib: read.number("auth.argon2_memory_kib", 1024..=1_048_576)?,
        argon2_passes: read.number("auth.argon2_passes", 1..=10)?,
    })
}
