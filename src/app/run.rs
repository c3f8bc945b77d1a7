//! `inkledger serve`: listen, say so, work until told to end, end in order.

use std::{io::Write, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::{App, Seams, StartError, base_url, build, start_workers};
use crate::{
    auth::activity::utc_day,
    clock::Clock,
    config::Config,
    error::Internal,
    flag::{Flag, Flags},
    http,
    ledger::proof::Look,
    memory,
    performance::Monitoring,
};

/// How long the last anchor may take.
const ANCHOR_WITHIN: Duration = Duration::from_secs(10);

/// Serves until SIGTERM or SIGINT. Standard output gets one line when the server is ready; the link for the first HERO
/// goes to standard error, where the operator looks and no log collector's parser is fed.
pub async fn serve(config: Config, monitoring: Monitoring) -> Result<(), StartError> {
    let address = config.http.listen;
    let listener = TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })?;
    let address = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
    let seams = Seams { monitoring, ..Seams::system(&config) };
    let app = build(config, seams, address).await?;
    offer_claim(&app, address).await?;
    let stop = app.shutdown.clone();
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| Internal::new("listening to signals", error))?;
    let mut interrupt =
        signal(SignalKind::interrupt()).map_err(|error| Internal::new("listening to signals", error))?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("ending: no new work; open requests are finished");
        stop.cancel();
    });
    tokio::spawn(memory::give_back());
    let mut out = std::io::stdout();
    let told = writeln!(out, "inkledger listens on http://{address}").and_then(|()| out.flush());
    if let Err(error) = told {
        tracing::warn!(error = %error, "could not say that the server is ready");
    }
    run(app, listener).await
}

/// How often the switch of the timings is looked at; a look is an atomic load.
const TIMING_EVERY: Duration = Duration::from_millis(500);

/// Lets the process watch itself while the flag performanceMonitoring is on.
async fn follow_timing(flags: Flags, monitoring: Monitoring, clock: Arc<dyn Clock>, ended: CancellationToken) {
    let mut was_on = false;
    while !ended.is_cancelled() {
        let is_on = flags.is_on(Flag::PerformanceMonitoring);
        if is_on != was_on {
            monitoring.switch(is_on, clock.now());
            was_on = is_on;
        }
        tokio::select! {
            () = ended.cancelled() => {}
            () = tokio::time::sleep(TIMING_EVERY) => {}
        }
    }
}

/// Runs a built app on `listener` until its shutdown is cancelled, then ends it in order: sockets, requests, jobs, ledger.
pub async fn run(mut app: App, listener: TcpListener) -> Result<(), StartError> {
    let noting = app.activity.take().map(|log| {
        let (db, today, ended) = (app.db.clone(), utc_day(app.clock.now()), app.shutdown.clone());
        tokio::spawn(log.run(db, today, ended))
    });
    let watching = tokio::spawn({
        let (watch, ended) = (app.watch.clone(), app.shutdown.clone());
        async move { watch.run(ended).await }
    });
    let following = tokio::spawn(app.flags.clone().watch(app.shutdown.clone()));
    let timing =
        tokio::spawn(follow_timing(app.flags.clone(), app.monitoring.clone(), app.clock.clone(), app.shutdown.clone()));
    let workers = start_workers(&app).await?;
    let is_worker = workers.is_some();
    let topping = workers.is_some().then(|| {
        let (automation, ended) = (app.automation.clone(), app.shutdown.clone());
        tokio::spawn(async move { automation.watch_top_ups(ended.cancelled_owned()).await })
    });
    let stopping = app.shutdown.clone();
    let serving = http::serve(listener, http::router(app.http.clone()), app.http.clone());
    let working = async {
        stopping.cancelled().await;
        if let Some(workers) = workers {
            workers.shutdown().await;
        }
    };
    tokio::join!(serving, working);
    let _ = watching.await;
    if let Some(noting) = noting {
        let _ = noting.await;
    }
    let _ = following.await;
    let _ = timing.await;
    if let Some(topping) = topping {
        let _ = topping.await;
    }
    app.ledger.close().await;
    if is_worker {
        anchor_last(&app).await;
        seal_last(&app).await;
    }
    app.db.close().await;
    Ok(())
}

/// A process that ends in order leaves nothing that no anchor covers.
async fn anchor_last(app: &App) {
    match tokio::time::timeout(ANCHOR_WITHIN, app.anchors.write(Look::Everything)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            tracing::warn!(error = ?error, "the last anchor could not be written; the next start writes it")
        }
        Err(_) => tracing::warn!("the last anchor took too long; the next start writes it"),
    }
}

/// It leaves no act unsealed either.
async fn seal_last(app: &App) {
    match tokio::time::timeout(ANCHOR_WITHIN, app.audit_chain.seal()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(error = ?error, "the audit trail could not be sealed; the next start does it"),
        Err(_) => tracing::warn!("sealing the audit trail took too long; the next start does it"),
    }
}

async fn offer_claim(app: &App, address: SocketAddr) -> Result<(), StartError> {
    let base = base_url(&app.config, address);
    if let Some(link) = app.auth.offer_hero_claim(&base).await? {
        let told = writeln!(
            std::io::stderr(),
            "\nThere is no HERO yet. Open this link once to become the first one:\n\n  {link}\n"
        );
        if let Err(error) = told {
            tracing::warn!(error = %error, "could not show the link for the first HERO");
        }
    }
    Ok(())
}
