//! The durable work of a process.

use std::sync::Arc;

use super::{App, StartError};
use crate::{
    ai::{AiErasureSweep, run::RunAiTask, sweep::AiSweep},
    audit::SealSweep,
    auth::jobs::{IdentitySweep, LetterKind, SendLetter},
    automation::{run::RunAutomation, sweep::AutomationSweep},
    config::Role,
    image::ImageSweep,
    jobs::{self, Handler, Sweep, Workers},
    ledger::{CheckSweep, LotSweep, proof::AnchorSweep},
    prompt::sweep::SplitSweep,
    site::erase::SiteErasureSweep,
};

/// Starts the workers of this process; `None` when its role has none.
pub async fn start_workers(app: &App) -> Result<Option<Workers>, StartError> {
    let role = match app.config.role {
        Role::Api => return Ok(None),
        Role::All => jobs::Role::All,
        Role::Worker => jobs::Role::Worker,
    };
    let mut handlers: Vec<Arc<dyn Handler>> =
        vec![Arc::new(RunAiTask(app.ai.clone())), Arc::new(RunAutomation(app.automation.clone()))];
    for kind in LetterKind::ALL {
        handlers.push(Arc::new(SendLetter(app.auth.clone(), kind)));
    }
    let sweeps: Vec<Arc<dyn Sweep>> = vec![
        Arc::new(IdentitySweep(app.auth.clone())),
        Arc::new(AiSweep(app.ai.clone())),
        Arc::new(SplitSweep(app.prompts.clone())),
        Arc::new(ImageSweep(app.gallery.clone())),
        Arc::new(AiErasureSweep(app.ai.clone())),
        Arc::new(SiteErasureSweep(app.db.clone())),
        Arc::new(AutomationSweep(app.automation.clone())),
        Arc::new(app.objects.clone()),
        Arc::new(LotSweep(app.ledger.clone())),
        Arc::new(CheckSweep::new(app.ledger.clone(), app.config.proof.check_every)),
        Arc::new(AnchorSweep::new(app.anchors.clone(), app.config.proof.anchor_every)),
        Arc::new(SealSweep::new(app.audit_chain.clone(), app.config.proof.seal_every)),
    ];
    Ok(Some(Workers::start(app.jobs.clone(), role, handlers, sweeps).await?))
}
