//! The table of metrics. `docs/operations.md` shows the same, and a test compares them with the page.

/// What kind of figure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Times in buckets.
    Histogram,
}

impl Kind {
    /// The word of the exposition format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// The kind.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
    /// Whether it is counted as things happen, rather than looked at when the page is read.
    pub is_recorded: bool,
}

const fn recorded(name: &'static str, kind: Kind, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind, labels, help, is_recorded: true }
}

const fn looked_at(name: &'static str, kind: Kind, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind, labels, help, is_recorded: false }
}

use Kind::{Counter, Gauge, Histogram};

/// Every metric, by name.
pub const METRICS: &[Metric] = &[
    recorded(
        "inkledger_ai_breaker_changes_total",
        Counter,
        &["provider", "model", "state"],
        "Breakers that changed to closed, open or probing.",
    ),
    recorded("inkledger_ai_deferred_total", Counter, &["reason"], "AI work put off, by breaker or limit."),
    recorded(
        "inkledger_ai_implausible_usage_total",
        Counter,
        &["provider"],
        "Answers of providers whose usage cannot be true.",
    ),
    recorded(
        "inkledger_ai_requests_total",
        Counter,
        &["provider", "model", "outcome"],
        "Requests to providers that ended: OK, or the code of the failure.",
    ),
    looked_at(
        "inkledger_build_info",
        Gauge,
        &["version", "role", "database"],
        "Always 1: which version runs, as what, on which database.",
    ),
    looked_at(
        "inkledger_database_connections",
        Gauge,
        &["pool", "state"],
        "Connections of a pool, in use or idle. Those of the ledger's lanes are not among them.",
    ),
    looked_at("inkledger_database_connections_max", Gauge, &["pool"], "The most connections that a pool may have."),
    looked_at(
        "inkledger_database_up",
        Gauge,
        &[],
        "Whether the database answered for this page; else what is counted there is left out.",
    ),
    recorded(
        "inkledger_graphql_errors_total",
        Counter,
        &["code"],
        "Errors in answers of operations that ran, by code.",
    ),
    recorded(
        "inkledger_graphql_operation_seconds",
        Histogram,
        &["type"],
        "How long queries and mutations took, from reading the document to the answer.",
    ),
    recorded(
        "inkledger_graphql_operations_total",
        Counter,
        &["transport", "type", "outcome"],
        "Operations that ended, refused ones included.",
    ),
    recorded(
        "inkledger_graphql_refusals_total",
        Counter,
        &["code"],
        "Operations that were refused before they ran, by code.",
    ),
    recorded(
        "inkledger_graphql_socket_closes_total",
        Counter,
        &["code"],
        "WebSockets that the server closed, by close code.",
    ),
    recorded("inkledger_graphql_sockets_open", Gauge, &[], "Open WebSockets and streams."),
    recorded("inkledger_graphql_subscriptions_live", Gauge, &["transport"], "Subscriptions that run."),
    recorded(
        "inkledger_http_request_seconds",
        Histogram,
        &["path"],
        "How long requests took up to the head of their answer.",
    ),
    recorded(
        "inkledger_http_requests_total",
        Counter,
        &["path", "method", "status"],
        "Requests over HTTP that were answered.",
    ),
    recorded("inkledger_job_give_ups_total", Counter, &["kind", "code"], "Jobs that were given up, and why."),
    recorded("inkledger_job_run_seconds", Histogram, &["kind"], "How long runs of jobs took."),
    recorded(
        "inkledger_job_runs_total",
        Counter,
        &["kind", "outcome"],
        "Runs of jobs: done, failed, retry, deferred, or unwritten where the end could not be stored.",
    ),
    looked_at(
        "inkledger_jobs_oldest_due_seconds",
        Gauge,
        &["lane"],
        "How long the oldest job that is due has waited; 0 when none is.",
    ),
    looked_at(
        "inkledger_jobs_queued",
        Gauge,
        &["lane", "state"],
        "Jobs of the installation that are due, come later, or run.",
    ),
    looked_at(
        "inkledger_ledger_batch_commands",
        Gauge,
        &["lane", "quantile"],
        "Commands in one transaction, of the last 512.",
    ),
    looked_at("inkledger_ledger_busy_total", Counter, &["lane"], "Commands that were refused as busy."),
    looked_at(
        "inkledger_ledger_commit_seconds",
        Gauge,
        &["lane", "quantile"],
        "How long a transaction of the ledger took with its commit, of the last 512.",
    ),
    looked_at(
        "inkledger_ledger_fallbacks_total",
        Counter,
        &["lane"],
        "Batches that were carried out in parts, because one command kept the others from it.",
    ),
    looked_at("inkledger_ledger_frozen_accounts", Gauge, &[], "Accounts that broke a rule and are frozen."),
    looked_at(
        "inkledger_ledger_gap_fills_total",
        Counter,
        &[],
        "How often what live subscribers missed was read from the journal.",
    ),
    looked_at(
        "inkledger_ledger_last_anchor_timestamp_seconds",
        Gauge,
        &[],
        "When the last anchor was made, in seconds since the epoch; absent before the first.",
    ),
    looked_at(
        "inkledger_ledger_last_check_timestamp_seconds",
        Gauge,
        &[],
        "When the last check of everything ended, in seconds since the epoch; absent before the first.",
    ),
    looked_at(
        "inkledger_ledger_last_check_violations",
        Gauge,
        &[],
        "What the last check of everything found; absent before the first.",
    ),
    looked_at(
        "inkledger_ledger_oldest_wait_seconds",
        Gauge,
        &["lane"],
        "How long the oldest command waits; 0 when none does.",
    ),
    looked_at(
        "inkledger_ledger_overdue",
        Gauge,
        &["what"],
        "Grants and holds that are past their end and not yet written off, at most 10,000 of each.",
    ),
    looked_at("inkledger_ledger_queued_commands", Gauge, &["lane"], "Commands that have not begun."),
    looked_at(
        "inkledger_ledger_shortfall_credits",
        Gauge,
        &[],
        "Credits for what was delivered in the last 24 hours and could not be charged.",
    ),
    looked_at(
        "inkledger_ledger_transactions_total",
        Counter,
        &[],
        "Credit transactions of all accounts since ever: commands of the ledger that took place.",
    ),
    looked_at(
        "inkledger_ledger_unknown_commits_total",
        Counter,
        &["lane"],
        "Batches whose connection broke, so that their keys were looked up.",
    ),
    recorded("inkledger_ledger_violations_total", Counter, &[], "Rules of the ledger that this process found broken."),
    looked_at("inkledger_uptime_seconds", Gauge, &[], "How long the process has run."),
    looked_at("process_cpu_seconds_total", Counter, &[], "Processor time that the process used; Linux alone."),
    looked_at("process_open_fds", Gauge, &[], "Open files and sockets; Linux alone."),
    looked_at("process_resident_memory_bytes", Gauge, &[], "Memory that the process has; Linux alone."),
    looked_at("process_start_time_seconds", Gauge, &[], "When the process began, in seconds since the epoch."),
];

/// Series whose labels are known before anything happens: they begin at 0, so that the first of each can be seen to be one more.
const BEGUN: &[(&str, &[(&str, &str)])] = &[
    ("inkledger_ai_deferred_total", &[("reason", "breaker")]),
    ("inkledger_ai_deferred_total", &[("reason", "limit")]),
    ("inkledger_graphql_errors_total", &[("code", "INTERNAL")]),
    ("inkledger_graphql_errors_total", &[("code", "TIMEOUT")]),
    ("inkledger_graphql_refusals_total", &[("code", "RATE_LIMITED")]),
    ("inkledger_ledger_violations_total", &[]),
];

/// Tells the recorder what each metric is, and begins what can be begun.
pub(super) fn describe() {
    for metric in METRICS.iter().filter(|metric| metric.is_recorded) {
        match metric.kind {
            Counter => metrics::describe_counter!(metric.name, metric.help),
            Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
    for (name, labels) in BEGUN {
        let labels: Vec<metrics::Label> =
            labels.iter().map(|(name, value)| metrics::Label::from_static_parts(name, value)).collect();
        metrics::counter!(*name, labels).increment(0);
    }
    metrics::gauge!("inkledger_graphql_sockets_open").increment(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions_and_stand_in_order() {
        assert!(METRICS.is_sorted_by(|one, next| one.name < next.name));
        for metric in METRICS {
            let Metric { name, kind, labels, help, .. } = metric;
            assert!(name.starts_with("inkledger_") || name.starts_with("process_"), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            assert!(*kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
            assert!(help.ends_with('.') && !help.contains('\n') && !help.contains('|'), "{name}");
            assert!(labels.iter().all(|label| label.bytes().all(|byte| byte.is_ascii_lowercase())), "{name}");
        }
        for (name, labels) in BEGUN {
            let metric = METRICS.iter().find(|metric| metric.name == *name).unwrap();
            assert!(metric.is_recorded && metric.labels.iter().eq(labels.iter().map(|(label, _)| label)), "{name}");
        }
    }
}
