//! The composition root: one function builds everything from the settings and the seams, for `main` and for tests.
//! `App` has no behaviour and no lock; services take the parts they use.

mod connect;
mod error;
mod notices;
mod plugs;
mod prompts;
mod run;
mod scrape;
mod seams;
mod settings;
mod workers;

use std::{net::SocketAddr, sync::Arc};

use async_graphql::dataloader::DataLoader;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::{
    ai::{Ai, AiEraser, AiParts, graphql::AiLoader, vault::Vault},
    audit::{AuditChain, AuditChainParts, AuditLog},
    auth::{
        AccessWatch, AccountEraser, ActivityLog, Auth, AuthParts,
        keys::{KeyRing, install_crypto},
        password::Passwords,
    },
    automation::{AiStages, Automation, AutomationParts, LocalStages, Stages, graphql::AutomationLoader},
    bus::Bus,
    clock::Clock,
    config::Config,
    content::{
        Contents,
        graphql::ContentLoader,
        service::SlotMoves,
        task::{ContentTasks, graphql::ContentTaskLoader},
    },
    db::Db,
    doctor::{EnvironmentAuditor, records::RecordsAuditor},
    error::{Error, Internal},
    flag::{Flags, FlagsParts},
    graphql::{self, gate::Gate},
    http::{HttpParts, HttpState, StoredObjects},
    idea::{Ideas, graphql::IdeaLoader},
    ids::Ids,
    image::{Gallery, ImageEraser, graphql::ImageLoader},
    jobs::Jobs,
    keyword::{Keywords, graphql::KeywordLoader},
    ledger::{
        Ledger, Tenants,
        graphql::LedgerLoader,
        proof::{
            Anchors, AnchorsParts, LedgerKey,
            restore::{Copies, refuse_behind},
        },
    },
    notification::service::Notifications,
    performance::Monitoring,
    prompt::{Prompts, PromptsParts, Surroundings, graphql::PromptLoader},
    publishing::Publishing,
    site::{Sites, erase::SiteEraser, graphql::SiteLoader},
    statistics::{Statistics, admin::AdminStatistics},
    storage::{ObjectSweep, Patience, Storage, Uploads, UrlSigner, sweep::SweepParts},
    trace::{Trace, graphql::TraceLoader},
};

pub use connect::{connect_mailer, connect_providers};
pub use error::StartError;
pub use notices::ledger_options;
pub use prompts::PromptSurroundings;
pub use run::{run, serve};
pub use seams::Seams;
pub use settings::base_url;
pub use workers::start_workers;

use connect::{connect_bus, connect_post};
use settings::{auth_settings, hash_cost, http_settings, trusting};

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
    /// Proof of credits for outsiders.
    pub anchors: Anchors,
    /// The chain over the audit trail.
    pub audit_chain: AuditChain,
    /// Switches of the product.
    pub flags: Flags,
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
    /// Writes down who was active, once it runs.
    pub activity: Option<ActivityLog>,
    /// Whether things are timed, and what was.
    pub monitoring: Monitoring,
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
    let storage = Storage::open(&config.data_dir, &config.storage, Patience::default())?;
    refuse_behind(&db, Copies { file: &config.proof.anchor_file, store: &storage }).await?;
    let bus = connect_bus(&config, ids.as_ref()).await?;
    let flags = Flags::new(FlagsParts {
        db: db.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        bus: bus.clone(),
        environment: config.flags.clone(),
    });
    flags.refresh().await;
    let storage = storage.heeding(flags.switches());
    let ledger = Ledger::open(db.clone(), clock.clone(), ids.clone(), bus.clone(), ledger_options()).await?;
    let keys = KeyRing::open_or_create(&config.auth.signing_key_file, ids.as_ref())?;
    let signer = Arc::new(UrlSigner::new(keys.url_key()));
    let jobs = Jobs::new(db.clone(), clock.clone(), ids.clone(), bus.clone(), seams.jobs.clone());
    let post = connect_post(&config, address)?;
    let auth = Auth::new(AuthParts {
        db: db.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        bus: bus.clone(),
        ledger: ledger.clone(),
        keys,
        passwords: Arc::new(Passwords::new(hash_cost(&config), ids.clone())?),
        jobs: jobs.clone(),
        erasers: erasers(),
        settings: auth_settings(&config, post.reaches_people()),
        post,
    });
    let ledger_key = LedgerKey::open_or_create(&config.proof.signing_key_file, ids.as_ref())?;
    let audit_chain = AuditChain::new(AuditChainParts {
        db: db.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
        signer: Arc::new(ledger_key.clone()),
        file: config.proof.audit_file.clone(),
    });
    auth.catch_up_erased().await?;
    let anchors = Anchors::new(AnchorsParts {
        db: db.clone(),
        clock: clock.clone(),
        key: ledger_key,
        former: LedgerKey::former(&config.proof.signing_key_file)?
            .into_iter()
            .chain(config.proof.former_keys.iter().cloned())
            .collect(),
        file: config.proof.anchor_file.clone(),
        storage: storage.clone(),
    });
    let gallery =
        Gallery::new(db.clone(), clock.clone(), ids.clone(), storage.clone(), signer.clone(), flags.switches());
    let contents = Contents::new(db.clone(), clock.clone(), ids.clone());
    let slots = Arc::new(SlotMoves(ids.clone()));
    let sites = Sites::new(db.clone(), clock.clone(), ids.clone(), slots);
    let keywords = Keywords::new(db.clone(), clock.clone(), ids.clone());
    let ideas = Ideas::new(db.clone(), clock.clone(), ids.clone());
    let content_tasks = ContentTasks::new(db.clone(), clock.clone(), ids.clone());
    let publishing = Publishing::new(db.clone(), contents.clone(), clock.clone());
    let statistics = Statistics::new(db.clone(), clock.clone());
    let trace = Trace::new(db.clone(), ledger.clone());
    let uploads = Uploads::new(db.clone(), clock.clone(), ids.clone(), signer.clone());
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
        switches: flags.switches(),
        config: seams.ai.clone(),
    })
    .with_fail_points(seams.ai_points.clone());
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
    })
    .with_fail_points(seams.automation_points.clone());
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
        .data(anchors.clone())
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
        .data(AdminStatistics::new(db.clone(), clock.clone()))
        .data(seams.monitoring.clone())
        .data(trace.clone())
        .data(automation.clone())
        .data(uploads.clone())
        .data(prompts.clone())
        .data(surroundings)
        .data(AuditLog::new(db.clone()))
        .data(flags.clone())
        .data(RecordsAuditor(db.clone()))
        .data(EnvironmentAuditor::new(config.clone(), clock.clone(), ids.clone()))
        .data(Notifications::new(db.clone(), clock.clone()))
        .data(batched(LedgerLoader(ledger.clone())))
        .data(batched(auth.clone()))
        .data(batched(AiLoader(ai.clone())))
        .data(batched(ImageLoader(gallery.clone())))
        .data(batched(SiteLoader(sites)))
        .data(batched(ContentLoader(contents)))
        .data(batched(KeywordLoader(keywords)))
        .data(batched(IdeaLoader(ideas)))
        .data(batched(ContentTaskLoader(content_tasks)))
        .data(batched(AutomationLoader(automation.clone())))
        .data(batched(PromptLoader(prompts.clone())))
        .data(batched(TraceLoader(trace)));
    let gate = Gate::new(schema, seams.limits.clone(), clock.clone())
        .map_err(|error| StartError::Internal(Internal::new("reading the schema", error)))?;
    let gate = trusting(gate, &config.gate.trusted_files)?;
    let door = StoredObjects {
        storage: storage.clone(),
        signer,
        content_types: Arc::new(plugs::DatabaseContentTypes(gallery.clone())),
        clock: clock.clone(),
    };
    let (seen, activity) = ActivityLog::new();
    let http = HttpState::new(HttpParts {
        gate,
        authenticator: Arc::new(plugs::SessionAuthenticator {
            auth: auth.clone(),
            watch: watch.clone(),
            seen,
            clock: clock.clone(),
        }),
        readiness: Arc::new(plugs::PartsReadiness {
            db: db.clone(),
            storage: storage.clone(),
            shutdown: shutdown.clone(),
        }),
        ledger_keys: Some(anchors.public_keys().to_json()),
        objects: Some(Arc::new(door)),
        uploads: Some(uploads.clone()),
        metrics: Some(scrape::metrics(scrape::ScrapeParts {
            db: db.clone(),
            clock: clock.clone(),
            ledger: ledger.clone(),
            role: config.role,
        })),
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
        anchors,
        audit_chain,
        flags,
        auth,
        prompts,
        ai,
        gallery,
        automation,
        jobs,
        objects,
        uploads,
        activity: Some(activity),
        monitoring: seams.monitoring,
        watch,
        http,
        shutdown,
    })
}

/// Batches stay below what every engine binds.
fn batched<L: Send + Sync + 'static>(loader: L) -> DataLoader<L> {
    DataLoader::new(loader, tokio::spawn).max_batch_size(500)
}
