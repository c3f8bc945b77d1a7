//! Reading the trail.

use uuid::Uuid;

use super::{AuditFilter, Recorded, store};
use crate::{
    clock::Micros,
    db::Db,
    error::Error,
    page::{Page, PageArgs},
    viewer::{Feature, FeatureRight, Level},
};

/// The trail. Cloning is cheap.
#[derive(Clone)]
pub struct AuditLog(Db);

impl AuditLog {
    /// Reads from `db`.
    pub fn new(db: Db) -> Self {
        Self(db)
    }

    /// Rows of the whole installation, newest first. Refuses: `Forbidden` when the right is of another feature: the trail tells of
    /// settings, prices and roles, so whoever may see the installation's settings may see it.
    pub async fn list(
        &self,
        right: FeatureRight,
        filter: &AuditFilter,
        args: &PageArgs<(Micros, Uuid)>,
    ) -> Result<Page<Recorded>, Error> {
        if right.feature != Feature::SystemSettingsView {
            return Err(Error::Forbidden { feature: Feature::SystemSettingsView, level: Level::Read });
        }
        Ok(store::list_entries(self.0.reader(), filter, args).await?)
    }
}
