//! What operators watch: every metric of the server in one table, and the page that Prometheus reads. Some are counted as things happen,
//! by the `metrics` crate; the others are looked at when the page is asked for. It must never know a feature.

mod catalogue;
mod page;
pub mod process;
pub mod store;

use std::{sync::OnceLock, time::Duration};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

pub use catalogue::{Kind, METRICS, Metric};
pub use page::Page;

/// How often what was timed is put into its buckets, so that it does not pile up while nobody reads the page.
const UPKEEP: Duration = Duration::from_secs(15);

/// The buckets of times, seconds.
const BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Begins to count, inside a runtime, and answers where the counts are; `None` when something else in this process counts. The counts are
/// the process's own: a second server in it, as in tests, shares them.
pub fn recorder() -> Option<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let install = || {
        let handle = PrometheusBuilder::new().set_buckets(&BUCKETS).ok()?.install_recorder().ok()?;
        catalogue::describe();
        let kept = handle.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                kept.run_upkeep();
            }
        });
        Some(handle)
    };
    HANDLE.get_or_init(install).clone()
}
