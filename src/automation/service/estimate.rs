//! What a run would take.

use std::collections::HashMap;

use uuid::Uuid;

use super::Automation;
use crate::{
    automation::{
        model::{AutomationConfig, Estimate, Stage, StageFacts, StageHistory, estimate},
        store::{self, waiting::Wanted},
    },
    clock::{Micros, SECOND},
    error::{Error, Failure},
};

/// How far back history goes.
const HISTORY: Micros = 30 * 24 * 3600 * SECOND;

/// A stage that no AI model could do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("No AI model is active for the stage {}. Switch the stage off, or have a model activated.", .0.as_str())]
pub struct NoModel(pub Stage);

impl Automation {
    /// What a run over the site would take, stage by stage, if it started now. Nobody is called, nothing is held and nothing
    /// is written. The caller has authorised by holding the site. Refuses: [`NoModel`].
    pub async fn estimate_automation_run(&self, account: Uuid, site: Uuid) -> Result<Estimate, Failure<NoModel>> {
        let reader = self.parts.db.reader();
        let config = store::config::find_config(reader, site).await?;
        let config = config.unwrap_or_else(|| AutomationConfig::default_of(site, account));
        let since = self.parts.clock.now().saturating_sub(HISTORY);
        let history: HashMap<Stage, StageHistory> = store::waiting::load_history(reader, site, since).await?;
        let mut facts = Vec::with_capacity(Stage::ALL.len());
        for stage in Stage::ALL.iter().copied() {
            let setting = config.settings.of(stage);
            let waiting = if setting.is_enabled {
                store::waiting::count_waiting(reader, site, stage, i64::from(setting.cap)).await?
            } else {
                0
            };
            let hold = if stage.is_local() || !setting.is_enabled {
                0
            } else {
                let hold = self.parts.prices.hold_of(account, stage).await?;
                hold.ok_or(Failure::Refused(NoModel(stage)))?
            };
            facts.push(StageFacts {
                setting,
                waiting,
                hold,
                history: history.get(&stage).copied().unwrap_or_default(),
            });
        }
        Ok(estimate(&facts, self.available(account).await?))
    }

    /// What of a site waits for a stage, for the stages whose work is to take it as it stands. The caller holds the site.
    pub async fn list_waiting(&self, site: Uuid, stage: Stage, limit: i32) -> Result<Vec<(Uuid, Option<Uuid>)>, Error> {
        let wanted = Wanted { stage, within: None, is_redo: false };
        Ok(store::waiting::list_waiting(self.parts.db.reader(), site, &wanted, i64::from(limit)).await?)
    }
}
