//! Logs on standard error, the times of statements, and what a panic leaves behind.

use std::{fmt::Debug, time::Duration};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    subscriber::Interest,
};
use tracing_subscriber::{
    EnvFilter, Layer, fmt,
    layer::{Context, Filter, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::{
    config::{Config, LogFormat},
    performance::Monitoring,
};

/// Starts logging, and the watch over statements. Answers false when logging was started before, as it is in tests.
pub fn start(config: &Config, monitoring: &Monitoring) -> bool {
    let filter = EnvFilter::try_new(&config.log_filter).unwrap_or_else(|_| EnvFilter::new("info"));
    // Each has a filter of its own: what is timed is not written, and what is not written is timed all the same.
    let registry = tracing_subscriber::registry().with(statements(monitoring.clone()));
    let started = match config.log_format {
        LogFormat::Text => {
            let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
            registry.with(lines.with_filter(filter)).try_init()
        }
        LogFormat::Json => {
            let lines = fmt::layer().json().with_writer(std::io::stderr);
            registry.with(lines.with_filter(filter)).try_init()
        }
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        tracing::error!(place, message, "panic");
    }));
    started.is_ok()
}

/// Where the driver tells of each statement that it carried out.
const STATEMENTS: &str = "sqlx::query";

/// Hands the times of statements, which the driver tells, to `monitoring` while that is on; else the driver is told that nobody
/// listens, and does not even put its message together.
pub fn statements<S>(monitoring: Monitoring) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    Statements(monitoring.clone()).with_filter(WhileOn(monitoring))
}

struct WhileOn(Monitoring);

impl<S> Filter<S> for WhileOn {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        metadata.target() == STATEMENTS && self.0.is_on()
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        // The switch may be turned at any time.
        if metadata.target() == STATEMENTS { Interest::sometimes() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<tracing_subscriber::filter::LevelFilter> {
        // Statements are told at this level.
        Some(Level::DEBUG.into())
    }
}

struct Statements(Monitoring);

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        if let Some(took) = told.took {
            let sql = if told.statement.is_empty() { &told.summary } else { &told.statement };
            self.0.statement(sql, took);
        }
    }
}

/// What the driver tells of a statement: the whole text only when it is longer than the summary.
#[derive(Default)]
struct Told {
    summary: String,
    statement: String,
    took: Option<Duration>,
}

impl Visit for Told {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.took = Duration::try_from_secs_f64(value).ok();
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.trim().clone_into(&mut self.statement),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
