//! Reading and changing content. The member's right was checked; the row is decided here.

use super::{model::Occupied, store};
use crate::{clock::Micros, db::Db, error::Error, site::Site};

/// Content. Cloning is cheap.
#[derive(Clone)]
pub struct Contents {
    db: Db,
}

impl Contents {
    /// Puts the parts together.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// What the site, which the caller holds, has already from the start of its local day on.
    pub async fn load_occupied(&self, site: &Site, now: Micros) -> Result<Occupied, Error> {
        let zone = site.settings.time_zone;
        let today = zone.day_start(zone.date(now));
        Ok(store::slot::load_occupied(self.db.reader(), site.id, zone, today).await?)
    }
}
