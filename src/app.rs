//! The composition root: one function builds everything from the settings and the seams, for `main` and for tests.
//! `App` has no behaviour and no lock; services take the parts they use.

mod plugs;
mod run;

use std::{net::SocketAddr, sync::Arc};

use async_graphql::dataloader::DataLoader;
use tokio_util::sync::CancellationToken;

use crate::{
    ai::{
        Ai, AiConfig, AiParts, graphql::AiLoader, provider, registry::install_models, routing::Providers,
        run::RunAiTask, sweep::AiSweep,
    },
    auth::{
        AccessWatch, Auth, AuthParts, AuthSettings,
        keys::{KeyError, KeyRing, install_crypto},
        password::{HashCost, Passwords},
        token::TokenRules,
    },
    bus::{Bus, local::LocalBus, nats::NatsBus, postgres::PostgresBus},
    clock::{Clock, SECOND, SystemClock},
    config::{Config, Role},
    db::{Db, Location, OpenError, migrate::MigrateError},
    doctor::records::RecordsAuditor,
    error::{Error, Internal},
    graphql::{
        self,
        gate::{Gate, Limits},
    },
    http::{HttpParts, HttpSettings, HttpState, Origins, StatusProfile, StoredObjects, Timing},
    ids::{Ids, SystemIds, random},
    image::{Gallery, graphql::ImageLoader},
    jobs::{Handler, Jobs, JobsConfig, Sweep, Workers},
    ledger::{Ledger, LedgerOptions, Tenants, graphql::LedgerLoader},
    notification::service::Notifications,
    storage::{Storage, StorageError, UrlSigner, secret},
};

pub use run::{run, serve};

/// Why the server does not start. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(
        "cannot use the data folder {path}: {source}. Check that it may be written, or name another with --data-dir"
    )]
    DataDir {
        /// Which folder.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The schema.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The signing key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The object store.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The address.
    #[error("cannot listen on {address}: {source}. Another process may use it; name another with --listen")]
    Listen {
        /// Which address.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A setting that only its user can judge.
    #[error("{0}")]
    Setting(String),
    /// Anything else.
    #[error("cannot start: {}", .0.chain())]
    Internal(Internal),
}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        match error {
            Error::Internal(internal) => Self::Internal(internal),
            other => Self::Internal(Internal::new("starting", other)),
        }
    }
}

impl From<Internal> for StartError {
    fn from(internal: Internal) -> Self {
        Self::Internal(internal)
    }
}

/// What tests put in the place of the machine's own.
pub struct Seams {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers and random bytes.
    pub ids: Arc<dyn Ids>,
    /// Adapters; `None` takes them from the settings.
    pub providers: Option<Providers>,
    /// Timings of durable work.
    pub jobs: JobsConfig,
    /// Tries and waits of AI work.
    pub ai: AiConfig,
    /// Waiting times of the transports.
    pub timing: Timing,
    /// Limits of documents and callers.
    pub limits: Limits,
}

impl Seams {
    /// The machine's own.
    pub fn system(config: &Config) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Self {
            ids: Arc::new(SystemIds::new(Arc::clone(&clock))),
            clock,
            providers: None,
            jobs: JobsConfig {
                workers: config.workers,
                account_running_max: config.running_per_account,
                grace: config.http.shutdown,
                ..JobsConfig::default()
            },
            ai: AiConfig::default(),
            timing: Timing { shutdown_grace: config.http.shutdown, ..Timing::default() },
            limits: Limits::default(),
        }
    }
}

/// What resolvers need beside services.
#[derive(Clone)]
pub struct Parts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// The most credits that one `addCredits` may add.
    pub amount_max: i64,
    /// Whether all AI output comes from the sandbox.
    pub is_sandbox_only: bool,
    /// The address clients use, without a final slash.
    pub base_url: String,
}

/// Everything, built.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Hints between processes.
    pub bus: Arc<dyn Bus>,
    /// Credits.
    pub ledger: Ledger,
    /// Identity.
    pub auth: Auth,
    /// AI work.
    pub ai: Ai,
    /// Durable work.
    pub jobs: Jobs,
    /// Tells live connections when they must close.
    pub watch: AccessWatch,
    /// The HTTP door.
    pub http: HttpState,
    /// Cancelled when the process begins to end.
    pub shutdown: CancellationToken,
}

/// Builds everything: opens and migrates the database, reads or makes keys, connects the bus.
/// `address` is where the server listens, which is one of its own origins.
pub async fn build(config: Config, seams: Seams, address: SocketAddr) -> Result<App, StartError> {
    install_crypto();
    let folder = |source| StartError::DataDir { path: config.data_dir.clone(), source };
    std::fs::create_dir_all(&config.data_dir).map_err(folder)?;
    let Seams { clock, ids, .. } = &seams;
    let db = Db::open(&config.database.options).await?;
    let migrated = crate::db::migrate::migrate(&db).await?;
    if migrated > 0 {
        tracing::info!(migrations = migrated, "the database's schema was brought up to date");
    }
    let bus = connect_bus(&config, ids.as_ref()).await?;
    let ledger = Ledger::open(db.clone(), clock.clone(), ids.clone(), bus.clone(), LedgerOptions::default()).await?;
    let auth = Auth::new(AuthParts {
        db: db.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        bus: bus.clone(),
        ledger: ledger.clone(),
        keys: KeyRing::open_or_create(&config.auth.signing_key_file, ids.as_ref())?,
        passwords: Arc::new(Passwords::new(hash_cost(&config), ids.clone())?),
        settings: auth_settings(&config),
    });
    let secret = secret::read_or_create(&config.data_dir.join("url_key"), random(ids.as_ref())).map_err(folder)?;
    let storage = Storage::local(&config.data_dir)?;
    let gallery = Gallery::new(db.clone(), clock.clone(), storage.clone(), Arc::new(UrlSigner::new(&secret)));
    let jobs = Jobs::new(db.clone(), clock.clone(), ids.clone(), bus.clone(), seams.jobs.clone());
    let has_key = config.ai.openai_api_key.is_some();
    install_models(&db, ids, clock.now(), has_key).await?;
    let providers = match seams.providers.clone() {
        Some(providers) => providers,
        None => connect_providers(&config)?,
    };
    let ai = Ai::new(AiParts {
        db: db.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        bus: bus.clone(),
        ledger: ledger.clone(),
        jobs: jobs.clone(),
        providers,
        shelf: Arc::new(gallery.clone()),
        config: seams.ai.clone(),
    });
    let watch = AccessWatch::new(db.clone(), bus.clone());
    let shutdown = CancellationToken::new();
    let parts = Parts {
        clock: clock.clone(),
        ids: ids.clone(),
        amount_max: config.amount_max,
        is_sandbox_only: !has_key,
        base_url: base_url(&config, address),
    };
    let tenants: Arc<dyn Tenants> = Arc::new(auth.clone());
    let schema = graphql::builder()
        .data(parts)
        .data(ledger.clone())
        .data(auth.clone())
        .data(tenants)
        .data(ai.clone())
        .data(gallery.clone())
        .data(RecordsAuditor(db.clone()))
        .data(Notifications::new(db.clone(), clock.clone()))
        .data(DataLoader::new(LedgerLoader(ledger.clone()), tokio::spawn).max_batch_size(500))
        .data(DataLoader::new(auth.clone(), tokio::spawn).max_batch_size(500))
        .data(DataLoader::new(AiLoader(ai.clone()), tokio::spawn).max_batch_size(500))
        .data(DataLoader::new(ImageLoader(gallery.clone()), tokio::spawn).max_batch_size(500));
    let gate = Gate::new(schema, seams.limits.clone(), clock.clone())
        .map_err(|error| StartError::Internal(Internal::new("reading the schema", error)))?;
    let objects = StoredObjects {
        storage,
        signer: UrlSigner::new(&secret),
        content_types: Arc::new(plugs::DatabaseContentTypes(gallery)),
        clock: clock.clone(),
    };
    let http = HttpState::new(HttpParts {
        gate,
        authenticator: Arc::new(plugs::SessionAuthenticator { auth: auth.clone(), watch: watch.clone() }),
        readiness: Arc::new(plugs::DatabaseReadiness { db: db.clone(), shutdown: shutdown.clone() }),
        objects: Some(Arc::new(objects)),
        metrics: plugs::metrics(),
        clock: clock.clone(),
        ids: ids.clone(),
        settings: http_settings(&config, seams.timing.clone(), address)?,
        shutdown: shutdown.clone(),
    });
    Ok(App { config, db, clock: clock.clone(), bus, ledger, auth, ai, jobs, watch, http, shutdown })
}

/// Starts the workers of this process; `None` when its role has none.
pub async fn start_workers(app: &App) -> Result<Option<Workers>, StartError> {
    let role = match app.config.role {
        Role::Api => return Ok(None),
        Role::All => crate::jobs::Role::All,
        Role::Worker => crate::jobs::Role::Worker,
    };
    let handlers: Vec<Arc<dyn Handler>> = vec![Arc::new(RunAiTask(app.ai.clone()))];
    let sweeps: Vec<Arc<dyn Sweep>> = vec![Arc::new(AiSweep(app.ai.clone()))];
    Ok(Some(Workers::start(app.jobs.clone(), role, handlers, sweeps).await?))
}

async fn connect_bus(config: &Config, ids: &dyn Ids) -> Result<Arc<dyn Bus>, StartError> {
    let origin = ids.uuid().to_string();
    Ok(match (&config.nats_url, &config.database.options.location) {
        (Some(url), _) => Arc::new(NatsBus::connect(url, origin).await?),
        (None, Location::Server(url)) => Arc::new(PostgresBus::connect(url, origin).await?),
        (None, Location::File(_)) => Arc::new(LocalBus::new(origin)),
    })
}

fn connect_providers(config: &Config) -> Result<Providers, StartError> {
    let providers = Providers::new().with(provider::sandbox::Sandbox::default());
    let Some(key) = &config.ai.openai_api_key else { return Ok(providers) };
    let settings = provider::openai::OpenAiSettings::new(config.ai.openai_base_url.clone(), key.clone());
    let adapter = provider::openai::OpenAi::new(&settings)
        .map_err(|error| StartError::Setting(format!("ai.openai cannot be used: {error}")))?;
    Ok(providers.with(adapter))
}

fn hash_cost(config: &Config) -> HashCost {
    HashCost { memory_kib: config.auth.argon2_memory_kib, passes: config.auth.argon2_passes, ..HashCost::default() }
}

fn auth_settings(config: &Config) -> AuthSettings {
    let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / SECOND);
    AuthSettings {
        tokens: TokenRules {
            issuer: config.auth.issuer.clone(),
            audience: config.auth.issuer.clone(),
            lifetime_seconds: seconds(config.auth.access_token),
        },
        refresh_lifetime: seconds(config.auth.refresh_token) * SECOND,
        signup_credits: config.auth.signup_credits,
        ..AuthSettings::default()
    }
}

/// The address clients use.
pub fn base_url(config: &Config, address: SocketAddr) -> String {
    config.http.public_url.clone().unwrap_or_else(|| format!("http://{address}"))
}

fn http_settings(config: &Config, timing: Timing, address: SocketAddr) -> Result<HttpSettings, StartError> {
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
