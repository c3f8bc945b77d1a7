//! What becomes of slots when their site moves to another time zone.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use sea_orm::DatabaseTransaction;

use super::transition::save;
use crate::{
    audit::Trace,
    calendar::SiteZone,
    content::{
        model::{Change, KeepRefusal, Slot, Waiting, keep_local_time},
        store,
    },
    error::Failure,
    ids::Ids,
    site::{
        Site,
        service::{KeepClash, KeepLocalTime},
    },
};

/// Moves slots for the site.
pub struct SlotMoves(pub Arc<dyn Ids>);

impl KeepLocalTime for SlotMoves {
    fn keep<'t>(
        &'t self,
        tx: &'t DatabaseTransaction,
        site: &'t Site,
        zone: SiteZone,
        trace: &'t Trace,
    ) -> BoxFuture<'t, Result<(), Failure<KeepClash>>> {
        async move {
            let (contents, standing) = store::slot::lock_slots(tx, site.id).await?;
            let waiting: Vec<Waiting> = contents
                .iter()
                .filter_map(|content| Some(Waiting { content_id: content.id, at: content.slot?.at }))
                .collect();
            let moved = keep_local_time(&waiting, &standing, site.settings.time_zone, zone, trace.at);
            let moved = moved.map_err(|refusal| {
                let message = refusal.to_string();
                Failure::Refused(match refusal {
                    KeepRefusal::Clash { .. } => KeepClash::Taken(message),
                    KeepRefusal::InPast { .. } => KeepClash::InPast(message),
                })
            })?;
            // One may take the place that another leaves, so all leave first.
            store::slot::leave_slots(tx, site.id, trace.at).await?;
            for content in contents {
                let Some(to) = moved.iter().find(|one| one.content_id == content.id) else { continue };
                let Some(slot) = content.slot else { continue };
                let mut change = Change::of(content, trace.at);
                change.move_slot(Slot { at: to.to.at, ..slot });
                save(tx, &change, trace, self.0.as_ref())
                    .await
                    .map_err(|failure| failure.map_refusal(|refusal| KeepClash::Taken(refusal.to_string())))?;
            }
            Ok(())
        }
        .boxed()
    }
}
