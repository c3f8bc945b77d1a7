//! The composition root: one function builds everything from the settings and the seams, for `main` and for tests.
//! `App` has no behaviour and no lock; services take the parts they use.

mod plugs;
mod prompts;
mod run;

use std::{net::SocketAddr, sync::Arc};

use async_graphql::dataloader::DataLoader;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::{
    ai::{
        Ai, AiConfig, AiEraser, AiErasureSweep, AiParts,
        graphql::AiLoader,
        provider,
        routing::Providers,
        run::RunAiTask,
        sweep::AiSweep,
        vault::{Vault, VaultError},
    },
    auth::{
        AccessWatch, AccountEraser, Auth, AuthParts, AuthSettings, TryLimits,
        keys::{KeyError, KeyRing, install_crypto},
        password::{HashCost, Passwords},
        token::TokenRules,
    },
    automation::{
        AiStages, Automation, AutomationParts, LocalStages, Prices, StageWork, Stages, graphql::AutomationLoader,
        run::RunAutomation, sweep::AutomationSweep,
    },
    bus::{Bus, local::LocalBus, nats::NatsBus, postgres::PostgresBus},
    clock::{Clock, SECOND, SystemClock},
    config::{Config, Role},
    content::{
        Contents,
        graphql::ContentLoader,
        service::SlotMoves,
        task::{ContentTasks, graphql::ContentTaskLoader},
    },
    db::{Db, Location, OpenError, migrate::MigrateError},
    doctor::records::RecordsAuditor,
    error::{Error, Internal},
    graphql::{
        self,
        gate::{Gate, Limits},
    },
    http::{HttpParts, HttpSettings, HttpState, Origins, StatusProfile, StoredObjects, Timing},
    idea::{Ideas, graphql::IdeaLoader},
    ids::{Ids, SystemIds},
    image::{Gallery, ImageEraser, ImageSweep, graphql::ImageLoader},
    jobs::{Handler, Jobs, JobsConfig, Sweep, Workers},
    keyword::{Keywords, graphql::KeywordLoader},
    ledger::{Ledger, LedgerOptions, Tenants, graphql::LedgerLoader},
    notification::service::Notifications,
    prompt::{Prompts, PromptsParts, Surroundings, graphql::PromptLoader, sweep::SplitSweep},
    publishing::Publishing,
    site::{
        Sites,
        erase::{SiteEraser, SiteErasureSweep},
        graphql::SiteLoader,
    },
    statistics::Statistics,
    storage::{ObjectSweep, Patience, Storage, StorageError, Uploads, UrlSigner, sweep::SweepParts},
};

pub use prompts::PromptSurroundings;
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
    /// The key that provider keys are encrypted under.
    #[error(transparent)]
    Vault(#[from] VaultError),
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
    /// What the stages of runs do; `None` takes what this version does.
    pub stage_work: Option<Arc<dyn StageWork>>,
    /// What they would hold; `None` asks the registry of models.
    pub stage_prices: Option<Arc<dyn Prices>>,
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
            stage_work: None,
            stage_prices: None,
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

/// A look at how things stand, taken anew each time.
pub type Look<T> = Arc<dyn Fn() -> BoxFuture<'static, Result<T, Error>> + Send + Sync>;

/// What resolvers need beside services.
#[derive(Clone)]
pub struct Parts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
    /// The most credits that one `addCredits` may add.
    pub amount_max: i64,
    /// Whether all AI output comes from the sandbox, as things stand now.
    pub is_sandbox_only: Look<bool>,
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
    /// System prompts.
    pub prompts: Prompts,
    /// AI work.
    pub ai: Ai,
    /// Images.
    pub gallery: Gallery,
    /// Runs of the pipeline.
    pub automation: Automation,
    /// Durable work.
    pub jobs: Jobs,
    /// Removes bytes that nothing names any more.
    pub objects: ObjectSweep,
    /// Files on their way in.
    pub uploads: Uploads,
    /// Tells live connections when they must close.
    pub watch: AccessWatch,
    /// The HTTP door.
    pub http: HttpState,
    /// Cancelled when the process begins to end.
    pub shutdown: CancellationToken,
}

/// Who erases what a deleted person had.
pub fn erasers() -> Vec<Arc<dyn AccountEraser>> {
    vec![Arc::new(ImageEraser), Arc::new(AiEraser), Arc::new(SiteEraser)]
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
    let keys = KeyRing::open_or_create(&config.auth.signing_key_file, ids.as_ref())?;
    let signer = Arc::new(UrlSigner::new(keys.url_key()));
    let auth = Auth::new(AuthParts {
        db: db.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        bus: bus.clone(),
        ledger: ledger.clone(),
        keys,
        passwords: Arc::new(Passwords::new(hash_cost(&config), ids.clone())?),
        erasers: erasers(),
        settings: auth_settings(&config),
    });
    let storage = Storage::open(&config.data_dir, &config.storage, Patience::default())?;
    let gallery = Gallery::new(db.clone(), clock.clone(), ids.clone(), storage.clone(), signer.clone());
    let contents = Contents::new(db.clone(), clock.clone(), ids.clone());
    let slots = Arc::new(SlotMoves(ids.clone()));
    let sites = Sites::new(db.clone(), clock.clone(), ids.clone(), slots);
    let keywords = Keywords::new(db.clone(), clock.clone(), ids.clone());
    let ideas = Ideas::new(db.clone(), clock.clone(), ids.clone());
    let content_tasks = ContentTasks::new(db.clone(), clock.clone(), ids.clone());
    let publishing = Publishing::new(db.clone(), contents.clone(), clock.clone());
    let statistics = Statistics::new(db.clone(), clock.clone());
    let uploads = Uploads::new(db.clone(), clock.clone(), ids.clone(), signer.clone());
    let jobs = Jobs::new(db.clone(), clock.clone(), ids.clone(), bus.clone(), seams.jobs.clone());
    let prompts = Prompts::new(PromptsParts { db: db.clone(), clock: clock.clone(), ids: ids.clone() });
    if config.install_catalogue {
        let added = prompts.install_catalogue().await?;
        if added > 0 {
            tracing::info!(prompts = added, "shipped system prompts were added");
        }
    }
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
        vault: Arc::new(Vault::open_or_create(&config.ai.secret_key_file, ids.as_ref())?),
        shelf: Arc::new(gallery.clone()),
        prompts: prompts.clone(),
        makers: plugs::makers(&db, ids, &contents),
        config: seams.ai.clone(),
    });
    ai.install_models().await?;
    let stages = Stages::new(
        db.clone(),
        LocalStages::new(db.clone(), clock.clone(), content_tasks.clone(), contents.clone()),
        AiStages::new(db.clone(), clock.clone(), bus.clone(), ai.clone()),
    );
    let automation = Automation::new(AutomationParts {
        db: db.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        bus: bus.clone(),
        ledger: ledger.clone(),
        jobs: jobs.clone(),
        work: seams.stage_work.clone().unwrap_or_else(|| Arc::new(stages)),
        prices: seams.stage_prices.clone().unwrap_or_else(|| Arc::new(plugs::ModelPrices(ai.clone()))),
    });
    let watch = AccessWatch::new(db.clone(), bus.clone());
    let shutdown = CancellationToken::new();
    let parts = Parts {
        clock: clock.clone(),
        ids: ids.clone(),
        amount_max: config.amount_max,
        is_sandbox_only: plugs::sandbox_mark(ai.clone()),
        base_url: base_url(&config, address),
    };
    let objects = ObjectSweep::new(SweepParts {
        db: db.clone(),
        clock: clock.clone(),
        storage: storage.clone(),
        uploads: uploads.clone(),
        needed: Arc::new(plugs::WorkInHand { ai: ai.clone(), auth: auth.clone() }),
        stop: shutdown.clone(),
    });
    let tenants: Arc<dyn Tenants> = Arc::new(auth.clone());
    let surroundings: Arc<dyn Surroundings> =
        Arc::new(PromptSurroundings { db: db.clone(), uploads: Some(uploads.clone()) });
    let schema = graphql::builder()
        .data(parts)
        .data(ledger.clone())
        .data(auth.clone())
        .data(tenants)
        .data(ai.clone())
        .data(gallery.clone())
        .data(sites.clone())
        .data(keywords.clone())
        .data(ideas.clone())
        .data(content_tasks.clone())
        .data(contents.clone())
        .data(publishing)
        .data(statistics)
        .data(automation.clone())
        .data(uploads.clone())
        .data(prompts.clone())
        .data(surroundings)
        .data(RecordsAuditor(db.clone()))
        .data(Notifications::new(db.clone(), clock.clone()))
        .data(DataLoader::new(LedgerLoader(ledger.clone()), tokio::spawn).max_batch_size(500))
        .data(DataLoader::new(auth.clone(), tokio::spawn).max_batch_size(500))
        .data(DataLoader::new(AiLoader(ai.clone()), tokio::spawn).max_batch_size(500))
        .data(DataLoader::new(ImageLoader(gallery.clone()), tokio::spawn).max_batch_size(500))
        .data(DataLoader::new(SiteLoader(sites), tokio::spawn).max_batch_size(500))
        .data(DataLoader::new(ContentLoader(contents), tokio::spawn).max_batch_size(500))
        .data(DataLoader::new(KeywordLoader(keywords), tokio::spawn).max_batch_size(500))
        .data(DataLoader::new(IdeaLoader(ideas), tokio::spawn).max_batch_size(500))
        .data(DataLoader::new(ContentTaskLoader(content_tasks), tokio::spawn).max_batch_size(500))
        .data(DataLoader::new(AutomationLoader(automation.clone()), tokio::spawn).max_batch_size(500))
        .data(DataLoader::new(PromptLoader(prompts.clone()), tokio::spawn).max_batch_size(500));
    let gate = Gate::new(schema, seams.limits.clone(), clock.clone())
        .map_err(|error| StartError::Internal(Internal::new("reading the schema", error)))?;
    let door = StoredObjects {
        storage: storage.clone(),
        signer,
        content_types: Arc::new(plugs::DatabaseContentTypes(gallery.clone())),
        clock: clock.clone(),
    };
    let http = HttpState::new(HttpParts {
        gate,
        authenticator: Arc::new(plugs::SessionAuthenticator { auth: auth.clone(), watch: watch.clone() }),
        readiness: Arc::new(plugs::PartsReadiness {
            db: db.clone(),
            storage: storage.clone(),
            shutdown: shutdown.clone(),
        }),
        objects: Some(Arc::new(door)),
        uploads: Some(uploads.clone()),
        metrics: plugs::metrics(),
        clock: clock.clone(),
        ids: ids.clone(),
        settings: http_settings(&config, seams.timing.clone(), address)?,
        shutdown: shutdown.clone(),
    });
    Ok(App {
        config,
        db,
        clock: clock.clone(),
        bus,
        ledger,
        auth,
        prompts,
        ai,
        gallery,
        automation,
        jobs,
        objects,
        uploads,
        watch,
        http,
        shutdown,
    })
}

/// Starts the workers of this process; `None` when its role has none.
pub async fn start_workers(app: &App) -> Result<Option<Workers>, StartError> {
    let role = match app.config.role {
        Role::Api => return Ok(None),
        Role::All => crate::jobs::Role::All,
        Role::Worker => crate::jobs::Role::Worker,
    };
    let handlers: Vec<Arc<dyn Handler>> =
        vec![Arc::new(RunAiTask(app.ai.clone())), Arc::new(RunAutomation(app.automation.clone()))];
    let sweeps: Vec<Arc<dyn Sweep>> = vec![
        Arc::new(AiSweep(app.ai.clone())),
        Arc::new(SplitSweep(app.prompts.clone())),
        Arc::new(ImageSweep(app.gallery.clone())),
        Arc::new(AiErasureSweep(app.ai.clone())),
        Arc::new(SiteErasureSweep(app.db.clone())),
        Arc::new(AutomationSweep(app.automation.clone())),
        Arc::new(app.objects.clone()),
    ];
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

/// The adapters of this version, with what the configuration says of them.
pub fn connect_providers(config: &Config) -> Result<Providers, StartError> {
    use provider::{
        anthropic::Anthropic, fal::Fal, gemini::Gemini, http, huggingface::HuggingFace, ideogram::Ideogram,
        ollama::Ollama, openai::OpenAi, runware::Runware, sandbox::Sandbox,
    };
    let cannot = |error| StartError::Internal(Internal::new("building the HTTP clients", error));
    let connections = http::Http::new(&http::HttpOptions::default()).map_err(cannot)?;
    let all = Providers::new()
        .with(Sandbox::default())
        .with(OpenAi::new(connections.clone()))
        .with_image(Arc::new(Fal::new(connections.clone())))
        .with_image(Arc::new(HuggingFace::new(connections.clone())))
        .with_image(Arc::new(Ideogram::new(connections.clone())))
        .with_image(Arc::new(Runware::new(connections.clone())))
        .with_text(Arc::new(Anthropic::new(connections.clone())))
        .with_text(Arc::new(Gemini::new(connections.clone())))
        .with_text(Arc::new(Ollama::new(connections)));
    Ok(config.ai.providers.iter().fold(all, |all, one| {
        all.with_access(one.name, provider::Access { base_url: one.base_url.clone(), key: one.api_key.clone() })
    }))
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
        sign_ups: TryLimits::sign_ups_per_hour(config.auth.signups_per_hour),
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
