//! Moving a site to another time zone while every slot to come keeps its local time: all of them, or none.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::{
    calendar::{LocalMoment, SiteZone},
    clock::Micros,
};

/// Content in `SCHEDULED`, with its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Whose slot.
    pub content_id: Uuid,
    /// The slot.
    pub at: Micros,
}

/// A slot that keeps its local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// Whose slot.
    pub content_id: Uuid,
    /// Where it was.
    pub from: Micros,
    /// Where it is now, as the new zone's clock shows it.
    pub to: LocalMoment,
}

/// Why no slot moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeepRefusal {
    /// Two contents would have one instant: clocks skip or repeat an hour in one of the zones, or the other one is
    /// already being published and stays where it is.
    #[error(
        "`keepLocalTime` would give two posts the same slot, {}. Nothing was moved. Move one of them first, or change \
         the zone without keeping local times.", crate::clock::to_rfc3339(*.at)
    )]
    Clash {
        /// The instant.
        at: Micros,
        /// Who would move there.
        content_id: Uuid,
        /// Who moves there too; `None` is one that stays there.
        other_id: Option<Uuid>,
    },
    /// In the new zone that local time is over.
    #[error(
        "`keepLocalTime` would move a post into the past, {}; slots must be later than now. Nothing was moved. Move it \
         first, or change the zone without keeping local times.", crate::clock::to_rfc3339(*.at)
    )]
    InPast {
        /// The instant.
        at: Micros,
        /// Who would move there.
        content_id: Uuid,
    },
}

/// Where the slots of `waiting` that are still to come at `now` lie in `to`, when each keeps the local time it has in
/// `from`; in the order given. `standing` are the slots of content that is being published or whose outcome is not
/// known: they never move, nor does what is due already. Repeated for the result it would move on: call it once, in
/// the transaction that changes the zone. Refuses: [`KeepRefusal`], and then nothing may move.
pub fn keep_local_time(
    waiting: &[Waiting],
    standing: &BTreeSet<Micros>,
    from: SiteZone,
    to: SiteZone,
    now: Micros,
) -> Result<Vec<Moved>, KeepRefusal> {
    // What is due stays at or before `now`, where nothing may move to, so it is in nobody's way.
    let mut taken: BTreeMap<Micros, Option<Uuid>> = standing.iter().map(|at| (*at, None)).collect();
    waiting
        .iter()
        .filter(|one| one.at > now)
        .map(|one| {
            let moved = Moved { content_id: one.content_id, from: one.at, to: to.resolve(from.read(one.at).local) };
            let (at, content_id) = (moved.to.at, one.content_id);
            if at <= now {
                return Err(KeepRefusal::InPast { at, content_id });
            }
            match taken.insert(at, Some(content_id)) {
                Some(other_id) => Err(KeepRefusal::Clash { at, content_id, other_id }),
                None => Ok(moved),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono_tz::TZ_VARIANTS;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        calendar::{instant_of, zone},
        clock::SECOND,
    };

    fn id(number: usize) -> Uuid {
        Uuid::from_u128(number as u128)
    }

    fn waiting(slots: &[&str]) -> Vec<Waiting> {
        slots.iter().enumerate().map(|(at, slot)| Waiting { content_id: id(at), at: instant_of(slot) }).collect()
    }

    fn moved(
        slots: &[&str],
        standing: &[&str],
        zones: (&str, &str),
        now: &str,
    ) -> Result<Vec<(usize, Micros)>, KeepRefusal> {
        let standing = standing.iter().map(|at| instant_of(at)).collect();
        let found = keep_local_time(&waiting(slots), &standing, zone(zones.0), zone(zones.1), instant_of(now))?;
        Ok(found.iter().map(|one| (one.content_id.as_u128() as usize, one.to.at)).collect())
    }

    const AWAY: (&str, &str) = ("Europe/Berlin", "America/New_York");

    #[test]
    fn every_slot_to_come_keeps_its_local_time() {
        // Vector 19, and one after New York is an hour nearer again.
        let found = moved(&["2026-03-28 08:00", "2026-03-30 07:00"], &[], AWAY, "2026-03-01 00:00").unwrap();
        assert_eq!(found, [(0, instant_of("2026-03-28 13:00")), (1, instant_of("2026-03-30 13:00"))]);
        assert_eq!(moved(&[], &[], AWAY, "2026-03-01 00:00"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_due_or_over_stays() {
        let found = moved(&["2026-03-27 08:00", "2026-03-28 08:00", "2026-03-29 08:00"], &[], AWAY, "2026-03-28 08:00");
        assert_eq!(found.unwrap(), [(2, instant_of("2026-03-29 14:00"))]);
    }

    #[test]
    fn two_that_would_meet_move_neither() {
        // 02:30 does not exist in New York on 2026-03-08 and moves to 03:30, where the other one is.
        let slots = ["2026-03-07 08:00", "2026-03-08 01:30", "2026-03-08 02:30"];
        let refused = moved(&slots, &[], AWAY, "2026-03-01 00:00").unwrap_err();
        let at = instant_of("2026-03-08 07:30");
        assert_eq!(refused, KeepRefusal::Clash { at, content_id: id(2), other_id: Some(id(1)) });
        let text = refused.to_string();
        assert!(text.contains("2026-03-08T07:30:00.000000Z") && text.contains("Nothing was moved"), "{text}");
        // Both 02:30 of the night in which Berlin goes back are one 02:30 in New York.
        let refused = moved(&["2026-10-25 00:30", "2026-10-25 01:30"], &[], AWAY, "2026-03-01 00:00");
        assert!(matches!(refused, Err(KeepRefusal::Clash { .. })));
        // One may take the place that another one leaves.
        let found = moved(&["2026-03-28 08:00", "2026-03-28 13:00"], &[], AWAY, "2026-03-01 00:00").unwrap();
        assert_eq!(found, [(0, instant_of("2026-03-28 13:00")), (1, instant_of("2026-03-28 18:00"))]);
    }

    #[test]
    fn what_stands_still_keeps_its_place() {
        let at = instant_of("2026-03-28 13:00");
        let refused = moved(&["2026-03-28 08:00"], &["2026-03-28 13:00"], AWAY, "2026-03-01 00:00");
        assert_eq!(refused, Err(KeepRefusal::Clash { at, content_id: id(0), other_id: None }));
        let home = ("America/New_York", "Europe/Berlin");
        let refused = moved(&["2026-03-28 08:00", "2026-03-28 18:00"], &[], home, "2026-03-28 13:00");
        // The first is due and stays at 08:00; the second, 14:00 in New York, would be at 13:00: now, which is over.
        let at = instant_of("2026-03-28 13:00");
        assert_eq!(refused, Err(KeepRefusal::InPast { at, content_id: id(1) }));
        assert!(refused.unwrap_err().to_string().contains("later than now"));
        let due = moved(&["2026-03-28 12:00", "2026-03-28 07:00"], &[], AWAY, "2026-03-28 06:00").unwrap();
        assert_eq!(due, [(0, instant_of("2026-03-28 17:00")), (1, instant_of("2026-03-28 12:00"))]);
    }

    proptest! {
        #[test]
        fn all_move_with_their_local_time_or_none_does(
            zones in (0..TZ_VARIANTS.len(), 0..TZ_VARIANTS.len()),
            minutes in prop::collection::btree_set(0_i64..730 * 1440, 0..40),
            now in 0_i64..730 * 1440,
        ) {
            let (from, to) = (zone(TZ_VARIANTS[zones.0].name()), zone(TZ_VARIANTS[zones.1].name()));
            let at = |minute: i64| instant_of("2026-01-01 00:00") + minute * 60 * SECOND;
            let slots: Vec<Waiting> = minutes
                .iter()
                .enumerate()
                .map(|(number, minute)| Waiting { content_id: id(number), at: at(*minute) })
                .collect();
            let Ok(found) = keep_local_time(&slots, &BTreeSet::new(), from, to, at(now)) else { return Ok(()) };
            prop_assert_eq!(found.len(), slots.iter().filter(|one| one.at > at(now)).count());
            for one in &found {
                prop_assert!(one.to.at > at(now));
                prop_assert_eq!(one.to, to.resolve(from.read(one.from).local));
            }
            let mut instants: Vec<Micros> = found.iter().map(|one| one.to.at).collect();
            instants.sort_unstable();
            instants.dedup();
            prop_assert_eq!(instants.len(), found.len());
        }
    }
}
