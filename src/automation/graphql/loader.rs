//! Loads runs, stages and configs for many fields at once. The caller has authorised by holding the parent, or compares the
//! account.

use crate::{
    automation::{
        Automation,
        model::{AutomationConfig, AutomationRun, StageProgress},
    },
    clock::Micros,
    graphql::loaders::loads,
};

/// Loads by id.
pub struct AutomationLoader(pub Automation);

loads! {
    AutomationLoader:
    /// A run.
    pub(super) RunOf => AutomationRun, load_runs;
    /// A run whose stages are asked for.
    pub(super) StagesOf => Vec<StageProgress>, load_stages;
    /// A site whose config is asked for.
    pub(super) ConfigOf => AutomationConfig, load_configs;
    /// A site whose next start is asked for.
    pub(super) NextOf => Micros, load_next;
    /// A site whose newest run is asked for.
    pub(super) LastRunOf => AutomationRun, load_last_runs;
}
